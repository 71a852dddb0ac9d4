# cython: language_level=3
from .machine cimport u8, u32
from .operands cimport Scope, TypeRow

cdef class ModuleScope:
    cdef Scope c
    cdef object checked
    cdef list kept
    cdef dict numbers
    cdef void* room(self, size_t nbytes) except NULL
    cdef u32* words(self, object values) except NULL
    cdef int add_type(self, TypeRow* row, object deftype) except -1
    cdef int add_relations(self) except -1
    cdef int add_kind(self, int kind, object heaptype) except -1
    cdef int add_spaces(self) except -1
