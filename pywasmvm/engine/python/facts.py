"""What is known about the numbers in locals: ranges that come from assignments, conditions and counted loops.

A fact holds from where it was learnt to the next place where control comes together. There, what was known
when the block was opened is known again about the locals that the block does not assign.
Rule 1: a fact never decides what is computed, only which masks and tests can be left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .values import ATOM, COND, MAX_OF, Fact, Range, Val, constant

if TYPE_CHECKING:
    from .lower import Frame, Lowering
    from .plan import Node

__all__ = ["assume", "at_head", "enter_loop", "learn", "rejoin", "remember", "told"]

_GET, _SET, _TEE = BY_NAME["local.get"], BY_NAME["local.set"], BY_NAME["local.tee"]
_BR_IF = BY_NAME["br_if"]
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
_STEPS = {BY_NAME[f"{t}.{name}"]: t for t in ("i32", "i64") for name in ("add", "sub")}
_CONSTS = {BY_NAME["i32.const"], BY_NAME["i64.const"]}
_LATCHES = {BY_NAME[f"{t}.{name}"]: name for t in ("i32", "i64") for name in ("ne", "lt_u", "le_u")}


# -- conditions ---------------------------------------------------------------------------------------


def local_of(val: Val) -> int | None:
    """Return which local a value is, None if it is anything else."""
    text = val.text
    return int(text[1:]) if val.flags & ATOM and text[0] == "l" and text[1:].isdigit() else None


def learn(comparison: str, a: Val, b: Val) -> tuple[Fact, ...]:
    """Return what a comparison like "i32.lt_u" tells about locals: if it holds, if not."""
    if any(val.flags & COND or val.lo < 0 or val.hi > MAX_OF[val.t] for val in (a, b)):
        return ()
    relation, _, sign = comparison.partition(".")[2].partition("_")
    if sign == "s":
        half = (MAX_OF[a.t] + 1) // 2
        if max(a.hi, b.hi) >= half:
            return _learn_signed(relation, a, b, half)
    facts = []
    for relation_, x, y in ((relation, a, b), (_MIRRORED[relation], b, a)):
        localidx = local_of(x)
        if localidx is not None:
            holds = _bounded(relation_, x, y)
            facts.append((localidx, holds, _bounded(_OPPOSITE[relation_], x, y)))
    return tuple(facts)


def told(condition: Val) -> tuple[Fact, ...]:
    """Return what a condition tells about locals: it holds where it is not 0."""
    if condition.flags & COND or local_of(condition) is None:
        return condition.facts
    return learn("i32.ne", condition, constant(0, condition.t))


def _bounded(relation: str, x: Val, y: Val) -> Range:
    """Return the range of x which stands in this relation to y."""
    if relation == "eq":
        return y.lo, y.hi
    if relation == "lt":
        return x.lo, y.hi - 1
    if relation == "le":
        return x.lo, y.hi
    if relation == "gt":
        return y.lo + 1, x.hi
    if relation == "ge":
        return y.lo, x.hi
    if y.lo != y.hi:
        return x.lo, x.hi
    return x.lo + (x.lo == y.lo), x.hi - (x.hi == y.lo)


def _learn_signed(relation: str, a: Val, b: Val, half: int) -> tuple[Fact, ...]:
    """Return what it tells about a number that may be negative: whether it is above one that is not."""
    localidx = local_of(a)
    if localidx is None or b.hi >= half:
        return ()
    all_of_a = (a.lo, a.hi)
    above = {"gt": (b.lo + 1, half - 1), "ge": (b.lo, half - 1)}
    holds, fails = above.get(relation, all_of_a), above.get(_OPPOSITE[relation], all_of_a)
    return ((localidx, holds, fails),)


def assume(f: Lowering, facts: Iterable[Fact], holds: bool) -> None:
    """Take for granted, from here on, what a condition tells."""
    for localidx, true, false in facts:
        lo, hi = true if holds else false
        _narrow(f, localidx, lo, hi)


def _narrow(f: Lowering, localidx: int, lo: int, hi: int) -> None:
    known = f.local_vals[localidx]
    lo, hi = max(lo, known.lo), min(hi, known.hi)
    # why: where nothing is left control never comes, and any fact is as good as another.
    if lo <= hi and (lo, hi) != (known.lo, known.hi):
        f.local_vals[localidx] = Val(known.text, known.t, lo, hi, ATOM, known.reads)
        f.narrowed.add(localidx)


# -- blocks -------------------------------------------------------------------------------------------


def remember(f: Lowering, frame: Frame) -> None:
    """Keep what is known where a block opens."""
    frame.facts = {localidx: f.local_vals[localidx] for localidx in f.narrowed}


def rejoin(f: Lowering, frame: Frame, assigned: bool = True) -> None:
    """Know again what was known where the block opened; `assigned`: except what it assigns."""
    f.forget_ranges()
    for localidx, val in frame.facts.items():
        if not assigned or localidx not in frame.node.assigned:
            f.local_vals[localidx] = val
            f.narrowed.add(localidx)


def enter_loop(f: Lowering, frame: Frame) -> None:
    """Know at the head of a loop what holds in every iteration."""
    frame.counter = _counter(f, frame.node)
    rejoin(f, frame)
    at_head(f, frame)


def at_head(f: Lowering, frame: Frame) -> None:
    """Know the range that the loop's counter has whenever control is at the head."""
    if frame.counter is not None:
        _narrow(f, *frame.counter)


def _counter(f: Lowering, node: Node) -> tuple[int, int, int] | None:
    """Return (local, lo, hi) for the counter of a loop that ends with: step, compare, branch to the head."""
    instrs, end = f.instrs, node.end
    if instrs[end - 1] != (_BR_IF, 0):
        return None
    # fast: compilers write the step just before the test, so nothing else is looked for.
    place = end - 2
    bound, latch = None, "ne"
    latched = _LATCHES.get(instrs[place][0])
    if latched is not None:
        bound, latch, place = _bound(f, node, instrs[place - 1]), latched, place - 2
        if bound is None:
            return None
    if instrs[place][0] is _GET and instrs[place - 1] == (_SET, instrs[place][1]):
        place -= 1
    elif instrs[place][0] is not _TEE:
        return None
    localidx = instrs[place][1]
    step = _step(f, localidx, instrs[place - 3 : place])
    if node.assigned.get(localidx) != 1 or place - 3 <= node.start or not step:
        return None
    first = f.local_vals[localidx]
    if bound is None:
        bound = (0, 0)
    found = _counted(step, latch, (first.lo, first.hi), bound, MAX_OF[first.t])
    return None if found is None else (localidx, *found)


def _bound(f: Lowering, node: Node, instr: Instr) -> Range | None:
    """Return the range of what the counter is compared with."""
    if instr[0] in _CONSTS:
        return instr[1], instr[1]
    if instr[0] is not _GET or instr[1] in node.assigned:
        return None
    val = f.local_vals[instr[1]]
    return val.lo, val.hi


def _step(f: Lowering, localidx: int, instrs: list[Instr]) -> int:
    """Return what `local.get, const, add` adds to a local, as a signed number; 0 if it is not that."""
    if len(instrs) < 3 or instrs[0] != (_GET, localidx) or instrs[1][0] not in _CONSTS:
        return 0
    t = _STEPS.get(instrs[2][0])
    if t is None:
        return 0
    half = (MAX_OF[t] + 1) // 2
    number: int = (instrs[1][1] ^ half) - half
    return -number if instrs[2][0].name.endswith("sub") else number


def _counted(step: int, latch: str, first: Range, bound: Range, most: int) -> Range | None:
    """Return the range of a counter at the head: from `first`, by `step`, as long as `latch` `bound`."""
    if latch != "ne":
        last = max(first[1], bound[1] - (latch == "lt_u"))
        # safe: no step from below `last` passes the type's range, so none comes out below the first value.
        return (first[0], last) if 0 < step <= most - last else None
    around = most + 1
    if step > 0 and bound == (0, 0):
        bound = (around, around)  # a counter that starts as a negative number
    exact = first[0] == first[1] and bound[0] == bound[1] and not (bound[0] - first[0]) % step
    if step > 0 and (step == 1 or exact) and first[1] < bound[0]:
        return first[0], min(bound[1] - step, most)
    if step < 0 and (step == -1 or exact) and first[0] > bound[1]:
        return bound[0] - step, first[1]
    return None
