"""Closing recursive groups, and the one table of closed types in a process.

Spec: chapters 3.1.3 (rolling and closing) and 3.2.9. Types are iso-recursive: two groups are equal if they
are equal after references into the group are written as positions (`Rec`) and references out of it as
DefTypes.
Rule 1: equal groups are one object, so types are compared by identity.
Rule 2: the table holds groups weakly; a group lives as long as somebody uses one of its types.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

from ..errors import InternalError, LimitError, ValidationError
from ..syntax.types import (
    ArrayType,
    CompType,
    DefType,
    Exact,
    FieldType,
    FuncType,
    HeapType,
    Rec,
    RecType,
    RefType,
    StructType,
    SubType,
)
from .descriptors import check_clauses, check_descriptors, has_matching_clauses
from .match import match_comptype

__all__ = ["close_group", "map_comptype"]

Closer = Callable[[HeapType], HeapType]


class Group:
    """A closed recursive group. `is_checked` says that its declared supertypes were found to be right."""

    __slots__ = ("__weakref__", "is_checked", "types")

    def __init__(self, size: int) -> None:
        self.types = tuple(DefType(self, index) for index in range(size))
        self.is_checked = False


_groups: WeakValueDictionary[object, Group] = WeakValueDictionary()
_lock = threading.Lock()


def _map_storage(storage: object, close: Closer) -> object:
    if isinstance(storage, RefType):
        return RefType(storage.nullable, close(storage.heaptype))
    return storage


def _map_field(field: FieldType, close: Closer) -> FieldType:
    return FieldType(_map_storage(field.storage, close), field.mutable)  # type: ignore[arg-type]


def map_comptype(comptype: CompType, close: Closer) -> CompType:
    """Return the composite type with `close` applied to every heap type in it."""
    if isinstance(comptype, FuncType):
        params = tuple(_map_storage(t, close) for t in comptype.params)
        results = tuple(_map_storage(t, close) for t in comptype.results)
        return FuncType(params, results)  # type: ignore[arg-type]
    if isinstance(comptype, StructType):
        return StructType(tuple(_map_field(field, close) for field in comptype.fields))
    return ArrayType(_map_field(comptype.field, close))


def _map_subtype(subtype: SubType, close: Closer) -> SubType:
    supers = tuple(map(close, subtype.supers))
    describes = None if subtype.describes is None else close(subtype.describes)
    descriptor = None if subtype.descriptor is None else close(subtype.descriptor)
    return SubType(subtype.final, supers, map_comptype(subtype.comptype, close), describes, descriptor)


def close_group(rectype: RecType, types: list[DefType], depth: int | None = None) -> tuple[DefType, ...]:
    """Return the closed types of a group that comes after `types` in its module.

    Raise ValidationError if it names a type that is not there or declares a supertype it does not match,
    LimitError if a type has more than `depth` supertypes above it.
    """
    base = len(types)
    size = len(rectype.subtypes)

    def to_rec(heaptype: HeapType) -> HeapType:
        if isinstance(heaptype, Exact):
            return Exact(to_rec(heaptype.heaptype))
        if not isinstance(heaptype, int):
            return heaptype
        if heaptype < base:
            return types[heaptype]
        if heaptype < base + size:
            return Rec(heaptype - base)
        raise ValidationError(f"unknown type {heaptype}")

    for index, subtype in enumerate(rectype.subtypes):
        _check_supers(subtype, base + index)
    if depth is not None:
        _check_depth(rectype, types, depth)
    check_descriptors(rectype, base)
    key = tuple((type(s.comptype), _map_subtype(s, to_rec)) for s in rectype.subtypes)
    with _lock:
        group = _groups.get(key)
        if group is None:
            group = _make_group(tuple(subtype for _, subtype in key))
            _groups[key] = group
    if not group.is_checked:
        _check_group(group, rectype, base)
        group.is_checked = True
    return group.types


def _check_supers(subtype: SubType, typeidx: int) -> None:
    if len(subtype.supers) > 1:
        raise ValidationError(f"sub type {typeidx} has more than one super type")
    for heaptype in subtype.supers:
        if isinstance(heaptype, int) and heaptype >= typeidx:
            raise ValidationError(
                f"unknown type {heaptype}: a super type must come before its sub type {typeidx}"
            )


def _check_depth(rectype: RecType, types: list[DefType], limit: int) -> None:
    """Check how deep the types are, before chains of supertypes are made of them."""
    depths: list[int] = []
    for subtype in rectype.subtypes:
        above = -1
        for parent in subtype.supers:
            if isinstance(parent, int):
                above = len(types[parent].supers) - 1 if parent < len(types) else depths[parent - len(types)]
        depths.append(above + 1)
        if above + 1 > limit:
            raise LimitError(f"supertypes above a type: {above + 1} is over the limit of {limit}")


def _make_group(subtypes: tuple[SubType, ...]) -> Group:
    """Make the DefTypes of a group whose references into itself are `Rec`."""
    group = Group(len(subtypes))

    def tie(heaptype: HeapType) -> HeapType:
        if isinstance(heaptype, Exact):
            return Exact(tie(heaptype.heaptype))
        return group.types[heaptype.index] if isinstance(heaptype, Rec) else heaptype

    for deftype, subtype in zip(group.types, subtypes, strict=True):
        deftype.subtype = _map_subtype(subtype, tie)
        above: tuple[DefType, ...] = ()
        for parent in deftype.subtype.supers:
            if not isinstance(parent, DefType):
                raise InternalError("a supertype is not closed")
            above = parent.supers
        deftype.supers = (*above, deftype)
    return group


def _check_group(group: Group, rectype: RecType, base: int) -> None:
    """Check that each type matches the supertype it declares."""
    for deftype, subtype in zip(group.types, rectype.subtypes, strict=True):
        if not subtype.supers:
            continue
        parent = deftype.supers[-2]
        typeidx = base + deftype.index
        if parent.subtype.final:
            raise ValidationError(f"sub type {typeidx} has a final super type {subtype.supers[0]}")
        if not match_comptype(deftype.comptype, parent.comptype) or not has_matching_clauses(deftype, parent):
            raise ValidationError(f"sub type {typeidx} does not match super type {subtype.supers[0]}")
        check_clauses(subtype, deftype, parent)
