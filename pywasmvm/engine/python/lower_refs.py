"""Bodies of the reference and table instructions.

References are Python objects and None is null. Rule 1: a special line (writer.put_special) holds nothing
else that could raise what the instruction's own trap is told by; operands that could are named first.
"""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from ...syntax.types import AbsHeapType, Exact, HeapType, RefType
from .charges import charge_growth
from .lower import Lowering, body
from .lower_control import conditional_branch
from .lower_memory import bulk
from .values import ATOM, COND, MAX_OF, MEM, TRAP, Val, name_of

__all__ = ["on_stack", "operands", "type_test"]


def ref(text: str, flags: int = 0) -> Val:
    """Return a reference value of a text that needs no parentheses."""
    return Val(text, "ref", 0, 0, flags | ATOM)


def operands(f: Lowering, count: int) -> list[Val]:
    """Pop settled operands, with every pending trap evaluated, so that they may stand on a special line."""
    f.before_effect()
    first = len(f.stack) - count
    popped = [f.settled(val) for val in f.stack[first:]]
    del f.stack[first:]
    return [f.named(val) if val.flags & TRAP else val for val in popped]


@body(BY_NAME["ref.null"])
def ref_null(f: Lowering, instr: Instr) -> None:
    """Push null."""
    f.stack.append(ref("None"))


@body(BY_NAME["ref.func"])
def ref_func(f: Lowering, instr: Instr) -> None:
    """Push a function."""
    f.stack.append(ref(f"FN{instr[1]}"))


@body(BY_NAME["ref.is_null"])
def ref_is_null(f: Lowering, instr: Instr) -> None:
    """Test for null."""
    val = f.pop()
    result = Val(
        f"{val.pasted} is None", "i32", 0, 1, val.flags & (TRAP | MEM) | COND, val.reads, val.depth + 1
    )
    result.inverse = f"{val.pasted} is not None"
    f.push(result)


@body(BY_NAME["ref.eq"])
def ref_eq(f: Lowering, instr: Instr) -> None:
    """Compare two references."""
    b, a = f.pop(), f.pop()
    flags = (a.flags | b.flags) & (TRAP | MEM) | COND
    f.push(
        Val(f"ref_eq({a.text}, {b.text})", "i32", 0, 1, flags, a.reads | b.reads, max(a.depth, b.depth) + 1)
    )


@body(BY_NAME["ref.as_non_null"])
def ref_as_non_null(f: Lowering, instr: Instr) -> None:
    """Trap on null."""
    val = on_stack(f)
    f.before_effect()
    f.w.put(f"if {val.text} is None: trap_null_reference()")


def on_stack(f: Lowering) -> Val:
    """Put the top operand into its variable, or leave it in a local, and return it; it stays on the stack."""
    if not f.stack[-1].text.isidentifier() or f.stack[-1].text == "None":
        f.before_branch()
        name = f"s{len(f.stack) - 1}"
        val = f.stack[-1]
        if val.text != name:
            f.before_assign(name, len(f.stack) - 1)
            f.w.put(f"{name} = {val.text}")
            f.stack[-1] = name_of(name, val.t)
    return f.stack[-1]


@body(BY_NAME["br_on_null"])
def br_on_null(f: Lowering, instr: Instr) -> None:
    """Branch without the reference if it is null."""
    val = on_stack(f)
    f.before_branch()
    f.stack.pop()
    conditional_branch(f, f"{val.text} is None", f"{val.text} is not None", instr[1])
    f.stack.append(val)


@body(BY_NAME["br_on_non_null"])
def br_on_non_null(f: Lowering, instr: Instr) -> None:
    """Branch with the reference unless it is null."""
    val = on_stack(f)
    f.before_branch()
    conditional_branch(f, f"{val.text} is not None", f"{val.text} is None", instr[1])
    f.stack.pop()


# -- casts ------------------------------------------------------------------------------------------

_ABSTRACT = {
    AbsHeapType.ANY: "is_present",
    AbsHeapType.EXTERN: "is_present",
    AbsHeapType.FUNC: "is_present",
    AbsHeapType.EXN: "is_present",
    AbsHeapType.EQ: "is_eq",
    AbsHeapType.I31: "is_i31",
    AbsHeapType.STRUCT: "is_struct",
    AbsHeapType.ARRAY: "is_array",
}


def type_test(text: str, heaptype: HeapType, nullable: bool) -> str:
    """Return the condition that the reference `text` (a name) has a type."""
    if isinstance(heaptype, Exact):
        test = f"is_exactly({text}, Y{heaptype.heaptype})"
        return f"({text} is None or {test})" if nullable else test
    test = f"Z{heaptype}" if isinstance(heaptype, int) else _ABSTRACT.get(heaptype, "is_nothing")  # type: ignore[arg-type]
    return f"({text} is None or {test}({text}))" if nullable else f"{test}({text})"


def _test(f: Lowering, instr: Instr, nullable: bool) -> None:
    val = on_stack(f)
    f.stack.pop()
    f.push(Val(type_test(val.text, instr[1], nullable), "i32", 0, 1, COND, val.reads, val.depth + 2))


@body(BY_NAME["ref.test"])
def ref_test(f: Lowering, instr: Instr) -> None:
    """Test the type, null fails."""
    _test(f, instr, False)


@body(BY_NAME["ref.test_null"])
def ref_test_null(f: Lowering, instr: Instr) -> None:
    """Test the type, null passes."""
    _test(f, instr, True)


def _cast(f: Lowering, instr: Instr, nullable: bool) -> None:
    val = on_stack(f)
    f.before_effect()
    f.w.put(f"if not {type_test(val.text, instr[1], nullable)}: trap_cast()")


@body(BY_NAME["ref.cast"])
def ref_cast(f: Lowering, instr: Instr) -> None:
    """Trap unless it has the type; null has not."""
    _cast(f, instr, False)


@body(BY_NAME["ref.cast_null"])
def ref_cast_null(f: Lowering, instr: Instr) -> None:
    """Trap unless it is null or has the type."""
    _cast(f, instr, True)


def _br_on_cast(f: Lowering, labelidx: int, target: RefType, wanted: bool) -> None:
    val = on_stack(f)
    f.before_branch()
    test = type_test(val.text, target.heaptype, target.nullable)
    tests = (test, f"not {test}")
    conditional_branch(f, tests[not wanted], tests[wanted], labelidx)


@body(BY_NAME["br_on_cast"])
def br_on_cast(f: Lowering, instr: Instr) -> None:
    """Branch if the reference has the type."""
    _br_on_cast(f, instr[1].labelidx, instr[1].target, True)


@body(BY_NAME["br_on_cast_fail"])
def br_on_cast_fail(f: Lowering, instr: Instr) -> None:
    """Branch if the reference has not the type."""
    _br_on_cast(f, instr[1].labelidx, instr[1].target, False)


@body(BY_NAME["any.convert_extern"], BY_NAME["extern.convert_any"])
def convert(f: Lowering, instr: Instr) -> None:
    """Do nothing: both hierarchies hold the same objects."""


# -- tables -----------------------------------------------------------------------------------------


@body(BY_NAME["table.get"])
def table_get(f: Lowering, instr: Instr) -> None:
    """Read an element."""
    (index,) = operands(f, 1)
    f.w.put_special(f"{f.push_name('ref')} = T{instr[1]}[{index.text}]")


@body(BY_NAME["table.set"])
def table_set(f: Lowering, instr: Instr) -> None:
    """Write an element."""
    index, value = operands(f, 2)
    f.w.put_special(f"T{instr[1]}[{index.text}] = {value.text}")


@body(BY_NAME["table.size"])
def table_size(f: Lowering, instr: Instr) -> None:
    """Push the number of elements."""
    t = f.module.table_letter(instr[1])
    f.push(Val(f"len(T{instr[1]})", t, 0, MAX_OF[t], MEM | ATOM))


@body(BY_NAME["table.grow"])
def table_grow(f: Lowering, instr: Instr) -> None:
    """Grow, push the old size or -1."""
    t = f.module.table_letter(instr[1])
    value, delta = operands(f, 2)
    delta = f.named(delta)
    charge_growth(f, f"TT{instr[1]}", delta)
    f.w.put(f"{f.push_name(t)} = TT{instr[1]}.grow_elems({delta.text}, {value.text}) & {MAX_OF[t]}")


@body(BY_NAME["table.fill"])
def table_fill(f: Lowering, instr: Instr) -> None:
    """Fill a range."""
    bulk(f, f"table_fill(S, T{instr[1]}", 3)


@body(BY_NAME["table.copy"])
def table_copy(f: Lowering, instr: Instr) -> None:
    """Copy a range, overlapping or not."""
    bulk(f, f"table_copy(S, T{instr[1]}, T{instr[2]}", 3)


@body(BY_NAME["table.init"])
def table_init(f: Lowering, instr: Instr) -> None:
    """Copy from an element segment."""
    bulk(f, f"table_init(S, T{instr[2]}, ELEMS[{instr[1]}]", 3)


@body(BY_NAME["elem.drop"])
def elem_drop(f: Lowering, instr: Instr) -> None:
    """Drop an element segment."""
    f.effect(f"ELEMS[{instr[1]}] = None")
