"""Bodies of the proposal custom-descriptors: structures that carry a descriptor, and casts that compare it.

Two descriptors are the same if they are one object. A null descriptor traps before anything is compared.
"""

from __future__ import annotations

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from .lower import Lowering, body
from .lower_control import conditional_branch
from .lower_gc import struct_texts, zero_texts
from .lower_refs import on_stack, operands

__all__: list[str] = []


def _pop_descriptor(f: Lowering) -> str:
    """Pop the descriptor, trap if it is null, and return its name."""
    (descriptor,) = operands(f, 1)
    name = f.named(descriptor).text
    f.w.put(f"if {name} is None: trap_null_descriptor()")
    return name


@body(BY_NAME["struct.new_desc"])
def struct_new_desc(f: Lowering, instr: Instr) -> None:
    """Make a structure of its fields and a descriptor."""
    descriptor = _pop_descriptor(f)
    texts = struct_texts(f, instr[1])
    f.w.put(f"{f.push_name('ref')} = HEAP.new_struct(Y{instr[1]}, [{texts}], {descriptor})")


@body(BY_NAME["struct.new_default_desc"])
def struct_new_default_desc(f: Lowering, instr: Instr) -> None:
    """Make a structure of zeros and nulls with a descriptor."""
    descriptor = _pop_descriptor(f)
    texts = zero_texts(f, instr[1])
    f.w.put(f"{f.push_name('ref')} = HEAP.new_struct(Y{instr[1]}, [{texts}], {descriptor})")


@body(BY_NAME["ref.get_desc"])
def ref_get_desc(f: Lowering, instr: Instr) -> None:
    """Read the descriptor."""
    (struct,) = operands(f, 1)
    f.w.put_special(f"{f.push_name('ref')} = {struct.pasted}.descriptor")


def _test(reference: str, descriptor: str, nullable: bool) -> str:
    test = f"has_descriptor({reference}, {descriptor})"
    return f"({reference} is None or {test})" if nullable else test


def _cast(f: Lowering, nullable: bool) -> None:
    descriptor = _pop_descriptor(f)
    val = on_stack(f)
    f.before_effect()
    f.w.put(f"if not {_test(val.text, descriptor, nullable)}: trap_descriptor_cast()")


@body(BY_NAME["ref.cast_desc_eq"])
def ref_cast_desc_eq(f: Lowering, instr: Instr) -> None:
    """Trap unless the reference has this descriptor; null has none."""
    _cast(f, False)


@body(BY_NAME["ref.cast_desc_eq_null"])
def ref_cast_desc_eq_null(f: Lowering, instr: Instr) -> None:
    """Trap unless the reference is null or has this descriptor."""
    _cast(f, True)


def _branch(f: Lowering, instr: Instr, wanted: bool) -> None:
    descriptor = _pop_descriptor(f)
    val = on_stack(f)
    f.before_branch()
    test = _test(val.text, descriptor, instr[1].target.nullable)
    tests = (test, f"not {test}")
    conditional_branch(f, tests[not wanted], tests[wanted], instr[1].labelidx)


@body(BY_NAME["br_on_cast_desc_eq"])
def br_on_cast_desc_eq(f: Lowering, instr: Instr) -> None:
    """Branch if the reference has this descriptor."""
    _branch(f, instr, True)


@body(BY_NAME["br_on_cast_desc_eq_fail"])
def br_on_cast_desc_eq_fail(f: Lowering, instr: Instr) -> None:
    """Branch if the reference has not this descriptor."""
    _branch(f, instr, False)
