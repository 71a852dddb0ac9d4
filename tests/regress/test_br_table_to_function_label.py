"""A br_table in a loop whose blocks are flattened, with the function's own label among its targets.

Found by a no-diff run: the branch to the function's label went on behind the loop's last block instead of
returning, and ran code that the branch leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

MODULE = """
(module (global $g (export "g") (mut i32) (i32.const 0))
  (func (export "f") (param i32)
    loop $l
      block $b
        local.get 0
        i32.const 1
        local.set 0
        br_table $b $l 2 $b
      end
      global.get $g
      i32.const 5
      i32.add
      global.set $g
    end))
"""


@pytest.mark.parametrize(("index", "added", "fuel"), [(0, 5, 9), (2, 0, 5), (3, 5, 9)])
def test_only_the_selected_way_runs(
    make_engine: Callable[..., Any], index: int, added: int, fuel: int
) -> None:
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, MODULE)).exports(store)
    exports["f"](store, index)
    assert exports["g"].value(store) == added
    assert store.fuel_consumed == fuel
