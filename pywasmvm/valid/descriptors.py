"""Types that describe others: the clauses of the proposal custom-descriptors.

Spec: proposal custom-descriptors, "Types" and "Validation". A type without clauses passes everything here.
"""

from __future__ import annotations

from ..errors import ValidationError
from ..syntax.types import DefType, HeapType, RecType, StructType, SubType
from .match import match_heaptype

__all__ = ["check_clauses", "check_descriptors", "has_matching_clauses"]


def check_descriptors(rectype: RecType, base: int) -> None:
    """Check that the clauses in a group, whose first type has index `base`, belong together."""
    for typeidx, subtype in enumerate(rectype.subtypes, base):
        is_struct = isinstance(subtype.comptype, StructType)
        if subtype.describes is not None:
            described = _member(rectype, base, subtype.describes, "described")
            if isinstance(subtype.describes, int) and subtype.describes >= typeidx:
                raise ValidationError("forward use of described type")
            if not is_struct:
                raise ValidationError("described type must be a struct")
            if described.descriptor != typeidx:
                raise ValidationError("described type is not described by descriptor")
        if subtype.descriptor is not None:
            descriptor = _member(rectype, base, subtype.descriptor, "descriptor")
            if not is_struct:
                raise ValidationError("descriptor type must be a struct")
            if descriptor.describes != typeidx:
                raise ValidationError("type is not described by its descriptor")


def _member(rectype: RecType, base: int, typeidx: HeapType, what: str) -> SubType:
    """Return the type a clause names, which must be of the same group."""
    if not isinstance(typeidx, int) or not base <= typeidx < base + len(rectype.subtypes):
        raise ValidationError(f"{what} type is outside rec group")
    return rectype.subtypes[typeidx - base]


def has_matching_clauses(deftype: DefType, parent: DefType) -> bool:
    """Return whether a type has the clauses that its supertype asks for."""
    sub, sup = deftype.subtype, parent.subtype
    if (sub.describes is None) != (sup.describes is None):
        return False
    return sup.descriptor is None or sub.descriptor is not None


def check_clauses(written: SubType, deftype: DefType, parent: DefType) -> None:
    """Check that the types in the clauses match those of the supertype; `written` has their indices."""
    sub, sup = deftype.subtype, parent.subtype
    if sub.describes is not None and sup.describes is not None:
        if not match_heaptype(sub.describes, sup.describes):
            raise ValidationError(f"described type {written.describes} does not match")
    if sub.descriptor is not None and sup.descriptor is not None:
        if not match_heaptype(sub.descriptor, sup.descriptor):
            raise ValidationError(f"descriptor type {written.descriptor} does not match")
