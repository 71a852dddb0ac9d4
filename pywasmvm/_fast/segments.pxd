# cython: language_level=3
from .emit cimport Emitter
from .machine cimport u8, u32, u64

# Which field of a word carries a fuel cost.
cdef enum Field:
    IN_C = 0
    IN_B = 1
    IN_IMM = 2

cdef struct Cost:
    u32 word
    u32 seg
    u8 field

cdef class Segments(Emitter):
    cdef Cost* costs
    cdef u32 n_costs
    cdef u64 cost_room
    cdef u64* segs
    cdef u32 n_segs
    cdef u64 seg_room
    cdef u32 seg
    cdef bint metered
    cdef u32* merges
    cdef u64 merge_room
    cdef u32 unmerged
    cdef u32 n_paid

    cdef int new_seg(self) except -1
    cdef int pay(self, u32 word, u8 field, u32 seg) except -1
    cdef int charge(self) except -1
    cdef bint resolve(self, u32 steps) noexcept
    cdef int lift(self) except -1
