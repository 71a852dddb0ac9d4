# cython: language_level=3
from .machine cimport u8, u32, u64

# A function or block type by classes; slots counts what they take on the stack.
cdef struct Sig:
    u32 n_params
    u32 n_results
    u32 param_slots
    u32 result_slots
    u8* params
    u8* results
    u32 type_id
    u32 n_supers
    u32* supers

# What stands before each block of a module's memory.
cdef struct Block:
    Block* next
    u64 size

cdef class ModInfo:
    cdef readonly object checked
    cdef readonly object syntax
    cdef readonly bytes binary
    cdef Block* blocks
    cdef Sig** types
    cdef u32 n_types
    cdef Sig** funcs
    cdef u8* global_classes
    cdef u8* table_classes
    cdef u8* table64
    cdef u8* mem64
    cdef readonly u32 n_imported
    cdef u32 n_instances
    cdef void** templates
    cdef size_t block(self, size_t nbytes) except 0
    cdef Sig* sig_of(self, object deftype, dict by_type) except NULL
    cdef int name_type(self, Sig* sig, object deftype) except -1
    cdef Sig* make_sig(self, tuple params, tuple results) except NULL

cdef u8 class_of(object valtype) except 0
