# cython: language_level=3
from .emit cimport OpInfo
from .machine cimport FuncC, u8, u32
from .modinfo cimport Sig
from .objread cimport ObjectReader

cdef class Translator(ObjectReader):
    cdef object planner
    cdef list plans
    cdef list tries

    cdef int open_try(self) except -1
    cdef object clause_stub(self, u32 kind, u32 tag, u32 target)
    cdef int branch_null(self, u32 code) except -1
    cdef int translate(self, FuncC* func) except -1
    cdef int finish(self, FuncC* func, Sig* sig) except -1
    cdef int finish_tries(self, FuncC* func) except -1
    cdef int one(self, u32 code, OpInfo* op) except -1
    cdef int control(self, u32 code) except -1
    cdef int branches(self, u32 code) except -1
    cdef int calls(self, u32 code) except -1
    cdef int reference(self, u32 code) except -1
    cdef int leave(self, u32 code) except -1
    cdef int test(self, u32 code) except -1
    cdef int end_path(self) except -1
