"""Instructions, one at a time and exactly: the decoder that decides what an error is.

Spec: chapter 5.4. The immediates of each instruction come from the table (`Op.imms`); IMM_READERS has one
reader per kind. `tokens.py` is the fast path for bodies in their usual encoding and learns instructions from
here.
Rule 1: nesting is counted, never recursed into.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InternalError
from ..isa import BY_CODE, BY_NAME, OPS, Imm, Op
from ..isa.model import U32_IMMS
from ..syntax.instructions import CastTarget, Catch, CatchKind, Instr, MemArg
from ..syntax.types import RefType
from .read_types import read_blocktype, read_heaptype, read_valtype
from .reader import Reader, to_unsigned

__all__ = ["DATA_OPS", "ELSE", "END", "IF", "OPENERS", "STRUCTURE", "read_expr", "read_instr", "read_opcode"]

PREFIXES = frozenset(op.prefix for op in OPS if op.prefix)
OPENERS = frozenset(op for op in OPS if Imm.BLOCKTYPE in op.imms)
IF, ELSE, END = BY_NAME["if"], BY_NAME["else"], BY_NAME["end"]
STRUCTURE = OPENERS | {ELSE, END}
# Instructions that may only be used if there is a data count section.
DATA_OPS = frozenset(op for op in OPS if Imm.DATAIDX in op.imms)

MEMARG_HAS_MEMIDX, MEMARG_FLAGS_END = 0x40, 0x80
END_BYTE = 0x0B


def _read_labels(reader: Reader) -> tuple[int, ...]:
    return tuple(reader.read_vec(Reader.read_u32))


def _read_i32(reader: Reader) -> int:
    return to_unsigned(reader.read_signed(32), 32)


def _read_i64(reader: Reader) -> int:
    return to_unsigned(reader.read_signed(64), 64)


def _read_fixed(size: int) -> Callable[[Reader], int]:
    def read(reader: Reader) -> int:
        return int.from_bytes(reader.read_bytes(size), "little")

    return read


def _read_lanes(reader: Reader) -> bytes:
    return reader.read_bytes(16)


def _read_memarg(reader: Reader) -> MemArg:
    start = reader.pos
    flags = reader.read_u32()
    if flags >= MEMARG_FLAGS_END:
        raise reader.fail("malformed memop flags", start)
    memidx = reader.read_u32() if flags & MEMARG_HAS_MEMIDX else 0
    return MemArg(flags & (MEMARG_HAS_MEMIDX - 1), reader.read_u64(), memidx)


def _read_valtypes(reader: Reader) -> tuple[object, ...]:
    return tuple(reader.read_vec(read_valtype))


def _read_cast(reader: Reader) -> CastTarget:
    start = reader.pos
    flags = reader.read_byte()
    if flags > 3:
        raise reader.fail("malformed br_on_cast flags", start)
    labelidx = reader.read_u32()
    source = RefType(bool(flags & 1), read_heaptype(reader))
    return CastTarget(labelidx, source, RefType(bool(flags & 2), read_heaptype(reader)))


def _read_catch(reader: Reader) -> Catch:
    start = reader.pos
    kind = reader.read_byte()
    if kind > CatchKind.CATCH_ALL_REF:
        raise reader.fail("malformed catch clause", start)
    tagidx = reader.read_u32() if kind < CatchKind.CATCH_ALL else None
    return Catch(CatchKind(kind), tagidx, reader.read_u32())


def _read_catches(reader: Reader) -> tuple[Catch, ...]:
    return tuple(reader.read_vec(_read_catch))


def _read_order(reader: Reader) -> int:
    reader.read_zero()
    return 0


IMM_READERS: dict[Imm, Callable[[Reader], object]] = {
    **dict.fromkeys(U32_IMMS, Reader.read_u32),
    Imm.BLOCKTYPE: read_blocktype,
    Imm.LABELIDX_VEC: _read_labels,
    Imm.LANEIDX: Reader.read_byte,
    Imm.LANEIDX_16: _read_lanes,
    Imm.I32: _read_i32,
    Imm.I64: _read_i64,
    Imm.F32: _read_fixed(4),
    Imm.F64: _read_fixed(8),
    Imm.V128: _read_fixed(16),
    Imm.MEMARG: _read_memarg,
    Imm.VALTYPE_VEC: _read_valtypes,
    Imm.HEAPTYPE: read_heaptype,
    Imm.CAST: _read_cast,
    Imm.CATCH_VEC: _read_catches,
    Imm.ORDER: _read_order,
}


def read_opcode(reader: Reader) -> Op:
    """Read the opcode of one instruction. Raise UnsupportedError if its feature is off."""
    start = reader.pos
    code = reader.read_byte()
    spelling = f"{code:02x}"
    if code in PREFIXES:
        sub = reader.read_u32()
        spelling += f" {sub:02x}"
        code = code << 16 | sub if sub <= 0xFFFF else -1
    op = BY_CODE.get(code)
    if op is None:
        raise reader.fail(f"illegal opcode {spelling}", start)
    if op.feature not in reader.features:
        reader.need(op.feature, f"instruction {op.text}", start)
    return op


def read_instr(reader: Reader) -> Instr:
    """Read one instruction."""
    op = read_opcode(reader)
    return (op, *[IMM_READERS[imm](reader) for imm in op.imms])


def read_expr(reader: Reader, nesting: int | None = None, into: list[Instr] | None = None) -> list[Instr]:
    """Read instructions up to and including the `end` that closes the expression.

    Raise LimitError if blocks nest deeper than `nesting`. After an error `into` has what comes before it.
    """
    instrs: list[Instr] = [] if into is None else into
    # One entry per open block: True while it may still have an `else`.
    blocks: list[bool] = []
    while True:
        start = reader.pos
        instr = read_instr(reader)
        op = instr[0]
        if op not in STRUCTURE:
            instrs.append(instr)
            continue
        if op is END:
            if not blocks:
                instrs.append(instr)
                return instrs
            blocks.pop()
        elif op is ELSE:
            if not blocks or not blocks[-1]:
                raise reader.fail("END opcode expected", start)
            blocks[-1] = False
        else:
            blocks.append(op is IF)
            if nesting is not None and len(blocks) > nesting:
                raise reader.over_limit("nesting of blocks", len(blocks), nesting, start)
        instrs.append(instr)


if set(IMM_READERS) != set(Imm):
    raise InternalError("a kind of immediate has no reader")
