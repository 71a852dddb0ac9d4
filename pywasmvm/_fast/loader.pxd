# cython: language_level=3
from .bodies cimport BodyWalker
from .dialect cimport Dialect
from .machine cimport u32, u64

# Numbers in a row, as many as there turn out to be.
cdef struct Words:
    u32* items
    u32 count
    u64 room
