"""Print and read back: the same bytes, for the modules of the suite, real filters and awkward names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pywasmvm.binary import decode_module, decode_names, encode_module
from pywasmvm.config import Features
from pywasmvm.errors import ModuleError
from pywasmvm.isa.model import Feature
from pywasmvm.syntax.types import ValType
from pywasmvm.testing.wast import DefineModule, Refusal, parse_script
from pywasmvm.text import parse_module, print_module

ALL = Features(frozenset(Feature))


def merged(groups: tuple[tuple[int, ValType], ...]) -> tuple[tuple[int, ValType], ...]:
    """Return groups of locals without empty ones and with equal neighbours joined."""
    result: list[tuple[int, ValType]] = []
    for count, valtype in groups:
        if count and result and result[-1][1] == valtype:
            result[-1] = (result[-1][0] + count, valtype)
        elif count:
            result.append((count, valtype))
    return tuple(result)


def check(binary: bytes) -> None:
    """Decode, print, parse, encode. Two things no text can say: a needless data count, how locals group."""
    module = decode_module(binary, ALL)
    decode_names(module)
    module.data_count = None
    for func in module.funcs:
        func.locals = merged(func.locals)
    canonical = encode_module(module, names=True)
    text = print_module(module)
    again = encode_module(parse_module(text, ALL), names=True)
    if again != canonical:
        again = encode_module(parse_module(print_module(module, raw_names=True), ALL), names=True)
    assert again == canonical
    assert print_module(parse_module(text, ALL)) == text


def script_modules(path: Path) -> list[bytes]:
    found = []
    for command in parse_script(path.read_bytes(), ALL):
        if not isinstance(command, (DefineModule, Refusal)):
            continue
        try:
            source = command.source
            binary = source.data if source.form == "binary" else encode_module(source.parse(), names=True)
            decode_module(binary, ALL)
        except ModuleError:
            continue
        found.append(binary)
    return found


def test_every_module_of_the_suite(spec_suite: Path) -> None:
    count = 0
    for path in sorted(spec_suite.rglob("*.wast")):
        for binary in script_modules(path):
            check(binary)
            count += 1
    assert count > 5_000


def test_every_filter_of_the_record(goldens: Path) -> None:
    count = 0
    for path in sorted((goldens / "wat").glob("*.wat")):
        check(encode_module(parse_module(path.read_text("utf-8")), names=True))
        count += 1
    assert count > 150


@pytest.mark.parametrize(
    "text",
    [
        '(func $a) (func $b (@name "a")) (func $c (@name "a_1")) (func $d (@name ""))',
        '(module (@name "") (func (@name "x y") (param $"p\\"q" i32) (local $"\\u{1f600}" i64)))',
        "(func block $x block $x block $y br $x br 1 br 2 end end end)",
        "(func (param i32) (block $l (br_if $l (local.get 0)) (loop $l (br $l))))",
        '(type $t (struct (field $"a b" i32) (field (mut (ref null $t))))) (func (param (ref $t))'
        ' (drop (struct.get $t $"a b" (local.get 0))))',
        "(memory $a 1) (memory $b 1) (func (v128.store8_lane $b offset=3 align=1 2 (i32.const 0) (v128.const"
        " i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)) (memory.copy $a $b (i32.const 0) (i32.const 0)"
        " (i32.const 0)))",
        '(import "m" "f" (func $f (param $a i32) (param i64) (param $c f32) (result i32)))',
        "(tag $e) (func (block $h (try_table (catch $e $h) (catch_all 0) throw $e)))",
    ],
)
def test_names_survive(text: str) -> None:
    check(encode_module(parse_module(text, ALL), names=True))


def test_floats_are_exact() -> None:
    text = print_module(parse_module("(func (drop (f32.const nan:0x1)) (drop (f64.const -0x1.8p-1074)))"))
    assert "f32.const nan:0x1\n" in text
    assert "f64.const -0x1p-1073\n" in text
