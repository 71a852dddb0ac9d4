"""The fuel of code before loops that no branch names: all of it belongs to one segment.

Found by comparing the engines with each other: of loops inside of each other the compiled engine added the
costs up from the outside, so that the segment before the outer one lacked those of the inner ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, OutOfFuel, Store, Trap

LOADS = "(drop (i32.load8_u (i32.const -1)))"
# name -> what stands before "drop (i32.const 1)"; each loop holds one constant and its drop
SHAPES = {
    "nested": "(loop (drop (i32.const 1)) (loop (drop (i32.const 1)) (loop (drop (i32.const 1)))))",
    "in a row": "(loop (drop (i32.const 1))) (loop (drop (i32.const 1))) (loop (drop (i32.const 1)))",
    "both": "(loop (loop (drop (i32.const 1)))) (loop (drop (i32.const 1)) (drop (i32.const 1)))",
    "dead": "(loop (loop (drop (i32.const 1)) return)) (drop (i32.const 1)) (drop (i32.const 1))",
}


def module(engine: Any, name: str) -> tuple[Store, Any]:
    text = f"""(module (memory 1)
      (func (export "f") {SHAPES[name]})
      (func (export "trap") {LOADS} {SHAPES[name]}))"""
    store = Store(engine)
    return store, Instance(store, Module(store.engine, text), []).exports(store)


@pytest.mark.parametrize("name", SHAPES)
def test_a_trap_before_them_pays_for_all(make_engine: Callable[..., Any], name: str) -> None:
    store, exports = module(make_engine(), name)
    exports["f"](store)
    whole = store.fuel_consumed
    with pytest.raises(Trap) as info:
        exports["trap"](store)
    assert str(info.value).startswith("out of bounds memory access")
    # entry, constant, load; `drop` and `return` cost nothing
    assert store.fuel_consumed - whole == whole + 2
    assert whole == (2 if name == "dead" else 4)


@pytest.mark.parametrize("name", SHAPES)
def test_an_empty_tank_names_the_whole_segment(make_engine: Callable[..., Any], name: str) -> None:
    store, exports = module(make_engine(), name)
    store.set_fuel(1)
    with pytest.raises(OutOfFuel) as info:
        exports["f"](store)
    assert info.value.fuel_needed == (2 if name == "dead" else 4) and store.get_fuel() == 1
