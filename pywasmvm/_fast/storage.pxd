# cython: language_level=3
from .heap cimport Heap
from .machine cimport FuncC, InstC, MemC, SegC, TableC, u8, u32, u64
from .modinfo cimport ModInfo

cdef class Plan:
    cdef readonly object run
    cdef readonly bytes params
    cdef readonly bytes results


cdef class MemHandle:
    cdef MemC c
    cdef object memory


cdef class Cell:
    cdef u64[2] slots
    cdef u8 cls
    cdef Heap machine


cdef class Elems:
    cdef TableC c
    cdef u8 cls
    cdef Heap machine


cdef class InstHandle:
    cdef InstC c
    cdef MemC no_memory
    cdef ModInfo info
    cdef Heap machine
    cdef object planner
    cdef list plans
    cdef list kept
    cdef list bytes_kept
    cdef object instance
    cdef bint placed
    cdef size_t n_elems
    cdef FuncC* own
    cdef u32 n_own
    cdef int make_funcs(self, list funcs) except -1
    cdef void forget_segments(self) noexcept
    cdef int place_segments(self) except -1
    cdef int place_elem(self, Py_ssize_t index, list refs) except -1
