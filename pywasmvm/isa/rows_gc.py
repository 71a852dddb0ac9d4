"""Structures, arrays, casts and i31, and the proposal custom-descriptors.

Spec: 5.4.5 (prefix FB). The branches on casts stand in rows_control.
"""

from __future__ import annotations

from typing import Any

from .build import FB, special
from .model import I31REF, I32, Feature, Fuel, Imm, Op, TrapKind

PER_UNIT = Fuel.PER_UNIT
NULL_STRUCT = (TrapKind.NULL_STRUCTURE_REFERENCE,)
NULL_ARRAY = (TrapKind.NULL_ARRAY_REFERENCE,)
NULL_I31 = (TrapKind.NULL_I31_REFERENCE,)
ARRAY_BOUNDS = (TrapKind.NULL_ARRAY_REFERENCE, TrapKind.ARRAY_OUT_OF_BOUNDS)
DATA_BOUNDS = (*ARRAY_BOUNDS, TrapKind.MEMORY_OUT_OF_BOUNDS)
ELEM_BOUNDS = (*ARRAY_BOUNDS, TrapKind.TABLE_OUT_OF_BOUNDS)
CAST = (TrapKind.CAST_FAILURE,)
NULL_DESC = (TrapKind.NULL_DESCRIPTOR_REFERENCE,)
DESC_CAST = (TrapKind.NULL_DESCRIPTOR_REFERENCE, TrapKind.DESCRIPTOR_CAST_FAILURE)


def gc(name: str, code: int, *imms: Imm, **columns: Any) -> Op:
    """Make a row of the GC step."""
    return special(name, FB | code, *imms, feature=Feature.GC, **columns)


def desc(name: str, code: int, *imms: Imm, **columns: Any) -> Op:
    """Make a row of the proposal custom-descriptors."""
    return special(name, FB | code, *imms, feature=Feature.CUSTOM_DESCRIPTORS, **columns)


ROWS: tuple[Op, ...] = (
    gc("struct.new", 0, Imm.TYPEIDX, const=True),
    gc("struct.new_default", 1, Imm.TYPEIDX, const=True),
    gc("struct.get", 2, Imm.TYPEIDX, Imm.FIELDIDX, traps=NULL_STRUCT),
    gc("struct.get_s", 3, Imm.TYPEIDX, Imm.FIELDIDX, traps=NULL_STRUCT),
    gc("struct.get_u", 4, Imm.TYPEIDX, Imm.FIELDIDX, traps=NULL_STRUCT),
    gc("struct.set", 5, Imm.TYPEIDX, Imm.FIELDIDX, traps=NULL_STRUCT),
    gc("array.new", 6, Imm.TYPEIDX, fuel=PER_UNIT, const=True),
    gc("array.new_default", 7, Imm.TYPEIDX, fuel=PER_UNIT, const=True),
    gc("array.new_fixed", 8, Imm.TYPEIDX, Imm.U32, const=True),
    gc("array.new_data", 9, Imm.TYPEIDX, Imm.DATAIDX, fuel=PER_UNIT, traps=(TrapKind.MEMORY_OUT_OF_BOUNDS,)),
    gc("array.new_elem", 10, Imm.TYPEIDX, Imm.ELEMIDX, fuel=PER_UNIT, traps=(TrapKind.TABLE_OUT_OF_BOUNDS,)),
    gc("array.get", 11, Imm.TYPEIDX, traps=ARRAY_BOUNDS),
    gc("array.get_s", 12, Imm.TYPEIDX, traps=ARRAY_BOUNDS),
    gc("array.get_u", 13, Imm.TYPEIDX, traps=ARRAY_BOUNDS),
    gc("array.set", 14, Imm.TYPEIDX, traps=ARRAY_BOUNDS),
    gc("array.len", 15, traps=NULL_ARRAY),
    gc("array.fill", 16, Imm.TYPEIDX, fuel=PER_UNIT, traps=ARRAY_BOUNDS),
    gc("array.copy", 17, Imm.TYPEIDX, Imm.TYPEIDX, fuel=PER_UNIT, traps=ARRAY_BOUNDS),
    gc("array.init_data", 18, Imm.TYPEIDX, Imm.DATAIDX, fuel=PER_UNIT, traps=DATA_BOUNDS),
    gc("array.init_elem", 19, Imm.TYPEIDX, Imm.ELEMIDX, fuel=PER_UNIT, traps=ELEM_BOUNDS),
    gc("ref.test", 20, Imm.HEAPTYPE),
    gc("ref.test_null", 21, Imm.HEAPTYPE, mnemonic="ref.test"),
    gc("ref.cast", 22, Imm.HEAPTYPE, traps=CAST),
    gc("ref.cast_null", 23, Imm.HEAPTYPE, traps=CAST, mnemonic="ref.cast"),
    gc("any.convert_extern", 26, const=True),
    gc("extern.convert_any", 27, const=True),
    gc("ref.i31", 28, const=True),
    gc("i31.get_s", 29, params=(I31REF,), results=(I32,), traps=NULL_I31),
    gc("i31.get_u", 30, params=(I31REF,), results=(I32,), traps=NULL_I31),
    desc("struct.new_desc", 32, Imm.TYPEIDX, traps=NULL_DESC, const=True),
    desc("struct.new_default_desc", 33, Imm.TYPEIDX, traps=NULL_DESC, const=True),
    desc("ref.get_desc", 34, Imm.TYPEIDX, traps=(TrapKind.NULL_REFERENCE,)),
    desc("ref.cast_desc_eq", 35, Imm.HEAPTYPE, traps=DESC_CAST),
    desc("ref.cast_desc_eq_null", 36, Imm.HEAPTYPE, traps=DESC_CAST, mnemonic="ref.cast_desc_eq"),
)
