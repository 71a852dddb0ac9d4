"""Rows and rules fit together, and every row with a signature is typed as it says."""

from __future__ import annotations

import pytest

from pywasmvm.binary.encode_instrs import encode_instr
from pywasmvm.config import Features
from pywasmvm.errors import ValidationError
from pywasmvm.isa import BY_NAME, OPS, Feature, Imm, Op
from pywasmvm.isa.model import ADDR
from pywasmvm.syntax.instructions import Instr, InstrList, MemArg
from pywasmvm.syntax.module import Data, Elem, Func, Mode, Module, Table
from pywasmvm.syntax.types import (
    ANYREF,
    EXNREF,
    EXTERNREF,
    FUNCREF,
    I31REF,
    FuncType,
    Limits,
    MemType,
    NumType,
    RecType,
    SubType,
    TableType,
    ValType,
)
from pywasmvm.valid import rules, validate_module
from pywasmvm.valid.signatures import FIXED

ALL = Features(frozenset(Feature))
SIGNED = [op for op in OPS if op.params is not None]
END: Instr = (BY_NAME["end"],)
TYPES: dict[str, ValType] = {
    **{str(t): t for t in NumType},
    "funcref": FUNCREF,
    "externref": EXTERNREF,
    "anyref": ANYREF,
    "exnref": EXNREF,
    "i31ref": I31REF,
}


def test_every_special_row_has_a_rule() -> None:
    assert rules.MISSING == []


def test_every_rule_has_a_row() -> None:
    assert rules.SURPLUS == []


def test_fixed_rows_have_no_immediates_to_look_at() -> None:
    for op in FIXED:
        assert ADDR not in (*(op.params or ()), *(op.results or ()))
        assert not {imm for imm in op.imms if imm.value.endswith("idx") or imm is Imm.MEMARG}


def instr_of(op: Op, memidx: int) -> Instr:
    """Return an instance of the row whose immediates are right."""
    values: dict[Imm, object] = {
        Imm.MEMARG: MemArg(max(op.align, 0), 0, memidx),
        Imm.MEMIDX: memidx,
        Imm.TABLEIDX: memidx,
        Imm.LANEIDX_16: bytes(16),
    }
    return (op, *[values.get(imm, 0) for imm in op.imms])


def module_with(instrs: list[Instr], params: tuple[ValType, ...], results: tuple[ValType, ...]) -> Module:
    """Return a module of one function, with memories and tables of both address types."""
    mems = [MemType(t, Limits(0)) for t in (NumType.I32, NumType.I64)]
    tables = [Table(TableType(t, Limits(0), FUNCREF)) for t in (NumType.I32, NumType.I64)]
    get = BY_NAME["local.get"]
    operands: list[Instr] = [(get, index) for index in range(len(params))]
    return Module(
        types=[RecType((SubType(True, (), FuncType(params, results)),))],
        funcs=[Func(0, (), InstrList([*operands, *instrs, END]))],
        tables=tables,
        mems=mems,
        elems=[Elem(FUNCREF, [], Mode.PASSIVE)],
        datas=[Data(b"", Mode.PASSIVE)],
    )


def types_of(letters: tuple[str, ...], space: int) -> tuple[ValType, ...]:
    addr = (NumType.I32, NumType.I64)[space]
    return tuple(addr if letter == ADDR else TYPES[letter] for letter in letters)


@pytest.mark.parametrize("space", [0, 1], ids=["i32", "i64"])
@pytest.mark.parametrize("op", SIGNED, ids=lambda op: op.name)
def test_signatures(op: Op, space: int) -> None:
    params, results = types_of(op.params or (), space), types_of(op.results or (), space)
    instr = instr_of(op, space)
    validate_module(module_with([instr], params, results), ALL)
    wrong = FUNCREF if params and params[-1] is not FUNCREF else EXTERNREF
    if params:
        with pytest.raises(ValidationError, match="^type mismatch: instruction requires"):
            validate_module(module_with([instr], (*params[:-1], wrong), results), ALL)
        with pytest.raises(ValidationError, match="^type mismatch: instruction requires"):
            validate_module(module_with([instr], params[1:], results), ALL)
    with pytest.raises(ValidationError, match="^type mismatch"):
        validate_module(module_with([instr], params, (*results, FUNCREF)), ALL)
    if results:
        with pytest.raises(ValidationError, match="^type mismatch: block requires"):
            validate_module(module_with([instr], params, results[1:]), ALL)
    assert encode_instr(instr)


@pytest.mark.parametrize("op", [op for op in OPS if Imm.MEMARG in op.imms], ids=lambda op: op.name)
def test_alignment_and_offset(op: Op) -> None:
    params, results = types_of(op.params or (), 0), types_of(op.results or (), 0)
    zeros = [0] * (len(op.imms) - 1)

    def load(memarg: MemArg) -> None:
        validate_module(module_with([(op, memarg, *zeros)], params, results), ALL)

    load(MemArg(op.align, 2**32 - 1))
    with pytest.raises(ValidationError, match="^alignment must not be larger than natural"):
        load(MemArg(op.align + 1, 0))
    with pytest.raises(ValidationError, match="^offset out of range"):
        load(MemArg(op.align, 2**32))
    with pytest.raises(ValidationError, match="^unknown memory 2"):
        load(MemArg(op.align, 0, 2))
    if op.feature is Feature.THREADS and op.align > 0:
        with pytest.raises(ValidationError, match="^atomic alignment must be natural"):
            load(MemArg(op.align - 1, 0))
    elif op.align > 0:
        load(MemArg(0, 0))


@pytest.mark.parametrize("op", [op for op in OPS if op.lanes], ids=lambda op: op.name)
def test_lanes(op: Op) -> None:
    params, results = types_of(op.params or (), 0), types_of(op.results or (), 0)
    before = [MemArg(0, 0)] * (Imm.MEMARG in op.imms)

    def load(lane: int) -> None:
        imm: object = bytes([lane] * 16) if Imm.LANEIDX_16 in op.imms else lane
        validate_module(module_with([(op, *before, imm)], params, results), ALL)

    load(op.lanes - 1)
    with pytest.raises(ValidationError, match="^invalid lane index"):
        load(op.lanes)
