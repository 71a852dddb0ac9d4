# cython: language_level=3
"""Handlers of structures, arrays, i31 and casts, but for the reads and writes in _generated_objects.

Fields: d destination, a first operand, imm the type or what a test wants; of words that may need room, c is how
many slots of the frame are in use.
Rule 1: a word that finds no room has changed nothing; it stops the machine and is run again after the collection.
"""

from libc.string cimport memcpy

from .gcheap cimport *
from .machine cimport *
from .paying cimport is_short, units
from ._generated_opcodes cimport (
    TRAP_CAST_FAILURE,
    TRAP_DESCRIPTOR_CAST_FAILURE,
    TRAP_NULL_DESCRIPTOR_REFERENCE,
    TRAP_NULL_I31_REFERENCE,
    TRAP_NULL_REFERENCE,
)


cdef void need_room(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Add cells and run the word again; if that must not be, stop for a collection."""
    if gc_refill(ctx.gc, ctx.gc.want_cell, ctx.gc.want):
        pc.h(pc, fp, mem, ctx, acc, fuel, facc, sacc)
        return
    collect(pc, fp, mem, ctx, 0, fuel, facc, sacc)


cdef void collect(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Stop for a collection; the accumulator says how many units the word would charge."""
    ctx.pc, ctx.fp, ctx.fuel, ctx.cost, ctx.acc, ctx.status = pc, fp, fuel, <i64>acc, 0, COLLECT


# -- making structures ------------------------------------------------------------------------------------------


cdef void struct_new(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef GcType* type = <GcType*>pc.imm
    cdef Obj* obj = take_cell(ctx.gc, type, type.cell, type.charge)
    cdef u64* source = fp + pc.a
    cdef u64* p
    cdef u64* end
    if unlikely(obj == NULL):
        need_room(pc, fp, mem, ctx, acc, fuel, facc, sacc)
        return
    p = slots(obj)
    end = p + type.n_slots
    while p < end:
        p[0] = source[0]
        p += 1
        source += 1
    fp[pc.d] = <u64>obj
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void struct_new_x(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Make a structure of any size; b slots come from the operands, the others are zero."""
    cdef Obj* obj = gc_slots(ctx.gc, <GcType*>pc.imm)
    if unlikely(obj == NULL):
        collect(pc, fp, mem, ctx, 0, fuel, facc, sacc)
        return
    memcpy(slots(obj), fp + pc.a, 8 * <u64>pc.b)
    fp[pc.d] = <u64>obj
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void struct_new_desc(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Make a structure with a descriptor, which is the last operand; of the fields b slots are given."""
    cdef GcType* type = <GcType*>pc.imm
    cdef u64 descriptor = fp[pc.a + pc.b]
    cdef Obj* obj
    if unlikely(descriptor == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_DESCRIPTOR_REFERENCE, fuel, facc, sacc)
        return
    obj = gc_slots(ctx.gc, type)
    if unlikely(obj == NULL):
        collect(pc, fp, mem, ctx, 0, fuel, facc, sacc)
        return
    memcpy(slots(obj), fp + pc.a, 8 * <u64>pc.b)
    slots(obj)[type.n_slots - 1] = descriptor
    fp[pc.d] = <u64>obj
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- making arrays ----------------------------------------------------------------------------------------------


cdef void gc_fill(Obj* obj, u64 start, const u64* value, u64 count) noexcept nogil:
    """Write one value to elements in a row."""
    cdef u32 shift = obj.type.shift
    cdef u8* p = elements(obj) + (start << shift)
    cdef u64 i
    if shift == 0:
        for i in range(count):
            p[i] = <u8>value[0]
    elif shift == 1:
        for i in range(count):
            (<u16*>p)[i] = <u16>value[0]
    elif shift == 2:
        for i in range(count):
            (<u32*>p)[i] = <u32>value[0]
    elif shift == 3:
        for i in range(count):
            (<u64*>p)[i] = value[0]
    else:
        for i in range(count):
            memcpy(p + 16 * i, value, 16)


cdef void array_new(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Make an array: the length is in slot b; the value in slot a, unless that is the same slot: then zero."""
    cdef GcType* type = <GcType*>pc.imm
    cdef u64 length = <u32>fp[pc.b]
    cdef i64 cost = units(length, ctx.per_unit)
    cdef Obj* obj
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    obj = gc_array(ctx.gc, type, length)
    if unlikely(obj == NULL):
        collect(pc, fp, mem, ctx, <u64>cost, fuel, facc, sacc)
        return
    if pc.a != pc.b:
        gc_fill(obj, 0, fp + pc.a, length)
    fuel -= cost
    fp[pc.d] = <u64>obj
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void array_new_fixed(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Make an array of b operands."""
    cdef GcType* type = <GcType*>pc.imm
    cdef Obj* obj = gc_array(ctx.gc, type, pc.b)
    cdef u32 step = 2 if type.shift == 4 else 1
    cdef u64 i
    if unlikely(obj == NULL):
        collect(pc, fp, mem, ctx, 0, fuel, facc, sacc)
        return
    for i in range(pc.b):
        gc_fill(obj, i, fp + pc.a + i * step, 1)
    fp[pc.d] = <u64>obj
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void array_fill(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Fill a range: reference and start from slot a on, then the value, then the count in slot b."""
    cdef Obj* obj = <Obj*>fp[pc.a]
    cdef u64 start = <u32>fp[pc.a + 1]
    cdef u64 count = <u32>fp[pc.b]
    cdef i64 cost = units(count, ctx.per_unit)
    cdef u64 trap
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    trap = check_range(obj, start, count)
    if unlikely(trap != 0):
        ctx.on_trap(pc, fp, mem, ctx, trap, fuel, facc, sacc)
        return
    gc_fill(obj, start, fp + pc.a + 2, count)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- i31 --------------------------------------------------------------------------------------------------------


cdef void ref_i31(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    fp[pc.d] = <u32>(fp[pc.a] << 1 | 1)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void i31_get_u(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    if unlikely(fp[pc.a] == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_I31_REFERENCE, fuel, facc, sacc)
        return
    fp[pc.d] = <u32>fp[pc.a] >> 1
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void i31_get_s(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    if unlikely(fp[pc.a] == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_I31_REFERENCE, fuel, facc, sacc)
        return
    fp[pc.d] = <u32>(<i32><u32>fp[pc.a] >> 1)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- tests and casts: b whether null passes, c the test, imm the wanted type ------------------------------------


cdef bint is_func(FuncC* func, u64 want) noexcept nogil:
    return func != NULL and func.n_supers > <u32>(want >> 32) and func.supers[want >> 32] == <u32>want


cdef u32 passes(u32 test, u64 ref, u64 want) noexcept nogil:
    """Answer a test on a reference that is not null."""
    cdef bint object = is_object(ref)
    if test == TEST_TOP:
        return True
    if test == TEST_I31:
        return ref & 1
    if test == TEST_EQ:
        return object or ref & 1
    if test == TEST_STRUCT:
        return object and (<Obj*>ref).type.kind == STRUCT
    if test == TEST_ARRAY:
        return object and (<Obj*>ref).type.kind == ARRAY
    if test == TEST_EXACT:
        return object and (<Obj*>ref).type.type_id == <u32>want
    if test == TEST_FUNC:
        return is_func(<FuncC*>ref, want)
    return test == TEST_FUNC_EXACT and (<FuncC*>ref).type_id == <u32>want


cdef void test_type_s(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    acc = pc.b if ref == 0 else is_type(ref, pc.imm)
    fp[pc.d] = acc
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void test_type_a(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    acc = pc.b if ref == 0 else is_type(ref, pc.imm)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void test_other_s(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    acc = pc.b if ref == 0 else passes(pc.c, ref, pc.imm)
    fp[pc.d] = acc
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void test_other_a(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    acc = pc.b if ref == 0 else passes(pc.c, ref, pc.imm)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void cast_type(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    if unlikely((pc.b if ref == 0 else is_type(ref, pc.imm)) == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_CAST_FAILURE, fuel, facc, sacc)
        return
    fp[pc.d] = ref
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void cast_other(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    if unlikely((pc.b if ref == 0 else passes(pc.c, ref, pc.imm)) == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_CAST_FAILURE, fuel, facc, sacc)
        return
    fp[pc.d] = ref
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- descriptors: a the reference, c the descriptor, b whether null passes --------------------------------------


cdef u32 described_by(u64 ref, u64 descriptor) noexcept nogil:
    cdef GcType* type
    if not is_object(ref):
        return False
    type = (<Obj*>ref).type
    return type.has_desc and slots(<Obj*>ref)[type.n_slots - 1] == descriptor


cdef void get_desc(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef Obj* obj = <Obj*>fp[pc.a]
    if unlikely(obj == NULL):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_REFERENCE, fuel, facc, sacc)
        return
    fp[pc.d] = slots(obj)[obj.type.n_slots - 1]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void test_desc_a(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    if unlikely(fp[pc.c] == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_DESCRIPTOR_REFERENCE, fuel, facc, sacc)
        return
    acc = pc.b if ref == 0 else described_by(ref, fp[pc.c])
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void cast_desc(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 ref = fp[pc.a]
    if unlikely(fp[pc.c] == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_DESCRIPTOR_REFERENCE, fuel, facc, sacc)
        return
    if unlikely((pc.b if ref == 0 else described_by(ref, fp[pc.c])) == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_DESCRIPTOR_CAST_FAILURE, fuel, facc, sacc)
        return
    fp[pc.d] = ref
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return {
        "need_room": <size_t>&need_room,
        "stop_collect": <size_t>&collect,
        "struct_new": <size_t>&struct_new,
        "struct_new_x": <size_t>&struct_new_x,
        "struct_new_desc": <size_t>&struct_new_desc,
        "array_new": <size_t>&array_new,
        "array_new_fixed": <size_t>&array_new_fixed,
        "array_fill": <size_t>&array_fill,
        "ref_i31": <size_t>&ref_i31,
        "i31_get_u": <size_t>&i31_get_u,
        "i31_get_s": <size_t>&i31_get_s,
        "test_type_s": <size_t>&test_type_s,
        "test_type_a": <size_t>&test_type_a,
        "test_other_s": <size_t>&test_other_s,
        "test_other_a": <size_t>&test_other_a,
        "cast_type": <size_t>&cast_type,
        "cast_other": <size_t>&cast_other,
        "get_desc": <size_t>&get_desc,
        "test_desc_a": <size_t>&test_desc_a,
        "cast_desc": <size_t>&cast_desc,
    }
