# cython: language_level=3
from .machine cimport Ins, u32

cdef int fuse(Ins* code, u32 n) except -1
