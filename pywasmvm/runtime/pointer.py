"""Host functions written in C, called by their address.

A C function gets plain numbers and gives one at most. It runs without the GIL, so it may block; before it
touches Python it must take the GIL, as what `ffi.callback` makes does by itself. It may call guests of the
store it is called from. It cannot trap or raise; and it sees no memory, unless it is told where one is
(`Memory.data_ptr`).
Rule 1: what type of C stands for which type of WebAssembly is decided here alone.
Rule 2: the code below is called on raw values and keeps their bits, as the compiled engine's call does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from ..errors import UsageError
from ..syntax.types import DefType, NumType
from ._generated_system import ffi
from .publictypes import functype_of

__all__ = ["MOST_PARAMS", "Pointer"]

# So many fit the registers, or the plain slots of the stack, of every convention we call directly.
MOST_PARAMS = 8

_INTEGERS = {f"{sign}int{bits}_t" for sign in ("", "u") for bits in (32, 64)}
_INTEGERS |= {f"{sign}{name}" for sign in ("", "unsigned ") for name in ("int", "long", "long long")}
_INTEGERS |= {"size_t", "ssize_t", "ptrdiff_t", "intptr_t", "uintptr_t"}
_FLOATS = {"float": NumType.F32, "double": NumType.F64}
_INTEGER_OF_SIZE = {4: NumType.I32, 8: NumType.I64}

_CALLED_AS = {NumType.I32: "uint32_t", NumType.I64: "uint64_t", NumType.F32: "float", NumType.F64: "double"}
# Where a float is the low half of a double's register or slot.
_NESTING_MACHINES = {"x86_64", "amd64", "aarch64", "arm64"}
_PACKED_AS = {
    "float": (struct.Struct("<f"), struct.Struct("<I")),
    "double": (struct.Struct("<d"), struct.Struct("<Q")),
}
_MASKS = {NumType.F32: 0xFFFFFFFF, NumType.F64: 0xFFFFFFFFFFFFFFFF}


@cache
def _called_as() -> dict[Any, str]:
    """Return as what type of C each type is passed."""
    import platform  # why: few embedders come by here

    if platform.machine().lower() not in _NESTING_MACHINES:
        return _CALLED_AS
    # why: Python has no 32-bit floats, so a signalling NaN would come out quiet; a double passes as it is.
    return _CALLED_AS | {NumType.F32: "double"}


def _valtype_of(ctype: Any) -> NumType | None:
    """Return the type of WebAssembly that a type of C stands for, None if there is none."""
    if ctype.cname in _FLOATS:
        return _FLOATS[ctype.cname]
    return _INTEGER_OF_SIZE.get(ffi.sizeof(ctype)) if ctype.cname in _INTEGERS else None


def _check_signature(deftype: DefType) -> None:
    functype = functype_of(deftype)
    for valtype in (*functype.params, *functype.results):
        if valtype not in _CALLED_AS:
            raise UsageError(f"a C function takes and gives i32, i64, f32 and f64 only, not {valtype}")
    if len(functype.params) > MOST_PARAMS or len(functype.results) > 1:
        raise UsageError(f"a C function has at most {MOST_PARAMS} parameters and one result: {functype}")


def _check_ctype(deftype: DefType, pointer: Any) -> None:
    """Raise UsageError unless a cffi object is a pointer to a function of this type."""
    ctype = ffi.typeof(pointer)
    if ctype.kind != "function":
        raise UsageError(f"expected a pointer to a C function, got {ctype.cname}")
    functype = functype_of(deftype)
    params = [_valtype_of(t) for t in ctype.args]
    results = [] if ctype.result.kind == "void" else [_valtype_of(ctype.result)]
    if ctype.ellipsis or params != list(functype.params) or results != list(functype.results):
        raise UsageError(f"the C function is {ctype.cname}, which is not the type {functype}")


class Pointer:
    """A C function: its address, and what keeps it there."""

    __slots__ = ("address", "keep")

    def __init__(self, deftype: DefType, pointer: Any, keep: Any) -> None:
        """Take a cffi function pointer, whose type must agree, or an address, which is taken at its word."""
        _check_signature(deftype)
        if isinstance(pointer, ffi.CData):
            _check_ctype(deftype, pointer)
        elif not isinstance(pointer, int):
            raise UsageError(f"expected a cffi function pointer or an address, got {type(pointer).__name__}")
        self.address = int(ffi.cast("uintptr_t", pointer))
        self.keep = (pointer, keep)
        if not self.address:
            raise UsageError("a C function is needed, got a null pointer")

    def code(self, deftype: DefType) -> Callable[..., Any]:
        """Return what calls it with raw values."""
        functype = functype_of(deftype)
        called_as = _called_as()
        names = [called_as[t] for t in functype.params]
        result = functype.results[0] if functype.results else None
        name = "void" if result is None else called_as[result]
        func = ffi.cast(f"{name}(*)({', '.join(names) or 'void'})", self.address)
        takes = [_to_float(t) if t in _PACKED_AS else int for t in names]
        if name not in _PACKED_AS:
            return lambda *raws: func(*[convert(raw) for convert, raw in zip(takes, raws, strict=True)])
        as_float, as_bits = _PACKED_AS[name]
        mask = _MASKS[result]  # type: ignore[index]

        def code(*raws: Any) -> int:
            value = func(*[convert(raw) for convert, raw in zip(takes, raws, strict=True)])
            bits: int = as_bits.unpack(as_float.pack(value))[0]
            return bits & mask

        return code


def _to_float(name: str) -> Callable[[int], float]:
    """Return what makes a Python float of the bits that a parameter of this C type gets."""
    as_float, as_bits = _PACKED_AS[name]
    return lambda bits: as_float.unpack(as_bits.pack(bits))[0]
