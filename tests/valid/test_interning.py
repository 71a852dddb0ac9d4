"""Closed types are interned: equal types are one object in a process, for as long as somebody uses them."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from pywasmvm.errors import ValidationError
from pywasmvm.syntax.types import DefType, StructType
from pywasmvm.text import parse_module
from pywasmvm.valid import validate_module


def types(text: str) -> list[DefType]:
    return validate_module(parse_module(f"(module {text})")).types


def test_equal_types_of_two_modules_are_one() -> None:
    (first,) = types("(type (func (param i32) (result i64)))")
    _, second = types("(type (func)) (type (func (param i32) (result i64)))")
    assert first is second


def test_groups_are_compared_as_a_whole() -> None:
    pair = "(rec (type $a (struct (field (ref null $b)))) (type $b (struct (field (ref null $a)))))"
    a, b = types(pair)
    assert types("(type (func))" + pair)[1:] == [a, b]
    swapped = types("(rec (type $b (struct (field (ref null $a)))) (type $a (struct (field (ref null $b)))))")
    assert swapped == [a, b]  # the same but for the names
    (alone,) = types("(type $a (struct (field (ref null $a))))")
    assert alone not in (a, b)


def test_a_group_does_not_equal_its_unrolling() -> None:
    looped, unrolled = types("(type $a (struct (field (ref null $a)))) (type (struct (field (ref null 0))))")
    assert looped is not unrolled


def test_kinds_finality_and_mutability_count() -> None:
    texts = [
        "(type (struct))",
        "(type (sub (struct)))",
        "(type (struct (field i8)))",
        "(type (struct (field (mut i8))))",
        "(type (array i8))",
        "(type (func))",
        "(type (sub (func)))",
        "(rec (type (struct)) (type (struct)))",
    ]
    found = [types(text)[0] for text in texts]
    assert len(set(found)) == len(texts)


def test_references_into_a_closed_group_are_types() -> None:
    (t,) = types("(type $a (struct (field (ref null $a))))")
    assert isinstance(t.comptype, StructType)
    assert t.comptype.fields[0].storage.heaptype is t  # type: ignore[union-attr]


def test_unused_types_are_forgotten() -> None:
    # why: weak references and not the size of the table: other tests' types may go at any time.
    kept = types("(type (struct (field i64 i64 i32 f32 f64 i8 i16)))")
    loose = [weakref.ref(kept[0])]
    loose += [
        weakref.ref(t) for t in types("(rec (type $x (struct (field (ref $x) i64 i64 i32 f32 f64 i8 i16))))")
    ]
    gc.collect()
    assert [ref() is None for ref in loose] == [False, True]
    del kept
    gc.collect()
    assert [ref() is None for ref in loose] == [True, True]


def test_threads_agree() -> None:
    text = "(type (struct (field f32 f32 i64 f32))) (rec (type $a (struct (field (ref 0)))) (type (func)))"
    found: list[list[DefType]] = []
    threads = [threading.Thread(target=lambda: found.append(types(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(type (struct (field (ref 1))))", "unknown type 1"),
        ("(type (sub 1 (struct))) (type (sub (struct)))", "unknown type 1"),
        ("(rec (type $a (sub $b (struct))) (type $b (sub (struct))))", "unknown type 1"),
        ("(type $a (sub $a (struct)))", "unknown type 0"),
        ("(type $a (struct)) (type (sub $a (struct)))", "sub type 1 has a final super type"),
        ("(type $a (sub (struct))) (type (sub $a (array i8)))", "sub type 1 does not match super type"),
        (
            "(type $a (sub (struct (field i32)))) (type (sub $a (struct)))",
            "sub type 1 does not match super type",
        ),
        (
            "(type $a (sub (struct (field (mut anyref))))) (type (sub $a (struct (field (mut eqref)))))",
            "sub type 1 does not match super type",
        ),
        (
            "(type $a (sub (struct))) (type $b (sub (struct))) (type (sub $a $b (struct)))",
            "sub type 2 has more than",
        ),
    ],
)
def test_wrong_declarations(text: str, message: str) -> None:
    for _ in range(2):  # a group that failed once fails again
        with pytest.raises(ValidationError, match=f"^{message}"):
            types(text)
