"""The fast path of the decoder says what the exact decoder says, for every row of the table."""

from __future__ import annotations

import random

import pytest

from pywasmvm.binary.encode_instrs import encode_instr
from pywasmvm.binary.lazy import LazyExpr
from pywasmvm.binary.read_instrs import OPENERS, read_expr, read_instr
from pywasmvm.binary.reader import Reader
from pywasmvm.binary.tokens import Tokens, tokens_for
from pywasmvm.config import Features
from pywasmvm.errors import DecodeError, UnsupportedError
from pywasmvm.isa import BY_NAME, OPS, Feature, Imm, Op
from pywasmvm.syntax.instructions import CastTarget, Catch, CatchKind, Instr, MemArg
from pywasmvm.syntax.types import AbsHeapType, NumType, RefType

ALL = Features(frozenset(Feature))
NUMBERS = (0, 1, 63, 64, 127, 128, 255, 256, 16383, 16384, 2**31 - 1, 2**31, 2**32 - 1)
HEAPTYPES = (AbsHeapType.FUNC, AbsHeapType.NONE, 0, 5, 63, 64, 1 << 20)
REFTYPES = (RefType(True, AbsHeapType.ANY), RefType(False, 70), RefType(True, AbsHeapType.NOEXN))
VALTYPES = (*NumType, *REFTYPES)


def draw(imm: Imm, rnd: random.Random) -> object:
    """Return a value for one immediate, from the corners."""
    wide = rnd.choice((0, 1, 2**63, 2**64 - 1, rnd.getrandbits(64)))
    values = {
        Imm.BLOCKTYPE: rnd.choice((None, *VALTYPES, 0, 63, 64, 8191, 1 << 30)),
        Imm.LABELIDX_VEC: tuple(rnd.choices(NUMBERS, k=rnd.choice((0, 1, 3, 127, 128, 500)))),
        Imm.LANEIDX: rnd.randrange(256),
        Imm.LANEIDX_16: rnd.randbytes(16),
        Imm.I64: wide,
        Imm.F32: rnd.getrandbits(32),
        Imm.F64: rnd.getrandbits(64),
        Imm.V128: rnd.getrandbits(128),
        Imm.MEMARG: MemArg(rnd.randrange(64), wide, rnd.choice(NUMBERS)),
        Imm.VALTYPE_VEC: tuple(rnd.choices(VALTYPES, k=rnd.randrange(3))),
        Imm.HEAPTYPE: rnd.choice(HEAPTYPES),
        Imm.CAST: CastTarget(rnd.choice(NUMBERS), rnd.choice(REFTYPES), rnd.choice(REFTYPES)),
        Imm.CATCH_VEC: tuple(
            Catch(kind, rnd.choice(NUMBERS) if kind < 2 else None, rnd.choice(NUMBERS))
            for kind in rnd.choices(tuple(CatchKind), k=rnd.randrange(4))
        ),
        Imm.ORDER: 0,
    }
    return values.get(imm, rnd.choice(NUMBERS))


def instr_of(op: Op, rnd: random.Random) -> Instr:
    return (op, *[draw(imm, rnd) for imm in op.imms])


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_encoded_decoded_exactly_and_fast(op: Op) -> None:
    rnd = random.Random(op.code)
    instrs = [instr_of(op, rnd) for _ in range(20)]
    data = b"".join(map(encode_instr, instrs))
    reader = Reader(data, 0, ALL)
    assert [read_instr(reader) for _ in instrs] == instrs
    assert reader.pos == len(data)
    assert tokens_for(ALL).scan(data, 0, len(data)) == instrs
    assert Tokens(ALL).scan(data, 0, len(data)) == instrs


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_a_feature_that_is_off_is_off_on_both_paths(op: Op) -> None:
    data = encode_instr(instr_of(op, random.Random(op.code)))
    off = Features(frozenset(Feature) - {op.feature})
    assert tokens_for(off).scan(data, 0, len(data)) is None
    with pytest.raises(UnsupportedError, match=op.feature.value):
        read_instr(Reader(data, 0, off))


@pytest.mark.parametrize("seed", range(300))
def test_any_bytes_give_the_same_on_both_paths(seed: int) -> None:
    """Bytes near a right body, and bytes at random: the fast path gives up or agrees."""
    rnd = random.Random(seed)
    plain = [op for op in OPS if op not in OPENERS and op.name not in ("end", "else")]
    data = bytearray(b"".join(encode_instr(instr_of(rnd.choice(plain), rnd)) for _ in range(8)))
    for _ in range(rnd.randrange(4)):
        data[rnd.randrange(len(data))] = rnd.choice((0, 0x0E, 0x0B, 0x7F, 0x80, 0xFF, rnd.randrange(256)))
    expr = LazyExpr(bytes(data) + b"\x0b", 0, len(data) + 1, ALL)
    fast = tokens_for(ALL).scan(expr.data, 0, expr.end)
    try:
        reader = Reader(expr.data, 0, ALL)
        exact = read_expr(reader)
    except DecodeError as error:
        with pytest.raises(DecodeError) as caught:
            expr.prove(None)
        assert str(caught.value) == str(error)
        return
    if reader.pos == expr.end:
        assert expr.prove(None) == exact
        assert fast is None or fast == exact
    else:
        with pytest.raises(DecodeError, match="section size mismatch"):
            expr.prove(None)


def test_long_spellings_are_left_to_the_exact_decoder() -> None:
    data = bytes.fromhex("fc8a808000" + "0000" + "0b")  # memory.copy with a padded subopcode
    assert tokens_for(ALL).scan(data, 0, len(data)) is None
    assert LazyExpr(data, 0, len(data), ALL).instrs() == [(BY_NAME["memory.copy"], 0, 0), (BY_NAME["end"],)]


def test_equal_spellings_share_a_tuple() -> None:
    data = bytes.fromhex("20002000" + "410741070b")
    first, second, third, fourth, _ = tokens_for(ALL).scan(data, 0, len(data)) or []
    assert first is second
    assert third is fourth


def test_what_was_learnt_is_bounded() -> None:
    tokens = Tokens(ALL)
    rnd = random.Random(1)
    for _ in range(8):
        data = b"".join(encode_instr((BY_NAME["f64.const"], rnd.getrandbits(64))) for _ in range(20_000))
        assert len(tokens.scan(data, 0, len(data)) or []) == 20_000
    assert len(tokens._memo) <= 1 << 16


def test_offsets_and_indices() -> None:
    data = bytes.fromhex("00" + "4180808080" + "00" + "fd0c" + "00" * 16 + "1a" + "0b")
    expr = LazyExpr(data, 1, len(data), ALL)
    assert [expr.offset_of(index) for index in range(4)] == [1, 7, 25, 26]
    assert [expr.index_at(offset) for offset in (1, 6, 7, 24, 25, 26)] == [0, 0, 1, 1, 2, 3]
