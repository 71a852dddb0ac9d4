"""What memory.grow and table.grow cost: a unit for every page or element they add, nothing when refused.

Found by a no-diff run: a refused growth was charged for all that was asked, so asking for 2^32 pages ended
the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, OutOfFuel, Store

MODULE = """
(module (memory 1 10) (memory $free 1) (table $t 1 10 funcref) (table $long 1 funcref)
  (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "free") (param i32) (result i32) (memory.grow $free (local.get 0)))
  (func (export "table") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
  (func (export "long") (param i32) (result i32) (table.grow $long (ref.null func) (local.get 0))))
"""
# entry, local.get and the instruction itself; table.grow also pushes a null
BASE = {"memory": 3, "free": 3, "table": 4, "long": 4}


def instance(make_engine: Callable[..., Any]) -> tuple[Store, Any]:
    store = Store(make_engine(consume_fuel=True))
    store.set_limits(memory_size=100 << 16, table_elements=100)
    store.set_fuel(10_000)
    return store, Instance(store, Module(store.engine, MODULE)).exports(store)


@pytest.mark.parametrize("name", BASE)
@pytest.mark.parametrize(
    ("delta", "grown"), [(0, {*BASE}), (9, {*BASE}), (10, {"free", "long"}), (100, set()), (-1, set())]
)
def test_growth_costs_what_it_adds(
    make_engine: Callable[..., Any], name: str, delta: int, grown: set[str]
) -> None:
    store, exports = instance(make_engine)
    assert exports[name](store, delta) == (1 if name in grown else -1)
    assert 10_000 - store.get_fuel() == BASE[name] + (delta if name in grown else 0)


@pytest.mark.parametrize("name", BASE)
def test_growth_that_cannot_be_paid_does_not_happen(make_engine: Callable[..., Any], name: str) -> None:
    store, exports = instance(make_engine)
    store.set_fuel(BASE[name] + 8)
    with pytest.raises(OutOfFuel) as caught:
        exports[name](store, 9)
    assert caught.value.fuel_needed == 9
    store.set_fuel(100)
    assert exports[name](store, 0) == 1
