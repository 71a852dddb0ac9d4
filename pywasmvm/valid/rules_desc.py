"""Typing rules of the proposal custom-descriptors.

Spec: proposal custom-descriptors, "New Instructions".
"""

from __future__ import annotations

from ..syntax.instructions import Instr
from ..syntax.types import DefType, Exact, HeapType, RefType
from .context import Body
from .match import BOTTOM, match_heaptype, top_of
from .rules_control import branch_with, check_cast
from .rules_ref import check_defaults, field_values


def _descriptor(body: Body, heaptype: HeapType, complaint: str) -> RefType:
    """Return the type of the operand that describes a heap type; exact if the heap type is."""
    closed = body.heaptype(heaptype)
    described = closed.heaptype if isinstance(closed, Exact) else closed
    descriptor = described.subtype.descriptor if isinstance(described, DefType) else None
    if descriptor is None:
        body.fail(complaint)
    return RefType(True, Exact(descriptor) if isinstance(closed, Exact) else descriptor)


def _operand(body: Body, heaptype: HeapType) -> RefType:
    """Return the type of the descriptor that a cast to a heap type takes."""
    name = heaptype.heaptype if isinstance(heaptype, Exact) else heaptype
    return _descriptor(body, heaptype, f"type {name} does not have a descriptor")


def _pop_descriptor(body: Body, typeidx: int) -> None:
    body.structtype(typeidx)
    complaint = "type without descriptor requires non-descriptor allocation"
    body.pop(_descriptor(body, Exact(typeidx), complaint))


def rule_struct_new_desc(body: Body, instr: Instr) -> None:
    """struct.new_desc x: [t* (ref null (exact y))] -> [(ref (exact x))], y the descriptor of x."""
    _pop_descriptor(body, instr[1])
    body.pop_types(field_values(body, instr[1]))
    body.push(body.new_ref(body.deftype(instr[1])))


def rule_struct_new_default_desc(body: Body, instr: Instr) -> None:
    """struct.new_default_desc x: [(ref null (exact y))] -> [(ref (exact x))]."""
    _pop_descriptor(body, instr[1])
    check_defaults(body, instr[1])
    body.push(body.new_ref(body.deftype(instr[1])))


def rule_ref_get_desc(body: Body, instr: Instr) -> None:
    """ref.get_desc x: [(ref null x)] -> [(ref y)], y the descriptor of x; exact if the operand is."""
    deftype = body.deftype(instr[1])
    inexact = _descriptor(body, instr[1], "type without descriptor")
    got = body.pop(RefType(True, deftype))
    is_exact = match_heaptype(got.heaptype if isinstance(got, RefType) else BOTTOM, Exact(deftype))
    body.push(RefType(False, Exact(inexact.heaptype) if is_exact else inexact.heaptype))


def rule_ref_cast_desc_eq(body: Body, instr: Instr) -> None:
    """ref.cast_desc_eq ht: [(ref null top) (ref null y)] -> [(ref ht)], y the descriptor of ht."""
    _cast(body, instr, False)


def rule_ref_cast_desc_eq_null(body: Body, instr: Instr) -> None:
    """ref.cast_desc_eq null ht: [(ref null top) (ref null y)] -> [(ref null ht)]."""
    _cast(body, instr, True)


def _cast(body: Body, instr: Instr, nullable: bool) -> None:
    operand = _operand(body, instr[1])
    heaptype = body.heaptype(instr[1])
    body.pop_types((RefType(True, top_of(heaptype)), operand))
    body.push(RefType(nullable, heaptype))


def rule_br_on_cast_desc_eq(body: Body, instr: Instr) -> None:
    """br_on_cast_desc_eq l rt1 rt2: [t* rt1 (ref null y)] -> [t* rt1-rt2], where l takes [t* rt2]."""
    target = instr[1]
    operand = _operand(body, target.target.heaptype)
    source, wanted, rest = check_cast(body, target)
    body.pop(operand)
    branch_with(body, target.labelidx, source, wanted, rest)


def rule_br_on_cast_desc_eq_fail(body: Body, instr: Instr) -> None:
    """br_on_cast_desc_eq_fail l rt1 rt2: [t* rt1 (ref null y)] -> [t* rt2], where l takes [t* rt1-rt2]."""
    target = instr[1]
    operand = _operand(body, target.target.heaptype)
    source, wanted, rest = check_cast(body, target)
    body.pop(operand)
    branch_with(body, target.labelidx, source, rest, wanted)
