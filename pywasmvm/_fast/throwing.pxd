# cython: language_level=3
from .gcheap cimport Obj
from .machine cimport Ctx, FuncC, Ins, u64

cdef int note_code(Ctx* ctx, FuncC* func) except -1
cdef FuncC* owner_of(Ctx* ctx, Ins* pc) noexcept nogil
cdef Ins* caller_of(Ins* to, u64** fp) noexcept nogil
cdef Ins* unwind(Ctx* ctx, Ins* pc, u64* fp, Obj* exn) noexcept nogil
