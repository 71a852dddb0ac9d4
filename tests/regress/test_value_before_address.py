"""A value to store stays what it is while the address is computed.

Found by no-diff runs: an f32 waited in a variable that an f32.load within the address uses, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

LOADED = "(f32.load (i32.const 64))"
ADDRESSES = {
    "a comparison": f"(f32.ne (f32.const nan:0x200000) {LOADED})",
    "a conversion": f"(i32.add (i32.const 1) (i32.trunc_sat_f32_s {LOADED}))",
    "two loads": f"(f32.le {LOADED} (f32.load (i32.add (i32.const 60) (memory.size))))",
}
VALUES = {
    "an infinity": ("f32", "(f32.demote_f64 (f64.const -0x1.5p+215))", b"\x00\x00\x80\xff"),
    "a sum": ("f32", "(f32.add (local.get 0) (f32.const 1.5))", b"\x00\x00\x20\x40"),
    "a wide sum": ("f64", "(f64.promote_f32 (f32.add (local.get 0) (f32.const 1)))", b"\0\0\0\0\0\0\0\x40"),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_value_is_kept(value: str, address: str, make_engine: Callable[..., Any]) -> None:
    t, text, stored = VALUES[value]
    wat = f"""(module (memory (export "m") 1)
      (func (export "f") (param f32) ({t}.store {ADDRESSES[address]} {text})))"""
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, wat)).exports(store)
    exports["f"](store, 1.0)
    assert bytes(exports["m"].read(store, 1, 1 + len(stored))) == stored
