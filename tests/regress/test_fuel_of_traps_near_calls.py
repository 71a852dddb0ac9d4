"""The fuel that a trap leaves behind, where the trap comes out of a helper on the line of a call.

Found by no-diff runs: a trap on the way to a callee was taken for one in the callee, and all that the caller
had used was given back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store, Trap

MODULE = """
(module (memory 1) (type $v (func)) (type $i (func (param v128)))
  (table funcref (elem $empty)) (func $empty) (func $takes (param v128))
  (func (export "null") (call_ref $v (ref.null $v)))
  (func (export "type") (call_indirect (type $i) (v128.const i64x2 0 0) (i32.const 0)))
  (func (export "operand") (call $takes (v128.load (i32.const -1))))
  (func (export "callee") (call $traps) (call $empty))
  (func $traps (call $takes (v128.load (i32.const -1)))))
"""


# fuel: entry, operands and the call itself
@pytest.mark.parametrize(("name", "fuel"), [("null", 3), ("type", 4), ("operand", 4), ("callee", 2 + 4)])
def test_what_ran_before_the_trap_is_paid(make_engine: Callable[..., Any], name: str, fuel: int) -> None:
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, MODULE)).exports(store)
    with pytest.raises(Trap):
        exports[name](store)
    assert store.fuel_consumed == fuel
