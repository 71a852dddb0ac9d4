# cython: language_level=3
"""Handlers of calls, branches without a comparison, fuel and the ways out of the machine.

What they have in common: they change the frame, the instance or the tank, or stop the machine.
Rule 1: a handler that stops writes its state to the context and returns; `core.pyx` looks at `status`.
Rule 2: a call passes the return word in the accumulator; `enter` puts it into the callee's link slot.
Rule 3: the word before a return word is the call: a is the callee's window, c the fuel of what follows.
"""

from .machine cimport *
from ._generated_opcodes cimport (
    TRAP_INDIRECT_CALL_TYPE_MISMATCH,
    TRAP_NULL_FUNCTION_REFERENCE,
    TRAP_NULL_REFERENCE,
    TRAP_UNDEFINED_ELEMENT,
    TRAP_UNINITIALIZED_ELEMENT,
    TRAP_UNREACHABLE,
)

# -- ways out -------------------------------------------------------------------------------------------


cdef void stop_trap(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    ctx.pc, ctx.fp, ctx.fuel, ctx.trap, ctx.status = pc, fp, fuel, <u32>acc, TRAPPED


cdef void stop_empty(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Stop before the segment at `pc`, which costs `acc`; `fuel` has it taken already."""
    ctx.pc, ctx.fp, ctx.fuel, ctx.cost, ctx.status = pc, fp, fuel + <i64>acc, <i64>acc, EMPTY
    ctx.acc = 0


cdef void stop_here(
    u32 status, Ins* pc, u64* fp, Ctx* ctx, u64 acc, i64 fuel
) noexcept nogil:
    ctx.pc, ctx.fp, ctx.fuel, ctx.acc, ctx.status = pc, fp, fuel, acc, status


cdef void leave(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    stop_here(DONE, pc, fp, ctx, acc, fuel)


cdef void to_host(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    ctx.func = <FuncC*>pc.imm
    stop_here(HOST, pc, fp, ctx, acc, fuel)


cdef void to_translator(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    ctx.func = <FuncC*>pc.imm
    stop_here(TRANSLATE, pc, fp, ctx, acc, fuel)


cdef void slow(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Leave an instruction to Python; c is the number of its plan in the function, a where its operands stand."""
    stop_here(SLOW, pc, fp, ctx, acc, fuel)


cdef void stop_exhausted(
    Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc
) noexcept nogil:
    stop_here(EXHAUSTED, pc, fp, ctx, acc, fuel)


cdef void unreachable(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    ctx.on_trap(pc, fp, mem, ctx, TRAP_UNREACHABLE, fuel, facc, sacc)


# -- calls ------------------------------------------------------------------------------------------------
# call: a window, imm the function, c fuel of what follows; call_indirect also: b index slot, d type, imm table.


cdef void call_first(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Call a function of this instance; once it is translated the word calls its code without a detour."""
    cdef FuncC* func = <FuncC*>pc.imm
    cdef Ins* to = func.entry
    if func.code != NULL:
        pc.imm = <u64>to
        pc.h = &call_code
    to.h(to, fp + pc.a, mem, ctx, <u64>(pc + 1), fuel, facc, sacc)


cdef void call_code(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef Ins* to = <Ins*>pc.imm
    to.h(to, fp + pc.a, mem, ctx, <u64>(pc + 1), fuel, facc, sacc)


cdef void call_foreign(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Call a function of the host or of another instance."""
    cdef FuncC* func = <FuncC*>pc.imm
    cdef Ins* to = func.words
    to.h(to, fp + pc.a, mem, ctx, <u64>(pc + 1), fuel, facc, sacc)


cdef inline bint is_subtype(FuncC* func, u32 want, Ctx* ctx) noexcept nogil:
    cdef u32 level = ctx.type_depth[want]
    return func.n_supers > level and func.supers[level] == want


cdef void call_indirect(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef u64 index = fp[pc.b]
    cdef FuncC* func
    cdef Ins* to
    if unlikely(index >= table.size):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_UNDEFINED_ELEMENT, fuel, facc, sacc)
        return
    func = <FuncC*>table.elems[index]
    if unlikely(func == NULL):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_UNINITIALIZED_ELEMENT, fuel, facc, sacc)
        return
    if unlikely(func.type_id != pc.d) and not is_subtype(func, pc.d, ctx):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_INDIRECT_CALL_TYPE_MISMATCH, fuel, facc, sacc)
        return
    to = func.entry if func.inst == ctx.inst else func.words
    to.h(to, fp + pc.a, mem, ctx, <u64>(pc + 1), fuel, facc, sacc)


cdef void call_ref(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef FuncC* func = <FuncC*>fp[pc.b]
    cdef Ins* to
    if unlikely(func == NULL):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_FUNCTION_REFERENCE, fuel, facc, sacc)
        return
    to = func.entry if func.inst == ctx.inst else func.words
    to.h(to, fp + pc.a, mem, ctx, <u64>(pc + 1), fuel, facc, sacc)


# Tail calls come as two words: one finds the function and leaves it in the accumulator, `tail` does the rest.


cdef void find_func(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    acc = pc.imm
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void find_indirect(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    cdef TableC* table = <TableC*>pc.imm
    cdef u64 index = fp[pc.b]
    cdef FuncC* func
    if unlikely(index >= table.size):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_UNDEFINED_ELEMENT, fuel, facc, sacc)
        return
    func = <FuncC*>table.elems[index]
    if unlikely(func == NULL):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_UNINITIALIZED_ELEMENT, fuel, facc, sacc)
        return
    if unlikely(func.type_id != pc.d) and not is_subtype(func, pc.d, ctx):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_INDIRECT_CALL_TYPE_MISMATCH, fuel, facc, sacc)
        return
    acc = <u64>func
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void find_ref(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    acc = fp[pc.b]
    if unlikely(acc == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_FUNCTION_REFERENCE, fuel, facc, sacc)
        return
    pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void tail(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Leave the frame and enter another function: a where the arguments stand, d how many slots, b link slot."""
    cdef FuncC* func = <FuncC*>acc
    cdef Ins* to = func.entry if func.inst == ctx.inst else func.words
    cdef u32 i
    acc = fp[pc.b]
    for i in range(pc.d):
        fp[i] = fp[pc.a + i]
    ctx.depth -= 1
    to.h(to, fp, mem, ctx, acc, fuel, facc, sacc)


# -- between instances -------------------------------------------------------------------------------------
# Below a foreign callee's frame stand: return word, instance of the caller, number of result slots.

cdef Ins restoring[2]


cdef void foreign(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Enter a function of another instance: shift the arguments up, remember where to return to."""
    cdef FuncC* func = <FuncC*>pc.imm
    cdef u32 i = func.n_params
    if unlikely(fp + i + 16 > ctx.stack_end):
        stop_here(EXHAUSTED, pc, fp, ctx, acc, fuel)
        return
    # why: a tail call from a foreign frame leaves nothing behind, so frames cannot pile up.
    if acc != <u64>&restoring[1]:
        while i > 0:
            i -= 1
            fp[i + 4] = fp[i]
        fp[0] = acc
        fp[1] = <u64>ctx.inst
        fp[2] = func.n_results
        fp += 4
    ctx.inst = func.inst
    mem = func.inst.mem0.base
    ctx.memlen = func.inst.mem0.nbytes
    func.entry.h(func.entry, fp, mem, ctx, <u64>&restoring[1], fuel, facc, sacc)


cdef void restore(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Return to the instance that called: results go down to where it expects them."""
    cdef u64* base = fp - 4
    cdef Ins* to = <Ins*>base[0]
    cdef Ins* call = to - 1
    cdef u32 n = <u32>base[2]
    cdef u32 i
    ctx.inst = <InstC*>base[1]
    for i in range(n):
        base[i] = fp[i]
    mem = ctx.inst.mem0.base
    ctx.memlen = ctx.inst.mem0.nbytes
    fp = base - call.a
    fuel -= call.c
    if unlikely(fuel < 0):
        ctx.on_empty(to, fp, mem, ctx, call.c, fuel, facc, sacc)
        return
    to.h(to, fp, mem, ctx, acc, fuel, facc, sacc)


restoring[0].h = &unreachable
restoring[1].h = &restore

HANDLERS = {
    "stop_trap": <size_t>&stop_trap,
    "stop_empty": <size_t>&stop_empty,
    "stop_exhausted": <size_t>&stop_exhausted,
    "leave": <size_t>&leave,
    "to_host": <size_t>&to_host,
    "to_translator": <size_t>&to_translator,
    "slow": <size_t>&slow,
    "unreachable": <size_t>&unreachable,
    "call_first": <size_t>&call_first,
    "call_code": <size_t>&call_code,
    "call_foreign": <size_t>&call_foreign,
    "call_indirect": <size_t>&call_indirect,
    "call_ref": <size_t>&call_ref,
    "find_func": <size_t>&find_func,
    "find_indirect": <size_t>&find_indirect,
    "find_ref": <size_t>&find_ref,
    "tail": <size_t>&tail,
    "foreign": <size_t>&foreign,
    "restoring": <size_t>&restoring[1],
}


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return HANDLERS
