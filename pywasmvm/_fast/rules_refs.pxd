# cython: language_level=3
from .machine cimport u32
from .operands cimport Body, Imms

cdef bint rule_ref(Body* body, u32 code, Imms* imms) noexcept nogil
cdef bint rule_gc(Body* body, u32 code, Imms* imms) noexcept nogil
