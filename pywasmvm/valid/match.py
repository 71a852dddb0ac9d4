"""Matching (subtyping) of closed types, and default values.

Spec: chapter 3.3. Every type here is closed: a heap type is abstract, a DefType, or BOTTOM.
Rule 1: `match_x(a, b)` answers whether an `a` may stand where a `b` is wanted.
"""

from __future__ import annotations

from ..errors import InternalError
from ..syntax.types import (
    AbsHeapType,
    ArrayType,
    CompType,
    DefType,
    Exact,
    ExternType,
    FieldType,
    FuncExtern,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    NumType,
    PackedType,
    RefType,
    StructType,
    TableType,
    TagType,
    ValType,
)

__all__ = [
    "BOTTOM",
    "default_value",
    "is_defaultable",
    "match_comptype",
    "match_deftype",
    "match_externtype",
    "match_functype",
    "match_heaptype",
    "match_limits",
    "match_reftype",
    "match_results",
    "match_storage",
    "match_valtype",
    "top_of",
]


class _Bottom:
    """The heap type below all others; only validation of unreachable code makes one."""

    def __repr__(self) -> str:
        return "bot"


BOTTOM: HeapType = _Bottom()  # type: ignore[assignment]

_ANY, _EQ, _I31, _STRUCT, _ARRAY, _NONE = (
    AbsHeapType.ANY,
    AbsHeapType.EQ,
    AbsHeapType.I31,
    AbsHeapType.STRUCT,
    AbsHeapType.ARRAY,
    AbsHeapType.NONE,
)
_FUNC, _NOFUNC, _EXTERN, _NOEXTERN, _EXN, _NOEXN = (
    AbsHeapType.FUNC,
    AbsHeapType.NOFUNC,
    AbsHeapType.EXTERN,
    AbsHeapType.NOEXTERN,
    AbsHeapType.EXN,
    AbsHeapType.NOEXN,
)
# Proper supertypes of each abstract heap type.
_ABOVE: dict[AbsHeapType, frozenset[AbsHeapType]] = {
    _ANY: frozenset(),
    _EQ: frozenset({_ANY}),
    _I31: frozenset({_EQ, _ANY}),
    _STRUCT: frozenset({_EQ, _ANY}),
    _ARRAY: frozenset({_EQ, _ANY}),
    _NONE: frozenset({_I31, _STRUCT, _ARRAY, _EQ, _ANY}),
    _FUNC: frozenset(),
    _NOFUNC: frozenset({_FUNC}),
    _EXTERN: frozenset(),
    _NOEXTERN: frozenset({_EXTERN}),
    _EXN: frozenset(),
    _NOEXN: frozenset({_EXN}),
}
# The abstract heap type directly above, and the one below, every defined type of a kind.
_KIND_OF: dict[type, AbsHeapType] = {FuncType: _FUNC, StructType: _STRUCT, ArrayType: _ARRAY}
_BELOW: dict[type, AbsHeapType] = {FuncType: _NOFUNC, StructType: _NONE, ArrayType: _NONE}


def match_deftype(a: DefType, b: DefType) -> bool:
    """Return whether `a` is `b` or declared below it."""
    depth = len(b.supers)
    return a is b or (len(a.supers) > depth and a.supers[depth - 1] is b)


def match_heaptype(a: HeapType, b: HeapType) -> bool:
    """Match heap types."""
    if a is b or a is BOTTOM:
        return True
    if isinstance(a, Exact):
        return a == b if isinstance(b, Exact) else match_heaptype(a.heaptype, b)
    if isinstance(b, Exact):
        return isinstance(a, AbsHeapType) and match_heaptype(a, b.heaptype)
    if isinstance(a, DefType):
        if isinstance(b, DefType):
            return match_deftype(a, b)
        kind = _KIND_OF[type(a.comptype)]
        return b is kind or b in _ABOVE[kind]
    if isinstance(a, AbsHeapType):
        if isinstance(b, DefType):
            return a is _BELOW[type(b.comptype)]
        return b in _ABOVE[a]
    raise InternalError(f"heap type {a!r} is not closed")


def top_of(heaptype: HeapType) -> AbsHeapType:
    """Return the top of the hierarchy a heap type belongs to."""
    if isinstance(heaptype, Exact):
        heaptype = heaptype.heaptype
    if isinstance(heaptype, DefType):
        return _FUNC if isinstance(heaptype.comptype, FuncType) else _ANY
    if not isinstance(heaptype, AbsHeapType):
        raise InternalError(f"heap type {heaptype!r} is not closed")
    for top in (_ANY, _FUNC, _EXTERN):
        if heaptype is top or top in _ABOVE[heaptype]:
            return top
    return _EXN


def match_reftype(a: RefType, b: RefType) -> bool:
    """Match reference types."""
    return (b.nullable or not a.nullable) and match_heaptype(a.heaptype, b.heaptype)


def match_valtype(a: ValType, b: ValType) -> bool:
    """Match value types."""
    if a is b:
        return True
    return isinstance(a, RefType) and isinstance(b, RefType) and match_reftype(a, b)


def match_results(a: tuple[ValType, ...], b: tuple[ValType, ...]) -> bool:
    """Match sequences of value types."""
    return len(a) == len(b) and all(map(match_valtype, a, b))


def match_functype(a: FuncType, b: FuncType) -> bool:
    """Match function types: parameters the other way round."""
    return match_results(b.params, a.params) and match_results(a.results, b.results)


def match_storage(a: object, b: object) -> bool:
    """Match storage types."""
    if isinstance(a, PackedType) or isinstance(b, PackedType):
        return a is b
    return match_valtype(a, b)  # type: ignore[arg-type]


def _match_field(a: FieldType, b: FieldType) -> bool:
    if a.mutable != b.mutable or not match_storage(a.storage, b.storage):
        return False
    return not a.mutable or match_storage(b.storage, a.storage)


def match_comptype(a: CompType, b: CompType) -> bool:
    """Match composite types."""
    if isinstance(a, FuncType) and isinstance(b, FuncType):
        return match_functype(a, b)
    if isinstance(a, StructType) and isinstance(b, StructType):
        return len(a.fields) >= len(b.fields) and all(map(_match_field, a.fields, b.fields))
    if isinstance(a, ArrayType) and isinstance(b, ArrayType):
        return _match_field(a.field, b.field)
    return False


# External types


def match_limits(a: Limits, b: Limits) -> bool:
    """Match limits: `a` must lie within `b`."""
    if a.minimum < b.minimum:
        return False
    return b.maximum is None or (a.maximum is not None and a.maximum <= b.maximum)


def _match_table(a: TableType, b: TableType) -> bool:
    same_type = match_reftype(a.reftype, b.reftype) and match_reftype(b.reftype, a.reftype)
    return a.addrtype is b.addrtype and same_type and match_limits(a.limits, b.limits)


def _match_mem(a: MemType, b: MemType) -> bool:
    same_kind = a.addrtype is b.addrtype and a.shared == b.shared and a.page_size == b.page_size
    return same_kind and match_limits(a.limits, b.limits)


def _match_global(a: GlobalType, b: GlobalType) -> bool:
    if a.mutable != b.mutable or not match_valtype(a.valtype, b.valtype):
        return False
    return not a.mutable or match_valtype(b.valtype, a.valtype)


def match_externtype(actual: ExternType, wanted: ExternType) -> bool:
    """Return whether what is provided may be linked to an import."""
    if isinstance(actual, FuncExtern) and isinstance(wanted, FuncExtern):
        return actual.type is wanted.type if wanted.exact else match_heaptype(actual.type, wanted.type)
    if isinstance(actual, TagType) and isinstance(wanted, TagType):
        return match_heaptype(actual.type, wanted.type) and match_heaptype(wanted.type, actual.type)
    if isinstance(actual, TableType) and isinstance(wanted, TableType):
        return _match_table(actual, wanted)
    if isinstance(actual, MemType) and isinstance(wanted, MemType):
        return _match_mem(actual, wanted)
    if isinstance(actual, GlobalType) and isinstance(wanted, GlobalType):
        return _match_global(actual, wanted)
    return False


# Defaults


def is_defaultable(storage: ValType | PackedType) -> bool:
    """Return whether a local, field or element of this type has a value before it is set."""
    return storage.nullable if isinstance(storage, RefType) else True


def default_value(storage: ValType | PackedType) -> int | None:
    """Return the raw default value: 0, or None for a null reference."""
    if not isinstance(storage, RefType):
        return 0
    if not storage.nullable:
        raise InternalError(f"type {storage} has no default value")
    return None


NUMBERS = frozenset(NumType)
