"""Branches: how control gets from a wasm branch to its label in Python.

One open Python loop per structured label; `break` and `continue` reach the innermost only. A branch further
out sets J and breaks; behind each loop that it leaves, J is looked at again.
"""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .charges import arrive, go_back, save_fuel
from .lower import BODIES, Frame, Loop, Lowering
from .values import DIRTY, Val

__all__ = ["branch", "close_loop", "deliver", "emit_return", "jump", "jump_flat", "open_loop"]

MOST_TAIL = 8
_END, _RETURN = BY_NAME["end"], BY_NAME["return"]
# What may stand between the end of a block and that of the function if a branch to the one is to return.
_PASSED = frozenset(BY_NAME[name] for name in ("end", "local.get", "i32.const", "i64.const"))


def deliver(f: Lowering, frame: Frame) -> None:
    """Assign the operands that a branch to `frame` carries to the label's variables."""
    count = len(frame.label)
    first = len(f.stack) - count
    for i in range(count):
        _assign(f, f"s{frame.base + i}", f.stack[first + i])


def _assign(f: Lowering, name: str, val: Val) -> None:
    # why: no before_assign: on this path nothing else on the stack is used any more, and later operands
    # read only variables above this one.
    w = f.w
    if val.flags & DIRTY:
        if val.text != name:
            w.put(f"{name} = {val.text}")
        w.put(f"if {name} != {name}: {name} = NAN")
    elif val.text != name:
        w.put(f"{name} = {f.settled(val).text}")


def emit_return(f: Lowering) -> None:
    """Write the return of the function with the operands on top."""
    save_fuel(f)
    count = len(f.results)
    if not count:
        f.w.put("return")
        return
    texts = [f.settled(val).text for val in f.stack[len(f.stack) - count :]]
    f.w.put("return " + (texts[0] if count == 1 else "(" + ", ".join(texts) + ")"))


def open_loop(f: Lowering, frame: Frame) -> None:
    """Note that a Python loop has been opened for `frame`."""
    frame.level = len(f.loops)
    f.loops.append(Loop(frame))


def close_loop(f: Lowering) -> None:
    """Write, behind the innermost Python loop, the tests of the branches that left it for an outer one."""
    exits = f.loops.pop().exits
    if not exits:
        return
    level = len(f.loops) - 1
    here = [(code, action) for code, (target, action) in exits.items() if target == level]
    beyond = {code: where for code, where in exits.items() if where[0] != level}
    if beyond:
        f.loops[level].exits.update(beyond)
    if len(exits) == 1 or not here:
        f.w.put(f"if J: J = 0; {here[0][1]}" if here else "if J: break")
        return
    # fast: one test where control came to the loop's own end.
    f.w.open("if J:")
    for code, action in here:
        f.w.put(f"if J == {code}: J = 0; {action}")
    if beyond:
        f.w.put("break")
    f.w.close()


def jump(f: Lowering, level: int, action: str, code: int) -> None:
    """Write `break` or `continue` of the Python loop at `level`, from however deep; `code` is what J says."""
    top = len(f.loops) - 1
    if level == top:
        f.w.put(action)
        return
    f.uses_jump = True
    f.w.put(f"J = {code}")
    f.w.put("break")
    for loop in f.loops[level + 1 :]:
        loop.exits[code] = (level, action)


def _falls_to_same_place(f: Lowering, target: Frame) -> bool:
    """Tell whether leaving the innermost Python loop leads to where `target` ends."""
    if not f.loops or target.label:
        return False
    inner = f.loops[-1].frame
    if inner.node.kind == "func" or inner.node.end > target.node.end or inner is target:
        return False
    return f.plan.landing(inner.node) == f.plan.landing(target.node)


def _return_from(f: Lowering, target: Frame) -> bool:
    """Write what stands between the end of a block and that of the function here, if it is next to nothing.

    fast: a way out of several loops at once costs each of them a test when it ends, but `return` does not.
    """
    node = target.node
    if node.kind == "loop" or node.flat or node.guard or f.exact and f.module.metered:
        return False
    tail: list[Instr] = []
    cost, pos = 0, node.end + 1
    while pos < len(f.instrs) - 1 and f.instrs[pos][0] is not _RETURN:
        if f.instrs[pos][0] not in _PASSED or len(tail) > MOST_TAIL:
            return False
        tail.append(f.instrs[pos])
        cost += f.costs.get(pos, 0)
        pos += 1
    cost += f.costs.get(pos, 0)
    saved = list(f.stack)
    del f.stack[target.base : len(f.stack) - len(target.label)]
    for instr in tail:
        if instr[0] is not _END:
            BODIES[instr[0]](f, instr)
    f.w.debt += cost
    emit_return(f)
    f.w.debt -= cost
    f.stack = saved
    return True


def branch(f: Lowering, depth: int) -> None:
    """Write a branch that is taken. The caller has evaluated what could trap, and sets `live`."""
    target = f.frames[-1 - depth]
    node = target.node
    if node.kind == "func":
        emit_return(f)
        return
    if _return_from(f, target):
        return
    deliver(f, target)
    if node.kind == "loop":
        go_back(f, target)
        if node.flat:
            jump_flat(f, target, node.start + 1)
        else:
            jump(f, target.level, "continue", node.start + 1)
        return
    if _falls_to_same_place(f, target):
        f.loops[-1].frame.reached = True
        arrive(f, f.loops[-1].frame)
        f.w.put("break")
        return
    target.reached = True
    arrive(f, target)
    if node.guard:
        return
    if node.flat:
        jump_flat(f, target, node.end + 1)
    else:
        jump(f, target.level, "break", node.start + 1)


def jump_flat(f: Lowering, target: Frame, pos: int) -> None:
    """Write a jump to a chunk of the region that `target` belongs to."""
    region = target.region
    f.w.put(f"{region.var} = {pos}")
    jump(f, region.level, "continue", region.code)
