"""decode(encode(m)) == m, and encode(decode(x)) == x where x is in its shortest form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pywasmvm.binary import decode_module, decode_names, encode_module, encode_names
from pywasmvm.binary.encoder import encode_elem
from pywasmvm.binary.names import parse_names
from pywasmvm.config import Features
from pywasmvm.errors import WasmError
from pywasmvm.isa import Feature
from pywasmvm.syntax.module import CustomSection, Module, Names
from pywasmvm.text import parse_module

ALL = Features(frozenset(Feature))
TEXTS = {
    "types": """(module
        (type (func)) (type (func (param i32 i64 f32 f64 v128) (result funcref externref)))
        (rec (type $a (sub (struct (field i8) (field (mut i16)) (field (ref null $b)))))
             (type $b (sub final (array (mut (ref $a))))))
        (type (sub $a (struct (field i8) (field (mut i16)) (field (ref null $b)) (field (ref none))))))""",
    "imports": """(module (import "a" "f" (func (param i32))) (import "a" "t" (table i64 1 2 externref))
        (import "a" "m" (memory 1))
        (import "" "\\u{1f600}" (global (mut (ref null func)))) (import "a" "e" (tag)))""",
    "memories": """(module (memory 0) (memory 1 2) (memory i64 0) (memory i64 1 0x1000000000000)
        (memory 1 2 shared) (memory 0 0 (pagesize 1)))""",
    "tables": "(module (table 0 funcref) (table i64 1 9 (ref null 0) (ref.null func)) (type (func)))",
    "globals": "(module (global i32 (i32.const -1))"
    ' (global (mut f64) (f64.const nan:0x123)) (export "g" (global 1)))',
    "elements": """(module (func $f) (table $t 9 funcref) (table $u 9 funcref)
        (elem (i32.const 0) $f $f) (elem func $f) (elem (table $u) (i32.const 1) func $f) (elem declare func
        $f) (elem (i32.const 0) funcref (ref.func $f) (ref.null func)) (elem funcref (ref.null func))
        (elem (table $u) (i32.const 1) (ref func) (ref.func $f)) (elem declare funcref (ref.func $f)))""",
    "data": """(module (memory 1) (memory 1)
        (data (i32.const 0) "abc") (data "passive") (data (memory 1) (i32.const 8))
        (func (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 1)))""",
    "start": "(module (func) (func) (start 1))",
    "control": """(module (tag $e (param i32)) (type $f (func (result i32)))
        (func (param i32) (result i32) (local i32 i32 f64) (block (result i32) (try_table (catch $e 0)
          (catch_all 1)) (br_table 0 0 1 (i32.const 7) (local.get 0)))))""",
}


def settled(module: Module) -> Module:
    """Return the module without what depends on where things lie in the binary."""
    customs = [replace(custom, offset=None) for custom in module.customs]
    funcs = [replace(func, offset=None, size=0) for func in module.funcs]
    return replace(module, binary=None, customs=customs, funcs=funcs, names=Names(), checked=None)


@pytest.mark.parametrize("name", TEXTS)
def test_module_to_bytes_and_back(name: str) -> None:
    module = parse_module(TEXTS[name], ALL)
    data = encode_module(module)
    again = decode_module(data, ALL)
    if module.data_count is None:
        module = replace(module, data_count=again.data_count)
    assert settled(again) == settled(module)
    assert encode_module(again) == data


def test_all_element_forms_are_written() -> None:
    elems = parse_module(TEXTS["elements"], ALL).elems
    assert sorted(encode_elem(elem)[0] for elem in elems) == list(range(8))


def test_the_data_count_is_written_where_it_is_needed() -> None:
    assert decode_module(encode_module(parse_module(TEXTS["data"]))).data_count == 3
    assert decode_module(encode_module(parse_module('(module (memory 1) (data "x"))'))).data_count is None


def test_real_modules_come_back_byte_for_byte(goldens: Path) -> None:
    count = 0
    for path in sorted((goldens / "wat").glob("*.wasm")):
        data = path.read_bytes()
        try:
            module = decode_module(data)
        except WasmError:
            continue
        assert encode_module(module) == data, path.name
        count += 1
    assert count > 50


def test_custom_sections_stay_where_they_were() -> None:
    module = parse_module("(module (type (func)) (memory 1))")
    module.customs = [
        CustomSection("first", b"\0\1", after=0),
        CustomSection("second", b"", after=1),
        CustomSection("third", b"x", after=1),
        CustomSection("last", b"y", after=5),
    ]
    data = encode_module(module)
    assert data.index(b"first") < data.index(b"\1\x04\1\x60") < data.index(b"second") < data.index(b"third")
    assert data.index(b"third") < data.index(b"\5\3\1\0\1") < data.index(b"last")
    again = decode_module(data).customs
    assert [replace(custom, offset=None) for custom in again] == module.customs


NAMES = Names(
    module="m\u00e9",
    funcs={0: "run", 300: "stop"},
    locals={0: {0: "x", 1: "y"}},
    labels={0: {2: "again"}},
    types={0: "t"},
    tables={0: "tab"},
    mems={0: "mem"},
    globals={1: "g"},
    elems={0: "e"},
    datas={0: "d"},
    fields={0: {1: "next"}},
    tags={0: "oops"},
)


def test_names_to_bytes_and_back() -> None:
    assert parse_names(encode_names(NAMES)) == NAMES


def test_names_are_decoded_on_demand() -> None:
    module = decode_module(encode_module(replace(parse_module("(module (func))"), names=NAMES), names=True))
    assert module.names == Names()
    assert decode_names(module) == NAMES
    assert module.func_name(0) == "run"
    assert decode_module(encode_module(module, names=True)).customs == module.customs


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("01ff", Names()),
        ("0104010001ff" + "000201" + "6d", Names(module="m")),
        ("63020000" + "00020161", Names(module="a")),
        ("00020161" + "01050200016601", Names(module="a")),
        ("00020161" + "0105ffffffff0f", Names(module="a")),
    ],
    ids=["length", "text", "unknown subsection", "count", "huge count"],
)
def test_a_broken_name_section_is_ignored(data: str, expected: Names) -> None:
    module = parse_module("(module)")
    module.customs = [CustomSection("name", bytes.fromhex(data), after=0)]
    assert decode_names(decode_module(encode_module(module))) == expected
