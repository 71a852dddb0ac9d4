"""A br_if or br_table to the function's own label, taken: a return that pays for what ran and nothing else.

Found by no-diff runs: a comparison fused with such a branch was paid twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

BEHIND = "(global.set $g (i32.const 1))"
# name -> body of a function of an i32; fuel if the branch is taken, and if not
BODIES = {
    "a local": (f"(br_if 0 (local.get 0)) {BEHIND}", 1, 3, 5),
    "a test": (f"(br_if 0 (i32.eqz (local.get 0))) {BEHIND}", 0, 4, 6),
    "a comparison": (f"(br_if 0 (i32.lt_s (local.get 0) (i32.const 5))) {BEHIND}", 1, 5, 7),
    "in a loop": (f"(loop (br_if 1 (i32.eqz (local.get 0))) {BEHIND})", 0, 4, 6),
    "a table": (f"(block (br_table 0 1 (local.get 0))) {BEHIND}", 1, 3, 5),
}


@pytest.mark.parametrize("name", BODIES)
def test_fuel_of_a_return_by_branch(make_engine: Callable[..., Any], name: str) -> None:
    body, taking, taken, not_taken = BODIES[name]
    store = Store(make_engine())
    module = (
        f'(module (global $g (export "g") (mut i32) (i32.const 0)) (func (export "f") (param i32) {body}))'
    )
    exports = Instance(store, Module(store.engine, module)).exports(store)
    exports["f"](store, taking)
    assert (exports["g"].value(store), store.fuel_consumed) == (0, taken)
    exports["f"](store, 1 - taking if taking == 0 or name != "a comparison" else 9)
    assert (exports["g"].value(store), store.fuel_consumed) == (1, taken + not_taken)
