"""Signed comparisons and tests for zero: as few new numbers as the ranges allow.

The other comparisons need nothing special and are pasted (lower_numeric.py).
"""

from __future__ import annotations

import re

from ...isa import BY_NAME
from ...isa.model import Op
from ...syntax.instructions import Instr
from .facts import learn, told
from .lower import Lowering
from .lower_numeric import FLAGS_KEPT, OPPOSITE, joined, signed, value
from .values import ATOM, COND, MAX_OF, Val, condition, constant, reduced

__all__: list[str] = []

_SIGNED = re.compile(r"\(a \^ S(32|64)\) (<|>|<=|>=) \(b \^ S(32|64)\)")


def compare(sign: str, a: Val, b: Val, invertible: bool = True) -> Val:
    """Return a comparison as a condition."""
    flags, reads, depth = joined(a, b)
    val = Val(f"{a.pasted} {sign} {b.pasted}", "i32", 0, 1, flags | COND, reads, depth)
    if invertible:
        val.inverse = f"{a.pasted} {OPPOSITE[sign]} {b.pasted}"
    return val


@value(*(BY_NAME[f"{t}.{name}_s"] for t in ("i32", "i64") for name in ("lt", "gt", "le", "ge")))
def compare_signed(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower a signed comparison: directly where both numbers read the same signed and unsigned."""
    op: Op = instr[0]
    found = _SIGNED.fullmatch(op.py or "")
    sign = found[2] if found else "<"
    half = (MAX_OF[a.t] + 1) // 2
    if all(v.flags & COND or (v.lo >= -half and v.hi < half) or v.const is not None for v in (a, b)):
        val = compare(sign, signed(a), signed(b))
        val.facts = learn(op.name, a, b)
        return val
    if b.const is not None:
        val = _in_range(sign, reduced(a), b.const & MAX_OF[a.t], half)
        val.facts = learn(op.name, a, b)
        return val
    val = compare(sign, _biased(a, half), _biased(b, half))
    if a.flags & b.flags & ATOM and a.text.isidentifier() and b.text.isidentifier():
        # fast: both are below 2**(N-1) nearly always, and then no number needs to be made.
        small_ones = f"if {a.text} < {half} > {b.text} else"
        val.inverse = f"{a.text} {OPPOSITE[sign]} {b.text} {small_ones} {val.inverse}"
        val.text = f"{a.text} {sign} {b.text} {small_ones} {val.text}"
    return val


def _in_range(sign: str, a: Val, number: int, half: int) -> Val:
    """Return a signed comparison with a known number as a test for a range of unsigned numbers."""
    limit = (number ^ half) - half + (sign in ("<=", ">"))  # the least signed number that is not below
    at_least = sign in (">", ">=")
    if limit == half:  # nothing is larger
        inside, outside = f"{a.pasted} < 0", f"{a.pasted} >= 0"
    elif limit == 0:
        inside, outside = f"{a.pasted} < {half}", f"{a.pasted} >= {half}"
    elif limit > 0:
        inside = f"{limit} <= {a.pasted} < {half}"
        outside = f"not {inside}"
    else:
        outside = f"{half} <= {a.pasted} < {limit + 2 * half}"
        inside = f"not {outside}"
    flags, reads, depth = joined(a)
    val = Val(inside if at_least else outside, "i32", 0, 1, flags | COND, reads, depth + 1)
    val.inverse = outside if at_least else inside
    return val


def _biased(val: Val, half: int) -> Val:
    """Return a value whose unsigned order is the signed order of `val`."""
    is_signed = not val.flags & COND and val.lo >= -half and val.hi < half
    val = val if is_signed else reduced(val)
    if val.const is not None:
        return constant(val.const & 2 * half - 1 ^ half, val.t)
    sign = "+" if is_signed else "^"
    lo, hi = (val.lo + half, val.hi + half) if is_signed else (0, 2 * half - 1)
    flags = val.flags & FLAGS_KEPT | ATOM
    return Val(f"({val.pasted} {sign} {half})", val.t, lo, hi, flags, val.reads, val.depth + 1)


class _Truth(str):
    """The text of a number that is asked if it is zero: right as a condition, but as a value not 0 or 1."""

    __slots__ = ()


@value(BY_NAME["i32.eqz"], BY_NAME["i64.eqz"])
def test_zero(f: Lowering, instr: Instr, val: Val) -> Val:
    """Lower eqz."""
    flags, reads, depth = joined(val)
    if val.flags & COND:
        text, inverse = val.inverse or "", val.text
        if not text or isinstance(text, _Truth):
            text = f"not {val.pasted}"
    else:
        inverse = _Truth(condition(val))
        text = f"not {reduced(val).pasted}"
    result = Val(text, "i32", 0, 1, flags | COND, reads, depth)
    result.inverse = inverse
    result.facts = tuple((localidx, fails, holds) for localidx, holds, fails in told(val))
    return result
