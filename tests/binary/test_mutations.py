"""Damaged modules: loading ends with acceptance or one of four errors, and an independent engine agrees.

PYWASMVM_MUTATIONS sets how many are tried (default 400), PYWASMVM_MUTATION_SEED where the dice start.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pywasmvm.binary import decode_module, encode_module
from pywasmvm.errors import DecodeError, LimitError, UnsupportedError, ValidationError
from pywasmvm.text import parse_module
from pywasmvm.valid import validate_module

COUNT = int(os.environ.get("PYWASMVM_MUTATIONS", "400"))
SEED = int(os.environ.get("PYWASMVM_MUTATION_SEED", "1"))
REFUSALS = (DecodeError, ValidationError, UnsupportedError, LimitError)
# Bytes that mean something: opcodes, types, the borders of numbers.
TELLING = bytes.fromhex("00 01 02 05 0b 0e 1c 1f 20 40 41 5e 5f 60 63 64 6f 70 7b 7f 80 d0 d2 fb fc fd ff")

TEXTS = (
    """(module (type $f (func (param i32) (result i32))) (import "env" "log" (func $log (type $f)))
      (memory 1) (table 4 funcref) (global $g (mut i32) (i32.const 7))
      (elem (i32.const 0) $a) (data (i32.const 8) "xyz")
      (func $a (export "a") (type $f) (local i64 f32) (block $b (loop $l (br_if $b (i32.eqz (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (i32.store offset=4 (local.get 0) (global.get $g))
        (br_table $l $b $l (local.get 0)))) (if (result i32) (local.get 0) (then (call $log (i32.const 1)))
        (else (call_indirect (type $f) (i32.const 2) (i32.load8_u (local.get 0)))))))""",
    """(module
      (rec (type $n (sub (struct (field (mut i32)) (field (ref null $n))))) (type $v (array (mut i8))))
      (type $m (sub $n (struct (field (mut i32)) (field (ref null $n)) (field f64)))) (data $d "abc")
      (global (ref $n) (struct.new $n (i32.const 1) (ref.null $n)))
      (func (param anyref) (result i32) (local (ref $v)) (local.set 1 (array.new_data $v $d (i32.const 0)
        (i32.const 3))) (block $no (result anyref) (br_on_cast_fail $no anyref (ref $m) (local.get 0))
        (struct.get $m 0) (return)) (drop) (array.get_s $v (local.get 1) (i32.const 0))))""",
    """(module (tag $e (param i64)) (memory i64 1) (func (result i64) (block $h (result i64)
      (try_table (catch $e $h) (throw $e (i64.load (i64.const 0)))) (unreachable))) (func (param v128) (result
      v128) (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 31
      (local.get 0) (f32x4.add (local.get 0) (local.get 0)))))""",
)


@pytest.fixture(scope="module")
def seeds(goldens: Path) -> list[bytes]:
    """Modules to damage."""
    files = sorted((goldens / "wat").glob("*.wasm"))
    return [encode_module(parse_module(text)) for text in TEXTS] * 20 + [path.read_bytes() for path in files]


@pytest.fixture(scope="module")
def accepts() -> Callable[[bytes], bool]:
    """Return wasmtime's opinion, with all of WebAssembly 3.0 switched on."""
    wasmtime: Any = pytest.importorskip("wasmtime")
    config = wasmtime.Config()
    for feature in (
        "gc",
        "function_references",
        "exceptions",
        "memory64",
        "multi_memory",
        "tail_call",
        "relaxed_simd",
    ):
        setattr(config, f"wasm_{feature}", True)
    engine = wasmtime.Engine(config)

    def answer(data: bytes) -> bool:
        try:
            wasmtime.Module.validate(engine, data)
        except wasmtime.WasmtimeError:
            return False
        return True

    return answer


def damage(data: bytes, rnd: random.Random) -> bytes:
    """Flip bits, put telling bytes in, cut out, cut off, or copy pieces around."""
    out = bytearray(data)
    for _ in range(rnd.choice((1, 1, 1, 2, 4))):
        if len(out) < 9:
            break
        at = rnd.randrange(8, len(out))
        how = rnd.randrange(6)
        if how == 0:
            out[at] ^= 1 << rnd.randrange(8)
        elif how == 1:
            out[at] = rnd.choice(TELLING)
        elif how == 2:
            del out[at : at + rnd.choice((1, 1, 2, 8))]
        elif how == 3:
            out[at:at] = bytes(rnd.choices(TELLING, k=rnd.choice((1, 1, 3))))
        elif how == 4 and rnd.random() < 0.2:
            del out[at:]
        else:
            source = rnd.randrange(len(out))
            piece = out[source : source + rnd.randrange(1, 12)]
            out[at : at + rnd.choice((0, len(piece)))] = piece
    return bytes(out)


def load(data: bytes, *, bodies: bool) -> type[Exception] | None:
    """Return the class of the refusal, None for acceptance."""
    try:
        validate_module(decode_module(data, bodies=bodies))
    except REFUSALS as error:
        return type(error)
    return None


def test_damaged_modules(seeds: list[bytes], accepts: Callable[[bytes], bool]) -> None:
    rnd = random.Random(SEED)
    verdicts: dict[type[Exception] | None, int] = {}
    for number in range(COUNT):
        data = damage(rnd.choice(seeds), rnd)
        verdict = load(data, bodies=True)
        assert load(data, bodies=False) is verdict, (number, data.hex())
        if verdict is not UnsupportedError and verdict is not LimitError:
            assert accepts(data) == (verdict is None), (number, verdict, data.hex())
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    assert verdicts[None] and verdicts[DecodeError] and verdicts[ValidationError]


def test_what_is_accepted_is_encoded_and_accepted_again(seeds: list[bytes]) -> None:
    rnd = random.Random(SEED + 1)
    accepted = 0
    for _ in range(COUNT):
        data = damage(rnd.choice(seeds), rnd)
        if load(data, bodies=False) is None:
            accepted += 1
            again = encode_module(decode_module(data))
            assert load(again, bodies=True) is None, data.hex()
            assert encode_module(decode_module(again)) == again
    assert accepted
