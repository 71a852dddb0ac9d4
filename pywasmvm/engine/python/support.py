"""What the generated code calls besides the numeric helpers: traps, fuel, calls, bulk operations, type tests.

Everything public here is visible to generated code by its own name, together with numeric and simd (link.py).
Rule 1: nothing here keeps state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ...errors import Trap, WasmException
from ...isa.model import TrapKind
from ...runtime.refs import I31, ArrayRef, ExceptionRef, StructRef, exception_nbytes
from ...syntax.types import ArrayType, DefType, NumType, PackedType

MEMORY_OUT_OF_BOUNDS = TrapKind.MEMORY_OUT_OF_BOUNDS
TABLE_OUT_OF_BOUNDS = TrapKind.TABLE_OUT_OF_BOUNDS
ARRAY_OUT_OF_BOUNDS = TrapKind.ARRAY_OUT_OF_BOUNDS
# What is done in one go, far below a millisecond each: bytes of a memory, elements of a table or array.
_BYTES = 1 << 20
_ELEMENTS = 1 << 15


# -- limits -----------------------------------------------------------------------------------------


def exhausted(store: Any) -> NoReturn:
    """Refuse a call that nests too deeply."""
    raise store.exhausted()


def empty(meter: Any, fuel: int, cost: int) -> int:
    """Deal with an overdrawn tank or an interrupt; `fuel` is what is left after `cost` was taken. Return
    what is left then.

    Generated code keeps the fuel in a local, so it overwrites what an interrupt has done to the meter's
    fuel; the meter knows that.
    """
    if fuel >= 0 and not meter.interrupted:
        return fuel
    meter.fuel = fuel
    meter.empty(cost)
    left: int = meter.fuel
    return left


def more(meter: Any, fuel: int, need: int, owed: int) -> int:
    """Bring `need` units to hand if there are so many, or deal with an interrupt or the deadline. Return
    what is at hand.

    Of that, like of `fuel`, `owed` has been used up; the meter is told what is left.
    """
    meter.fuel = fuel - owed
    if meter.interrupted:
        meter.empty(0)
    meter.check()
    meter.gather(need - owed)
    left: int = meter.fuel
    return left + owed


def pieces(meter: Any, count: int, most: int) -> Iterator[slice]:
    """Cut long work into pieces of up to `most` units, with a look at the deadline after each."""
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))
        meter.check(False)


# -- traps ------------------------------------------------------------------------------------------


def trap_unreachable() -> NoReturn:
    """Raise the trap of `unreachable`."""
    raise Trap(TrapKind.UNREACHABLE)


def trap_unaligned() -> NoReturn:
    """Raise the trap of a misaligned atomic access."""
    raise Trap(TrapKind.UNALIGNED_ATOMIC)


def trap_null_function() -> NoReturn:
    """Raise the trap of calling null."""
    raise Trap(TrapKind.NULL_FUNCTION_REFERENCE)


def trap_null_reference() -> NoReturn:
    """Raise the trap of ref.as_non_null."""
    raise Trap(TrapKind.NULL_REFERENCE)


def trap_null_descriptor() -> NoReturn:
    """Raise the trap of a null descriptor."""
    raise Trap(TrapKind.NULL_DESCRIPTOR_REFERENCE)


def trap_descriptor_cast() -> NoReturn:
    """Raise the trap of ref.cast_desc_eq."""
    raise Trap(TrapKind.DESCRIPTOR_CAST_FAILURE)


def trap_cast() -> NoReturn:
    """Raise the trap of ref.cast."""
    raise Trap(TrapKind.CAST_FAILURE)


# -- calls ------------------------------------------------------------------------------------------


class Tail:
    """A call that is to be made in place of the frame that returned it."""

    __slots__ = ("args", "callee")

    def __init__(self, callee: Callable[..., Any], *args: Any) -> None:
        self.callee = callee
        self.args = args


def check_callee(func: Any, deftype: DefType) -> None:
    """Trap unless a function out of a table has the wanted type or a subtype of it."""
    supers, depth = func.deftype.supers, len(deftype.supers)
    if len(supers) < depth or supers[depth - 1] is not deftype:
        raise Trap(TrapKind.INDIRECT_CALL_TYPE_MISMATCH)


def throw(heap: Any, tag: Any, values: tuple[Any, ...]) -> NoReturn:
    """Throw an exception of a tag, for which there must be room, as if it were an object from the start."""
    heap.check_room(exception_nbytes(values))
    raise WasmException(tag, values)


def rethrow(exn: ExceptionRef | None) -> NoReturn:
    """Throw an exception by reference."""
    if exn is None:
        raise Trap(TrapKind.NULL_EXCEPTION_REFERENCE)
    raise WasmException(exn.tag, exn.values)


# -- memory -----------------------------------------------------------------------------------------


def load128(memory: memoryview, addr: int) -> int:
    """Read 16 bytes as an unsigned number."""
    if addr + 16 > len(memory):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    return int.from_bytes(memory[addr : addr + 16], "little")


def store128(memory: memoryview, addr: int, value: int) -> None:
    """Write an unsigned number as 16 bytes."""
    if addr + 16 > len(memory):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    memory[addr : addr + 16] = value.to_bytes(16, "little")


def _move(meter: Any, target: Any, source: Any, to: int, start: int, count: int, most: int) -> None:
    """Copy a range as if at once, also onto itself; the bounds have been checked."""
    for piece in pieces(meter, count, most):
        # why: from the end that is overwritten last.
        first, last = (piece.start, piece.stop) if to <= start else (count - piece.stop, count - piece.start)
        target[to + first : to + last] = source[start + first : start + last]


def _fill(meter: Any, target: Any, at: int, block: Any, count: int, most: int) -> None:
    """Fill a range; `block` is what fills one element and can be multiplied."""
    for piece in pieces(meter, count, most):
        target[at + piece.start : at + piece.stop] = block * (piece.stop - piece.start)


def memory_fill(meter: Any, memory: memoryview, addr: int, value: int, count: int) -> None:
    """Fill a range with the low byte of `value`."""
    if addr + count > len(memory):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if count <= _BYTES:
        memory[addr : addr + count] = bytes((value & 0xFF,)) * count
    else:
        _fill(meter, memory, addr, bytes((value & 0xFF,)), count, _BYTES)


def memory_copy(meter: Any, target: memoryview, source: memoryview, to: int, start: int, count: int) -> None:
    """Copy a range; the memories may be the same and the ranges overlap."""
    if to + count > len(target):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if start + count > len(source):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if count <= _BYTES:
        target[to : to + count] = source[start : start + count]
    else:
        _move(meter, target, source, to, start, count, _BYTES)


def memory_init(meter: Any, memory: memoryview, data: Any, to: int, start: int, count: int) -> None:
    """Copy from a data segment."""
    if start + count > len(data):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if to + count > len(memory):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if count <= _BYTES:
        memory[to : to + count] = data[start : start + count]
    else:
        _move(meter, memory, data, to, start, count, _BYTES)


def memory_atomic_notify(memory: Any, addr: int, count: int) -> int:
    """Wake waiters: on one thread there are none."""
    if addr + 4 > len(memory.buf):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    return 0


def _wait(memory: Any, addr: int, expected: int, timeout: int, width: int) -> int:
    if addr + width > len(memory.buf):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    if not memory.memtype.shared:
        raise Trap(TrapKind.EXPECTED_SHARED_MEMORY)
    if int.from_bytes(memory.buf[addr : addr + width], "little") != expected:
        return 1
    if timeout >> 63:
        raise Trap("deadlock: a wait without a timeout, and no other thread could end it")
    # why: nobody can wake us, so the answer after any time is the same.
    return 2


def memory_atomic_wait32(memory: Any, addr: int, expected: int, timeout: int) -> int:
    """Wait: 1 if the value differs, 2 for a time-out, which is certain on one thread."""
    return _wait(memory, addr, expected, timeout, 4)


def memory_atomic_wait64(memory: Any, addr: int, expected: int, timeout: int) -> int:
    """Wait, see `memory_atomic_wait32`."""
    return _wait(memory, addr, expected, timeout, 8)


# -- tables -----------------------------------------------------------------------------------------


def table_fill(meter: Any, table: list[Any], index: int, value: Any, count: int) -> None:
    """Fill a range."""
    if index + count > len(table):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    _fill(meter, table, index, [value], count, _ELEMENTS)


def table_copy(meter: Any, target: list[Any], source: list[Any], to: int, start: int, count: int) -> None:
    """Copy a range; the tables may be the same and the ranges overlap."""
    if to + count > len(target):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    if start + count > len(source):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    _move(meter, target, source, to, start, count, _ELEMENTS)


def table_init(meter: Any, table: list[Any], elem: list[Any] | None, to: int, start: int, count: int) -> None:
    """Copy from an element segment, None once dropped."""
    elem = elem or []
    if start + count > len(elem):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    if to + count > len(table):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    _move(meter, table, elem, to, start, count, _ELEMENTS)


# -- type tests: on references that are statically of the right hierarchy ---------------------------


def ref_eq(a: Any, b: Any) -> bool:
    """Tell whether two references are the same; i31 compares by value."""
    return a is b or (a.__class__ is I31 and a == b)


def is_present(value: Any) -> bool:
    """Test for the top of a hierarchy."""
    return value is not None


def is_nothing(value: Any) -> bool:
    """Test for the bottom of a hierarchy: no value has that type."""
    return False


def is_i31(value: Any) -> bool:
    """Test for i31."""
    return value.__class__ is I31


def is_struct(value: Any) -> bool:
    """Test for a structure."""
    return value.__class__ is StructRef


def is_array(value: Any) -> bool:
    """Test for an array."""
    return value.__class__ is ArrayRef


def is_eq(value: Any) -> bool:
    """Test for what ref.eq compares."""
    return value.__class__ in (I31, StructRef, ArrayRef)


def is_exactly(value: Any, deftype: DefType) -> bool:
    """Test for a concrete type and none of its subtypes."""
    return getattr(value, "deftype", None) is deftype


def has_descriptor(value: Any, descriptor: Any) -> bool:
    """Test for a structure with this very descriptor."""
    return value.__class__ is StructRef and value.descriptor is descriptor


def make_type_test(deftype: DefType) -> Callable[[Any], bool]:
    """Return the test for a concrete type."""
    depth = len(deftype.supers)

    def has_type(value: Any) -> bool:
        actual = getattr(value, "deftype", None)
        if actual is deftype:
            return True
        return actual is not None and len(actual.supers) >= depth and actual.supers[depth - 1] is deftype

    return has_type


# -- arrays -----------------------------------------------------------------------------------------

_WIDTHS = {
    PackedType.I8: 1,
    PackedType.I16: 2,
    NumType.I32: 4,
    NumType.F32: 4,
    NumType.I64: 8,
    NumType.F64: 8,
}
_WIDTHS_ALL: dict[Any, int] = {**_WIDTHS, NumType.V128: 16}


def _width(deftype: DefType) -> int:
    """Return how many bytes of a data segment an element takes."""
    comptype = deftype.comptype
    return _WIDTHS_ALL[comptype.field.storage] if isinstance(comptype, ArrayType) else 1


def _check_array(array: ArrayRef | None, index: int, count: int) -> ArrayRef:
    if array is None:
        raise Trap(TrapKind.NULL_ARRAY_REFERENCE)
    if index + count > len(array.elems):
        raise Trap(ARRAY_OUT_OF_BOUNDS)
    return array


def array_new(meter: Any, heap: Any, deftype: DefType, value: Any, count: int) -> Any:
    """Make an array of one value."""
    heap.check_room(heap.array_nbytes(deftype, count))
    elems: list[Any] = []
    _fill(meter, elems, 0, [value], count, _ELEMENTS)
    return heap.new_array(deftype, elems)


def _from_data(meter: Any, deftype: DefType, data: Any, start: int, count: int) -> list[int]:
    width = _width(deftype)
    end = start + width * count
    if end > len(data):
        raise Trap(MEMORY_OUT_OF_BOUNDS)
    values: list[int] = []
    places = range(start, end, width)
    for piece in pieces(meter, count, _ELEMENTS >> 4):
        values += [int.from_bytes(data[i : i + width], "little") for i in places[piece]]
    return values


def _from_elem(meter: Any, elem: list[Any] | None, start: int, count: int) -> list[Any]:
    elem = elem or []
    if start + count > len(elem):
        raise Trap(TABLE_OUT_OF_BOUNDS)
    values: list[Any] = []
    _move(meter, values, elem, 0, start, count, _ELEMENTS)
    return values


def array_new_data(meter: Any, heap: Any, deftype: DefType, data: Any, start: int, count: int) -> Any:
    """Make an array from a data segment."""
    return heap.new_array(deftype, _from_data(meter, deftype, data, start, count))


def array_new_elem(
    meter: Any, heap: Any, deftype: DefType, elem: list[Any] | None, start: int, count: int
) -> Any:
    """Make an array from an element segment."""
    return heap.new_array(deftype, _from_elem(meter, elem, start, count))


def array_fill(meter: Any, array: ArrayRef | None, index: int, value: Any, count: int) -> None:
    """Fill a range."""
    _fill(meter, _check_array(array, index, count).elems, index, [value], count, _ELEMENTS)


def array_copy(
    meter: Any, target: ArrayRef | None, to: int, source: ArrayRef | None, start: int, count: int
) -> None:
    """Copy a range; the arrays may be the same and the ranges overlap."""
    target = _check_array(target, to, 0 if source is None else count)
    source = _check_array(source, start, count)
    _move(meter, target.elems, source.elems, to, start, count, _ELEMENTS)


def array_init_data(
    meter: Any, deftype: DefType, array: ArrayRef | None, to: int, data: Any, start: int, count: int
) -> None:
    """Copy from a data segment."""
    target = _check_array(array, to, count)
    _move(meter, target.elems, _from_data(meter, deftype, data, start, count), to, 0, count, _ELEMENTS)


def array_init_elem(
    meter: Any,
    deftype: DefType,
    array: ArrayRef | None,
    to: int,
    elem: list[Any] | None,
    start: int,
    count: int,
) -> None:
    """Copy from an element segment."""
    target = _check_array(array, to, count)
    _move(meter, target.elems, _from_elem(meter, elem, start, count), to, 0, count, _ELEMENTS)
