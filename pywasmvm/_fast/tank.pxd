# cython: language_level=3
from .machine cimport i64

cdef class Tank:
    cdef public i64 fuel
    cdef public object reserve
    cdef public object filled
    cdef public object portion
    cdef public bint limited
    cdef public bint interrupted
    cdef public object refill
    cdef public object seconds
    cdef public object stop_at
    cdef public object deadline_at
    cdef public object pause
    cdef public i64 calls
    cdef public bint armed
