"""A test for zero of a test for zero is 0 or 1 as a value, whatever was tested.

Found by no-diff runs: i32.eqz of i32.eqz gave the number itself where it was used as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

# What is tested, of the parameters (i32 i64 f64), and whether it is zero for the numbers below.
TESTED = {
    "(local.get 0)": lambda i, j, x: i == 0,
    "(i32.add (local.get 0) (i32.const 1))": lambda i, j, x: i == -1,
    "(i64.eqz (i64.add (local.get 1) (local.get 1)))": lambda i, j, x: j != 0,
    "(i32.lt_s (local.get 0) (i32.const 7))": lambda i, j, x: i >= 7,
    "(i32.gt_u (local.get 0) (i32.const 7))": lambda i, j, x: (i & 0xFFFFFFFF) <= 7,
    "(i64.eqz (local.get 1))": lambda i, j, x: j != 0,
    "(i64.ne (local.get 1) (i64.const 5))": lambda i, j, x: j == 5,
    "(f64.lt (local.get 2) (f64.const 2))": lambda i, j, x: not x < 2,
    "(ref.is_null (ref.null func))": lambda i, j, x: False,
    "(i32.and (local.get 0) (i32.const 12))": lambda i, j, x: i & 12 == 0,
    "(memory.grow (i32.const 0))": lambda i, j, x: False,
}
NUMBERS = [(0, 0, 0.0), (1, 5, 3.0), (-1, -1, -1.0), (7, 1 << 40, float("nan")), (12, 5, float("inf"))]


@pytest.mark.parametrize("tested", TESTED)
@pytest.mark.parametrize("times", [1, 2, 3, 4, 5])
def test_a_test_is_zero_or_one(make_engine: Callable[..., Any], tested: str, times: int) -> None:
    test = "(i32.eqz " * times + tested + ")" * times
    text = f"""(module (memory 1) (global $g (mut i32) (i32.const 0))
      (func (export "value") (param i32 i64 f64) (result i32) (i32.mul (i32.const 3) {test}))
      (func (export "sum") (param i32 i64 f64) (result i32) (i32.add {test} (i32.shl {test} (i32.const 2))))
      (func (export "stored") (param i32 i64 f64) (result i32) (global.set $g {test}) (global.get $g))
      (func (export "branch") (param i32 i64 f64) (result i32)
        (if (result i32) {test} (then (i32.const 1)) (else (i32.const 0))))
      (func (export "select") (param i32 i64 f64) (result i32)
        (select (i32.const 1) (i32.const 0) {test})))"""
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, text)).exports(store)
    for numbers in NUMBERS:
        one = int(TESTED[tested](*numbers) ^ (times % 2 == 0))
        got = [exports[name](store, *numbers) for name in ("value", "sum", "stored", "branch", "select")]
        assert got == [3 * one, 5 * one, one, one, one], numbers
