# cython: language_level=3
"""Calls of host functions that are C functions, from the machine and without the driver.

Integers and floats are passed in registers of their own, in the order of their kind, wherever we call C directly (the
conventions of x86-64 but for Windows, and of 64-bit Arm); whatever else a register holds does not matter. So a function
of any signature is called as if it took eight integers and then eight doubles: two of the integers go on the stack of
x86-64, where they are arguments seven and eight if it has so many. A float is the low half of a double's register.
Rule 1: while C runs, which may call Python and so guests, the context is as it is while the driver calls a host
function: `top` lies above the slots in use, and the tank has the fuel that is left.
Rule 2: C runs without the GIL, so a turn that has it stops before the call.
"""

from libc.stdlib cimport calloc

from .machine cimport *

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define PYWASMVM_NOINLINE __attribute__((noinline))
    #else
    #define PYWASMVM_NOINLINE
    #endif
    #define U uint64_t
    #define D double
    #define I(n) slots[f->ints[n]]
    #define F(n) double_at(slots + f->floats[n])
    #define FOUR(of, n) of(n), of(n + 1), of(n + 2), of(n + 3)
    #define ALL(result) ((result (*)(U, U, U, U, U, U, U, U, D, D, D, D, D, D, D, D))f->address)( \\
        FOUR(I, 0), FOUR(I, 4), FOUR(F, 0), FOUR(F, 4))
    #define ONLY_INTS(result) ((result (*)(U, U, U, U))f->address)(FOUR(I, 0))
    #define ONLY_FLOATS(result) ((result (*)(D, D, D, D))f->address)(FOUR(F, 0))
    #define CALL(result) (few_ints ? ONLY_INTS(result) : few_floats ? ONLY_FLOATS(result) : ALL(result))

    static inline double double_at(const uint64_t *slot) { double value; memcpy(&value, slot, 8); return value; }

    /* Call it with the arguments in slots and put its result there. Not inlined: its frame is not the handler's. */
    static PYWASMVM_NOINLINE void call_c(const CFunc *f, uint64_t *slots) {
        int few_ints = f->n_floats == 0 && f->n_ints <= 4, few_floats = f->n_ints == 0 && f->n_floats <= 4;
        if (f->result & IS_FLOAT) {
            double value = CALL(double);
            memcpy(slots, &value, 8);
        } else {
            uint64_t value = CALL(uint64_t);
            if (f->result) slots[0] = value;
        }
        if (f->result & IS_NARROW) slots[0] = (uint32_t)slots[0];
    }
    """
    void call_c(const CFunc* f, u64* slots) noexcept nogil


cdef void to_pointer(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Call a C function whose arguments stand at fp; then return from it as a guest would."""
    cdef CFunc* func = <CFunc*>pc.imm
    cdef Ins* to = <Ins*>acc
    cdef u32 cost = (to - 1).c
    cdef i64 before = fuel + ctx.rest
    if unlikely(ctx.has_gil):
        ctx.pc, ctx.fp, ctx.fuel, ctx.acc, ctx.cost, ctx.status = pc, fp, fuel, acc, 0, EMPTY
        return
    ctx.tank[0] = before
    ctx.top = fp + func.n_slots
    call_c(func, fp)
    # why not less: guests that C called have used some, and an interrupt may have taken all.
    fuel += ctx.tank[0] - before - cost
    fp -= (to - 1).a
    mem = ctx.inst.mem0.base
    ctx.memlen = ctx.inst.mem0.nbytes
    ctx.patience -= 1
    if unlikely(fuel < 0 or ctx.patience < 0):
        ctx.on_empty(to, fp, mem, ctx, cost, fuel, facc, sacc)
        return
    to.h(to, fp, mem, ctx, 0, fuel, facc, sacc)


cdef CFunc* describe(size_t address, bytes params, u8 result) except? NULL:
    """Return how to call a C function whose values are passed so; NULL where C is not called directly."""
    cdef CFunc* func
    cdef u8 i, param
    if not PYWASMVM_DIRECT or len(params) > PYWASMVM_REGISTERS:
        return NULL
    func = <CFunc*>calloc(1, sizeof(CFunc))
    if func == NULL:
        raise MemoryError
    func.address, func.n_slots, func.result = <void*>address, <u8>(len(params) + 8), result
    for i, param in enumerate(params):
        if param & IS_FLOAT:
            func.floats[func.n_floats] = i
            func.n_floats += 1
        else:
            func.ints[func.n_ints] = i
            func.n_ints += 1
    return func


def handlers() -> dict[str, int]:
    """Return the address of each handler by name."""
    return {"to_pointer": <size_t>&to_pointer}
