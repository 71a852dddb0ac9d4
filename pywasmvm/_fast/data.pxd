# cython: language_level=3
from .body cimport BodyReader
from .emit cimport OpInfo
from .machine cimport u32

cdef class DataReader(BodyReader):
    cdef int table(self, u32 code) except -1
    cdef int variable(self, u32 code) except -1
    cdef int constant(self, u32 code) except -1
    cdef int memory(self, u32 code) except -1
    cdef int vector_op(self, OpInfo* op) except -1
    cdef int access(self, OpInfo* op) except -1
