"""Rows that have a signature: what the table says is all there is to check, together with their immediates.

Spec: chapter 3.4. FIXED holds the rows that look at nothing but the operands; the main loop of `body.py`
types them in place. The others go through `check_signature`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InternalError
from ..isa import OPS, Imm, Op, TrapKind
from ..isa.model import ADDR
from ..syntax.instructions import Instr, MemArg
from ..syntax.types import ANYREF, EXNREF, EXTERNREF, FUNCREF, I31REF, NumType, ValType
from .context import Body

__all__ = ["FIXED", "check_memarg", "check_signature"]

_LETTERS: dict[str, ValType] = {
    **{str(numtype): numtype for numtype in NumType},
    "funcref": FUNCREF,
    "externref": EXTERNREF,
    "anyref": ANYREF,
    "exnref": EXNREF,
    "i31ref": I31REF,
}
# Immediates that say all there is to say: any value that decodes is right.
_FREE_IMMS = frozenset({Imm.I32, Imm.I64, Imm.F32, Imm.F64, Imm.V128, Imm.ORDER, Imm.U32})


def check_memarg(body: Body, op: Op, memarg: MemArg) -> NumType:
    """Check memory, alignment and offset; return the memory's address type."""
    mem = body.mem(memarg.memidx)
    if memarg.align > op.align:
        body.fail(f"alignment must not be larger than natural: 2**{memarg.align} is over {op.access}")
    if memarg.align != op.align and TrapKind.UNALIGNED_ATOMIC in op.traps:
        body.fail(f"atomic alignment must be natural: 2**{memarg.align} is not {op.access}")
    if mem.addrtype is NumType.I32 and memarg.offset >= 1 << 32:
        body.fail(f"offset out of range: {memarg.offset:#x}")
    return mem.addrtype


def _check_mem(body: Body, op: Op, memidx: int) -> NumType:
    return body.mem(memidx).addrtype


def _check_table(body: Body, op: Op, tableidx: int) -> NumType:
    return body.table(tableidx).addrtype


def _check_data(body: Body, op: Op, dataidx: int) -> None:
    body.data(dataidx)


def _check_elem(body: Body, op: Op, elemidx: int) -> None:
    body.elem(elemidx)


def _check_lane(body: Body, op: Op, lane: int) -> None:
    if lane >= op.lanes:
        body.fail(f"invalid lane index {lane}")


def _check_shuffle(body: Body, op: Op, lanes: bytes) -> None:
    if max(lanes) >= op.lanes:
        body.fail(f"invalid lane index {max(lanes)}")


# What to check of each immediate; those that name a memory or table return its address type.
_CHECKS: dict[Imm, Callable[[Body, Op, Any], NumType | None]] = {
    Imm.MEMARG: check_memarg,
    Imm.MEMIDX: _check_mem,
    Imm.TABLEIDX: _check_table,
    Imm.DATAIDX: _check_data,
    Imm.ELEMIDX: _check_elem,
    Imm.LANEIDX: _check_lane,
    Imm.LANEIDX_16: _check_shuffle,
}


def _types(letters: tuple[str, ...], addrtype: NumType | None) -> tuple[ValType, ...]:
    if addrtype is None:
        return tuple(_LETTERS[letter] for letter in letters)
    return tuple(addrtype if letter == ADDR else _LETTERS[letter] for letter in letters)


Signature = tuple[tuple[ValType, ...], tuple[ValType, ...]]
# By row and address type.
_signatures: dict[tuple[Op, NumType | None], Signature] = {}


def _signature(op: Op, addrtype: NumType | None) -> Signature:
    found = _signatures.get((op, addrtype))
    if found is None:
        if op.params is None or op.results is None:
            raise InternalError(f"{op.name} has no signature")
        found = _types(op.params, addrtype), _types(op.results, addrtype)
        _signatures[op, addrtype] = found
    return found


def check_signature(body: Body, instr: Instr) -> None:
    """Type an instruction that has a signature and immediates that need a look."""
    op: Op = instr[0]
    addrtype = None
    # why: backwards, because the official suite wants to hear of a missing memory before a missing segment.
    for imm, value in zip(op.imms[::-1], instr[:0:-1], strict=True):
        if imm not in _FREE_IMMS:
            addrtype = _CHECKS[imm](body, op, value) or addrtype
    params, results = _signature(op, addrtype)
    body.pop_types(params)
    body.stack.extend(results)


def _is_fixed(op: Op) -> bool:
    return op.params is not None and all(imm in _FREE_IMMS for imm in op.imms)


# Parameters (last one first, as they are popped) and results of the rows that need no look at immediates.
FIXED: dict[Op, Signature] = {
    op: (_signature(op, None)[0][::-1], _signature(op, None)[1]) for op in OPS if _is_fixed(op)
}
