"""Whatever the budget, both engines stop at the same segment, with the same fuel left and the same memory."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Config, Engine, Instance, Module, OutOfFuel, Store, Trap

KERNELS = Path(__file__).parents[2] / "bench" / "kernels"

# What has no kernel: a table of labels, results of blocks, growth and bulk, traps, tail and indirect calls.
MIXED = """(module (memory (export "memory") 1 4) (global $g (export "g") (mut i32) (i32.const 0))
  (table 3 funcref) (elem (i32.const 0) $even $odd) (type $t (func (param i32) (result i32)))
  (func $even (type $t) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
    (else (return_call $odd (i32.sub (local.get 0) (i32.const 1))))))
  (func $odd (type $t) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
    (else (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func $step (param i32) (result i32 i32) (local i32)
    (global.set $g (i32.add (global.get $g) (local.get 0)))
    (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d $a (i32.and (local.get 0) (i32.const 7))))
      (local.set 1 (i32.const 1)) (br $d))
      (i32.store8 (local.get 0) (i32.const 7)))
      (local.set 1 (i32.add (local.get 1) (i32.const 2))))
    (local.get 1) (local.get 0))
  (func (export "run") (param i32) (result i64) (local i32 i32 f64)
    (loop $l
      (i32.store (i32.shl (local.get 1) (i32.const 2)) (local.get 2))
      (i32.add (local.get 1) (i32.const 100))
      (call $step (local.get 1))
      (local.set 2) (drop) (drop)
      (if (i32.and (local.get 1) (i32.const 1))
        (then (if (i32.and (local.get 1) (i32.const 2)) (then (local.set 3 (f64.const 2.5)))
                  (else (memory.fill (i32.const 200) (local.get 1) (local.get 1)))))
        (else (drop (call_indirect (type $t) (local.get 1) (i32.const 1)))))
      (if (i32.eq (local.get 1) (i32.const 5)) (then (drop (memory.grow (i32.const 1)))))
      (i32.store8 (i32.const 300) (block (result i32) (br_if 0 (i32.const 9) (local.get 2))))
      (drop (i32.load (i32.mul (local.get 1) (local.get 0))))
      (br_if $l (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 12))))
    (i64.extend_i32_u (local.get 2))))"""


@lru_cache
def loaded(backend: str, code: bytes | str) -> tuple[Engine, Module]:
    config = Config()
    config.engine = backend
    config.consume_fuel = True
    engine = Engine(config)
    return engine, Module(engine, code)


def end_of(backend: str, code: bytes | str, argument: int, budget: int) -> tuple[Any, ...]:
    """Return all there is to see after a run with a budget."""
    engine, module = loaded(backend, code)
    store = Store(engine)
    exports = Instance(store, module, []).exports(store)
    store.set_fuel(budget)
    needed, end = 0, ""
    try:
        end = str(exports["run"](store, argument))
    except OutOfFuel as error:
        needed = error.fuel_needed
        assert store.get_fuel() < needed
    except Trap as error:
        end = str(error.kind)
    memory = exports["memory"] if "memory" in {name for name, _ in exports.items()} else None
    left = bytes(memory.read(store)) if memory is not None else b""
    return end, needed, store.get_fuel(), hash(left)


def total(code: bytes | str, argument: int) -> int:
    budget = 1 << 40
    return budget - int(end_of("cython", code, argument, budget)[2])


@pytest.mark.parametrize("argument", [4, 6000, 40000])
def test_every_budget_of_a_small_module(argument: int) -> None:
    pytest.importorskip("pywasmvm._fast.core")
    for budget in range(total(MIXED, argument) + 2):
        assert end_of("python", MIXED, argument, budget) == end_of("cython", MIXED, argument, budget), budget


SMALL = {"fib": 6, "callindirect": 1, "quicksort": 1, "regex": 1, "json": 1, "vm": 1, "headermap": 1}


@pytest.mark.parametrize("kernel", SMALL)
def test_some_budgets_of_the_kernels(kernel: str) -> None:
    pytest.importorskip("pywasmvm._fast.core")
    code, argument = (KERNELS / f"{kernel}.wasm").read_bytes(), SMALL[kernel]
    most = total(code, argument)
    draw = random.Random(kernel)
    for budget in [most, most - 1, *(draw.randrange(most) for _ in range(12))]:
        assert end_of("python", code, argument, budget) == end_of("cython", code, argument, budget), budget
