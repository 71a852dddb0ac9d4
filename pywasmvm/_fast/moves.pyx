# cython: language_level=3
"""Handlers that move vectors, table elements and whole stretches of memory.

Fields: d destination slot, a and b source slots, imm an immediate or the address of a C object.
"""

from libc.string cimport memmove, memset

from .machine cimport *
from .paying cimport is_short, outside, units
from ._generated_opcodes cimport TRAP_MEMORY_OUT_OF_BOUNDS, TRAP_NULL_REFERENCE, TRAP_TABLE_OUT_OF_BOUNDS


cdef void const_v128(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    fp[pc.d] = pair(&pc.b)
    fp[pc.d + 1] = pc.imm
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void copy_v128(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    fp[pc.d] = fp[pc.a]
    fp[pc.d + 1] = fp[pc.a + 1]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void select_v128(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64* source = fp + (pc.a if <u32>fp[pc.c] else pc.b)
    fp[pc.d] = source[0]
    fp[pc.d + 1] = source[1]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void global_get_v128(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    fp[pc.d] = (<u64*>pc.imm)[0]
    fp[pc.d + 1] = (<u64*>pc.imm)[1]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void global_set_v128(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    (<u64*>pc.imm)[0] = fp[pc.a]
    (<u64*>pc.imm)[1] = fp[pc.a + 1]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- references and tables -----------------------------------------------------------------------------------


cdef void non_null(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef u64 reference = fp[pc.a]
    if unlikely(reference == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_REFERENCE, fuel, facc, sacc)
        return
    fp[pc.d] = reference
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void table_get(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef u64 index = fp[pc.a]
    if unlikely(index >= table.size):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    fp[pc.d] = table.elems[index]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void table_set(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef u64 index = fp[pc.a]
    if unlikely(index >= table.size):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_TABLE_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    table.elems[index] = fp[pc.b]
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void table_size(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    fp[pc.d] = (<TableC*>pc.imm).size
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


# -- memories: the three operands stand from slot a on, imm is the memory, d 1 if the bytes cost fuel ----------


cdef void memory_size(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef MemC* m = <MemC*>pc.imm
    fp[pc.d] = m.nbytes // m.page_size
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void memory_fill(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef MemC* m = <MemC*>pc.imm
    cdef u64 addr = fp[pc.a]
    cdef u64 n = fp[pc.a + 2]
    cdef i64 cost = units(n, pc.d)
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(addr, n, m.nbytes)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_MEMORY_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(n > STEP):
        memset(m.base + addr, <u8>fp[pc.a + 1], STEP)
        fp[pc.a] = addr + STEP
        fp[pc.a + 2] = n - STEP
        ctx.on_empty(pc, fp, mem, ctx, 0, fuel + units(n - STEP, pc.d), facc, sacc)
        return
    memset(m.base + addr, <u8>fp[pc.a + 1], n)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void memory_copy(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Copy to the memory in imm from the one in b and c."""
    cdef MemC* to = <MemC*>pc.imm
    cdef MemC* source = <MemC*>pair(&pc.b)
    cdef u64 d = fp[pc.a]
    cdef u64 s = fp[pc.a + 1]
    cdef u64 n = fp[pc.a + 2]
    cdef i64 cost = units(n, pc.d)
    if is_short(cost, pc, fp, mem, ctx, fuel):
        return
    fuel -= cost
    if unlikely(outside(s, n, source.nbytes) or outside(d, n, to.nbytes)):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_MEMORY_OUT_OF_BOUNDS, fuel, facc, sacc)
        return
    if unlikely(n > STEP):
        # why: from the end that is overwritten last, as if it were done at once.
        if d <= s:
            memmove(to.base + d, source.base + s, STEP)
            fp[pc.a] = d + STEP
            fp[pc.a + 1] = s + STEP
        else:
            memmove(to.base + d + (n - STEP), source.base + s + (n - STEP), STEP)
        fp[pc.a + 2] = n - STEP
        ctx.on_empty(pc, fp, mem, ctx, 0, fuel + units(n - STEP, pc.d), facc, sacc)
        return
    memmove(to.base + d, source.base + s, n)
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return {
        "const_v128": <size_t>&const_v128,
        "copy_v128": <size_t>&copy_v128,
        "select_v128": <size_t>&select_v128,
        "global_get_v128": <size_t>&global_get_v128,
        "global_set_v128": <size_t>&global_set_v128,
        "non_null": <size_t>&non_null,
        "table_get": <size_t>&table_get,
        "table_set": <size_t>&table_set,
        "table_size": <size_t>&table_size,
        "memory_size": <size_t>&memory_size,
        "memory_fill": <size_t>&memory_fill,
        "memory_copy": <size_t>&memory_copy,
    }
