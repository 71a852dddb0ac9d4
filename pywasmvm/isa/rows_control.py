"""Control instructions: blocks, branches, calls, tail calls, exceptions.

Nearly all are special: the validator and both engines have a rule or body of the same name.
Spec: 5.4.1; the legacy exception instructions are not part of the standard and have no rows.
"""

from __future__ import annotations

from .build import FB, special
from .model import Feature, Fuel, Imm, Op, TrapKind

FREE = Fuel.FREE
EH, TAIL, FUNCREFS, GC, DESC = (
    Feature.EXCEPTIONS,
    Feature.TAIL_CALL,
    Feature.FUNCTION_REFERENCES,
    Feature.GC,
    Feature.CUSTOM_DESCRIPTORS,
)
NULL_FUNC = (TrapKind.NULL_FUNCTION_REFERENCE,)
INDIRECT = (
    TrapKind.UNDEFINED_ELEMENT,
    TrapKind.UNINITIALIZED_ELEMENT,
    TrapKind.INDIRECT_CALL_TYPE_MISMATCH,
)
NULL_DESC = (TrapKind.NULL_DESCRIPTOR_REFERENCE,)

ROWS: tuple[Op, ...] = (
    special("unreachable", 0x00, fuel=FREE, traps=(TrapKind.UNREACHABLE,)),
    special("nop", 0x01, params=(), results=(), fuel=FREE),
    special("block", 0x02, Imm.BLOCKTYPE, fuel=FREE),
    special("loop", 0x03, Imm.BLOCKTYPE, fuel=FREE),
    special("if", 0x04, Imm.BLOCKTYPE),
    special("else", 0x05, fuel=FREE),
    special("throw", 0x08, Imm.TAGIDX, feature=EH),
    special("throw_ref", 0x0A, feature=EH, traps=(TrapKind.NULL_EXCEPTION_REFERENCE,)),
    special("end", 0x0B, fuel=FREE, const=True),
    special("br", 0x0C, Imm.LABELIDX),
    special("br_if", 0x0D, Imm.LABELIDX),
    special("br_table", 0x0E, Imm.LABELIDX_VEC, Imm.LABELIDX),
    special("return", 0x0F, fuel=FREE),
    special("call", 0x10, Imm.FUNCIDX),
    special("call_indirect", 0x11, Imm.TYPEIDX, Imm.TABLEIDX, traps=INDIRECT),
    special("return_call", 0x12, Imm.FUNCIDX, feature=TAIL),
    special("return_call_indirect", 0x13, Imm.TYPEIDX, Imm.TABLEIDX, feature=TAIL, traps=INDIRECT),
    special("call_ref", 0x14, Imm.TYPEIDX, feature=FUNCREFS, traps=NULL_FUNC),
    special("return_call_ref", 0x15, Imm.TYPEIDX, feature=FUNCREFS, traps=NULL_FUNC),
    special("try_table", 0x1F, Imm.BLOCKTYPE, Imm.CATCH_VEC, feature=EH),
    special("br_on_null", 0xD5, Imm.LABELIDX, feature=FUNCREFS),
    special("br_on_non_null", 0xD6, Imm.LABELIDX, feature=FUNCREFS),
    special("br_on_cast", FB | 24, Imm.CAST, feature=GC),
    special("br_on_cast_fail", FB | 25, Imm.CAST, feature=GC),
    special("br_on_cast_desc_eq", FB | 37, Imm.CAST, feature=DESC, traps=NULL_DESC),
    special("br_on_cast_desc_eq_fail", FB | 38, Imm.CAST, feature=DESC, traps=NULL_DESC),
)
