# cython: language_level=3
from .machine cimport u8, u32
from .operands cimport Row
from .wire cimport TypeBytes

cdef enum:
    N_ROWS = 0x480
    NO_CODE = 0xFFFFFFFF
    # What stands in Row.params and Row.results for the address type of the memory or table named.
    ADDR_TYPE = 255

# How a row is typed: by its signature alone, by its signature and immediates, or by a rule of its own.
cdef enum Group:
    PLAIN = 0
    CHECKED = 1
    RULE = 2
    BLOCK_RULE = 3

# How an immediate is read.
cdef enum Read:
    READ_NOTHING = 0
    READ_U32 = 1
    READ_S32 = 2
    READ_S64 = 3
    READ_1 = 4
    READ_4 = 5
    READ_8 = 6
    READ_16 = 7
    READ_MEMARG = 8
    READ_BLOCKTYPE = 9
    READ_LABELS = 10
    READ_VALTYPES = 11
    READ_HEAPTYPE = 12
    READ_CAST = 13
    READ_CATCHES = 14
    READ_ZERO = 15

# What is checked of the immediates of a row that has a signature.
cdef enum Check:
    CHECK_NOTHING = 0
    CHECK_MEMARG = 1
    CHECK_MEM = 2
    CHECK_TABLE = 3
    CHECK_DATA = 4
    CHECK_ELEM = 5
    CHECK_LANE = 6
    CHECK_LANES = 7

cdef class Dialect:
    cdef readonly object features
    cdef TypeBytes types
    cdef Row rows[N_ROWS]
    cdef int add(self, object op) except -1


cdef inline const Row* row_at(const Row* rows, u32 code) noexcept nogil:
    """Return the row of an opcode, NULL if there is none."""
    cdef u32 prefix = code >> 16
    cdef u32 sub = code & 0xFFFF
    if prefix == 0:
        rows += code
    elif prefix == 0xFD and sub < 0x200:
        rows += 0x200 + sub
    elif sub >= 0x80:
        return NULL
    elif prefix == 0xFB:
        rows += 0x100 + sub
    elif prefix == 0xFC:
        rows += 0x180 + sub
    elif prefix == 0xFE:
        rows += 0x400 + sub
    else:
        return NULL
    return rows if rows.code == code else NULL
