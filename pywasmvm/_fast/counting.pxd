# cython: language_level=3
from .machine cimport Ins, u32

cdef bint is_counting() noexcept
cdef void add_counters(Ins* code, u32 n) noexcept
