# cython: language_level=3
"""Handlers that move many references or elements: segments, tables, ranges of arrays.

Fields: a the first of the operands, which stand in a row, b the segment, imm the memory, table or type.
Rule 1: what is asked for is paid before bounds are looked at (engine/fuel.py, rule 4).
"""

from libc.string cimport memcpy, memmove

from .gcheap cimport GcType, Obj, check_range, elements, gc_array
from .machine cimport *
from .paying cimport is_short, outside, units
from ._generated_opcodes cimport TRAP_MEMORY_OUT_OF_BOUNDS, TRAP_NULL_ARRAY_REFERENCE, TRAP_TABLE_OUT_OF_BOUNDS

from . import objects

cdef Handler stop_collect = <Handler><size_t>objects.handlers()["stop_collect"]


cdef inline void copy(void* to, const void* source, u64 nbytes) noexcept nogil:
    """Copy bytes, also onto themselves. Without any, the places may be NULL: a dropped segment, an empty table."""
    if nbytes:
        memmove(to, source, nbytes)


cdef void stop_after(u64 done, Ins* pc, u64* fp, u8* mem, Ctx* ctx, i64 fuel) noexcept nogil:
    """Stop at a word whose operands are target, source and count, when so much of it is done."""
    fp[pc.a] += done
    fp[pc.a + 1] += done
    fp[pc.a + 2] -= done
    ctx.on_empty(pc, fp, mem, ctx, 0, fuel + units(fp[pc.a + 2], ctx.per_unit), 0.0, 0.0)


cdef void memory_init(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef MemC* m = <MemC*>pc.imm
    cdef SegC* data = ctx.inst.datas + pc.b
    cdef u64 to = fp[pc.a]
    cdef u64 start = fp[pc.a + 1]
    cdef u64 count = fp[pc.a + 2]
    cdef i64 cost = units(count, ctx.per_unit)
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(start, count, data.size) or outside(to, count, m.nbytes)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_MEMORY_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(count > STEP):
        memcpy(m.base + to, data.base + start, STEP)
        stop_after(STEP, pc, fp, mem, ctx, fuel)
        return
    copy(m.base + to, data.base + start, count)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- tables -----------------------------------------------------------------------------------------------------


cdef void table_init(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef SegC* elem = ctx.inst.elems + pc.b
    cdef u64 to = fp[pc.a]
    cdef u64 start = fp[pc.a + 1]
    cdef u64 count = fp[pc.a + 2]
    cdef i64 cost = units(count, ctx.per_unit)
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(start, count, elem.size) or outside(to, count, table.size)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(count > STEP_WORDS):
        memcpy(table.elems + to, elem.base + 8 * start, 8 * STEP_WORDS)
        stop_after(STEP_WORDS, pc, fp, mem, ctx, fuel)
        return
    copy(table.elems + to, elem.base + 8 * start, 8 * count)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void table_copy(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Copy to the table in imm from the one in b and c."""
    cdef u64 rest
    cdef TableC* table = <TableC*>pc.imm
    cdef TableC* source = <TableC*>pair(&pc.b)
    cdef u64 to = fp[pc.a]
    cdef u64 start = fp[pc.a + 1]
    cdef u64 count = fp[pc.a + 2]
    cdef i64 cost = units(count, ctx.per_unit)
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(to, count, table.size) or outside(start, count, source.size)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(count > STEP_WORDS):
        # why: from the end that is overwritten last, as if it were done at once.
        rest = 0 if to <= start else count - STEP_WORDS
        memmove(table.elems + to + rest, source.elems + start + rest, 8 * STEP_WORDS)
        if rest:
            fp[pc.a + 2] = rest
            ctx.on_empty(pc, fp, mem, ctx, 0, fuel + units(rest, ctx.per_unit), 0.0, 0.0)
        else:
            stop_after(STEP_WORDS, pc, fp, mem, ctx, fuel)
        return
    copy(table.elems + to, source.elems + start, 8 * count)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void table_fill(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef u64 start = fp[pc.a]
    cdef u64 value = fp[pc.a + 1]
    cdef u64 count = fp[pc.a + 2]
    cdef i64 cost = units(count, ctx.per_unit)
    cdef u64 i
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(start, count, table.size)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(count > STEP_WORDS):
        for i in range(start, start + STEP_WORDS):
            table.elems[i] = value
        fp[pc.a] = start + STEP_WORDS
        fp[pc.a + 2] = count - STEP_WORDS
        ctx.on_empty(pc, fp, mem, ctx, 0, fuel + units(count - STEP_WORDS, ctx.per_unit), facc, sacc)
        return
    for i in range(start, start + count):
        table.elems[i] = value
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- arrays -----------------------------------------------------------------------------------------------------


cdef u64 check_copy(u64* p) noexcept nogil:
    """Return the trap of array.copy, 0 for none."""
    cdef u64 count = <u32>p[4]
    # why: a null source is told before a target that is too short, but not before one that starts too late.
    cdef u64 trap = check_range(<Obj*>p[0], <u32>p[1], count if p[2] else 0)
    return trap if trap else check_range(<Obj*>p[2], <u32>p[3], count)


cdef void array_copy(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64* p = fp + pc.a
    cdef u64 count = <u32>p[4]
    cdef i64 cost = units(count, ctx.per_unit)
    cdef u64 trap
    cdef u32 shift
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    trap = check_copy(p)
    if unlikely(trap != 0):
        ctx.on_trap(pc, fp, mem, ctx, trap, fuel, facc, sacc)
        return
    shift = (<Obj*>p[0]).type.shift
    copy(
        elements(<Obj*>p[0]) + (<u64><u32>p[1] << shift),
        elements(<Obj*>p[2]) + (<u64><u32>p[3] << shift),
        count << shift,
    )
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef inline SegC* segment(Ins* pc, Ctx* ctx) noexcept nogil:
    """Return the segment: of references if d is 1, else of bytes."""
    return ctx.inst.elems + pc.b if pc.d else ctx.inst.datas + pc.b


cdef void array_init(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Copy from a segment: array, to, start and count stand from slot a on; d as for `segment`."""
    cdef SegC* source = segment(pc, ctx)
    cdef u64* p = fp + pc.a
    cdef u64 count = <u32>p[3]
    cdef i64 cost = units(count, ctx.per_unit)
    cdef u64 trap
    cdef u32 shift
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    trap = check_range(<Obj*>p[0], <u32>p[1], count)
    shift = 0 if trap else (<Obj*>p[0]).type.shift
    if not trap and outside(<u32>p[2], count if pc.d else count << shift, source.size):
        trap = TRAP_TABLE_OUT_OF_BOUNDS if pc.d else TRAP_MEMORY_OUT_OF_BOUNDS
    if unlikely(trap != 0):
        ctx.on_trap(pc, fp, mem, ctx, trap, fuel, facc, sacc)
        return
    copy(
        elements(<Obj*>p[0]) + (<u64><u32>p[1] << shift),
        source.base + (<u64><u32>p[2] << (3 if pc.d else 0)),
        count << shift,
    )
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef Obj* from_segment(
    Ctx* ctx, GcType* type, SegC* source, u64 start, u64 count, bint is_elem
) noexcept nogil:
    cdef Obj* obj = gc_array(ctx.gc, type, count)
    if obj != NULL:
        copy(elements(obj), source.base + (start << (3 if is_elem else 0)), count << type.shift)
    return obj


# why: no handler in all but name. With a ninth argument the call of one would not become a jump, unless inlined.
cdef inline bint make_array(Ins* pc, u64* fp, u8* mem, Ctx* ctx, i64 fuel, i64 cost, bint is_elem) noexcept nogil:
    """Make an array from a segment: start and count stand from slot a on, c slots are in use.

    Return whether it is made; else the machine has stopped. The caller pays.
    """
    cdef SegC* source = ctx.inst.elems + pc.b if is_elem else ctx.inst.datas + pc.b
    cdef GcType* type = <GcType*>pc.imm
    cdef u64 start = <u32>fp[pc.a]
    cdef u64 count = <u32>fp[pc.a + 1]
    cdef Obj* obj
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return False
    if unlikely(outside(start, count if is_elem else count << type.shift, source.size)):
        ctx.on_trap(
            pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS if is_elem else TRAP_MEMORY_OUT_OF_BOUNDS, fuel - cost, 0.0, 0.0
        )
        return False
    obj = from_segment(ctx, type, source, start, count, is_elem)
    if unlikely(obj == NULL):
        stop_collect(pc, fp, mem, ctx, <u64>cost, fuel, 0.0, 0.0)
        return False
    fp[pc.d] = <u64>obj
    return True


cdef void array_new_data(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef i64 cost = units(<u32>fp[pc.a + 1], ctx.per_unit)
    if make_array(pc, fp, mem, ctx, fuel, cost, False):
        pc[1].h(pc + 1, fp, mem, ctx, acc, fuel - cost, facc, sacc)


cdef void array_new_elem(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef i64 cost = units(<u32>fp[pc.a + 1], ctx.per_unit)
    if make_array(pc, fp, mem, ctx, fuel, cost, True):
        pc[1].h(pc + 1, fp, mem, ctx, acc, fuel - cost, facc, sacc)


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return {
        "memory_init": <size_t>&memory_init,
        "table_init": <size_t>&table_init,
        "table_copy": <size_t>&table_copy,
        "table_fill": <size_t>&table_fill,
        "array_copy": <size_t>&array_copy,
        "array_init": <size_t>&array_init,
        "array_new_data": <size_t>&array_new_data,
        "array_new_elem": <size_t>&array_new_elem,
    }
