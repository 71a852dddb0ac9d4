# cython: language_level=3
"""Throwing: the handlers, and the way from a word up through the frames to the clause that catches.

Rule 1: a try_table costs nothing until something is thrown; then ranges of words are searched, frame by frame.
Rule 2: what no frame of this run of the driver catches stops the machine; the driver makes a Python exception of it.
"""

from libc.string cimport memcpy, memmove

from .gcheap cimport GcType, Obj, gc_slots, slots
from .growing cimport count_up_to, ensure
from .machine cimport *
from ._generated_opcodes cimport TRAP_NULL_EXCEPTION_REFERENCE

from . import control, objects

cdef Handler stop_collect = <Handler><size_t>objects.handlers()["stop_collect"]
cdef Handler H_LEAVE = <Handler><size_t>control.HANDLERS["leave"]
cdef Handler H_RESTORE = (<Ins*><size_t>control.HANDLERS["restoring"]).h


# -- whose code, whose frame ------------------------------------------------------------------------------------


cdef u64 position(Ctx* ctx, Ins* pc) noexcept nogil:
    """Return how many functions have their code at or below a word."""
    return count_up_to(ctx.ranges, ctx.n_ranges, sizeof(Range), <u64>pc)


cdef int note_code(Ctx* ctx, FuncC* func) except -1:
    """Remember whose code this is."""
    ensure(<void**>&ctx.ranges, &ctx.range_room, ctx.n_ranges + 1, sizeof(Range))
    cdef u64 at = position(ctx, func.code)
    memmove(ctx.ranges + at + 1, ctx.ranges + at, (ctx.n_ranges - at) * sizeof(Range))
    ctx.ranges[at].code, ctx.ranges[at].func = func.code, func
    ctx.n_ranges += 1
    return 0


cdef FuncC* owner_of(Ctx* ctx, Ins* pc) noexcept nogil:
    """Return the function whose code a word belongs to, NULL for the words between instances."""
    cdef u64 at = position(ctx, pc)
    if at == 0:
        return NULL
    cdef FuncC* func = ctx.ranges[at - 1].func
    return func if pc < func.code + func.n_words else NULL


cdef Ins* caller_of(Ins* to, u64** fp) noexcept nogil:
    """Return the call that returns to a word, NULL if that was the driver's. `fp` becomes the caller's frame."""
    if to.h == H_RESTORE:
        fp[0] -= 4
        to = <Ins*>fp[0][0]
    if to.h == H_LEAVE:
        return NULL
    fp[0] -= (to - 1).a
    return to - 1


# -- unwinding --------------------------------------------------------------------------------------------------


cdef Clause* find_clause(FuncC* func, u32 place, GcType* tag) noexcept nogil:
    cdef u32 i = func.n_tries
    cdef u32 k
    cdef TryC* guard
    while i > 0:
        i -= 1
        guard = func.tries + i
        if guard.start <= place < guard.end:
            for k in range(guard.n_clauses):
                if guard.clauses[k].tag == NULL or guard.clauses[k].tag == tag:
                    return guard.clauses + k
    return NULL


cdef Ins* unwind(Ctx* ctx, Ins* pc, u64* fp, Obj* exn) noexcept nogil:
    """Return the word that goes on after an exception at `pc`, with frame and instance in the context.

    NULL, and nothing changed, if no frame of this run catches it.
    """
    cdef i64 depth = ctx.depth
    cdef FuncC* func
    cdef Clause* clause
    cdef u64* to
    cdef u32 n
    while pc != NULL:
        func = owner_of(ctx, pc)
        if func == NULL:
            return NULL
        clause = find_clause(func, <u32>(pc - func.code), exn.type)
        if clause != NULL:
            n = exn.type.n_slots if clause.tag != NULL else 0
            to = fp + clause.slot
            memcpy(to, slots(exn), 8 * <u64>n)
            if clause.with_ref:
                to[n] = <u64>exn
            ctx.fp, ctx.depth, ctx.inst = fp, depth, func.inst
            return func.code + clause.word
        pc = caller_of(<Ins*>fp[func.link], &fp)
        depth -= 1
    return NULL


cdef void raise_exn(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Go on where the exception in the accumulator is caught."""
    cdef Ins* to = unwind(ctx, pc, fp, <Obj*>acc)
    if to == NULL:
        ctx.pc, ctx.fp, ctx.fuel, ctx.thrown, ctx.status = pc, fp, fuel, acc, THROWN
        return
    ctx.memlen = ctx.inst.mem0.nbytes
    to.h(to, ctx.fp, ctx.inst.mem0.base, ctx, 0, fuel, facc, sacc)


cdef void throw(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Throw what stands from slot a on with the tag in imm; c slots of the frame are in use."""
    cdef GcType* tag = <GcType*>pc.imm
    cdef Obj* exn = gc_slots(ctx.gc, tag)
    if unlikely(exn == NULL):
        stop_collect(pc, fp, mem, ctx, 0, fuel, facc, sacc)
        return
    memcpy(slots(exn), fp + pc.a, 8 * <u64>tag.n_slots)
    raise_exn(pc, fp, mem, ctx, <u64>exn, fuel, facc, sacc)


cdef void throw_ref(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    acc = fp[pc.a]
    if unlikely(acc == 0):
        ctx.on_trap(pc, fp, mem, ctx, TRAP_NULL_EXCEPTION_REFERENCE, fuel, facc, sacc)
        return
    raise_exn(pc, fp, mem, ctx, acc, fuel, facc, sacc)


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return {"throw": <size_t>&throw, "throw_ref": <size_t>&throw_ref}
