"""Typing rules of reference and GC instructions.

Spec: chapters 3.4.7 to 3.4.12.
"""

from __future__ import annotations

from ..syntax.instructions import Instr
from ..syntax.types import EQREF, AbsHeapType, FieldType, NumType, PackedType, RefType, StorageType, ValType
from .context import Body
from .match import is_defaultable, match_reftype, match_storage, top_of

_I31_NOT_NULL = RefType(False, AbsHeapType.I31)
_ARRAYREF = RefType(True, AbsHeapType.ARRAY)


def rule_ref_null(body: Body, instr: Instr) -> None:
    """ref.null ht: [] -> [(ref null ht)]."""
    body.push(RefType(True, body.heaptype(instr[1])))


def rule_ref_is_null(body: Body, instr: Instr) -> None:
    """ref.is_null: [(ref null ht)] -> [i32]."""
    body.pop_ref()
    body.push(NumType.I32)


def rule_ref_func(body: Body, instr: Instr) -> None:
    """ref.func x: [] -> [(ref dt)], x must be named outside bodies too."""
    reftype = body.func_ref(instr[1])
    if instr[1] not in body.checked.declared:
        body.fail(f"undeclared function reference {instr[1]}")
    body.push(reftype)


def rule_ref_eq(body: Body, instr: Instr) -> None:
    """ref.eq: [eqref eqref] -> [i32]."""
    body.pop_types((EQREF, EQREF))
    body.push(NumType.I32)


def rule_ref_as_non_null(body: Body, instr: Instr) -> None:
    """ref.as_non_null: [(ref null ht)] -> [(ref ht)]."""
    body.push(RefType(False, body.pop_ref().heaptype))


def rule_ref_test(body: Body, instr: Instr) -> None:
    """ref.test ht: [(ref null top)] -> [i32]."""
    body.pop(RefType(True, top_of(body.heaptype(instr[1]))))
    body.push(NumType.I32)


rule_ref_test_null = rule_ref_test


def rule_ref_cast(body: Body, instr: Instr) -> None:
    """ref.cast ht: [(ref null top)] -> [(ref ht)]."""
    _cast(body, instr, False)


def rule_ref_cast_null(body: Body, instr: Instr) -> None:
    """ref.cast null ht: [(ref null top)] -> [(ref null ht)]."""
    _cast(body, instr, True)


def _cast(body: Body, instr: Instr, nullable: bool) -> None:
    heaptype = body.heaptype(instr[1])
    body.pop(RefType(True, top_of(heaptype)))
    body.push(RefType(nullable, heaptype))


def rule_ref_i31(body: Body, instr: Instr) -> None:
    """ref.i31: [i32] -> [(ref i31)]."""
    body.pop(NumType.I32)
    body.push(_I31_NOT_NULL)


def rule_any_convert_extern(body: Body, instr: Instr) -> None:
    """any.convert_extern: [(ref null? extern)] -> [(ref null? any)]."""
    _convert(body, AbsHeapType.EXTERN, AbsHeapType.ANY)


def rule_extern_convert_any(body: Body, instr: Instr) -> None:
    """extern.convert_any: [(ref null? any)] -> [(ref null? extern)]."""
    _convert(body, AbsHeapType.ANY, AbsHeapType.EXTERN)


def _convert(body: Body, source: AbsHeapType, target: AbsHeapType) -> None:
    got = body.pop(RefType(True, source))
    body.push(RefType(isinstance(got, RefType) and got.nullable, target))


# Structures


def unpacked(storage: StorageType) -> ValType:
    """Return the type of a field's value on the stack."""
    return NumType.I32 if isinstance(storage, PackedType) else storage


def check_no_descriptor(body: Body, typeidx: int) -> None:
    """Refuse types whose objects need a descriptor."""
    if body.deftype(typeidx).subtype.descriptor is not None:
        body.fail("type with descriptor requires descriptor allocation")


def field_values(body: Body, typeidx: int) -> list[ValType]:
    """Return the types of the operands that initialise a structure's fields."""
    return [unpacked(field.storage) for field in body.structtype(typeidx).fields]


def check_defaults(body: Body, typeidx: int) -> None:
    """Check that every field of a structure has a default value."""
    for field in body.structtype(typeidx).fields:
        _check_default(body, field)


def rule_struct_new(body: Body, instr: Instr) -> None:
    """struct.new x: [t*] -> [(ref x)]."""
    check_no_descriptor(body, instr[1])
    body.pop_types(field_values(body, instr[1]))
    body.push(body.new_ref(body.deftype(instr[1])))


def rule_struct_new_default(body: Body, instr: Instr) -> None:
    """struct.new_default x: [] -> [(ref x)]."""
    check_no_descriptor(body, instr[1])
    check_defaults(body, instr[1])
    body.push(body.new_ref(body.deftype(instr[1])))


def _check_default(body: Body, field: FieldType) -> None:
    if not is_defaultable(field.storage):
        body.fail(f"type mismatch: field type {field.storage} has no default value")


def _field(body: Body, instr: Instr) -> FieldType:
    _, typeidx, fieldidx = instr
    fields = body.structtype(typeidx).fields
    if fieldidx >= len(fields):
        body.fail(f"unknown field {fieldidx}")
    return fields[fieldidx]


def _check_packing(body: Body, field: FieldType, is_packed: bool) -> None:
    if isinstance(field.storage, PackedType) != is_packed:
        body.fail(f"type mismatch: field type {field.storage} is {'not ' if is_packed else ''}packed")


def _struct_get(body: Body, instr: Instr, is_packed: bool) -> None:
    field = _field(body, instr)
    _check_packing(body, field, is_packed)
    body.pop(RefType(True, body.deftype(instr[1])))
    body.push(unpacked(field.storage))


def rule_struct_get(body: Body, instr: Instr) -> None:
    """struct.get x i: [(ref null x)] -> [t]."""
    _struct_get(body, instr, False)


def rule_struct_get_s(body: Body, instr: Instr) -> None:
    """struct.get_s x i: [(ref null x)] -> [i32]."""
    _struct_get(body, instr, True)


rule_struct_get_u = rule_struct_get_s


def rule_struct_set(body: Body, instr: Instr) -> None:
    """struct.set x i: [(ref null x) t] -> []."""
    field = _field(body, instr)
    if not field.mutable:
        body.fail(f"immutable field {instr[2]}")
    body.pop_types((RefType(True, body.deftype(instr[1])), unpacked(field.storage)))


# Arrays


def rule_array_new(body: Body, instr: Instr) -> None:
    """array.new x: [t i32] -> [(ref x)]."""
    body.pop_types((unpacked(body.arraytype(instr[1]).field.storage), NumType.I32))
    body.push(body.new_ref(body.deftype(instr[1])))


def rule_array_new_default(body: Body, instr: Instr) -> None:
    """array.new_default x: [i32] -> [(ref x)]."""
    _check_default(body, body.arraytype(instr[1]).field)
    body.pop(NumType.I32)
    body.push(body.new_ref(body.deftype(instr[1])))


def rule_array_new_fixed(body: Body, instr: Instr) -> None:
    """array.new_fixed x n: [t^n] -> [(ref x)]."""
    _, typeidx, count = instr
    t = unpacked(body.arraytype(typeidx).field.storage)
    # why: unreachable code has as many operands as asked for, so a huge count must not become a huge list.
    here = len(body.stack) - body.floor
    body.pop_types([t] * min(count, here))
    if count > here:
        body.pop(t)
    body.push(body.new_ref(body.deftype(typeidx)))


def rule_array_new_data(body: Body, instr: Instr) -> None:
    """array.new_data x y: [i32 i32] -> [(ref x)]."""
    _check_bits(body, body.arraytype(instr[1]).field)
    body.data(instr[2])
    body.pop_types((NumType.I32, NumType.I32))
    body.push(body.new_ref(body.deftype(instr[1])))


def _check_bits(body: Body, field: FieldType) -> None:
    if isinstance(field.storage, RefType):
        body.fail("array type is not numeric or vector")


def rule_array_new_elem(body: Body, instr: Instr) -> None:
    """array.new_elem x y: [i32 i32] -> [(ref x)]."""
    _check_elems(body, body.arraytype(instr[1]).field, instr[2])
    body.pop_types((NumType.I32, NumType.I32))
    body.push(body.new_ref(body.deftype(instr[1])))


def _check_elems(body: Body, field: FieldType, elemidx: int) -> None:
    elem = body.elem(elemidx)
    if not isinstance(field.storage, RefType) or not match_reftype(elem, field.storage):
        body.fail(f"type mismatch: elements of type {elem} do not match array type {field.storage}")


def _array_get(body: Body, instr: Instr, is_packed: bool) -> None:
    field = body.arraytype(instr[1]).field
    _check_packing(body, field, is_packed)
    body.pop_types((RefType(True, body.deftype(instr[1])), NumType.I32))
    body.push(unpacked(field.storage))


def rule_array_get(body: Body, instr: Instr) -> None:
    """array.get x: [(ref null x) i32] -> [t]."""
    _array_get(body, instr, False)


def rule_array_get_s(body: Body, instr: Instr) -> None:
    """array.get_s x: [(ref null x) i32] -> [i32]."""
    _array_get(body, instr, True)


rule_array_get_u = rule_array_get_s


def _mutable_array(body: Body, typeidx: int) -> FieldType:
    field = body.arraytype(typeidx).field
    if not field.mutable:
        body.fail(f"immutable array: type {typeidx}")
    return field


def rule_array_set(body: Body, instr: Instr) -> None:
    """array.set x: [(ref null x) i32 t] -> []."""
    field = _mutable_array(body, instr[1])
    body.pop_types((RefType(True, body.deftype(instr[1])), NumType.I32, unpacked(field.storage)))


def rule_array_len(body: Body, instr: Instr) -> None:
    """array.len: [arrayref] -> [i32]."""
    body.pop(_ARRAYREF)
    body.push(NumType.I32)


def rule_array_fill(body: Body, instr: Instr) -> None:
    """array.fill x: [(ref null x) i32 t i32] -> []."""
    field = _mutable_array(body, instr[1])
    reftype = RefType(True, body.deftype(instr[1]))
    body.pop_types((reftype, NumType.I32, unpacked(field.storage), NumType.I32))


def rule_array_copy(body: Body, instr: Instr) -> None:
    """array.copy x y: [(ref null x) i32 (ref null y) i32 i32] -> []."""
    _, to, source = instr
    field = _mutable_array(body, to)
    if not match_storage(body.arraytype(source).field.storage, field.storage):
        body.fail(f"array types do not match: type {source} and type {to}")
    to_ref, source_ref = RefType(True, body.deftype(to)), RefType(True, body.deftype(source))
    body.pop_types((to_ref, NumType.I32, source_ref, NumType.I32, NumType.I32))


def rule_array_init_data(body: Body, instr: Instr) -> None:
    """array.init_data x y: [(ref null x) i32 i32 i32] -> []."""
    _check_bits(body, _mutable_array(body, instr[1]))
    body.data(instr[2])
    body.pop_types((RefType(True, body.deftype(instr[1])), NumType.I32, NumType.I32, NumType.I32))


def rule_array_init_elem(body: Body, instr: Instr) -> None:
    """array.init_elem x y: [(ref null x) i32 i32 i32] -> []."""
    _check_elems(body, _mutable_array(body, instr[1]), instr[2])
    body.pop_types((RefType(True, body.deftype(instr[1])), NumType.I32, NumType.I32, NumType.I32))
