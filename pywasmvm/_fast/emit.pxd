# cython: language_level=3
from .machine cimport Handler, Ins, i32, u8, u32, u64

# Classes of values, which decide slots and accumulators. Functions differ from other references for the host's sake.
cdef enum Class:
    NO_CLASS = 0
    I32 = 1
    I64 = 2
    F32 = 3
    F64 = 4
    V128 = 5
    REF = 6
    FUNC = 7

# Where a value on the symbolic stack is.
cdef enum Where:
    TEMP = 0
    LOCAL = 1
    CONST = 2

# One value on the symbolic stack. pos: the temporary slot that belongs to its place.
cdef struct Entry:
    u8 where
    u8 cls
    u32 pos
    u32 local
    u64 bits

# What a row became: handlers by operand form and place of the result.
cdef struct OpInfo:
    u8 kind
    u8 n_params
    u8 params[4]
    u8 result
    u8 fuel
    u8 imm
    u32 code
    u32 swap
    u32 inverse
    Handler h[10]
    Handler br[10]

cdef enum Kind:
    UNKNOWN = 0
    UNARY = 1
    BINARY = 2
    COMPARE = 3
    LOAD = 4
    STORE = 5
    SPECIAL = 6
    VECTOR = 7

cdef enum:
    LANE_IN_MEMORY = 0xFF

cdef OpInfo* op_info(u32 code) noexcept

cdef inline u32 slots_of(u8 cls) noexcept:
    return 2 if cls == V128 else 1


cdef class Emitter:
    cdef dict named
    cdef Ins* code
    cdef u32* offsets
    cdef u32 n
    cdef u64 room
    cdef u32 here
    cdef Entry* stack
    cdef u32 depth
    cdef u64 stack_room
    cdef u32 clean
    cdef u32 sp
    cdef u32 max_sp
    cdef u32* reads
    cdef i32 last
    cdef i32 kept
    cdef Handler last_acc
    cdef OpInfo* last_op
    cdef int last_form

    cdef Handler handler(self, str name) except NULL
    cdef Ins* emit(self, Handler h) except NULL
    cdef int push(self, u8 where, u8 cls, u32 local, u64 bits) except -1
    cdef Entry pop(self) noexcept
    cdef u32 slot(self, Entry* e) noexcept
    cdef int place(self, Entry* e, u32 to) except -1
    cdef int ensure(self, Entry* e) except -1
    cdef bint in_acc(self, Entry* e) noexcept
    cdef int made(self, u8 cls, Handler acc) except -1
    cdef int settle(self, u32 count) except -1
    cdef int flush(self) except -1
    cdef int unary(self, OpInfo* op) except -1
    cdef int binary(self, OpInfo* op) except -1
    cdef int select(self) except -1
    cdef int vector(self, OpInfo* op, u64 imm, u32 c) except -1
    cdef int load(self, OpInfo* op, u64 offset, u64 mem) except -1
    cdef int store(self, OpInfo* op, u64 offset, u64 mem) except -1
    cdef int local_set(self, u32 slot, bint keep) except -1
    cdef void forget(self) noexcept
