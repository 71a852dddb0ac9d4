"""Bodies of the control instructions: blocks, branches, return; not calls and exceptions."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Any

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .charges import arrive, arrive_unless, charge, checkpoint, pays_per_unit
from .facts import assume, at_head, enter_loop, rejoin, remember, told
from .jumps import branch, close_loop, deliver, emit_return, jump_flat, open_loop
from .lower import Frame, Lowering, body
from .lower_variables import local_values
from .pace import in_steps
from .values import condition, name_of, negation

__all__ = ["close_function", "conditional_branch", "open_function", "skip_dead"]

ZERO_OF = {"i32": "0", "i64": "0", "v128": "0", "f32": "0.0", "f64": "0.0", "ref": "None"}
NAMES_PER_LINE = 200
MOST_COPIES = 4
MOST_COPIED = 40
_BR, _BR_IF = BY_NAME["br"], BY_NAME["br_if"]
_NOT_COPIED = frozenset(
    op for name, op in BY_NAME.items() if "call" in name or name in ("loop", "br_table", "try_table")
)
_VARIABLE = re.compile(r"\b[ls]\d+\b")


class RegionInfo:
    """What a jump into a dispatcher needs: its variable, the level of its loop, its code for J."""

    __slots__ = ("code", "level", "var")

    def __init__(self, var: str, level: int, code: int) -> None:
        self.var = var
        self.level = level
        self.code = code


def _declare_locals(f: Lowering) -> None:
    """Write the zeros of the locals that are no parameters."""
    local_values(f)
    by_zero: dict[str, list[str]] = {}
    for i in in_steps(range(len(f.params), len(f.local_letters)), f.tick):
        by_zero.setdefault(ZERO_OF[f.local_letters[i]], []).append(f"l{i}")
    for zero, names in by_zero.items():
        for i in range(0, len(names), NAMES_PER_LINE):
            f.w.put(" = ".join(names[i : i + NAMES_PER_LINE]) + f" = {zero}")


def _integers(f: Lowering) -> Iterator[int]:
    """Return the locals that start as an integer 0."""
    places = in_steps(range(len(f.params), len(f.local_letters)), f.tick)
    return (i for i in places if f.local_letters[i] in ("i32", "i64"))


def _open_region(f: Lowering, frame: Frame, pos: int) -> None:
    f.region_count += 1
    open_loop(f, frame)
    frame.region = RegionInfo(f"B{f.region_count}", frame.level, -f.region_count)
    if frame.node.kind == "func" and f.plan.has_flat_try:
        f.w.put(f"{frame.region.var} = {pos}")
        f.w.put("E = 0")
        f.w.open("while True:")
        f.w.open("try:")
    f.w.open_region(frame.region.var, pos)


def open_function(f: Lowering) -> None:
    """Write the prologue."""
    frame = Frame(f.plan.function, 0, (), f.results)
    f.frames.append(frame)
    if f.resumes:
        local_values(f)
        _open_region(f, frame, 0)
        return
    f.w.put("D = D.n")
    _declare_locals(f)
    if not f.plan.function.flat:
        assume(f, ((i, (0, 0), (0, 0)) for i in _integers(f)), True)
    f.reload = f.module.metered
    f.due = not f.exact
    if f.plan.function.flat:
        if f.reload:
            charge(f, 0)
            f.costs.pop(0, None)
        _open_region(f, frame, 0)


def close_function(f: Lowering) -> tuple[str, array[int], array[int]]:
    """Write what stands behind the last instruction and return the whole, see `Writer.finish`."""
    if f.plan.function.flat:
        f.w.close_region(None, declare=not f.plan.has_flat_try and not f.resumes)
        if f.plan.has_flat_try:
            from .lower_exceptions import close_flat_tries

            f.w.close()
            close_flat_tries(f)
            f.w.close()
        f.loops.pop()
    if f.uses_jump:
        f.w.lines.insert(0, (1, "J = 0", 0, 0))
    if f.resumes:
        f.w.lines[:0] = [(1, text, 0, 0) for text in _restored(f)]
        return f.w.finish(f"def x{f.funcidx}(B1, D, L):")
    arguments = "".join(f", l{i}" for i in range(len(f.params)))
    return f.w.finish(f"def f{f.funcidx}(D{arguments}):")


def _restored(f: Lowering) -> Iterator[str]:
    """Return the lines that take over the variables of the other form, L; those not there become None."""
    names = sorted({name for _, text, _, _ in f.w.lines for name in _VARIABLE.findall(text)})
    for i in range(0, len(names), NAMES_PER_LINE):
        some = names[i : i + NAMES_PER_LINE]
        yield f"{', '.join(some)}, = map(L.get, {(*some,)!r})"
    yield "F = S.fuel"


def skip_dead(f: Lowering, pos: int) -> int:
    """Skip dead code up to the open block's `else` or `end`, lower that, return the next position."""
    frame = f.frames[-1]
    node = frame.node
    pos = node.otherwise if node.otherwise >= pos else node.end
    del f.stack[frame.base :]
    f.w.pos = pos
    if pos == node.end:
        end(f, f.instrs[pos])
    else:
        else_(f, f.instrs[pos])
    return pos + 1


def begin_chunk(f: Lowering, pos: int) -> None:
    """Begin a chunk of the innermost region and say in which flat try_table it stands."""
    f.w.begin_chunk(pos)
    f.forget_ranges()
    if f.plan.has_flat_try:
        inside = [frame.node.start + 1 for frame in f.frames if frame.node.kind == "try" and frame.node.flat]
        f.w.put(f"E = {inside[-1] if inside else 0}")


def open_frame(f: Lowering, blocktype: Any) -> Frame:
    """Make and push the frame of the block that opens at the current position."""
    params, results = f.module.blocktype(blocktype)
    frame = Frame(f.plan.nodes[f.w.pos], len(f.stack) - len(params), params, results)
    if frame.node.flat and not frame.node.root:
        frame.region = f.frames[-1].region
    f.frames.append(frame)
    remember(f, frame)
    return frame


def _force_params(f: Lowering, frame: Frame) -> None:
    """Put the parameters into their variables, constants too."""
    for i, t in enumerate(frame.params):
        name = f"s{frame.base + i}"
        val = f.stack[frame.base + i]
        if val.text != name:
            f.before_assign(name, frame.base + i)
            f.w.put(f"{name} = {f.settled(val).text}")
            f.stack[frame.base + i] = name_of(name, t)


@body(BY_NAME["block"])
def block(f: Lowering, instr: Instr) -> None:
    """Open a block."""
    node = f.plan.nodes[f.w.pos]
    if node.targeted or node.flat:
        f.spill_all()
    frame = open_frame(f, instr[1])
    if node.targeted and not node.flat and not node.guard:
        f.w.open("while True:")
        open_loop(f, frame)


@body(BY_NAME["loop"])
def loop(f: Lowering, instr: Instr) -> None:
    """Open a loop."""
    node = f.plan.nodes[f.w.pos]
    if not node.targeted and not node.flat:
        open_frame(f, instr[1])
        return
    f.spill_all()
    frame = open_frame(f, instr[1])
    _force_params(f, frame)
    if node.flat:
        f.forget_ranges()
    else:
        enter_loop(f, frame)
        frame.copies = _copies(f, frame)
    frame.owed = f.w.debt
    if node.root:
        _open_region(f, frame, node.start + 1)
    elif node.flat:
        begin_chunk(f, node.start + 1)
    else:
        f.w.open("while True:")
        open_loop(f, frame)
    if node.targeted:
        checkpoint(f, node.start + 1, frame.copies)


def _copies(f: Lowering, frame: Frame) -> int:
    """Return how many times to write the body of a loop: small ones that end with a branch to the head.

    fast: only the last copy jumps back, and only the first one tests the tank.
    """
    start, end = frame.node.start + 1, frame.node.end
    last = f.instrs[end - 1]
    if f.exact and f.module.metered:
        return 1
    if frame.params or frame.results or last[0] not in (_BR, _BR_IF) or last[1] or end - start > MOST_COPIED:
        return 1
    if any(instr[0] in _NOT_COPIED or pays_per_unit(instr) for instr in f.instrs[start:end]):
        return 1
    return min(MOST_COPIES, 2 * MOST_COPIED // (end - start))


def _write_again(f: Lowering) -> bool:
    """Go on with another copy of a loop's body instead of the branch to its head, if there is one."""
    frame = f.frames[-1]
    if frame.copies < 2 or f.w.pos != frame.node.end - 1:
        return False
    frame.copies -= 1
    del f.stack[frame.base :]
    f.again = frame.node.start + 1
    return True


@body(BY_NAME["if"])
def if_(f: Lowering, instr: Instr) -> None:
    """Open an if."""
    cond = f.pop()
    f.before_branch()
    f.spill_all()
    frame = open_frame(f, instr[1])
    node = frame.node
    frame.owed = f.w.debt
    frame.condition = cond
    if node.otherwise < 0:
        frame.debt = frame.owed
        _force_params(f, frame)
    frame.saved = f.stack[frame.base :]
    if node.flat:
        frame.reached = node.otherwise < 0
        f.w.open(f"if {negation(cond)}:")
        jump_flat(f, frame, (node.otherwise if node.otherwise >= 0 else node.end) + 1)
        f.w.close()
        return
    if node.targeted:
        f.w.open("while True:")
        open_loop(f, frame)
    f.w.open(f"if {condition(cond)}:")
    assume(f, told(cond), True)


@body(BY_NAME["else"])
def else_(f: Lowering, instr: Instr) -> None:
    """Go over to the other arm of an if."""
    frame = f.frames[-1]
    frame.then_live = f.live
    if f.live:
        deliver(f, frame)
        arrive(f, frame)
    f.w.debt = frame.owed
    if frame.node.flat:
        if f.live:
            frame.reached = True
            jump_flat(f, frame, frame.node.end + 1)
        begin_chunk(f, frame.node.otherwise + 1)
    else:
        f.w.close()
        f.w.open("else:")
    f.stack[frame.base :] = frame.saved
    if frame.node.flat:
        f.forget_ranges()
    else:
        rejoin(f, frame, assigned=False)
        assume(f, told(frame.condition), False)
    f.live = True


@body(BY_NAME["end"])
def end(f: Lowering, instr: Instr) -> None:
    """Close a block, or the function."""
    frame = f.frames[-1]
    node = frame.node
    if node.kind == "func":
        if f.live:
            emit_return(f)
        f.frames.pop()
        return
    if not node.targeted and not node.flat and node.kind in ("block", "loop"):
        f.frames.pop()
        return
    if f.live:
        for i in range(len(frame.results)):
            _deliver_in_place(f, frame.base + i)
        arrive(f, frame)
    if node.kind == "try":
        from .lower_exceptions import end_try

        end_try(f, frame)
        return
    f.frames.pop()
    if node.flat:
        f.forget_ranges()
        _end_flat(f, frame)
    else:
        rejoin(f, frame)
        _end_structured(f, frame)
    if frame.debt is not None:
        f.w.debt = frame.debt
    f.stack[frame.base :] = [name_of(f"s{frame.base + i}", t) for i, t in enumerate(frame.results)]


def _deliver_in_place(f: Lowering, height: int) -> None:
    val, name = f.stack[height], f"s{height}"
    if val.const is not None:
        f.before_assign(name, height)
        f.w.put(f"{name} = {val.text}")
    else:
        f.settle_height(height)


def _end_flat(f: Lowering, frame: Frame) -> None:
    node = frame.node
    if node.root:
        f.w.close_region("break" if f.live else None, threaded=True)
        close_loop(f)
        f.live = f.live or frame.reached
    elif node.kind != "loop":
        f.live = f.live or frame.reached
        if node.targeted or node.kind == "if":
            begin_chunk(f, node.end + 1)


def _end_structured(f: Lowering, frame: Frame) -> None:
    node = frame.node
    if node.guard:
        for more in reversed(frame.guards):
            f.w.close()
            if more:
                f.w.put(f"else: F -= {more}")
        f.live = f.live or frame.reached
        return
    if node.kind == "if":
        f.w.close()
        f.live = f.live or frame.then_live or node.otherwise < 0
        if not node.targeted:
            return
    if f.live:
        f.w.put("break")
    f.w.close()
    close_loop(f)
    f.live = f.live or frame.reached


@body(BY_NAME["nop"])
def nop(f: Lowering, instr: Instr) -> None:
    """Do nothing."""


@body(BY_NAME["unreachable"])
def unreachable(f: Lowering, instr: Instr) -> None:
    """Trap."""
    f.before_effect()
    f.w.put("trap_unreachable()")
    f.live = False


@body(BY_NAME["br"])
def br(f: Lowering, instr: Instr) -> None:
    """Branch."""
    f.before_branch()
    if _write_again(f):
        return
    branch(f, instr[1])
    f.live = False


@body(BY_NAME["return"])
def return_(f: Lowering, instr: Instr) -> None:
    """Return."""
    f.before_branch()
    emit_return(f)
    f.live = False


@body(BY_NAME["br_if"])
def br_if(f: Lowering, instr: Instr) -> None:
    """Branch if the operand is not zero."""
    cond = f.pop()
    f.before_branch()
    if _write_again(f):
        frame = f.frames[-1]
        f.w.open(f"if {negation(cond)}:")
        # why: who leaves here passes the loop's end, where a segment starts.
        f.w.debt += (after := f.costs.get(frame.node.end, 0))
        arrive(f, frame)
        f.w.debt -= after
        frame.reached = True
        f.w.put("break")
        f.w.close()
        assume(f, told(cond), True)
        at_head(f, frame)
        return
    conditional_branch(f, condition(cond), negation(cond), instr[1])
    assume(f, told(cond), False)


def conditional_branch(f: Lowering, test: str, inverse: str, depth: int) -> None:
    """Write a branch under a condition, given as text both ways; control goes on where it does not hold."""
    target = f.frames[-1 - depth]
    w = f.w
    if not target.node.guard:
        w.open(f"if {test}:")
        branch(f, depth)
        w.close()
        return
    target.reached = True
    more = arrive_unless(f, target)
    if not target.label:
        w.open(f"if {inverse}:")
        target.guards.append(more)
        return
    target.guards.append(0)
    w.open(f"if {test}:")
    deliver(f, target)
    arrive(f, target)
    w.close()
    w.open("else:")
