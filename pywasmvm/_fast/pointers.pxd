# cython: language_level=3
from .machine cimport u32, u8

cdef extern from *:
    """
    #ifndef PYWASMVM_POINTERS
    #define PYWASMVM_POINTERS
    #if (defined(__x86_64__) && !defined(_WIN32)) || defined(__aarch64__)
    #define PYWASMVM_DIRECT 1
    #else
    #define PYWASMVM_DIRECT 0
    #endif
    #define PYWASMVM_REGISTERS 8
    enum { IS_THERE = 1, IS_FLOAT = 2, IS_NARROW = 4 };
    /* A C function. ints and floats: the slots of its arguments of that kind, in their order. */
    typedef struct {
        void *address;
        uint8_t ints[PYWASMVM_REGISTERS];
        uint8_t floats[PYWASMVM_REGISTERS];
        uint8_t n_ints;
        uint8_t n_floats;
        uint8_t n_slots;
        uint8_t result;
    } CFunc;
    #endif
    """
    bint PYWASMVM_DIRECT
    u32 PYWASMVM_REGISTERS
    # How a value is passed.
    enum:
        IS_THERE
        IS_FLOAT
        IS_NARROW
    ctypedef struct CFunc:
        void* address
        u8* ints
        u8* floats
        u8 n_ints
        u8 n_floats
        u8 n_slots
        u8 result

cdef CFunc* describe(size_t address, bytes params, u8 result) except? NULL
