"""Constants that wait on the stack or stand in a local keep their value and their bits.

Found by no-diff runs: the payload of a NaN constant was lost on its way through a local that otherwise holds
what arithmetic makes; a constant parameter of an `if` was in its slot in the first arm only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

NANS = {
    "f32": ("i32", "-nan:0x700000", 0xFFF00000),
    "f64": ("i64", "nan:0x4000000000001", 0x7FF4000000000001),
}


@pytest.mark.parametrize("t", NANS)
@pytest.mark.parametrize("way", ["load", "global", "reinterpret"])
def test_a_nan_constant_keeps_its_payload_in_a_local(
    make_engine: Callable[..., Any], t: str, way: str
) -> None:
    integer, nan, bits = NANS[t]
    back = {
        "load": f"({t}.store (i32.const 8) (local.get $x)) ({integer}.load (i32.const 8))",
        "global": f"(global.set $g (local.get $x)) ({integer}.reinterpret_{t} (global.get $g))",
        "reinterpret": f"({integer}.reinterpret_{t} (local.get $x))",
    }[way]
    text = f"""(module (memory 1) (global $g (mut {t}) ({t}.const 0))
      (func (export "f") (result {integer}) (local $x {t})
        (local.set $x ({t}.sqrt ({t}.const 2))) (local.set $x ({t}.const {nan})) {back}))"""
    store = Store(make_engine())
    instance = Instance(store, Module(store.engine, text))
    assert instance.exports(store)["f"].invoke() == [bits]


BEFORE = {"at once": "", "behind a block": "(block (br_if 0 (local.get 0)) (local.set 1 (i32.const 3)))"}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("t", ["i32", "i64", "f32", "f64"])
def test_a_constant_parameter_reaches_both_arms(make_engine: Callable[..., Any], t: str, before: str) -> None:
    text = f"""(module (func (export "f") (param i32) (result {t}) (local i32)
      {t}.const 9 {t}.const 5 {BEFORE[before]} local.get 0
      if (param {t} {t}) (result {t}) {t}.add else {t}.sub end))"""
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, text)).exports(store)
    assert (exports["f"](store, 1), exports["f"](store, 0)) == (14, 4)
