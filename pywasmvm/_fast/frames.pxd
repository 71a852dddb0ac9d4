# cython: language_level=3
from .heap cimport Heap
from .machine cimport FuncC, Ins, u64

cdef class Frames(Heap):
    cdef size_t passing

    cdef list walk(self, Ins* pc, u64* fp, u64* base)
    cdef int note(self, exc, Ins* pc, u64* fp, u64* base) except -1
    cdef int note_entry(self, exc, FuncC* func, Ins* to, u64* fp, u64* base) except -1
    cdef u64* frame_end(self) noexcept
    cdef bint caught(self, exc, Ins* pc, u64* fp) except -1
    cdef int throw_out(self, u64* base) except -1
