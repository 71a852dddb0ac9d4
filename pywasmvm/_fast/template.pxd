# cython: language_level=3
from .machine cimport FuncC, InstC, Ins, u8, u32, u64
from .modinfo cimport ModInfo

# What an address in a word belongs to, and which field it stands in.
cdef enum Space:
    FUNC_SPACE = 0
    TABLE_SPACE = 1
    MEM_SPACE = 2
    GLOBAL_SPACE = 3

cdef enum Home:
    HOME_IMM = 0
    HOME_PAIR = 1

cdef struct Place:
    u32 word
    u32 index
    u8 space
    u8 home

# The code of a function without the addresses that belong to one instance.
cdef struct Template:
    Ins* code
    u32* offsets
    Place* places
    u32 n_words
    u32 n_places
    u32 link

cdef int keep(ModInfo info, FuncC* func, const Place* places, u32 count) except -1
cdef bint copy_into(ModInfo info, FuncC* func) except -1
