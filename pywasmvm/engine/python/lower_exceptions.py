"""Bodies of the exception instructions.

A guest exception travels as the Python exception WasmException. A structured try_table is a Python `try`;
flat ones share one `try` around the function's dispatcher, whose handler asks E which of them we were in.
"""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Catch, CatchKind, Instr
from .charges import save_fuel
from .jumps import branch, close_loop, open_loop
from .lower import Frame, Lowering, body
from .lower_control import begin_chunk, open_frame
from .values import name_of

__all__ = ["close_flat_tries", "end_try"]


@body(BY_NAME["try_table"])
def try_table(f: Lowering, instr: Instr) -> None:
    """Open a try_table."""
    f.spill_all()
    outer = len(f.frames)
    frame = open_frame(f, instr[1])
    frame.clauses = instr[2]
    if frame.node.flat:
        f.flat_tries.append((frame.node.start + 1, list(f.frames[:outer]), instr[2]))
        for clause in instr[2]:
            # why: the handlers are written last, but where they lead must count as live before that.
            target = f.frames[outer - 1 - clause.labelidx]
            target.reached = target.reached or target.node.kind != "loop"
        begin_chunk(f, frame.node.start + 1)
        return
    if frame.node.targeted:
        f.w.open("while True:")
        open_loop(f, frame)
    f.w.open("try:")


def end_try(f: Lowering, frame: Frame) -> None:
    """Close a try_table, whose results are in place, and write its handlers."""
    f.frames.pop()
    f.forget_ranges()
    if frame.node.flat:
        f.live = f.live or frame.reached
        begin_chunk(f, frame.node.end + 1)
    else:
        f.w.close()
        f.w.open("except WasmException as X:")
        _handlers(f, frame.clauses)
        f.w.close()
        if frame.node.targeted:
            if f.live:
                f.w.put("break")
            f.w.close()
            close_loop(f)
            f.live = f.live or frame.reached
    f.stack[frame.base :] = [name_of(f"s{frame.base + i}", t) for i, t in enumerate(frame.results)]


def _handlers(f: Lowering, clauses: tuple[Catch, ...], last: str = "raise") -> None:
    """Write the tests of the clauses; labels count from `f.frames`. `last` is the line for no match."""
    if f.module.metered:
        f.w.put("F = S.fuel")
    saved = f.stack
    for clause in clauses:
        f.stack = list(saved)
        everything = clause.kind in (CatchKind.CATCH_ALL, CatchKind.CATCH_ALL_REF)
        if not everything:
            f.w.open(f"if X.tag is X{clause.tagidx}:")
        _push_caught(f, clause)
        branch(f, clause.labelidx)
        if everything:
            f.stack = saved
            return
        f.w.close()
    f.stack = saved
    f.w.put(last)


def _push_caught(f: Lowering, clause: Catch) -> None:
    """Push what a clause hands to its label."""
    # why: the label's variables may be read by the values' own texts only through X, so names are enough.
    if clause.tagidx is not None:
        for i, t in enumerate(f.module.tag_letters(clause.tagidx)):
            text = f"X.values[{i}]"
            if t in ("f32", "f64"):
                text = f"{t}_from_bits({text})"
            f.stack.append(name_of(text, t))
    if clause.kind in (CatchKind.CATCH_REF, CatchKind.CATCH_ALL_REF):
        f.stack.append(name_of("ExceptionRef(X.tag, X.values, HEAP)", "ref"))


def close_flat_tries(f: Lowering) -> None:
    """Write the dispatcher's handler: per flat try_table its clauses, then those of the ones around it."""
    f.w.open("except WasmException as X:")
    frames = f.frames
    for ident, outer, clauses in f.flat_tries:
        f.w.open(f"if E == {ident}:")
        chain = [(outer, clauses)]
        enclosing = {id(frame): frame for frame in outer if frame.node.kind == "try"}
        chain += [
            (outer2, clauses2)
            for ident2, outer2, clauses2 in reversed(f.flat_tries)
            if any(frame.node.start + 1 == ident2 for frame in enclosing.values())
        ]
        for level, (around, each) in enumerate(chain):
            f.frames = around
            _handlers(f, each, "raise" if level == len(chain) - 1 else "pass")
            if any(c.kind in (CatchKind.CATCH_ALL, CatchKind.CATCH_ALL_REF) for c in each):
                break
        f.w.close()
    f.frames = frames
    f.w.put("raise")
    f.w.close()


@body(BY_NAME["throw"])
def throw(f: Lowering, instr: Instr) -> None:
    """Throw an exception of a tag."""
    count = len(f.module.tag_letters(instr[1]))
    f.before_branch()
    texts = [f.raw(val) for val in f.stack[len(f.stack) - count :]] if count else []
    save_fuel(f)
    f.w.put(f"throw(HEAP, X{instr[1]}, ({''.join(text + ', ' for text in texts)}))")
    f.live = False


@body(BY_NAME["throw_ref"])
def throw_ref(f: Lowering, instr: Instr) -> None:
    """Throw an exception by reference."""
    reference = f.pop()
    f.before_branch()
    save_fuel(f)
    f.w.put(f"rethrow({reference.text})")
    f.live = False
