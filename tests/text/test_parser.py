"""The text parser: every abbreviation against what it stands for, every error with its place, any depth."""

from __future__ import annotations

import time

import pytest

from pywasmvm.binary import decode_module, encode_module
from pywasmvm.config import Features
from pywasmvm.errors import DecodeError, UnsupportedError, ValidationError
from pywasmvm.isa.model import Feature
from pywasmvm.syntax.module import Module
from pywasmvm.text import parse_module, print_module

ALL = Features(frozenset(Feature))


def parse(text: str) -> Module:
    return parse_module(text, ALL)


SAME = [
    ("(func (i32.add (i32.const 1) (i32.const 2)) drop)", "(func i32.const 1 i32.const 2 i32.add drop)"),
    (
        "(func (if (i32.const 1) (then nop) (else (nop) unreachable)))",
        "(func i32.const 1 if nop else nop unreachable end)",
    ),
    ("(func (if (i32.const 1) (then)))", "(func i32.const 1 if end)"),
    (
        "(func (if (block (result i32) i32.const 1) (then)))",
        "(func block (result i32) i32.const 1 end if end)",
    ),
    ('(func $f (export "a") (export "b"))', '(func) (export "a" (func 0)) (export "b" (func 0))'),
    ('(func (import "m" "n") (param i32))', '(import "m" "n" (func (param i32)))'),
    (
        '(global (export "g") (import "m" "n") (mut i32))',
        '(import "m" "n" (global (mut i32))) (export "g" (global 0))',
    ),
    ('(memory (data "ab" "c"))', '(memory 1 1) (data (memory 0) (offset (i32.const 0)) "abc")'),
    ("(memory i64 (data))", "(memory i64 0 0) (data (i64.const 0))"),
    ("(table funcref (elem 0 0)) (func)", "(table 2 2 funcref) (elem (i32.const 0) func 0 0) (func)"),
    (
        "(type $t (func)) (table (ref null $t) (elem $f)) (func $f)",
        "(type (func)) (table 1 1 (ref null 0)) (elem (i32.const 0) (ref null 0) (ref.func 0)) (func)",
    ),
    (
        "(table 1 funcref) (elem (i32.const 0) 0) (func)",
        "(table 1 funcref) (elem (offset i32.const 0) func 0) (func)",
    ),
    ("(elem funcref (ref.null func))", "(elem funcref (item ref.null func))"),
    (
        "(func (param i32 i64) (local f32 f32) (local f32))",
        "(func (param i32) (param i64) (local f32 f32 f32))",
    ),
    ("(func (param i64)) (type (func (param i64)))", "(type (func (param i64))) (func (type 0))"),
    ("(func (block (result i32) i32.const 0) drop)", "(func block (result i32) i32.const 0 end drop)"),
    ("(func (block (param) (result)))", "(func (block))"),
    (
        "(memory 1) (func (i32.load (i32.const 0)) drop)",
        "(memory 1) (func i32.const 0 i32.load 0 offset=0 align=4 drop)",
    ),
    ("(type (struct (field i32 i64)))", "(type (struct (field i32) (field i64)))"),
    ("(type (sub final (func)))", "(type (func))"),
    ("(rec (type (func)))", "(type (func))"),
    ("(func $f) (start $f)", "(func) (start 0)"),
    ('(func $" a") (start $"\\20a")', "(func) (start 0)"),
    ("(tag $e (param i32))", "(type (func (param i32))) (tag (type 0))"),
    (
        "(table $t 1 funcref) (func (call_indirect $t (param i32) (i32.const 0) (i32.const 1)))",
        "(type (func)) (type (func (param i32))) (table 1 funcref)"
        "(func (type 0) i32.const 0 i32.const 1 call_indirect 0 (type 1))",
    ),
    (
        '(memory 1) (data "") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))',
        '(memory 1) (data "") (func i32.const 0 i32.const 0 i32.const 0 memory.init 0 0)',
    ),
    ("(func ;; a comment\n nop (; one (; in ;) another ;))", "(func nop)"),
]


@pytest.mark.parametrize(("short", "long"), SAME, ids=[short[:40] for short, _ in SAME])
def test_abbreviation_means_the_long_form(short: str, long: str) -> None:
    if short.startswith("(table $t"):
        short = "(type (func)) (type (func (param i32)))" + short
    assert encode_module(parse(f"(module {short})")) == encode_module(parse(long))


def test_implied_types_follow_the_explicit_ones() -> None:
    implied = "(func (param i32)) (func (result f32) (f32.const 0))"
    module = parse(f"{implied} (type (func (param i64))) (func (param i32))")
    assert [func.typeidx for func in module.funcs] == [1, 2, 1]


@pytest.mark.parametrize("mode", ["folded", "plain", "operands"])
def test_depth_is_no_problem(mode: str) -> None:
    depth = 60_000
    text = {
        "folded": "(func " + "(block " * depth + ")" * depth + ")",
        "plain": "(func " + "block " * depth + "end " * depth + ")",
        "operands": "(func (drop " + "(i32.eqz " * depth + "(i32.const 0)" + ")" * depth + "))",
    }[mode]
    module = parse(text)
    assert len(module.funcs[0].body.instrs()) == {"operands": depth + 3}.get(mode, 2 * depth + 1)
    assert encode_module(parse(print_module(module))) == encode_module(module)


@pytest.mark.parametrize(
    "text",
    [
        '(data "' + '\\"' * 200_000,
        "(@x " * 100_000,
        "(; " * 200_000,
        '(@"' * 100_000,
        "(func " + "block $a br $a " * 30_000 + "end " * 30_000 + ")",
        "(func " + "block $a " * 30_000 + "br $b",
    ],
    ids=["string", "annotations", "comments", "annotation ids", "labels", "unknown label"],
)
def test_awkward_texts_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    try:
        parse(text)
    except DecodeError:
        pass
    assert time.perf_counter() - start < 5


def test_equal_names_are_numbered_in_linear_time() -> None:
    fields = '(func (@name "f"))' * 20_000
    start = time.perf_counter()
    assert "$f_19999 " in print_module(parse(fields))
    assert time.perf_counter() - start < 5


MISTAKES = [
    ("(func (i32.const0))", "unknown operator i32.const0", "line 1, column 8"),
    ("(func\n  (i32.const 0x1_0000_0000))", "constant out of range", "line 2, column 14"),
    ("(func (block $a br $b))", "unknown label", "line 1, column 20"),
    ("(func local.get $x)", "unknown local", "line 1, column 17"),
    ("(func (call $f))", "unknown function", "line 1, column 13"),
    ("(func (type $t))", "unknown type", "line 1, column 13"),
    ("(func) (func $f) (func $f)", "duplicate func", "line 1, column 24"),
    ("(type (struct (field $x i32) (field $x i32)))", "duplicate field", "line 1, column 37"),
    ('(func) (import "" "" (func))', "import after function", "line 1, column 9"),
    ("(func $f) (start $f) (start $f)", "multiple start sections", "line 1, column 23"),
    ("(func block $a end $b)", "mismatching label", "line 1, column 20"),
    (
        "(memory 1) (func (drop (i32.load align=3 (i32.const 0))))",
        "alignment must be a power of two",
        "column 34",
    ),
    ("(func (result i32) (param i32))", "unexpected token", "column 21"),
    ("(type (func)) (func (type 0) (param i32))", "inline function type", "column 21"),
    ("(func (v128.const i8x16 1) drop)", "wrong number of lane literals", "column 25"),
    ('(export "\\ff" (func 0))', "malformed UTF-8 encoding", "column 9"),
    ('(data "abc', "unclosed string", "column 7"),
    ('(data "\\zz")', "illegal escape", "column 7"),
    ("(func) (; (; ;)", "unclosed comment", "column 8"),
    ("(func $)", "empty identifier", "column 7"),
    ("(func é)", "illegal character", "column 7"),
    ("(func", "unexpected token", "column 6"),
    ("(func))", "unexpected token", "column 7"),
    ("(@x (func)", "unclosed annotation", "column 1"),
    ("(@x) (func (@y z) $)", "empty identifier", "column 19"),
    ("(func (i32.add local.get 0 local.get 0))", "unexpected token", "column 16"),
    ("(func (if (i32.const 0)))", "unexpected token", "column 24"),
    ("(func (if (then) (then)))", "unexpected token", "column 19"),
    ("(func (if (then) (else) (nop)))", "unexpected token", "column 25"),
    ("(func else)", "unexpected token", "column 7"),
    ("(func block end end)", "unexpected token", "column 17"),
    ("(func (block end))", "unexpected token", "column 14"),
    ('(@name "n") (module)', "misplaced @name annotation", "line 1, column 1"),
    ('(module) (@custom "n")', "misplaced @custom annotation", "line 1, column 10"),
    ("(func (loop)", "unexpected token", "column 13"),
]


@pytest.mark.parametrize(("text", "message", "where"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
def test_mistake_is_named_with_its_place(text: str, message: str, where: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(text)
    assert caught.value.message.startswith(message)
    assert where in caught.value.where


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(DecodeError, match="malformed UTF-8 encoding"):
        parse_module(b"(func (; \xff ;))")


@pytest.mark.parametrize(
    "text",
    [
        "(memory 1 1 shared)",
        "(memory 1 (pagesize 1))",
        "(func i64.add128)",
        "(func (drop (i32.atomic.load (i32.const 0))))",
        "(rec (type (descriptor 1) (struct)) (type (describes 0) (struct)))",
        '(import "" "" (func (exact (type 0))))',
        "(func (param (ref (exact 0))))",
    ],
)
def test_proposals_have_to_be_switched_on(text: str) -> None:
    with pytest.raises(UnsupportedError):
        parse_module(text)
    printed = print_module(parse(text))
    assert print_module(parse(printed)) == printed


def test_limits_are_u32_before_memory64() -> None:
    with pytest.raises(DecodeError, match="i32 constant out of range"):
        parse_module("(memory 0x1_0000_0000)", Features().without(Feature.MEMORY64))


def test_custom_annotations_are_placed() -> None:
    module = parse(
        '(module (@custom "z") (type (func)) (@custom "a" (before first) "1")'
        ' (@custom "b" (after type) "2" "3") (@custom "c" (before import)) (func) (@custom "d" (after last)))'
    )
    found = [(section.name, bytes(section.data)) for section in decode_module(encode_module(module)).customs]
    assert found == [("a", b"1"), ("b", b"23"), ("c", b""), ("z", b""), ("d", b"")]


def test_name_annotations_override_identifiers() -> None:
    module = parse('(module $m (@name "M") (func $f (@name "é") (param $x (@name "") i32) (local $y i32)))')
    assert (module.names.module, module.names.funcs, module.names.locals) == (
        "M",
        {0: "é"},
        {0: {0: "", 1: "y"}},
    )


def test_branch_hints_know_their_instruction() -> None:
    module = parse(
        "(func (param i32)"
        ' (@metadata.code.branch_hint "\\00") (if (local.get 0) (then'
        '  (@metadata.code.branch_hint "\\01") (br_if 0 (local.get 0))))'
        ' local.get 0 (@metadata.code.branch_hint "\\01") br_if 0)'
    )
    assert module.branch_hints == {0: [(1, b"\x00"), (3, b"\x01"), (6, b"\x01")]}
    assert parse(print_module(module)).branch_hints == module.branch_hints


def test_branch_hint_on_another_instruction_is_invalid() -> None:
    with pytest.raises(ValidationError, match="invalid target"):
        parse('(func (@metadata.code.branch_hint "\\01") nop)')
