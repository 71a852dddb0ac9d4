# cython: language_level=3
from .frames cimport Frames
from .heap cimport FuncHandle
from .machine cimport u32, u64
from .tank cimport Tank

cdef class Hosts(Frames):
    cdef Tank meter

    cdef int call_host(self, u64* base) except -1
    cdef int call_direct(self, FuncHandle handle, u64* fp) except -1
    cdef int call_raw(self, func, FuncHandle handle, u64* fp) except -1
    cdef int charge(self, u32 cost) except -1
    cdef int run_plan(self, u64* base) except -1
