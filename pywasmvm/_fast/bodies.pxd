# cython: language_level=3
from .dialect cimport Dialect
from .machine cimport u8, u32, u64
from .operands cimport Body, Scope

cdef bint walk(Body* body, bint typed) noexcept nogil

cdef class BodyWalker:
    cdef Body c
    cdef Dialect dialect
    cdef bint prove_expr(self, const u8* p, const u8* end) noexcept nogil
    cdef bint prove_body(self, const u8* p, const u8* end) noexcept nogil
    cdef bint check_body(self, const u8* p, const u8* end, u32 deftype) noexcept nogil
