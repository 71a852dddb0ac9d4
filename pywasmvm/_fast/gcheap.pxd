# cython: language_level=3
from ._generated_opcodes cimport TRAP_ARRAY_OUT_OF_BOUNDS, TRAP_NULL_ARRAY_REFERENCE
from .machine cimport Gc, GcType, TableC, u8, u32, u64, unlikely

cdef enum ObjKind:
    STRUCT = 1
    ARRAY = 2
    EXN = 3

# What an object is. Structures and exceptions hold n_slots slots of 8 bytes, a vector takes two; refs lists those
# to be traced. has_desc: the last slot is the descriptor. An array's elements are 1 << shift bytes wide.
cdef struct GcType:
    u32 kind
    u32 type_id
    u32 n_supers
    u32* supers
    u32 n_slots
    u32 has_desc
    u32 charge
    u32 cell
    u32 shift
    bint traced
    u32 n_refs
    u32* refs
    void* owner

# The head of an object; its content follows. A free cell has no type and the next free cell in place of length
# and state. state: bit 0 is the mark, above it stands how many handles of the host there are.
cdef struct Obj:
    GcType* type
    u32 length
    u32 state

cdef struct Block:
    u8* cells
    u64 nbytes
    u32 size

# Cells come in classes of 16 bytes; free[0] is unused, larger objects are allocated one by one.
cdef enum:
    N_CELLS = 33
    GRAIN = 16
    LEAST_THRESHOLD = 4 << 20

# A global or a table that holds references.
cdef struct Root:
    u64* cell
    TableC* table

cdef struct Gc:
    u64 used
    u64 threshold
    u64 limit
    Obj* free[N_CELLS]
    u32 want_cell
    u64 want
    bint no_memory
    bint stress
    Block* blocks
    u64 n_blocks
    u64 block_room
    u64 block_bytes
    Obj** large
    u64 n_large
    u64 large_room
    Obj** marked
    u64 n_marked
    u64 marked_room
    bint overflowed
    Root* roots
    u64 n_roots
    u64 root_room
    u8* host_marks
    u64 n_host


# What a test asks of a reference. A wanted type comes as its number, with its level in the upper half.
cdef enum Test:
    TEST_TYPE = 0
    TEST_EXACT = 1
    TEST_FUNC = 2
    TEST_FUNC_EXACT = 3
    TEST_TOP = 4
    TEST_NOTHING = 5
    TEST_EQ = 6
    TEST_I31 = 7
    TEST_STRUCT = 8
    TEST_ARRAY = 9


cdef inline u64* slots(Obj* obj) noexcept nogil:
    return <u64*>(obj + 1)


cdef inline u8* elements(Obj* obj) noexcept nogil:
    return <u8*>(obj + 1)


cdef inline bint is_object(u64 ref) noexcept nogil:
    """Tell whether a reference that is no function is one to a structure, array or exception."""
    return ref != 0 and ref & 7 == 0


cdef inline u32 is_type(u64 ref, u64 want) noexcept nogil:
    """Tell whether a reference is to an object of a type or a subtype of it."""
    if not is_object(ref):
        return False
    cdef GcType* type = (<Obj*>ref).type
    return type.type_id == <u32>want or (
        type.n_supers > <u32>(want >> 32) and type.supers[want >> 32] == <u32>want
    )


cdef inline u64 check_range(Obj* array, u64 start, u64 count) noexcept nogil:
    """Return the trap of a range of an array, 0 for none. The numbers are 32 bits wide."""
    if array == NULL:
        return TRAP_NULL_ARRAY_REFERENCE
    return TRAP_ARRAY_OUT_OF_BOUNDS if start + count > array.length else 0


cdef inline Obj* take_cell(Gc* gc, GcType* type, u32 cell, u64 charge) noexcept nogil:
    """Return a new object whose content is undefined; NULL if `make_room` must be asked first."""
    cdef Obj* obj = gc.free[cell]
    if unlikely(obj == NULL or gc.used + charge > gc.threshold):
        gc.want_cell, gc.want = cell, charge
        return NULL
    gc.free[cell] = (<Obj**>obj)[1]
    gc.used += charge
    obj.type, obj.length, obj.state = type, 0, 0
    return obj


cdef Gc* gc_make(u64 limit, bint stress) noexcept
cdef void gc_free(Gc* gc) noexcept
cdef int gc_root(Gc* gc, u64* cell, TableC* table) except -1
cdef bint gc_refill(Gc* gc, u32 cell, u64 charge) noexcept nogil
cdef Obj* gc_array(Gc* gc, GcType* type, u64 length) noexcept nogil
cdef Obj* gc_slots(Gc* gc, GcType* type) noexcept nogil
cdef void gc_begin(Gc* gc) noexcept nogil
cdef void gc_mark_range(Gc* gc, u64* p, u64* end) noexcept nogil
cdef void gc_finish(Gc* gc) noexcept nogil
