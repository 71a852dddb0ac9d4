"""Values and result patterns of the script language, and how an actual result is compared with one.

Rule 1: numbers are unsigned ints or bits, never Python floats, so a NaN's payload and a zero's sign count.
Rule 2: a pattern also fixes the type of the result, as in the reference interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..syntax.types import AbsHeapType, NumType, RefType, ValType

__all__ = [
    "Either",
    "HostRef",
    "Nan",
    "Null",
    "Number",
    "Pattern",
    "RefPattern",
    "Value",
    "VectorPattern",
    "matches",
]

_QUIET = {32: 0x7FC00000, 64: 0x7FF8000000000000}
_SIGN = {32: 1 << 31, 64: 1 << 63}


@dataclass(frozen=True)
class Number:
    """A number or vector: its type and its bits."""

    type: NumType
    bits: int

    def __str__(self) -> str:
        return f"{self.type} {self.bits:#x}"


@dataclass(frozen=True)
class Null:
    """A null reference. `heaptype` is None for a bare `(ref.null)`; the type is not observable."""

    heaptype: AbsHeapType | int | None

    def __str__(self) -> str:
        return f"ref.null {self.heaptype or ''}".rstrip()


@dataclass(frozen=True)
class HostRef:
    """A host reference by its number; an anyref (ref.host) if `internal`, else an externref (ref.extern)."""

    number: int
    internal: bool = False

    def __str__(self) -> str:
        return f"ref.{'host' if self.internal else 'extern'} {self.number}"


@dataclass(frozen=True)
class Nan:
    """`nan:canonical` or `nan:arithmetic` of a float type."""

    type: NumType
    arithmetic: bool

    def __str__(self) -> str:
        return f"{self.type} nan:{'arithmetic' if self.arithmetic else 'canonical'}"


@dataclass(frozen=True)
class VectorPattern:
    """Lanes of a v128, lane 0 first: bits, or True for nan:arithmetic and False for nan:canonical."""

    width: int
    lanes: tuple[int | bool, ...]

    def __str__(self) -> str:
        words = {True: "nan:arithmetic", False: "nan:canonical"}
        return f"v128 {[words[x] if isinstance(x, bool) else hex(x) for x in self.lanes]}"


@dataclass(frozen=True)
class RefPattern:
    """A reference that is not null and of this kind: func, extern, any, eq, i31, struct, array, exn."""

    kind: str

    def __str__(self) -> str:
        return f"ref.{self.kind}"


@dataclass(frozen=True)
class Either:
    """Any one of several."""

    options: tuple[Pattern, ...]

    def __str__(self) -> str:
        return f"either of {', '.join(map(str, self.options))}"


KindOf = Callable[[RefType, object], "HostRef | str"]
Value = Number | Null | HostRef
Pattern = Number | Null | HostRef | Nan | VectorPattern | RefPattern | Either


def is_nan(bits: int, width: int, *, arithmetic: bool) -> bool:
    """Tell whether bits are a quiet NaN, of any payload or of the canonical one; the sign is free."""
    quiet = _QUIET[width]
    if arithmetic:
        return bits & quiet == quiet
    return bits & ~_SIGN[width] == quiet


def _lane_matches(bits: int, width: int, want: int | bool) -> bool:
    if isinstance(want, bool):
        return is_nan(bits, width, arithmetic=want)
    return bits == want


def matches(pattern: Pattern, t: ValType, raw: object, kind_of: KindOf) -> bool:
    """Tell whether the raw value of type `t` is what the pattern asks for.

    `kind_of` maps a reference of type `t` that is not null to its kind of heap value or its host number.
    """
    if isinstance(pattern, Either):
        return any(matches(option, t, raw, kind_of) for option in pattern.options)
    if isinstance(t, RefType):
        return _ref_matches(pattern, t, raw, kind_of)
    if not isinstance(raw, int):
        return False
    if isinstance(pattern, Number):
        return pattern.type is t and pattern.bits == raw
    if isinstance(pattern, Nan):
        width = 32 if t is NumType.F32 else 64
        return pattern.type is t and is_nan(raw, width, arithmetic=pattern.arithmetic)
    if isinstance(pattern, VectorPattern):
        mask = (1 << pattern.width) - 1
        lanes = ((raw >> at * pattern.width) & mask for at in range(len(pattern.lanes)))
        return t is NumType.V128 and all(
            _lane_matches(lane, pattern.width, want) for lane, want in zip(lanes, pattern.lanes, strict=True)
        )
    return False


# Which kinds of value a `(ref.kind)` pattern accepts.
_ACCEPTS: dict[str, frozenset[str]] = {
    "func": frozenset(["func"]),
    "extern": frozenset(["extern"]),
    "exn": frozenset(["exn"]),
    "eq": frozenset(["i31", "struct", "array"]),
    "any": frozenset(["i31", "struct", "array", "host"]),
    "i31": frozenset(["i31"]),
    "struct": frozenset(["struct"]),
    "array": frozenset(["array"]),
}


def _ref_matches(pattern: Pattern, t: RefType, raw: object, kind_of: KindOf) -> bool:
    if raw is None or isinstance(pattern, Null):
        return raw is None and isinstance(pattern, Null)
    found = kind_of(t, raw)
    if isinstance(pattern, HostRef):
        return found == pattern
    if isinstance(pattern, RefPattern):
        kind = found if isinstance(found, str) else ("host" if found.internal else "extern")
        return kind in _ACCEPTS[pattern.kind]
    return False
