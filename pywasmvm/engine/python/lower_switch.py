"""The body of br_table: a table of places for the dispatcher, or decisions."""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .charges import arrive_unless
from .jumps import branch, jump
from .lower import Frame, Lowering, body
from .pace import in_steps

__all__: list[str] = []


@body(BY_NAME["br_table"])
def br_table(f: Lowering, instr: Instr) -> None:
    """Branch to the label that the operand selects."""
    index = f.pop_int()
    f.before_branch()
    labels, default = instr[1], instr[2]
    f.live = False
    name = index.text
    if not name.isidentifier():
        f.w.put(f"t0 = {name}")
        name = "t0"
    targets = [f.frames[-1 - depth] for depth in (*labels, default)]
    if labels and all(_in_region_of(targets[0], target) for target in targets):
        _flat_switch(f, name, targets)
        return
    runs: list[tuple[int, int]] = []
    for number, depth in enumerate(in_steps((*labels, default), f.tick)):
        if not runs or runs[-1][1] != depth:
            runs.append((number, depth))
    _switch(f, name, runs)


def _in_region_of(first: Frame, target: Frame) -> bool:
    """Tell whether a branch to `target` only sets the variable of the region that `first` belongs to."""
    # why: behind the end of the function there is no chunk to go to, so a branch to its label returns.
    return (
        target.node.flat and not target.label and target.region is first.region and target.node.kind != "func"
    )


def _flat_switch(f: Lowering, name: str, targets: list[Frame]) -> None:
    places, charges = [], []
    for target in in_steps(targets, f.tick):
        forward = target.node.kind != "loop"
        target.reached = target.reached or forward
        places.append((target.node.end if forward else target.node.start) + 1)
        charges.append(arrive_unless(f, target) if forward else f.w.debt - target.owed)
    var = targets[0].region.var
    if len(set(charges)) > 1:
        f.w.put(f"F -= {_chosen(name, charges)}")
    elif charges[0]:
        f.w.put(f"F -= {charges[0]}")
    f.w.put(f"{var} = {_chosen(name, places)}")
    if not f.w.falls_to_dispatcher(min(places)):
        jump_to_region(f, targets[0])


def _chosen(name: str, numbers: list[int]) -> str:
    """Return the text of the number that an index chooses, the last one for all that are too large."""
    *table, last = numbers
    return f"({', '.join(map(str, table))},)[{name}] if {name} < {len(table)} else {last}"


def jump_to_region(f: Lowering, target: Frame) -> None:
    """Write the way back to the dispatcher whose variable has just been set."""
    jump(f, target.region.level, "continue", target.region.code)


def _switch(f: Lowering, name: str, runs: list[tuple[int, int]]) -> None:
    """Write a binary decision over runs of (first number, depth)."""
    f.tick()
    if len(runs) == 1:
        saved = list(f.stack)
        branch(f, runs[0][1])
        f.stack = saved
        return
    middle = len(runs) // 2
    f.w.open(f"if {name} < {runs[middle][0]}:")
    _switch(f, name, runs[:middle])
    f.w.close()
    f.w.open("else:")
    _switch(f, name, runs[middle:])
    f.w.close()
