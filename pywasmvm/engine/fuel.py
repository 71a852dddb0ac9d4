"""The fuel rule of both engines: what a run costs, and when it is charged.

Costs are the table's: `FUEL_UNITS[op.fuel]` for every executed instruction, `FUEL_FUNCTION_ENTRY` for
entering a function defined in a module. Totals of completed runs equal wasmtime's.

Rule 1 (segments). A body is cut into segments, syntactically, dead code included. A segment ends after
  * `if`, `else`, `br`, `br_if`, `br_table`, `br_on_*`, `return`, `unreachable`, `throw`, `throw_ref`;
  * every call: `call`, `call_indirect`, `call_ref` and their `return_` forms;
  * the `end` of an `if`; the `end` of a `block` or `try_table` whose label some instruction of the body names
    (a catch clause names its label too);
  * a `loop` (the opening) whose label some instruction of the body names.
  The next segment starts with the instruction after it.
Rule 2 (charge). When control reaches the start of a segment, its whole cost is charged at once. The entry
of the function
  is part of the first segment. Segments that cost nothing are neither charged nor checked.
Rule 3 (empty tank). If less is left than the segment costs, the segment does not start, nothing is taken,
and OutOfFuel
  is raised with the segment's cost as `fuel_needed`. So a call has been paid when the callee starts and
  when a host function looks at the tank.
Rule 4 (per unit). An instruction of class PER_UNIT charges, besides its share of the segment, one unit per
byte, element or
  page it is asked for, at most MOST_UNITS, just before it runs and before its bounds are checked.
  memory.grow and table.grow pay for what a maximum or limit lets them grow only: `growth_units` of the
  memory or table, which is nothing when it is forbidden. That charge follows rule 3 too.
Rule 5 (traps). A trap gives nothing back: what stands after it in its segment has been paid.
Rule 6 (constant expressions). They are free.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..isa import BY_NAME, OPS
from ..isa.model import FUEL_FUNCTION_ENTRY, FUEL_UNITS, Imm, Op
from ..syntax.instructions import Instr

__all__ = ["ENDS_SEGMENT", "MOST_UNITS", "label_depths", "segment_costs"]

# why: a 64-bit count may pass any tank, and then the trap for its bounds is the better answer.
MOST_UNITS = 1 << 32

_ENDING = (
    "if else br br_if br_table return unreachable throw throw_ref call call_indirect call_ref return_call "
    "return_call_indirect return_call_ref"
)
# Instructions after which a segment ends wherever they stand; labels are rule 1's business.
ENDS_SEGMENT: frozenset[Op] = frozenset(
    [BY_NAME[name] for name in _ENDING.split()] + [op for op in OPS if op.name.startswith("br_on_")]
)

_UNITS: dict[Op, int] = {op: FUEL_UNITS[op.fuel] for op in OPS}
_BLOCK, _LOOP, _IF, _END = BY_NAME["block"], BY_NAME["loop"], BY_NAME["if"], BY_NAME["end"]
_TRY_TABLE = BY_NAME["try_table"]
_OPENS = frozenset((_BLOCK, _LOOP, _IF, _TRY_TABLE))
_LABEL_KINDS = (Imm.LABELIDX, Imm.LABELIDX_VEC, Imm.CAST, Imm.CATCH_VEC)
# op -> positions of immediates that name labels
_LABEL_IMMS: dict[Op, tuple[tuple[int, Imm], ...]] = {
    op: tuple((i + 1, kind) for i, kind in enumerate(op.imms) if kind in _LABEL_KINDS)
    for op in OPS
    if any(kind in _LABEL_KINDS for kind in op.imms)
}


def label_depths(instr: Instr) -> tuple[int, ...]:
    """Return the relative labels that an instruction names, in order, duplicates included."""
    depths: list[int] = []
    for position, kind in _LABEL_IMMS.get(instr[0], ()):
        value = instr[position]
        if kind is Imm.LABELIDX:
            depths.append(value)
        elif kind is Imm.LABELIDX_VEC:
            depths.extend(value)
        elif kind is Imm.CAST:
            depths.append(value.labelidx)
        else:
            depths.extend(clause.labelidx for clause in value)
    return tuple(depths)


def _named_labels(instrs: Sequence[Instr]) -> set[int]:
    """Return the positions of the opening instructions whose labels are named."""
    named: set[int] = set()
    opened: list[int] = []
    for pos, instr in enumerate(instrs):
        op = instr[0]
        if op in _LABEL_IMMS:
            for depth in label_depths(instr):
                if depth < len(opened):
                    named.add(opened[-1 - depth])
        # why: after the look-up, since a try_table's clauses count labels from outside of it
        if op in _OPENS:
            opened.append(pos)
        elif op is _END and opened:
            opened.pop()
    return named


def segment_costs(instrs: Sequence[Instr]) -> dict[int, int]:
    """Return {position of a segment's first instruction: its cost}, without the segments that cost nothing.

    Position 0 carries the function's entry. A position equal to `len(instrs)` cannot occur: nothing follows
    the last `end`.
    """
    named = _named_labels(instrs)
    costs: dict[int, int] = {}
    start, cost = 0, FUEL_FUNCTION_ENTRY
    opened: list[int] = []
    for pos, instr in enumerate(instrs):
        op = instr[0]
        cost += _UNITS[op]
        ends = op in ENDS_SEGMENT
        if op in _OPENS:
            opened.append(pos)
            ends = ends or (op is _LOOP and pos in named)
        elif op is _END and opened:
            opener = opened.pop()
            first = instrs[opener][0]
            ends = first is _IF or (first is not _LOOP and opener in named)
        if ends:
            if cost:
                costs[start] = cost
            start, cost = pos + 1, 0
    if cost:
        costs[start] = cost
    return costs
