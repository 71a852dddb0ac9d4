"""How generated code pays: engine/fuel.py has the rule, this is how it costs little.

A *checkpoint* makes sure that the tank holds all that can be charged before the next one: at the entry,
behind each call and behind each instruction that pays per unit, and at the head of each loop that has a way
round without one of these. Between two checkpoints no tank can run empty, so nothing is tested there, and
what the segments cost is added up while translating: the *debt*. It is paid where paths with different debts
meet and where somebody looks at the tank.
Rule 1: the fuel that is left is F minus the debt of the line; writer.py keeps the debt per line for traps.
Rule 2: a tank that may not suffice is for the second form of the function, `x<idx>`: its segments test one by
one, and it can be entered at each checkpoint. It is translated when it is first needed.
Rule 3: a function with a try_table has that one form only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...isa import BY_NAME
from ...isa.model import Fuel
from ...syntax.instructions import Instr
from ..fuel import ENDS_SEGMENT, MOST_UNITS, label_depths
from .values import Val

if TYPE_CHECKING:
    from .lower import Frame, Lowering
    from .plan import Node, Plan

__all__ = ["arrive", "arrive_unless", "called", "charge", "charge_growth", "charge_units", "checkpoint"]
__all__ += ["find_needs", "go_back", "pays_per_unit", "save_fuel"]

_ELSE, _END, _IF, _LOOP = BY_NAME["else"], BY_NAME["end"], BY_NAME["if"], BY_NAME["loop"]
# More than any function can charge.
ENDLESS = 1 << 62
_CALLS = frozenset(op for name, op in BY_NAME.items() if name.startswith("call"))
_FALLING = frozenset(op for op in ENDS_SEGMENT if op.name.startswith("br_") and op.name != "br_table")


def pays_per_unit(instr: Instr) -> bool:
    """Tell whether an instruction charges for what it is asked for, besides its segment."""
    return instr[0].fuel is Fuel.PER_UNIT


def find_needs(plan: Plan, costs: dict[int, int]) -> dict[int, int]:
    """Return for each position a checkpoint may have the most that is charged from there to the next ones.

    fast: where every way round a loop passes another checkpoint, as a call has one, its head needs none.
    """
    heads: dict[int, int] = {}
    _find_needs(plan, costs, heads, ENDLESS)
    return _find_needs(plan, costs, heads, 0)


def _find_needs(plan: Plan, costs: dict[int, int], heads: dict[int, int], unknown: int) -> dict[int, int]:
    """Do that with `heads`: what is charged from the heads that are no checkpoints. `unknown`: from others.

    With ENDLESS as that, it finds these heads: no way round without a checkpoint starts at them.
    """
    instrs: Sequence[Instr] = plan.instrs
    needs: dict[int, int] = {}
    starts: list[Node] = []  # the blocks around, outermost first
    behind: list[int] = []  # the need behind the end of each
    ends: list[int] = []  # the need where a branch to it leads
    closing = {node.end: node for node in plan.nodes.values()}
    after_then: list[int] = []
    need = 0
    for pos in range(len(instrs) - 1, -1, -1):
        instr = instrs[pos]
        op = instr[0]
        if op is _END:
            node = closing.get(pos, plan.function)
            starts.append(node)
            behind.append(need)
            ends.append(heads.get(node.start + 1, unknown) if node.kind == "loop" else need)
            if node.kind == "if":
                after_then.append(need)
        elif op is _ELSE:
            after_then[-1] = need
            need = behind[-1]
        elif starts[-1].start == pos:
            node = starts.pop()
            behind.pop()
            ends.pop()
            if node.kind == "if":
                need = max(need, after_then.pop())
            elif op is _LOOP and node.targeted:
                if unknown and need < ENDLESS:
                    heads[pos + 1] = need
                elif pos + 1 not in heads:
                    needs[pos + 1] = need
                    need = 0
        elif op in _CALLS or pays_per_unit(instr):
            needs[pos + 1] = need
            need = 0
        elif op in ENDS_SEGMENT:
            labels = [ends[-1 - depth] for depth in label_depths(instr)]
            need = max([need, *labels] if op in _FALLING else labels, default=0)
        need += costs.get(pos, 0)
    needs[0] = need
    return needs


# -- what the bodies call ----------------------------------------------------------------------------


def charge(f: Lowering, pos: int) -> None:
    """Write the charge of the segment that starts at `pos`, tested at once, or add it to the debt."""
    cost = f.costs.get(pos, 0)
    w = f.w
    if not f.exact:
        if f.reload:
            w.put("F = S.fuel")
            w.debt = 0
            f.reload = False
        _owe(f, pos, cost)
        return
    if f.reload:
        w.put(f"F = S.fuel - {cost}" if cost else "F = S.fuel")
        f.reload = False
    elif cost:
        w.put(f"F -= {cost}")
    if cost:
        w.put(f"if F < 0: F = empty(S, F, {cost})")


def _owe(f: Lowering, pos: int, cost: int) -> None:
    """Write the checkpoint that is due at `pos`, if any, and add what a segment costs to the debt."""
    if f.due:
        f.due = False
        checkpoint(f, pos)
    f.w.debt += cost


def called(f: Lowering) -> None:
    """Note that a call has just been written: the callee has changed the meter."""
    f.reload = f.module.metered
    f.due = f.resumes or not f.exact


def arrive_unless(f: Lowering, frame: Frame) -> int:
    """Do what `arrive` does on a path that has no place for it yet: return what is to be charged there."""
    if frame.debt is None:
        frame.debt = f.w.debt
    return f.w.debt - frame.debt


def checkpoint(f: Lowering, pos: int, times: int = 1) -> None:
    """Write the test whether the tank holds the debt and what may be charged from `pos` on.

    times  how many copies of a loop's body follow each other.
    """
    need = 0 if f.exact else f.needs.get(pos, 0) * times
    if not need:
        return
    pending = "".join(
        f", 's{height}': {f.settled(val).text}"
        for height, val in enumerate(f.stack)
        if val.text != f"s{height}"
    )
    variables = f"{{**locals(){pending}}}" if pending else "locals()"
    owed = f.w.debt
    need += owed
    test = f"if F < {need} and (F := more(S, F, {need}, {owed})) < {need}"
    f.w.put(f"{test}: return x{f.funcidx}({pos}, D, {variables})")


def _pay(f: Lowering) -> None:
    """Write what makes F the fuel that is left."""
    if f.w.debt:
        f.w.put(f"F -= {f.w.debt}")
        f.w.debt = 0


def go_back(f: Lowering, frame: Frame) -> None:
    """Write what makes the debt here that at the head of a loop, as `arrive` does."""
    _charge_now(f, f.w.debt - frame.owed)


def arrive(f: Lowering, frame: Frame) -> None:
    """Write what makes the debt here that at the end of a block, where who comes first decides.

    What is written after this on the same path only gets control there, so `debt` stays as it is.
    """
    _charge_now(f, arrive_unless(f, frame))


def _charge_now(f: Lowering, units: int) -> None:
    if units:
        f.w.put(f"F -= {units}" if units > 0 else f"F += {-units}")


def charge_units(f: Lowering, count: Val) -> None:
    """Write the charge of an instruction that pays per unit for `count` units, a name or constant."""
    if not f.module.metered:
        return
    _pay(f)
    text = count.text
    if count.hi > MOST_UNITS:
        f.w.put(f"t = {text} if {text} < {MOST_UNITS} else {MOST_UNITS}")
        text = "t"
    f.w.put(f"F -= {text}")
    f.w.put(f"if F < 0: F = empty(S, F, {text})")


def charge_growth(f: Lowering, grown: str, delta: Val) -> None:
    """Write the charge for growing a memory or table by `delta`, a name or constant."""
    if f.module.metered:
        _pay(f)
        f.w.put("S.check(False)")  # why: growing takes long for the little that it costs
        f.w.put(f"t = {grown}.growth_units({delta.text})")
        f.w.put("F -= t")
        f.w.put("if F < 0: F = empty(S, F, t)")


def save_fuel(f: Lowering) -> None:
    """Write fuel back before something else may look at it."""
    if f.module.metered:
        f.w.put(f"S.fuel = F - {f.w.debt}" if f.w.debt else "S.fuel = F")
