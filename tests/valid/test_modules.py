"""Whole modules: the official words, the place, and what CheckedModule says of the valid ones."""

from __future__ import annotations

import pytest

from pywasmvm.binary import decode_module, encode_module
from pywasmvm.binary.leb import encode_unsigned
from pywasmvm.config import Features, Limits
from pywasmvm.errors import DecodeError, LimitError, ValidationError
from pywasmvm.isa import Feature
from pywasmvm.syntax.module import ExternKind
from pywasmvm.syntax.types import FUNCREF, FuncType, NumType, RefType
from pywasmvm.text import parse_module
from pywasmvm.valid import validate_module

ALL = Features(frozenset(Feature))
INVALID = [
    ("(func (result i32))", r"type mismatch: instruction requires \[i32\] but stack has \[\]"),
    (
        "(func (result i32) (i64.const 1))",
        r"type mismatch: instruction requires \[i32\] but stack has \[i64\]",
    ),
    ("(func (i32.const 1))", "type mismatch: block requires"),
    ("(func (drop))", "type mismatch"),
    ("(func (br 1))", "unknown label 1"),
    ("(func (local.get 0))", "unknown local 0"),
    ("(func (global.get 0))", "unknown global 0"),
    ("(func (call 1))", "unknown function 1"),
    ("(func (type 3))", "unknown type 3"),
    ("(func (block (type 4)))", "unknown type 4"),
    ("(func (drop (memory.size)))", "unknown memory 0"),
    ("(func (drop (table.size 0)))", "unknown table 0"),
    ("(func (throw 0))", "unknown tag 0"),
    ("(func (data.drop 0))", "unknown data segment 0"),
    ("(func (elem.drop 0))", "unknown elem segment 0"),
    ("(func (if (result i32) (i32.const 1) (then (i32.const 1))) (drop))", "type mismatch: if without else"),
    ("(func (result i32) (block (result i32) (br_table 0 1 (i32.const 1)) ) )", "type mismatch"),
    ("(func (select (result i32 i32) (unreachable)) (drop))", "invalid result arity"),
    ("(func (select (ref.null func) (ref.null func) (i32.const 0)) (drop))", "type mismatch"),
    ("(func (local (ref func)) (drop (local.get 0)))", "uninitialized local 0"),
    (
        "(func (param (ref func)) (local (ref func))"
        " (block (local.set 1 (local.get 0))) (drop (local.get 1)))",
        "uninitialized local 1",
    ),
    ("(func $f) (func (drop (ref.func $f)))", "undeclared function reference 0"),
    ("(global i32 (i32.const 0)) (func (global.set 0 (i32.const 1)))", "immutable global 0"),
    (
        "(type $s (struct (field i32)))"
        " (func (param (ref $s)) (struct.set $s 0 (local.get 0) (i32.const 1)))",
        "immutable",
    ),
    (
        "(type $s (struct (field i8))) (func (param (ref $s)) (drop (struct.get $s 0 (local.get 0))))",
        "type mismatch",
    ),
    ("(type $s (struct)) (func (param (ref $s)) (drop (struct.get $s 0 (local.get 0))))", "unknown field 0"),
    (
        "(type $a (array i32)) (func (array.set $a (unreachable) (i32.const 0) (i32.const 0)))",
        "immutable array",
    ),
    (
        "(type $a (array funcref)) (data $d)"
        " (func (drop (array.new_data $a $d (i32.const 0) (i32.const 0))))",
        "array type",
    ),
    ("(type $f (func)) (func (drop (array.len (ref.null $f))))", "type mismatch"),
    ("(global i32 (i32.const 1) (i32.const 2))", "type mismatch"),
    ("(global i32 (i32.ctz (i32.const 1)))", "constant expression required"),
    ("(global (mut i32) (i32.const 0)) (global i32 (global.get 0))", "constant expression required"),
    ("(global i32 (global.get 1)) (global i32 (i32.const 0))", "unknown global 1"),
    ("(table 1 funcref (global.get 0)) (global funcref (ref.null func))", "unknown global 0"),
    ("(table 1 (ref func))", "type mismatch"),
    ("(table 2 1 funcref)", "size minimum must not be greater than maximum"),
    ("(memory 65537)", r"memory size must be at most 65536 pages \(4GiB\)"),
    ("(memory i64 0x1000000000001)", "memory size must be at most"),
    ("(memory 1 (pagesize 2))", "invalid custom page size"),
    ("(memory 1 shared)", "shared memory must have maximum"),
    ("(memory 1) (data (i64.const 0))", "type mismatch"),
    ("(data (i32.const 0))", "unknown memory 0"),
    ("(table i64 1 funcref) (elem (i32.const 0) func)", "type mismatch"),
    ("(table 1 externref) (elem (i32.const 0) func)", "type mismatch"),
    ("(elem func 7)", "unknown function 7"),
    ('(func (export "a") (export "a"))', 'duplicate export name "a"'),
    ('(export "a" (memory 0))', "unknown memory 0"),
    ("(func (param i32)) (start 0)", "start function"),
    ("(tag (result i32))", "non-empty tag result type"),
    (
        "(func (block (result i32) (try_table (catch_all 0)) (i32.const 1)) (drop))",
        "type mismatch: label requires",
    ),
    ("(func (return_call 1)) (func (result i32) (i32.const 1))", "type mismatch: function requires results"),
    ("(table 1 externref) (type (func)) (func (call_indirect (type 0) (i32.const 0)))", "type mismatch"),
]


@pytest.mark.parametrize(("text", "message"), INVALID, ids=[text[:60] for text, _ in INVALID])
def test_invalid(text: str, message: str) -> None:
    module = parse_module(f"(module {text})", ALL)
    with pytest.raises(ValidationError, match=f"^{message}"):
        validate_module(module, ALL)
    data = encode_module(module)
    for bodies in (True, False):
        with pytest.raises(ValidationError, match=f"^{message}") as caught:
            validate_module(decode_module(data, ALL, bodies=bodies), ALL)
        assert caught.value.where


VALID = [
    "(func (result i32) (unreachable))",
    "(func (result i32) (br 0 (i32.const 1)) (i64.add) (drop))",
    "(func (unreachable) (select) (drop))",
    "(func (unreachable) (br_table 0 0 0))",
    "(func (unreachable) (ref.as_non_null) (drop))",
    "(func (param (ref func)) (local (ref func)) (local.set 1 (local.get 0)) (drop (local.get 1)))",
    "(func (local (ref func)) (unreachable) (local.set 0) (drop (local.get 0)))",
    "(global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))) (global i32 (global.get 0))",
    "(memory i64 0x1000000000000)",
    "(type $a (array i32)) (func (unreachable) (array.new_fixed $a 4000000000) (drop))",
    "(func $f (block (drop (block (result (ref func)) (br_on_non_null 0 (ref.null func)) (br 1)))))",
    "(func (result i32) (i32.const 1) (loop (param i32) (result i32) (br_if 0 (i32.const 0))))",
]


@pytest.mark.parametrize("text", VALID)
def test_valid(text: str) -> None:
    module = parse_module(f"(module {text})", ALL)
    assert validate_module(module, ALL) is module.checked
    validate_module(decode_module(encode_module(module), ALL, bodies=False), ALL)


def test_the_place_of_an_instruction() -> None:
    text = (
        '(module (import "a" "b" (func)) (func (export "go") (i32.const 7)'
        " (block (i64.const 1) (i32.eqz) (drop))))"
    )
    data = encode_module(parse_module(text))
    with pytest.raises(ValidationError) as caught:
        validate_module(decode_module(data))
    assert caught.value.where == 'function 1 "go", instruction 3'
    assert caught.value.offset is not None
    assert data[caught.value.offset] == 0x45


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("(type (func)) (type (struct (field (ref 9))))", "type 1"),
        ('(import "a" "b" (func)) (import "a" "b" (func (type 7)))', "import 1"),
        ("(global i32 (i32.const 0)) (global i32 (i64.const 0))", "global 1"),
        ('(memory 1) (data "") (data (i32.ctz (i32.const 0)))', "data segment 1"),
        ('(func (export "a") (export "a"))', "export 1"),
    ],
)
def test_the_place_of_a_definition(text: str, where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_module(parse_module(f"(module {text})"))
    assert caught.value.where == where


def test_a_malformed_body_comes_before_an_invalid_one() -> None:
    """The first function is invalid, the second malformed."""
    data = bytearray(encode_module(parse_module("(module (func (drop)) (func (nop)))")))
    data[-2] = 0xFF
    with pytest.raises(DecodeError, match="illegal opcode ff") as caught:
        validate_module(decode_module(bytes(data), bodies=False))
    assert caught.value.where == "function 1, instruction 0"


def test_a_missing_data_count_comes_before_an_invalid_body() -> None:
    text = '(module (memory 1) (data "x") (func (data.drop 0)) (func (drop)))'
    data = encode_module(parse_module(text)).replace(b"\x0c\x01\x01", b"")
    for bodies in (True, False):
        with pytest.raises(DecodeError, match="data count section required"):
            validate_module(decode_module(data, bodies=bodies))


@pytest.mark.parametrize(
    ("feature", "text", "message"),
    [
        (Feature.MULTI_MEMORY, "(memory 1) (memory 1)", "multiple memories"),
        (Feature.REFERENCE_TYPES, "(table 1 funcref) (table 1 funcref)", "multiple tables"),
        (Feature.MULTI_VALUE, "(type (func (result i32 i32)))", "invalid result arity"),
        (
            Feature.EXTENDED_CONST,
            "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
            "constant expression required",
        ),
        (Feature.GC, "(global i32 (i32.const 1)) (global i32 (global.get 0))", "unknown global 0"),
    ],
)
def test_what_was_not_valid_yet(feature: Feature, text: str, message: str) -> None:
    module = parse_module(f"(module {text})")
    validate_module(module)
    with pytest.raises(ValidationError, match=f"^{message}"):
        validate_module(module, Features().without(feature))


def test_limits_of_text() -> None:
    with pytest.raises(LimitError, match="^locals of a function: 3 is over"):
        validate_module(parse_module("(module (func (param i32) (local i32 i32)))"), limits=Limits(locals=2))
    with pytest.raises(LimitError, match="^nesting of blocks"):
        validate_module(parse_module("(module (func (block (block))))"), limits=Limits(nesting=1))


LIMITED = [
    ("parameters or results of a type", Limits(arity=2), "(type (func (param i32 i32 i32)))"),
    ("parameters or results of a type", Limits(arity=0), "(type (func (result i32)))"),
    ("fields of a type", Limits(fields=1), "(type (struct (field i32 i32)))"),
    (
        "supertypes above a type",
        Limits(subtyping_depth=1),
        "(type (sub (func))) (rec (type (sub 0 (func))) (type (sub 1 (func))))",
    ),
    (
        "operands of a function",
        Limits(value_stack_bytes=24),
        "(func $f (result i32 i32) (call $f) (call $f) (br 0))",
    ),
]


@pytest.mark.parametrize(("what", "limits", "text"), LIMITED)
def test_limits_of_types_and_operands(what: str, limits: Limits, text: str) -> None:
    module = parse_module(f"(module {text})")
    validate_module(module)
    with pytest.raises(LimitError, match=f"^{what}: ") as caught:
        validate_module(module, limits=limits)
    assert caught.value.where


def test_operands_and_types_that_would_fill_the_memory() -> None:
    """A million calls of two bytes that push a thousand operands each, and a long chain of subtypes."""
    results = "i32 " * 1000
    data = bytearray(
        encode_module(parse_module(f"(module (type (func (result {results}))) (func (type 0)))"))
    )
    code = b"\0" + b"\x10\0" * 1_000_000 + b"\x0b"
    data = data[: data.rindex(b"\x0a\x04\x01\x02\x00\x0b")]
    body = encode_unsigned(len(code)) + code
    data += b"\x0a" + encode_unsigned(len(body) + 1) + b"\1" + body
    with pytest.raises(LimitError, match="^operands of a function"):
        validate_module(decode_module(data, bodies=False))
    chain = "(type (sub (func)))" + "".join(f"(type (sub {n} (func)))" for n in range(5000))
    with pytest.raises(LimitError, match="^supertypes above a type: 64 is over"):
        validate_module(parse_module(f"(module {chain})"))


DESCRIBED = "(rec (type $a (sub (descriptor $b) (struct))) (type $b (sub (describes $a) (struct))))"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(type (descriptor 1) (struct))", "descriptor type is outside rec group"),
        ("(type (describes 0) (struct))", "forward use of described type"),
        ("(rec (type (descriptor 1) (struct)) (type (struct)))", "type is not described by its descriptor"),
        (
            "(rec (type (struct)) (type (describes 0) (struct)))",
            "described type is not described by descriptor",
        ),
        (
            "(rec (type (descriptor 1) (func)) (type (describes 0) (struct)))",
            "descriptor type must be a struct",
        ),
        (DESCRIBED + "(type (sub $a (struct)))", "sub type 2 does not match super type 0"),
        (DESCRIBED + "(func (drop (struct.new $a)))", "type with descriptor requires descriptor allocation"),
        (
            DESCRIBED + "(func (drop (struct.new_desc $b (ref.null none))))",
            "type without descriptor requires",
        ),
        (DESCRIBED + "(func (param (ref $b)) (drop (struct.new_desc $a (local.get 0))))", "type mismatch"),
        (
            DESCRIBED + "(func (drop (ref.cast_desc_eq (ref $b) (unreachable))))",
            "type 1 does not have a descriptor",
        ),
        (
            DESCRIBED + "(func (param (ref $a)) (result (ref (exact $b))) (ref.get_desc $a (local.get 0)))",
            "type mismatch",
        ),
    ],
)
def test_invalid_descriptors(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=f"^{message}"):
        validate_module(parse_module(f"(module {text})", ALL), ALL)


def test_valid_descriptors() -> None:
    text = (
        DESCRIBED
        + """(global $d (ref (exact $b)) (struct.new $b))
        (global (ref (exact $a)) (struct.new_desc $a (global.get $d)))
        (func (param (ref (exact $a))) (result (ref (exact $b))) (ref.get_desc $a (local.get 0)))
        (func (param anyref) (result (ref $a)) (ref.cast_desc_eq (ref $a) (local.get 0) (global.get $d)))
        (func (param anyref) (result anyref)
          (br_on_cast_desc_eq 0 anyref (ref $a) (local.get 0) (global.get $d)))
        (func (param i31ref) (result (ref null $a))
          (drop (br_on_cast 0 i31ref (ref null $a) (local.get 0))) (unreachable))"""
    )
    validate_module(decode_module(encode_module(parse_module(f"(module {text})", ALL)), ALL), ALL)


def test_what_is_known_of_a_valid_module() -> None:
    checked = validate_module(
        parse_module(
            """(module (import "m" "f" (func (param i32))) (import "m" "g" (global i64))
            (rec (type $t (func (result (ref $s)))) (type $s (struct)))
            (func $g (export "g") (type $t) (local i32 (ref null $s)) (struct.new $s)) (memory 2)
            (table 1 funcref) (elem func 0) (elem (ref null $t) (ref.func $g)) (data "") (tag (param f32)))"""
        )
    )
    _, func = checked.types[0], checked.module.funcs[0]
    assert [str(checked.functype(t)) for t in checked.funcs][0] == "[i32] -> []"
    assert checked.globals[0].valtype is NumType.I64
    assert (checked.mems[0].limits.minimum, len(checked.tables), checked.n_datas) == (2, 1, 1)
    assert checked.exports == {"g": (ExternKind.FUNC, 1)}
    assert checked.declared == {0, 1}
    assert [t.comptype for t in checked.tags] == [FuncType((NumType.F32,), ())]
    struct = checked.types[func.typeidx + 1]
    assert checked.local_types(func) == [NumType.I32, RefType(True, struct)]
    assert checked.elems == [RefType(False, FUNCREF.heaptype), RefType(True, checked.funcs[1])]
    assert checked.blocktype(func.typeidx) == FuncType((), (RefType(False, struct),))
    assert checked.close_valtype(RefType(True, func.typeidx + 1)) == RefType(True, struct)


def test_progress_reaches_the_end() -> None:
    told: list[tuple[int, int]] = []
    data = encode_module(parse_module("(module " + "(func (nop))" * 500 + ")"))
    validate_module(
        decode_module(data, bodies=False), progress=lambda done, total, what: told.append((done, total))
    )
    assert 50 < len(told) <= 102
    assert told[-1][0] == told[-1][1]
