"""Subtyping: who may stand for whom."""

from __future__ import annotations

import pytest

from pywasmvm.syntax.types import (
    EXTERNREF,
    FUNCREF,
    AbsHeapType,
    DefType,
    ExternType,
    FuncExtern,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    NumType,
    RefType,
    TableType,
    TagType,
)
from pywasmvm.text import parse_module
from pywasmvm.valid import (
    default_value,
    is_defaultable,
    match_externtype,
    match_heaptype,
    match_limits,
    match_reftype,
    match_valtype,
    validate_module,
)
from pywasmvm.valid.match import top_of

H = AbsHeapType
TYPES = validate_module(
    parse_module(
        """(module
        (type (sub (struct))) (type (sub 0 (struct (field i32)))) (type (sub final 1 (struct (field i32
        i32)))) (type (sub (struct))) (type (array i8)) (type (func)) (type (sub (func (result anyref))))
        (type (sub 6 (func (result (ref 1))))))"""
    )
).types
STRUCT, SUB, SUBSUB, TWIN, ARRAY, FUNC, FUNC_ANY, FUNC_SUB = TYPES

# Every proper pair (below, above) of these heap types; what is not here does not match.
BELOW: dict[HeapType, set[HeapType]] = {
    H.NONE: {H.I31, H.STRUCT, H.ARRAY, H.EQ, H.ANY, STRUCT, SUB, SUBSUB, ARRAY},
    H.I31: {H.EQ, H.ANY},
    H.STRUCT: {H.EQ, H.ANY},
    H.ARRAY: {H.EQ, H.ANY},
    H.EQ: {H.ANY},
    H.NOFUNC: {H.FUNC, FUNC, FUNC_ANY, FUNC_SUB},
    H.NOEXTERN: {H.EXTERN},
    H.NOEXN: {H.EXN},
    STRUCT: {H.STRUCT, H.EQ, H.ANY},
    SUB: {STRUCT, H.STRUCT, H.EQ, H.ANY},
    SUBSUB: {SUB, STRUCT, H.STRUCT, H.EQ, H.ANY},
    ARRAY: {H.ARRAY, H.EQ, H.ANY},
    FUNC: {H.FUNC},
    FUNC_ANY: {H.FUNC},
    FUNC_SUB: {FUNC_ANY, H.FUNC},
}
HEAPTYPES: tuple[HeapType, ...] = (*H, STRUCT, SUB, SUBSUB, ARRAY, FUNC, FUNC_ANY, FUNC_SUB)


@pytest.mark.parametrize("a", HEAPTYPES, ids=repr)
def test_heaptypes(a: HeapType) -> None:
    assert {b for b in HEAPTYPES if match_heaptype(a, b)} == BELOW.get(a, set()) | {a}


def test_equal_declarations_are_one_type() -> None:
    assert TWIN is STRUCT


def test_tops() -> None:
    assert [top_of(t) for t in (H.NONE, H.I31, STRUCT, ARRAY)] == [H.ANY] * 4
    assert [top_of(t) for t in (H.NOFUNC, FUNC)] == [H.FUNC] * 2
    assert (top_of(H.NOEXTERN), top_of(H.NOEXN)) == (H.EXTERN, H.EXN)


def test_nullability() -> None:
    some, maybe = RefType(False, STRUCT), RefType(True, STRUCT)
    assert match_reftype(some, maybe)
    assert not match_reftype(maybe, some)
    assert not match_valtype(NumType.I32, NumType.I64)
    assert not match_valtype(NumType.I32, maybe)


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [
        (Limits(1), Limits(1), True),
        (Limits(0), Limits(1), False),
        (Limits(2, 3), Limits(1, 3), True),
        (Limits(2, 4), Limits(1, 3), False),
        (Limits(2), Limits(1, 3), False),
        (Limits(2, 3), Limits(1), True),
    ],
)
def test_limits(a: Limits, b: Limits, fits: bool) -> None:
    assert match_limits(a, b) is fits


def mem(**changes: object) -> MemType:
    return MemType(NumType.I32, Limits(1, 2))._replace(**changes)


def table(**changes: object) -> TableType:
    return TableType(NumType.I32, Limits(1, 2), FUNCREF)._replace(**changes)


@pytest.mark.parametrize(
    ("actual", "wanted", "fits"),
    [
        (FuncExtern(FUNC_SUB), FuncExtern(FUNC_ANY), True),
        (FuncExtern(FUNC_ANY), FuncExtern(FUNC_SUB), False),
        (TagType(FUNC), TagType(FUNC), True),
        (TagType(FUNC_SUB), TagType(FUNC_ANY), False),
        (FuncExtern(FUNC), TagType(FUNC), False),
        (mem(), mem(), True),
        (mem(), mem(addrtype=NumType.I64), False),
        (mem(), mem(shared=True), False),
        (mem(), mem(page_size=1), False),
        (mem(), mem(limits=Limits(2)), False),
        (table(), table(), True),
        (table(), table(reftype=EXTERNREF), False),
        (table(reftype=RefType(False, H.FUNC)), table(), False),
        (table(), table(addrtype=NumType.I64), False),
        (GlobalType(RefType(False, SUB), False), GlobalType(RefType(True, STRUCT), False), True),
        (GlobalType(RefType(False, SUB), True), GlobalType(RefType(True, STRUCT), True), False),
        (GlobalType(NumType.I32, True), GlobalType(NumType.I32, True), True),
        (GlobalType(NumType.I32, False), GlobalType(NumType.I32, True), False),
    ],
)
def test_externtypes(actual: ExternType, wanted: ExternType, fits: bool) -> None:
    assert match_externtype(actual, wanted) is fits


def test_defaults() -> None:
    assert [default_value(t) for t in NumType] == [0] * 5
    assert default_value(FUNCREF) is None
    assert not is_defaultable(RefType(False, H.FUNC))


def test_supertype_chains() -> None:
    assert isinstance(SUBSUB, DefType)
    assert SUBSUB.supers == (STRUCT, SUB, SUBSUB)
