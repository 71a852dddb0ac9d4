"""An engine without metering computes the same, and counts nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

KERNELS = sorted((Path(__file__).resolve().parents[2] / "bench" / "kernels").glob("*.wasm"))

FLOW = """
(module
  (memory 1)
  (func $odd (param i32) (result i32)
    local.get 0 i32.eqz if (result i32) i32.const 0 else local.get 0 i32.const 1 i32.sub call $even end)
  (func $even (param i32) (result i32)
    local.get 0 i32.eqz if (result i32) i32.const 1 else local.get 0 i32.const 1 i32.sub return_call $odd end)
  (func (export "run") (param $n i32) (result i32) (local $sum i32)
    loop $again
      block $c block $b block $a
        local.get $n i32.const 3 i32.rem_u br_table $a $b $c
      end local.get $sum i32.const 7 i32.add local.set $sum
      end local.get $sum i32.const 13 i32.mul local.set $sum
      end
      i32.const 16 local.get $n i32.const 100 memory.fill
      i32.const 200 i32.const 20 i32.const 50 memory.copy
      local.get $sum local.get $n call $even i32.add i32.const 210 i32.load8_u i32.xor local.set $sum
      local.get $n i32.const 1 i32.sub local.tee $n
      br_if $again
    end
    i32.const 0 memory.grow drop
    local.get $sum))
"""


def run(engine: Any, code: Any, n: int) -> tuple[int, int]:
    """Return the result of `run(n)` and the fuel it took."""
    store = Store(engine)
    result = Instance(store, Module(engine, code), []).exports(store)["run"](store, n)
    return result, store.fuel_consumed


def test_control_flow_is_the_same_and_nothing_is_counted(make_engine: Callable[..., Any]) -> None:
    result, fuel = run(make_engine(), FLOW, 40)
    assert fuel > 0
    assert run(make_engine(metering=False), FLOW, 40) == (result, 0)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
def test_kernels_give_the_same(kernel: Path, make_engine: Callable[..., Any]) -> None:
    n = 8 if kernel.stem == "fib" else 1
    counted, _ = run(make_engine(), kernel.read_bytes(), n)
    assert run(make_engine(metering=False), kernel.read_bytes(), n) == (counted, 0)
