"""Values between Python and the guest: raw values on one side, what a Python user writes on the other.

Integers come out signed and floats as Python floats, as in the wasmtime package; what is passed in may be
signed or unsigned. Signalling NaNs do not survive a Python float: use `Func.invoke` and raw values where bits
matter.
Rule 1: a wrong value is the embedder's fault and raises UsageError; nothing is wrapped around silently.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from ..errors import UsageError
from ..syntax.types import AbsHeapType, ArrayType, DefType, FuncType, NumType, RefType, StructType, ValType
from ..valid.match import match_deftype
from . import publictypes
from .refs import I31, ArrayRef, ExceptionRef, ExternRef, FuncRef, StructRef
from .store import Store

__all__ = ["Val", "from_raw", "python_converter", "raw_converter", "to_raw"]

Converter = Callable[[Any], Any]

_F32 = struct.Struct("<f")
_F64 = struct.Struct("<d")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


def _refuse(value: object, valtype: object) -> UsageError:
    return UsageError(f"don't know how to convert {value!r} to {valtype}")


def _integer_to_raw(valtype: NumType, bits: int, lowest: int) -> Converter:
    mask, highest = (1 << bits) - 1, (1 << bits) - 1

    def convert(value: Any) -> int:
        try:
            number = value.__index__()
        except AttributeError:
            raise _refuse(value, valtype) from None
        if not lowest <= number <= highest:
            raise UsageError(f"{valtype} takes {lowest} to {highest}, got {number}")
        masked: int = number & mask
        return masked

    return convert


def _f32_to_raw(value: Any) -> int:
    number = _number(value, NumType.F32)
    try:
        packed = _F32.pack(number)
    except OverflowError:
        packed = _F32.pack(math.copysign(math.inf, number))
    return int(_U32.unpack(packed)[0])


def _f64_to_raw(value: Any) -> int:
    return int(_U64.unpack(_F64.pack(_number(value, NumType.F64)))[0])


def _number(value: Any, valtype: NumType) -> float:
    try:
        return float(value) if not isinstance(value, (str, bytes)) else float(_reject(value, valtype))
    except (TypeError, ValueError, OverflowError):
        raise _refuse(value, valtype) from None


def _reject(value: object, valtype: NumType) -> float:
    raise _refuse(value, valtype)


_NUMBER_TO_RAW: dict[NumType, Converter] = {
    NumType.I32: _integer_to_raw(NumType.I32, 32, -(1 << 31)),
    NumType.I64: _integer_to_raw(NumType.I64, 64, -(1 << 63)),
    NumType.F32: _f32_to_raw,
    NumType.F64: _f64_to_raw,
    NumType.V128: _integer_to_raw(NumType.V128, 128, 0),
}

_NUMBER_FROM_RAW: dict[NumType, Converter] = {
    NumType.I32: lambda raw: raw - ((raw & 0x80000000) << 1),
    NumType.I64: lambda raw: raw - ((raw & 0x8000000000000000) << 1),
    NumType.F32: lambda raw: _F32.unpack(_U32.pack(raw))[0],
    NumType.F64: lambda raw: _F64.unpack(_U64.pack(raw))[0],
    NumType.V128: lambda raw: raw,
}


def _extern_from_raw(raw: Any) -> Any:
    return raw.value if isinstance(raw, ExternRef) else raw


def _same(raw: Any) -> Any:
    return raw


def python_converter(valtype: ValType) -> Converter:
    """Return the function from raw values of this type to Python values."""
    if isinstance(valtype, NumType):
        return _NUMBER_FROM_RAW[valtype]
    return _extern_from_raw if valtype.heaptype is AbsHeapType.EXTERN else _same


# Heap types of guest objects -> what stands for them; a host value seen as `any` is an ExternRef.
_OBJECTS: dict[AbsHeapType, tuple[type, ...]] = {
    AbsHeapType.ANY: (I31, StructRef, ArrayRef, ExternRef),
    AbsHeapType.EQ: (I31, StructRef, ArrayRef),
    AbsHeapType.I31: (I31,),
    AbsHeapType.STRUCT: (StructRef,),
    AbsHeapType.ARRAY: (ArrayRef,),
    AbsHeapType.EXN: (ExceptionRef,),
    AbsHeapType.FUNC: (FuncRef,),
}
_OBJECT_OF_COMPTYPE: dict[type, type[Any]] = {StructType: StructRef, ArrayType: ArrayRef, FuncType: FuncRef}


def _check_reference(store: Store, reftype: RefType, value: Any) -> Any:
    """Return `value` as a raw reference, or raise UsageError."""
    heaptype = reftype.heaptype
    if heaptype is AbsHeapType.EXTERN:
        return value if isinstance(value, (ExternRef, I31, StructRef, ArrayRef)) else ExternRef(value)
    if isinstance(heaptype, DefType):
        if not isinstance(value, _OBJECT_OF_COMPTYPE[type(heaptype.comptype)]):
            raise _refuse(value, reftype)
        if not match_deftype(value.deftype, heaptype):
            raise UsageError(f"type mismatch: {value!r} is not a {reftype}")
    elif not isinstance(value, _OBJECTS.get(heaptype, ())):  # type: ignore[arg-type]
        if heaptype is not AbsHeapType.I31 or not isinstance(value, int) or not -(1 << 30) <= value < 1 << 31:
            raise _refuse(value, reftype)
        return I31(value)
    if isinstance(value, FuncRef) and value.store is not store:
        raise UsageError("this Func belongs to another store")
    # why the default: a handle of compiled code knows its store by itself and refuses others.
    if getattr(value, "_heap", store.heap) is not store.heap:
        raise UsageError(f"this {type(value).__name__} belongs to another store")
    return value


def _reference_to_raw(store: Store, reftype: RefType) -> Converter:
    def convert(value: Any) -> Any:
        if value is not None:
            return _check_reference(store, reftype, value)
        if not reftype.nullable:
            raise UsageError(f"{reftype} takes no null")
        return None

    return convert


def raw_converter(store: Store, valtype: ValType) -> Converter:
    """Return the function from Python values (or a `Val`) to raw values of this type."""
    plain = _NUMBER_TO_RAW[valtype] if isinstance(valtype, NumType) else _reference_to_raw(store, valtype)

    def convert(value: Any) -> Any:
        if isinstance(value, Val):
            if value.type.syntax != valtype:
                raise UsageError(f"wrong type of `Val` provided: wanted {valtype}, got {value.type}")
            value = value.value
        return plain(value)

    return convert


def to_raw(store: Store, valtype: ValType, value: Any) -> Any:
    """Return the raw value of a Python value (or of a `Val`)."""
    return raw_converter(store, valtype)(value)


def from_raw(valtype: ValType, raw: Any) -> Any:
    """Return the Python value of a raw value."""
    return python_converter(valtype)(raw)


class Val:
    """A value with its type, for where the type matters."""

    __slots__ = ("type", "value")

    def __init__(self, type: publictypes.ValType, value: Any) -> None:  # noqa: A002
        self.type = type
        self.value = value

    @classmethod
    def i32(cls, val: int) -> Val:
        """Return a 32-bit integer."""
        return cls._number(NumType.I32, val)

    @classmethod
    def i64(cls, val: int) -> Val:
        """Return a 64-bit integer."""
        return cls._number(NumType.I64, val)

    @classmethod
    def f32(cls, val: float) -> Val:
        """Return a 32-bit float."""
        return cls._number(NumType.F32, val)

    @classmethod
    def f64(cls, val: float) -> Val:
        """Return a 64-bit float."""
        return cls._number(NumType.F64, val)

    @classmethod
    def v128(cls, val: int) -> Val:
        """Return a vector, given as an unsigned int with lane 0 lowest."""
        return cls._number(NumType.V128, val)

    @classmethod
    def _number(cls, numtype: NumType, val: Any) -> Val:
        value = _NUMBER_FROM_RAW[numtype](_NUMBER_TO_RAW[numtype](val))
        return cls(publictypes.ValType.of(numtype), value)

    @classmethod
    def externref(cls, extern: Any) -> Val:
        """Return a reference to a host value; None is the null."""
        return cls(publictypes.ValType.externref(), extern)

    @classmethod
    def funcref(cls, f: Any) -> Val:
        """Return a reference to a function; None is the null."""
        if f is not None and not isinstance(f, FuncRef):
            raise _refuse(f, "funcref")
        return cls(publictypes.ValType.funcref(), f)

    @classmethod
    def ref_null(cls, ty: publictypes.ValType) -> Val:
        """Return the null of a reference type."""
        if not isinstance(ty.syntax, RefType) or not ty.syntax.nullable:
            raise UsageError(f"Invalid reference type for `ref_null`: {ty}")
        return cls(ty, None)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Val):
            return self.type == other.type and bool(self.value == other.value)
        return bool(self.value == other)

    def __hash__(self) -> int:
        return hash(self.value)

    def _as(self, valtype: ValType) -> Any:
        return self.value if self.type.syntax == valtype else None

    def as_i32(self) -> int | None:
        """Return the value if it is an i32, else None."""
        found: int | None = self._as(NumType.I32)
        return found

    def as_i64(self) -> int | None:
        """Return the value if it is an i64, else None."""
        found: int | None = self._as(NumType.I64)
        return found

    def as_f32(self) -> float | None:
        """Return the value if it is an f32, else None."""
        found: float | None = self._as(NumType.F32)
        return found

    def as_f64(self) -> float | None:
        """Return the value if it is an f64, else None."""
        found: float | None = self._as(NumType.F64)
        return found

    def as_externref(self) -> Any:
        """Return the host value if it is an externref, else None."""
        return self._as(RefType(True, AbsHeapType.EXTERN))

    def as_funcref(self) -> Any:
        """Return the function if it is a funcref, else None."""
        return self._as(RefType(True, AbsHeapType.FUNC))

    def __repr__(self) -> str:
        return f"Val({self.type}, {self.value!r})"
