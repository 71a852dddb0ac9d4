# cython: language_level=3
from .data cimport DataReader
from .gctypes cimport TypeHandle
from .heap cimport Heap
from .machine cimport Ins, u32, u64

cdef class ObjectReader(DataReader):
    cdef Heap machine
    cdef object tags

    cdef TypeHandle type_at(self, u32 typeidx)
    cdef int gather(self, u32 count) except -1
    cdef bint object_op(self, u32 code) except -1
    cdef bint array_op(self, u32 code) except -1
    cdef bint bulk_op(self, u32 code) except -1
    cdef int struct_new(self, u32 code) except -1
    cdef int struct_get(self, u32 code) except -1
    cdef int struct_set(self) except -1
    cdef int array_new(self, u32 code) except -1
    cdef int array_fixed(self) except -1
    cdef int array_segment(self, u32 code) except -1
    cdef int array_get(self, u32 code) except -1
    cdef int array_set(self) except -1
    cdef int simple(self, str name, u32 cls) except -1
    cdef u32 test_of(self, object heaptype, u64* want) except? 0xFFFFFFFF
    cdef int type_test(self, u32 code) except -1
    cdef int branch_cast(self, u32 code) except -1
    cdef int desc_cast(self) except -1
    cdef int throw_op(self, u32 code) except -1
