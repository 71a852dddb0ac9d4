"""What the translator knows about a value on the operand stack: a piece of Python text and facts about it.

Rule 1: `text` may be pasted anywhere if ATOM is set, else only between parentheses or as a whole line's
right side.
Rule 2: integers may be unreduced: the number meant is `text` modulo 2**N, and `lo <= text <= hi` holds.
Rule 3: f32 and f64 are Python floats. DIRTY marks one whose NaN may be any NaN where the canonical one is
meant.
Rule 4: evaluating a text later than where it was pushed is right as long as nothing in `reads` was
assigned, and no
        effect came between if TRAP or MEM is set.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ATOM", "COND", "DIRTY", "Fact", "I32_MAX", "I64_MAX", "MEM", "NO_READS", "Range", "TRAP", "Val"]
__all__ += ["condition", "constant", "name_of", "negation", "number", "reduced"]

TRAP, MEM, COND, DIRTY, ATOM = 1, 2, 4, 8, 16
I32_MAX = 0xFFFFFFFF
I64_MAX = 0xFFFFFFFFFFFFFFFF
MAX_OF = {"i32": I32_MAX, "i64": I64_MAX, "v128": (1 << 128) - 1}
# What an i32 cannot pass that is the sum of an address and a scaled index, unlike most products and hashes.
SUM = 1 << 38
Range = tuple[int, int]
# a local, its range if the condition holds, its range if not
Fact = tuple[int, Range, Range]
NO_READS: frozenset[str] = frozenset()


class Val:
    """One operand.

    t       "i32" "i64" "f32" "f64" "v128" or "ref".
    lo, hi  bounds of the Python int that `text` gives (integers only).
    flags   TRAP it may raise; MEM it reads what stores and calls may change; COND it is a Python bool;
            DIRTY see rule 3; ATOM see rule 1.
    reads   names of Python locals that the text reads.
    depth   how deeply parentheses are nested in it.
    const   the number if it is known, else None.
    inverse for a COND: the text of its opposite, if that is as short.
    plus    (value, number) where the text is their sum.
    shifted (value, distance) where the text is that value shifted to the left.
    facts   for a condition: what it tells about locals (facts.py).
    offset  (name, number) where the text is a reduced variable plus a number, which may be negative.
    """

    __slots__ = (
        "const",
        "depth",
        "facts",
        "flags",
        "hi",
        "inverse",
        "lo",
        "offset",
        "plus",
        "reads",
        "shifted",
        "t",
        "text",
    )

    def __init__(
        self,
        text: str,
        t: str,
        lo: int = 0,
        hi: int = 0,
        flags: int = 0,
        reads: frozenset[str] = NO_READS,
        depth: int = 0,
        const: Any = None,
    ) -> None:
        self.text = text
        self.t = t
        self.lo = lo
        self.hi = hi
        self.flags = flags
        self.reads = reads
        self.depth = depth
        self.const = const
        self.inverse: str | None = None
        self.plus: tuple[Val, int] | None = None
        self.shifted: tuple[Val, int] | None = None
        self.facts: tuple[Fact, ...] = ()
        self.offset: tuple[str, int] | None = None

    @property
    def pasted(self) -> str:
        """Return the text as it may stand inside any expression."""
        return self.text if self.flags & ATOM else f"({self.text})"

    def __repr__(self) -> str:
        return f"<Val {self.text} {self.t}>"


def name_of(name: str, t: str, flags: int = 0) -> Val:
    """Return the value of a Python local that holds a reduced value."""
    return Val(name, t, 0, MAX_OF.get(t, 0), ATOM | flags, frozenset((name,)))


def constant(number: int, t: str) -> Val:
    """Return a known integer."""
    return Val(str(number), t, number, number, ATOM, const=number)


def number(val: Val) -> Val:
    """Return the value as an int where it is a Python bool."""
    if not val.flags & COND:
        return val
    return Val(f"1 if {val.pasted} else 0", val.t, 0, 1, val.flags & (TRAP | MEM), val.reads, val.depth + 1)


def reduced(val: Val) -> Val:
    """Return an integer brought into the unsigned range of its type, and no bool."""
    if val.flags & COND:
        return number(val)
    most = MAX_OF.get(val.t)
    if most is None or (val.lo >= 0 and val.hi <= most):
        return val
    if val.const is not None:
        return constant(val.const & most, val.t)
    flags = val.flags & (TRAP | MEM)
    if val.plus is not None and most < val.lo and val.hi <= 2 * most + 1:
        # it always wraps, once
        base, more = val.plus
        down = most + 1 - more
        text = f"{base.pasted} - {down}" if down > 0 else f"{base.pasted} + {-down}"
        return Val(
            text, val.t, val.lo - most - 1, val.hi - most - 1, val.flags & (TRAP | MEM), val.reads, val.depth
        )
    flags = val.flags & (TRAP | MEM)
    return Val(_wrapped(val, most), val.t, 0, most, flags, val.reads, val.depth + 1)


def _wrapped(val: Val, most: int) -> str:
    """Return the text of a value modulo most + 1.

    fast: numbers are small most of the time, and then a comparison that holds costs half of what `&` does.
    """
    around = most + 1
    if val.offset is not None:
        name, delta = val.offset
        if delta > 0:
            return f"{val.text} if {name} < {around - delta} else {name} - {around - delta}"
        return f"{val.text} if {name} >= {-delta} else {name} + {around + delta}"
    if val.lo >= 0 and val.hi < 2 * around:
        return f"r if (r := {val.text}) < {around} else r - {around}"
    if most == I32_MAX and val.lo >= 0 and val.hi < SUM:
        return f"r if (r := {val.text}) < {around} else r & {most}"
    if val.lo >= -around and val.hi <= most:
        return f"r if (r := {val.text}) >= 0 else r + {around}"
    if most == I32_MAX and -around <= val.lo and val.hi < SUM:
        return f"r if 0 <= (r := {val.text}) < {around} else r & {most}"
    return f"{val.pasted} & {most}"


def condition(val: Val) -> str:
    """Return the text of `val is not 0` for an `if`."""
    return val.text if val.flags & COND else reduced(val).text


def negation(val: Val) -> str:
    """Return the text of `val is 0` for an `if`."""
    if val.inverse is not None:
        return val.inverse
    if val.flags & COND:
        return f"not {val.pasted}"
    return f"not {reduced(val).pasted}"
