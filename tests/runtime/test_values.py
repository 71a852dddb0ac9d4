"""Values across the Python edge and the raw edge, by way of host functions: no guest code runs here."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pywasmvm import I31, ExternRef, Func, FuncType, Store, UsageError, Val, ValType

I32, I64, F32, F64 = ValType.i32(), ValType.i64(), ValType.f32(), ValType.f64()
SIGNALLING_F32, SIGNALLING_F64 = 0x7FA00001, 0xFFF4000000000001


@pytest.fixture
def store() -> Store:
    return Store()


def echo(store: Store, t: ValType) -> Func:
    """Return a host function that gives back what Python code got."""
    return Func(store, FuncType([t], [t]), lambda value: value)


@pytest.mark.parametrize(
    ("t", "given", "back"),
    [
        (I32, 5, 5),
        (I32, -1, -1),
        (I32, 0xFFFFFFFF, -1),
        (I32, 0x80000000, -(1 << 31)),
        (I32, True, 1),
        (I64, (1 << 64) - 1, -1),
        (I64, -(1 << 63), -(1 << 63)),
        (F32, 1.5, 1.5),
        (F32, 0.1, 0.10000000149011612),
        (F32, 1e300, math.inf),
        (F32, -1e300, -math.inf),
        (F64, 0.1, 0.1),
        (F64, 3, 3.0),
        (ValType.v128(), 1 << 127, 1 << 127),
        (ValType.externref(), "text", "text"),
        (ValType.externref(), None, None),
        (ValType.externref(), 0, 0),
        (ValType.funcref(), None, None),
        (ValType.ref("i31"), -3, I31(-3)),
        (I32, Val.i32(7), 7),
    ],
    ids=str,
)
def test_value_goes_through(store: Store, t: ValType, given: Any, back: Any) -> None:
    result = echo(store, t)(store, given)
    assert result == back and type(result) is type(back)


@pytest.mark.parametrize(
    ("t", "given", "words"),
    [
        (I32, 1 << 32, "i32 takes -2147483648 to 4294967295, got 4294967296"),
        (I32, -(1 << 31) - 1, "i32 takes"),
        (I32, 1.0, "don't know how to convert 1.0 to i32"),
        (I32, "1", "don't know how to convert '1' to i32"),
        (I32, None, "don't know how to convert None to i32"),
        (F64, "1", "don't know how to convert '1' to f64"),
        (I32, Val.i64(1), "wrong type of `Val` provided"),
        (ValType.v128(), -1, "v128 takes 0"),
        (ValType.funcref(), "f", "don't know how to convert 'f' to funcref"),
        (ValType.ref("extern", nullable=False), None, "takes no null"),
        (ValType.ref("any"), "text", "don't know how to convert"),
        (ValType.ref("none"), 1, "don't know how to convert"),
    ],
    ids=str,
)
def test_wrong_value_is_the_users_fault(store: Store, t: ValType, given: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        echo(store, t)(store, given)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("t", "bits"), [(F32, SIGNALLING_F32), (F64, SIGNALLING_F64), (I32, 0xFFFFFFFF)])
def test_raw_edge_keeps_every_bit(store: Store, t: ValType, bits: int) -> None:
    func = Func.host(store, FuncType([t], [t]).deftype, lambda raw: raw)
    assert func.invoke([bits]) == [bits]


def test_raw_edge_counts_results(store: Store) -> None:
    pair = FuncType([], [I32, I32])
    assert Func.host(store, FuncType([], []).deftype, lambda: None).invoke() == []
    assert Func.host(store, pair.deftype, lambda: (1, 2)).invoke() == [1, 2]


def test_function_references_stay_in_their_store(store: Store) -> None:
    func = echo(store, I32)
    identity = echo(store, ValType.funcref())
    assert identity(store, func) is func
    with pytest.raises(UsageError, match="belongs to another store"):
        identity(store, echo(Store(), I32))


def test_host_objects_keep_their_identity(store: Store) -> None:
    thing = object()
    assert echo(store, ValType.externref())(store, thing) is thing
    wrapped = ExternRef(thing)
    assert echo(store, ValType.ref("any"))(store, wrapped) is wrapped
    assert echo(store, ValType.externref())(store, I31(3)) == I31(3)


@pytest.mark.parametrize(
    ("results", "returned", "words"),
    [
        ([], 1, "produced results when it shouldn't"),
        ([I32, I32], [1], "wrong number of results"),
        ([I32, I32], 1, "wrong number of results"),
        ([I32], None, "don't know how to convert None to i32"),
    ],
)
def test_what_a_callback_returns_is_checked(
    store: Store, results: list[ValType], returned: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Func(store, FuncType([], results), lambda: returned)(store)


def test_several_results_come_as_a_list(store: Store) -> None:
    assert Func(store, FuncType([], [I32, F32]), lambda: (1, 2))(store) == [1, 2.0]


@pytest.mark.parametrize(("given", "words"), [((), "too few"), ((1, 2), "too many")])
def test_number_of_parameters_is_checked(store: Store, given: tuple[int, ...], words: str) -> None:
    func = echo(store, I32)
    with pytest.raises(UsageError, match=f"{words} parameters provided: given {len(given)}, expected 1"):
        func(store, *given)
    with pytest.raises(UsageError, match=words):
        func.invoke(given)


def test_exceptions_of_a_callback_pass_unchanged(store: Store) -> None:
    error = KeyError("mine")

    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        Func(store, FuncType([], []), fail)(store)
    assert caught.value is error


def test_val_knows_its_type() -> None:
    assert Val.i32(-1).as_i32() == -1 and Val.i32(1).as_i64() is None
    assert Val.f32(0.5).as_f32() == 0.5 and Val.f64(2).as_f64() == 2.0
    assert Val.externref("x").as_externref() == "x" and Val.funcref(None).as_funcref() is None
    assert Val.i32(1) == Val.i32(1) != Val.i64(1) and Val.i32(1) == 1
    assert Val.ref_null(ValType.externref()).value is None
    with pytest.raises(UsageError, match="Invalid reference type"):
        Val.ref_null(I32)
