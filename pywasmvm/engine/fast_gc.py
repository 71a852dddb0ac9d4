"""What the compiled engine leaves to Python of references, structures and arrays; see fast_ops.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Trap
from ..isa.model import TrapKind
from ..runtime.refs import I31
from ..syntax.types import PackedType, RefType
from .fast_ops import I32, REF, Made, Planner, maker
from .python import support

__all__: list[str] = []

_PACKED = {PackedType.I8: 8, PackedType.I16: 16}


# -- references -----------------------------------------------------------------------------------------


@maker("ref.i31")
def ref_i31(p: Planner, instr: Any) -> Made:
    """Make an i31."""
    return I31, (I32,), (REF,)


@maker("i31.get_s", "i31.get_u")
def i31_get(p: Planner, instr: Any) -> Made:
    """Read an i31."""
    signed = instr[0].name == "i31.get_s"

    def run(value: Any) -> int:
        if value is None:
            raise Trap(TrapKind.NULL_I31_REFERENCE)
        return int(value.value if signed else value.bits)

    return run, (REF,), (I32,)


@maker("ref.test", "ref.test_null")
def ref_test(p: Planner, instr: Any) -> Made:
    """Test a type."""
    return p.test(instr[1], instr[0].name == "ref.test_null"), (p.ref_class(instr[1]),), (I32,)


@maker("ref.cast", "ref.cast_null")
def ref_cast(p: Planner, instr: Any) -> Made:
    """Trap unless a reference has a type."""
    test, cls = p.test(instr[1], instr[0].name == "ref.cast_null"), p.ref_class(instr[1])

    def run(value: Any) -> Any:
        if not test(value):
            raise Trap(TrapKind.CAST_FAILURE)
        return value

    return run, (cls,), (cls,)


@maker("br_on_cast", "br_on_cast_fail")
def br_on_cast(p: Planner, instr: Any) -> Made:
    """Test a type and leave the reference where it is, the answer above it."""
    target: RefType = instr[1].target
    test, cls = p.test(target.heaptype, target.nullable), p.ref_class(target.heaptype)
    return lambda value: (value, int(test(value))), (cls,), (cls, I32)


# -- structures and arrays ---------------------------------------------------------------------------------


def _stored(storage: Any) -> Callable[[Any], Any] | None:
    bits = _PACKED.get(storage)
    if bits is None:
        return None
    mask = (1 << bits) - 1
    return lambda value: value & mask


def _loaded(storage: Any, signed: bool) -> Callable[[Any], Any] | None:
    bits = _PACKED.get(storage)
    if bits is None or not signed:
        return None
    half = 1 << (bits - 1)
    return lambda value: (value ^ half) - half


def _zero(storage: Any) -> Any:
    return None if isinstance(storage, RefType) else 0


@maker("struct.new")
def struct_new(p: Planner, instr: Any) -> Made:
    """Make a structure of its fields."""
    deftype, heap, storages = (
        p.checked.types[instr[1]],
        p.instance.store.heap,
        [f.storage for f in p.fields(instr[1])],
    )
    cuts = [_stored(storage) for storage in storages]

    def run(*values: Any) -> Any:
        return heap.new_struct(deftype, [cut(v) if cut else v for cut, v in zip(cuts, values, strict=True)])

    return run, tuple(map(p.cls, storages)), (REF,)


@maker("struct.new_default")
def struct_new_default(p: Planner, instr: Any) -> Made:
    """Make a structure of zeros and nulls."""
    deftype, heap = p.checked.types[instr[1]], p.instance.store.heap
    zeros = [_zero(f.storage) for f in p.fields(instr[1])]
    return lambda: heap.new_struct(deftype, list(zeros)), (), (REF,)


@maker("struct.get", "struct.get_s", "struct.get_u")
def struct_get(p: Planner, instr: Any) -> Made:
    """Read a field."""
    place, storage = instr[2], p.fields(instr[1])[instr[2]].storage
    extend = _loaded(storage, instr[0].name == "struct.get_s")

    def run(struct: Any) -> Any:
        if struct is None:
            raise Trap(TrapKind.NULL_STRUCTURE_REFERENCE)
        value = struct.fields[place]
        return extend(value) if extend else value

    return run, (REF,), (p.cls(storage),)


@maker("struct.set")
def struct_set(p: Planner, instr: Any) -> Made:
    """Write a field."""
    place, storage = instr[2], p.fields(instr[1])[instr[2]].storage
    cut = _stored(storage)

    def run(struct: Any, value: Any) -> None:
        if struct is None:
            raise Trap(TrapKind.NULL_STRUCTURE_REFERENCE)
        struct.fields[place] = cut(value) if cut else value

    return run, (REF, p.cls(storage)), ()


@maker("array.new", "array.new_default")
def array_new(p: Planner, instr: Any) -> Made:
    """Make an array of one value."""
    deftype, heap, storage = p.checked.types[instr[1]], p.instance.store.heap, p.element(instr[1])
    cut = _stored(storage) or (lambda value: value)

    def run(value: Any, count: int) -> Any:
        p.charge(count)
        return support.array_new(heap, deftype, cut(value), count)

    if instr[0].name == "array.new":
        return run, (p.cls(storage), I32), (REF,)
    zero = _zero(storage)
    return lambda count: run(zero, count), (I32,), (REF,)


@maker("array.new_fixed")
def array_new_fixed(p: Planner, instr: Any) -> Made:
    """Make an array of the operands."""
    deftype, heap, storage = p.checked.types[instr[1]], p.instance.store.heap, p.element(instr[1])
    cut = _stored(storage) or (lambda value: value)
    return (
        lambda *values: heap.new_array(deftype, [cut(v) for v in values]),
        (p.cls(storage),) * instr[2],
        (REF,),
    )


@maker("array.new_data", "array.new_elem")
def array_new_segment(p: Planner, instr: Any) -> Made:
    """Make an array from a segment."""
    deftype, heap, index = p.checked.types[instr[1]], p.instance.store.heap, instr[2]
    is_data = instr[0].name == "array.new_data"
    segments, make = (
        (p.instance.datas, support.array_new_data) if is_data else (p.instance.elems, support.array_new_elem)
    )

    def run(start: int, count: int) -> Any:
        p.charge(count)
        return make(heap, deftype, segments[index], start, count)

    return run, (I32, I32), (REF,)


@maker("array.get", "array.get_s", "array.get_u", "array.set")
def array_access(p: Planner, instr: Any) -> Made:
    """Read or write an element."""
    storage = p.element(instr[1])
    extend, cut = _loaded(storage, instr[0].name == "array.get_s"), _stored(storage)

    def elems(array: Any, index: int) -> Any:
        if array is None:
            raise Trap(TrapKind.NULL_ARRAY_REFERENCE)
        if index >= len(array.elems):
            raise Trap(TrapKind.ARRAY_OUT_OF_BOUNDS, f"{index} of {len(array.elems)}")
        return array.elems

    def get(array: Any, index: int) -> Any:
        value = elems(array, index)[index]
        return extend(value) if extend else value

    def put(array: Any, index: int, value: Any) -> None:
        elems(array, index)[index] = cut(value) if cut else value

    if instr[0].name == "array.set":
        return put, (REF, I32, p.cls(storage)), ()
    return get, (REF, I32), (p.cls(storage),)


@maker("array.len")
def array_len(p: Planner, instr: Any) -> Made:
    """Return the length."""

    def run(array: Any) -> int:
        if array is None:
            raise Trap(TrapKind.NULL_ARRAY_REFERENCE)
        return len(array.elems)

    return run, (REF,), (I32,)


@maker("array.fill")
def array_fill(p: Planner, instr: Any) -> Made:
    """Fill a range."""
    storage = p.element(instr[1])
    cut = _stored(storage) or (lambda value: value)

    def run(array: Any, index: int, value: Any, count: int) -> None:
        p.charge(count)
        support.array_fill(array, index, cut(value), count)

    return run, (REF, I32, p.cls(storage), I32), ()


@maker("array.copy")
def array_copy(p: Planner, instr: Any) -> Made:
    """Copy a range."""

    def run(target: Any, to: int, source: Any, start: int, count: int) -> None:
        p.charge(count)
        support.array_copy(target, to, source, start, count)

    return run, (REF, I32, REF, I32, I32), ()


@maker("array.init_data", "array.init_elem")
def array_init(p: Planner, instr: Any) -> Made:
    """Copy from a segment."""
    deftype, index = p.checked.types[instr[1]], instr[2]
    is_data = instr[0].name == "array.init_data"
    segments, copy = (
        (p.instance.datas, support.array_init_data)
        if is_data
        else (p.instance.elems, support.array_init_elem)
    )

    def run(array: Any, to: int, start: int, count: int) -> None:
        p.charge(count)
        copy(deftype, array, to, segments[index], start, count)

    return run, (REF, I32, I32, I32), ()
