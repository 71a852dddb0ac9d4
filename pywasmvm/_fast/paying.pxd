# cython: language_level=3
"""What handlers have in common whose work depends on a count: its price, and what it must stay inside of."""

from .machine cimport SHORT_OF_FUEL, Ctx, Ins, i64, u8, u64, unlikely

# The most that one bulk instruction is charged (engine/fuel.py).
cdef enum:
    MOST_UNITS_LOG2 = 32


cdef inline i64 units(u64 count, i64 per_unit) noexcept nogil:
    """Return what so many bytes or elements cost."""
    cdef u64 most = <u64>1 << MOST_UNITS_LOG2
    return <i64>(count if count < most else most) * per_unit


cdef inline bint is_short(i64 cost, Ins* pc, u64* fp, u8* mem, Ctx* ctx, i64 fuel) noexcept nogil:
    """Stop at a word that cannot be paid for; it is tried again. Tell whether it had to."""
    if unlikely(fuel < cost):
        ctx.cost = cost
        ctx.on_trap(pc, fp, mem, ctx, SHORT_OF_FUEL, fuel, 0.0, 0.0)
        return True
    return False


cdef inline bint outside(u64 start, u64 count, u64 size) noexcept nogil:
    """Tell whether a range does not lie within what has this size."""
    return start > size or size - start < count
