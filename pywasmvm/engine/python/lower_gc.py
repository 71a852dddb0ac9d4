"""Bodies of the garbage-collected aggregates: structures, arrays, i31.

Fields and elements hold raw values (runtime/refs.py). A null shows as an AttributeError on a special line,
an index past the end as an IndexError (edge.py).
"""

from __future__ import annotations

from typing import Any

from ...isa import BY_NAME
from ...syntax.instructions import Instr
from ...syntax.types import PackedType
from .charges import charge_units
from .lower import Lowering, body
from .lower_refs import operands
from .values import ATOM, MEM, TRAP, Val, reduced

__all__ = ["struct_texts", "zero_texts"]

_PACKED = {PackedType.I8: 8, PackedType.I16: 16}


def _stored(f: Lowering, val: Val, storage: Any) -> str:
    """Return the text of a value as a field of this type holds it."""
    bits = _PACKED.get(storage)
    if bits is None:
        return f.raw(val)
    most = (1 << bits) - 1
    return val.text if 0 <= val.lo and val.hi <= most else f"{reduced(val).pasted} & {most}"


def _zero(storage: Any) -> str:
    """Return the raw default of a field."""
    return "None" if isinstance(storage, tuple) else "0"


def _push_field(f: Lowering, storage: Any, text: str, signed: bool) -> None:
    """Read a field on a special line and push it."""
    t = "i32" if storage in _PACKED else f.module.letter(storage)
    name = f.push_name(t)
    f.w.put_special(f"{name} = {text}")
    if t in ("f32", "f64"):
        f.w.put(f"{name} = {t}_from_bits({name})")
    bits = _PACKED.get(storage)
    if bits is None:
        return
    half = 1 << (bits - 1)
    reads = frozenset((name,))
    if signed:
        f.stack[-1] = Val(f"({name} ^ {half}) - {half}", "i32", -half, half - 1, 0, reads, 1)
    else:
        f.stack[-1] = Val(name, "i32", 0, 2 * half - 1, ATOM, reads)


def _pop_units(f: Lowering) -> Val:
    """Pop a count into a name and charge for it."""
    count = f.named(reduced(f.pop()))
    charge_units(f, count)
    return count


def struct_texts(f: Lowering, typeidx: int) -> str:
    """Pop the fields of a new structure and return them as a list's text."""
    fields = f.module.fields(typeidx)
    f.before_effect()
    first = len(f.stack) - len(fields)
    texts = [_stored(f, val, field.storage) for val, field in zip(f.stack[first:], fields, strict=True)]
    del f.stack[first:]
    return ", ".join(texts)


def zero_texts(f: Lowering, typeidx: int) -> str:
    """Return the default fields of a new structure as a list's text."""
    f.before_effect()
    return ", ".join(_zero(field.storage) for field in f.module.fields(typeidx))


@body(BY_NAME["struct.new"])
def struct_new(f: Lowering, instr: Instr) -> None:
    """Make a structure of its fields."""
    texts = struct_texts(f, instr[1])
    f.w.put(f"{f.push_name('ref')} = HEAP.new_struct(Y{instr[1]}, [{texts}])")


@body(BY_NAME["struct.new_default"])
def struct_new_default(f: Lowering, instr: Instr) -> None:
    """Make a structure of zeros and nulls."""
    texts = zero_texts(f, instr[1])
    f.w.put(f"{f.push_name('ref')} = HEAP.new_struct(Y{instr[1]}, [{texts}])")


@body(BY_NAME["struct.get"], BY_NAME["struct.get_s"], BY_NAME["struct.get_u"])
def struct_get(f: Lowering, instr: Instr) -> None:
    """Read a field."""
    op, typeidx, fieldidx = instr
    (struct,) = operands(f, 1)
    storage = f.module.fields(typeidx)[fieldidx].storage
    _push_field(f, storage, f"{struct.pasted}.fields[{fieldidx}]", op is BY_NAME["struct.get_s"])


@body(BY_NAME["struct.set"])
def struct_set(f: Lowering, instr: Instr) -> None:
    """Write a field."""
    _, typeidx, fieldidx = instr
    struct, value = operands(f, 2)
    storage = f.module.fields(typeidx)[fieldidx].storage
    f.w.put_special(f"{struct.pasted}.fields[{fieldidx}] = {_stored(f, value, storage)}")


@body(BY_NAME["array.new"])
def array_new(f: Lowering, instr: Instr) -> None:
    """Make an array of one value."""
    f.before_effect()
    count = _pop_units(f)
    value = _stored(f, f.pop(), f.module.element(instr[1]))
    f.w.put(f"{f.push_name('ref')} = array_new(S, HEAP, Y{instr[1]}, {value}, {count.text})")


@body(BY_NAME["array.new_default"])
def array_new_default(f: Lowering, instr: Instr) -> None:
    """Make an array of zeros or nulls."""
    f.before_effect()
    count = _pop_units(f)
    zero = _zero(f.module.element(instr[1]))
    f.w.put(f"{f.push_name('ref')} = array_new(S, HEAP, Y{instr[1]}, {zero}, {count.text})")


@body(BY_NAME["array.new_fixed"])
def array_new_fixed(f: Lowering, instr: Instr) -> None:
    """Make an array of the operands."""
    _, typeidx, count = instr
    storage = f.module.element(typeidx)
    f.before_effect()
    first = len(f.stack) - count
    texts = [_stored(f, val, storage) for val in f.stack[first:]]
    del f.stack[first:]
    f.w.put(f"{f.push_name('ref')} = HEAP.new_array(Y{typeidx}, [{', '.join(texts)}])")


@body(BY_NAME["array.new_data"], BY_NAME["array.new_elem"])
def array_new_segment(f: Lowering, instr: Instr) -> None:
    """Make an array from a segment."""
    op, typeidx, segment = instr
    f.before_effect()
    count = _pop_units(f)
    offset = f.pop_int().text
    space = "DATAS" if op is BY_NAME["array.new_data"] else "ELEMS"
    call = f"{op.ident}(S, HEAP, Y{typeidx}, {space}[{segment}], {offset}, {count.text})"
    f.w.put(f"{f.push_name('ref')} = {call}")


@body(BY_NAME["array.get"], BY_NAME["array.get_s"], BY_NAME["array.get_u"])
def array_get(f: Lowering, instr: Instr) -> None:
    """Read an element."""
    op, typeidx = instr
    array, index = operands(f, 2)
    _push_field(
        f, f.module.element(typeidx), f"{array.pasted}.elems[{index.text}]", op is BY_NAME["array.get_s"]
    )


@body(BY_NAME["array.set"])
def array_set(f: Lowering, instr: Instr) -> None:
    """Write an element."""
    array, index, value = operands(f, 3)
    text = _stored(f, value, f.module.element(instr[1]))
    f.w.put_special(f"{array.pasted}.elems[{index.text}] = {text}")


@body(BY_NAME["array.len"])
def array_len(f: Lowering, instr: Instr) -> None:
    """Push the length."""
    (array,) = operands(f, 1)
    f.w.put_special(f"{f.push_name('i32')} = len({array.pasted}.elems)")


@body(BY_NAME["array.fill"])
def array_fill(f: Lowering, instr: Instr) -> None:
    """Fill a range."""
    f.before_effect()
    count = _pop_units(f)
    value = _stored(f, f.pop(), f.module.element(instr[1]))
    index, array = f.pop_int().text, f.pop()
    f.w.put(f"array_fill(S, {array.text}, {index}, {value}, {count.text})")


@body(BY_NAME["array.copy"])
def array_copy(f: Lowering, instr: Instr) -> None:
    """Copy a range, overlapping or not."""
    f.before_effect()
    count = _pop_units(f)
    texts = [f.settled(val).text for val in f.stack[-4:]]
    del f.stack[-4:]
    f.w.put(f"array_copy(S, {', '.join(texts)}, {count.text})")


@body(BY_NAME["array.init_data"], BY_NAME["array.init_elem"])
def array_init(f: Lowering, instr: Instr) -> None:
    """Copy from a segment."""
    op, typeidx, segment = instr
    f.before_effect()
    count = _pop_units(f)
    texts = [f.settled(val).text for val in f.stack[-3:]]
    del f.stack[-3:]
    space = "DATAS" if op is BY_NAME["array.init_data"] else "ELEMS"
    f.w.put(
        f"{op.ident}(S, Y{typeidx}, {texts[0]}, {texts[1]}, {space}[{segment}], {texts[2]}, {count.text})"
    )


@body(BY_NAME["ref.i31"])
def ref_i31(f: Lowering, instr: Instr) -> None:
    """Make an i31 of the low bits."""
    val = reduced(f.pop())
    f.push(Val(f"I31({val.text})", "ref", 0, 0, val.flags & (TRAP | MEM) | ATOM, val.reads, val.depth + 1))


@body(BY_NAME["i31.get_u"], BY_NAME["i31.get_s"])
def i31_get(f: Lowering, instr: Instr) -> None:
    """Read an i31."""
    (val,) = operands(f, 1)
    name = f.push_name("i32")
    f.w.put_special(f"{name} = {val.pasted}.bits")
    half = 1 << 30
    if instr[0] is BY_NAME["i31.get_s"]:
        f.stack[-1] = Val(f"({name} ^ {half}) - {half}", "i32", -half, half - 1, 0, frozenset((name,)), 1)
    else:
        f.stack[-1] = Val(name, "i32", 0, 2 * half - 1, ATOM, frozenset((name,)))
