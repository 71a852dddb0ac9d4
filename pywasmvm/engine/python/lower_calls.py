"""Bodies of the calls.

A guest function is a Python function `f<idx>(D, l0, ...)`; D says how many more frames may be nested
(edge.py). A function with tail calls has a second form `g<idx>` that may return a Tail instead of results;
`f<idx>` then runs the chain (link.py).
"""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .charges import called, save_fuel
from .lower import Lowering, body
from .values import TRAP

__all__: list[str] = []

Letters = tuple[str, ...]


def _arguments(f: Lowering, count: int) -> str:
    """Pop arguments as text that follows D in a call."""
    if not count:
        return ""
    first = len(f.stack) - count
    texts = [f.settled(val).text for val in f.stack[first:]]
    del f.stack[first:]
    return "".join([", " + text for text in texts])


def _call(f: Lowering, callee: str, params: Letters, results: Letters) -> None:
    """Write a call of `callee`, an expression for a function in our own convention."""
    arguments = _arguments(f, len(params))
    f.before_effect()
    names = [f.push_name(t) for t in results]
    save_fuel(f)
    target = f"{', '.join(names)} = " if names else ""
    f.w.put(f"{target}{callee}(D{arguments})")
    called(f)


def _tail_call(f: Lowering, callee: str, params: Letters) -> None:
    arguments = _arguments(f, len(params))
    f.has_tail_calls = True
    save_fuel(f)
    f.w.put(f"return Tail({callee}{arguments})")
    f.live = False


@body(BY_NAME["call"])
def call(f: Lowering, instr: Instr) -> None:
    """Call a function of the index space."""
    params, results = f.module.func_letters(instr[1])
    _call(f, f"f{instr[1]}", params, results)


@body(BY_NAME["return_call"])
def return_call(f: Lowering, instr: Instr) -> None:
    """Replace this frame by a call."""
    params, _ = f.module.func_letters(instr[1])
    f.before_branch()
    _tail_call(f, f"g{instr[1]}", params)


def _from_table(f: Lowering, typeidx: int, tableidx: int) -> None:
    """Put the function that a table holds at the popped index into `c`, or trap."""
    index = f.pop_int()
    f.before_effect()
    if index.flags & TRAP:
        index = f.named(index)
    f.w.put_special(f"c = T{tableidx}[(i := {index.text})]")
    f.w.put_special(f"if c.deftype is not Y{typeidx}: check_callee(c, Y{typeidx})")


@body(BY_NAME["call_indirect"])
def call_indirect(f: Lowering, instr: Instr) -> None:
    """Call a function out of a table."""
    params, results = f.module.type_letters(instr[1])
    _from_table(f, instr[1], instr[2])
    _call(f, "(c.entry or entry_of(c))", params, results)


@body(BY_NAME["return_call_indirect"])
def return_call_indirect(f: Lowering, instr: Instr) -> None:
    """Replace this frame by a call out of a table."""
    params, _ = f.module.type_letters(instr[1])
    _from_table(f, instr[1], instr[2])
    _tail_call(f, "tail_of(c)", params)


def _from_reference(f: Lowering) -> None:
    """Put the function that a reference names into `c`, or trap."""
    reference = f.pop()
    f.before_effect()
    f.w.put(f"c = {reference.text}")
    f.w.put("if c is None: trap_null_function()")


@body(BY_NAME["call_ref"])
def call_ref(f: Lowering, instr: Instr) -> None:
    """Call a function by reference."""
    params, results = f.module.type_letters(instr[1])
    _from_reference(f)
    _call(f, "(c.entry or entry_of(c))", params, results)


@body(BY_NAME["return_call_ref"])
def return_call_ref(f: Lowering, instr: Instr) -> None:
    """Replace this frame by a call by reference."""
    params, _ = f.module.type_letters(instr[1])
    _from_reference(f)
    _tail_call(f, "tail_of(c)", params)
