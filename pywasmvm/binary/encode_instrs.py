"""Instructions to bytes, driven by the table: what `read_instrs` reads.

Spec: chapter 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InternalError
from ..isa import OPS, Imm, Op
from ..isa.model import U32_IMMS
from ..syntax.instructions import CastTarget, Catch, Expr, Instr, MemArg
from .encode_types import encode_blocktype, encode_heaptype, encode_valtype, encode_vec
from .leb import encode_signed, encode_unsigned
from .read_instrs import MEMARG_HAS_MEMIDX

__all__ = ["encode_expr", "encode_instr"]


def _opcode(op: Op) -> bytes:
    if op.prefix:
        return bytes([op.prefix]) + encode_unsigned(op.code & 0xFFFF)
    return bytes([op.code])


_OPCODES: dict[Op, bytes] = {op: _opcode(op) for op in OPS}


def _signed(bits: int) -> Callable[[int], bytes]:
    half = 1 << (bits - 1)

    def encode(value: int) -> bytes:
        return encode_signed(value - 2 * half if value >= half else value)

    return encode


def _fixed(size: int) -> Callable[[int], bytes]:
    return lambda value: value.to_bytes(size, "little")


def _byte(value: int) -> bytes:
    return bytes([value])


def _memarg(memarg: MemArg) -> bytes:
    offset = encode_unsigned(memarg.offset)
    if not memarg.memidx:
        return encode_unsigned(memarg.align) + offset
    return encode_unsigned(memarg.align | MEMARG_HAS_MEMIDX) + encode_unsigned(memarg.memidx) + offset


def _cast(target: CastTarget) -> bytes:
    flags = target.source.nullable | target.target.nullable << 1
    heaptypes = encode_heaptype(target.source.heaptype) + encode_heaptype(target.target.heaptype)
    return bytes([flags]) + encode_unsigned(target.labelidx) + heaptypes


def _catch(catch: Catch) -> bytes:
    tag = b"" if catch.tagidx is None else encode_unsigned(catch.tagidx)
    return bytes([catch.kind]) + tag + encode_unsigned(catch.labelidx)


_IMM_WRITERS: dict[Imm, Callable[[Any], bytes]] = {
    **dict.fromkeys(U32_IMMS, encode_unsigned),
    Imm.BLOCKTYPE: encode_blocktype,
    Imm.LABELIDX_VEC: lambda labels: encode_vec(labels, encode_unsigned),
    Imm.LANEIDX: _byte,
    Imm.LANEIDX_16: bytes,
    Imm.I32: _signed(32),
    Imm.I64: _signed(64),
    Imm.F32: _fixed(4),
    Imm.F64: _fixed(8),
    Imm.V128: _fixed(16),
    Imm.MEMARG: _memarg,
    Imm.VALTYPE_VEC: lambda types: encode_vec(types, encode_valtype),
    Imm.HEAPTYPE: encode_heaptype,
    Imm.CAST: _cast,
    Imm.CATCH_VEC: lambda catches: encode_vec(catches, _catch),
    Imm.ORDER: _byte,
}


def encode_instr(instr: Instr) -> bytes:
    """Return one instruction."""
    op: Op = instr[0]
    if len(instr) == 1:
        return _OPCODES[op]
    values = zip(op.imms, instr[1:], strict=True)
    return _OPCODES[op] + b"".join([_IMM_WRITERS[imm](value) for imm, value in values])


def encode_expr(expr: Expr) -> bytes:
    """Return an expression, its `end` included."""
    return b"".join(map(encode_instr, expr.instrs()))


if set(_IMM_WRITERS) != set(Imm):
    raise InternalError("a kind of immediate has no writer")
