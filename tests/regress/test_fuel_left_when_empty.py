"""A tank that cannot pay a segment keeps what it has.

Found by comparing the engines: the Python engine's edge took the count of the frame that had failed, in which
the price had already been taken off, so the last units were lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, OutOfFuel, Store

MODULE = """
(module
  (func $inner (param i32) (result i32) local.get 0 local.get 0 i32.add local.get 0 i32.mul)
  (func (export "f") (param i32) (result i32) local.get 0 call $inner))
"""


@pytest.mark.parametrize("given", range(9))
def test_what_is_left_cannot_pay_what_was_needed(make_engine: Callable[..., Any], given: int) -> None:
    engine = make_engine()
    store = Store(engine)
    run = Instance(store, Module(engine, MODULE), []).exports(store)["f"]
    store.set_fuel(given)
    with pytest.raises(OutOfFuel) as caught:
        run(store, 3)
    entry, callee = 3, 6
    paid = entry if given >= entry else 0
    assert store.get_fuel() == given - paid
    assert caught.value.fuel_needed == (callee if paid else entry)
