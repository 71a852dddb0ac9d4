# cython: language_level=3
from .emit cimport OpInfo
from .machine cimport FuncC, i64, u8, u32
from .objread cimport ObjectReader

cdef class Translator(ObjectReader):
    cdef object planner
    cdef list plans
    cdef list tries
    cdef u32 n_fused

    cdef int open_try(self) except -1
    cdef object clause_stub(self, u32 kind, u32 tag, u32 target)
    cdef int branch_null(self, u32 code) except -1

    cdef int begin(self, FuncC* func) except -1
    cdef bint go_on(self, i64 stop_at) except -1
    cdef bint step(self) except -1
    cdef int read_one(self) except -1
    cdef int finish(self, FuncC* func) except -1
    cdef int finish_tries(self, FuncC* func) except -1
    cdef int one(self, u32 code, OpInfo* op) except -1
    cdef int control(self, u32 code) except -1
    cdef int branches(self, u32 code) except -1
    cdef int calls(self, u32 code) except -1
    cdef int reference(self, u32 code) except -1
    cdef int leave(self, u32 code) except -1
    cdef int test(self, u32 code) except -1
    cdef int end_path(self) except -1
