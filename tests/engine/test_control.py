"""Control flow: every way in which a block may be entered, left and nested, shallow and deep."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store

Run = Callable[..., Any]


@pytest.fixture
def exports(make_engine: Callable[..., Any]) -> Callable[[str], tuple[Any, Any]]:
    def make(text: str) -> tuple[Any, Any]:
        engine = make_engine()
        store = Store(engine)
        return store, Instance(store, Module(engine, text), []).exports(store)

    return make


def switch(cases: int) -> str:
    """Return a br_table over `cases` nested blocks, case i returning 1000 + i, the default 7."""
    blocks = "(block " * (cases + 1)
    table = "(br_table " + " ".join(map(str, range(cases))) + f" {cases} (local.get 0))"
    arms = "".join(f") (return (i32.const {1000 + i}))" for i in range(cases))
    return f'(module (func (export "f") (param i32) (result i32) {blocks}{table}{arms}) (i32.const 7)))'


@pytest.mark.parametrize("cases", [1, 2, 3, 5, 17, 40, 300])
def test_switches_of_any_size(exports: Run, cases: int) -> None:
    store, items = exports(switch(cases))
    expected = [1000 + i for i in range(cases)] + [7, 7]
    assert [items["f"](store, i) for i in [*range(cases), cases, 2**31 - 1]] == expected


def nest_of_loops(depth: int) -> str:
    """Return loops in loops, each adding 1 at its end; the innermost leaves all by `br` if asked to."""
    opening = "".join(f"(block $b{i} (loop $l{i} " for i in range(depth))
    closing = "".join(
        "(local.set 1 (i32.add (local.get 1) (i32.const 1)))"
        f"(br_if $b{i} (i32.eq (local.get 1) (local.get 0))))) "
        for i in reversed(range(depth))
    )
    leave = "(br_if $b0 (i32.eqz (local.get 0)))"
    body = f"{opening}{leave}{closing} (local.get 1)"
    return f'(module (func (export "f") (param i32) (result i32) (local i32) {body}))'


@pytest.mark.parametrize("depth", [1, 3, 8, 14, 15, 16, 19, 25, 60, 200])
def test_loops_nested_deeper_than_python_allows(exports: Run, depth: int) -> None:
    store, items = exports(nest_of_loops(depth))
    assert items["f"](store, 0) == 0
    assert items["f"](store, depth + 5) == depth


@pytest.mark.parametrize("depth", [1, 5, 30, 54, 60, 150, 1000])
def test_ifs_nested_deeper_than_python_allows(exports: Run, depth: int) -> None:
    opening = "".join(
        f"(if (result i32) (i32.gt_u (local.get 0) (i32.const {i})) (then " for i in range(depth)
    )
    closing = "".join(f") (else (i32.const {i})))" for i in reversed(range(depth)))
    store, items = exports(
        f'(module (func (export "f") (param i32) (result i32) {opening}(i32.const -1){closing}))'
    )
    numbers = [0, depth // 2, depth - 1]
    assert [items["f"](store, n) for n in numbers] == numbers
    assert items["f"](store, depth) == -1


def test_guards_do_not_swallow_the_code_behind_the_block(exports: Run) -> None:
    store, items = exports(
        """(module (func (export "f") (param i32) (result i32) (local i32)
             (block $a
               (br_if $a (i32.eq (local.get 0) (i32.const 1)))
               (local.set 1 (i32.add (local.get 1) (i32.const 10)))
               (block $b
                 (br_if $b (i32.eq (local.get 0) (i32.const 2)))
                 (local.set 1 (i32.add (local.get 1) (i32.const 100))))
               (br_if $a (i32.eq (local.get 0) (i32.const 3)))
               (local.set 1 (i32.add (local.get 1) (i32.const 1000))))
             (i32.add (local.get 1) (i32.const 1))))"""
    )
    assert [items["f"](store, n) for n in range(5)] == [1111, 1, 1011, 111, 1111]


def test_branches_carry_values_past_others(exports: Run) -> None:
    store, items = exports(
        """(module
          (func (export "f") (param i32) (result i32 i64)
            (i32.const 5)
            (block $out (param i32) (result i32 i64)
              (i64.const 6) (i32.const 77)
              (br_if $out (i32.const 8) (i64.const 9) (i32.eq (local.get 0) (i32.const 1)))
              drop drop drop))
          (func (export "loop") (param i32) (result i32)
            (i32.const 0) (local.get 0)
            (loop $l (param i32 i32) (result i32)
              (local.set 0)
              (i32.add (local.get 0))
              (br_if $l (i32.sub (local.get 0) (i32.const 1)) (i32.gt_s (local.get 0) (i32.const 1)))
              (drop))))"""
    )
    assert items["f"](store, 1) == [8, 9]
    assert items["f"](store, 0) == [5, 6]
    assert items["loop"](store, 10) == 55


def random_body(rng: random.Random, depth: int, labels: int) -> str:
    """Return statements that trace their way through `$t`; every loop counts down `$fuel` and leaves at 0."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        trace = f"(call $t (i32.const {rng.randrange(1000)}))"
        kind = rng.randrange(7) if depth else 6
        inner = random_body(rng, depth - 1, labels + 1) if kind < 4 else ""
        test = f"(i32.and (call $bit) (i32.const {rng.choice([1, 3])}))"
        if kind == 0:
            parts.append(f"(block {inner})")
        elif kind == 1:
            spent = (
                "(if (i32.eqz (local.tee $fuel (i32.sub (local.get $fuel) (i32.const 1)))) (then (return)))"
            )
            parts.append(f"(loop {spent} {inner})")
        elif kind == 2:
            parts.append(f"(if {test} (then {inner}) (else {random_body(rng, depth - 1, labels + 1)}))")
        elif kind == 3:
            parts.append(f"(if {test} (then {inner}))")
        elif kind == 4 and labels:
            parts.append(f"{trace} (br_if {rng.randrange(labels)} {test})")
        elif kind == 5 and labels:
            names = " ".join(str(rng.randrange(labels)) for _ in range(rng.randint(1, 7)))
            parts.append(f"{trace} (br_table {names} (call $bit))")
        else:
            parts.append(trace)
    return " ".join(parts)


def traced(body: str) -> str:
    return f"""(module (memory (export "m") 1) (global $at (mut i32) (i32.const 0))
      (global $x (mut i32) (i32.const 12345))
      (func $t (param i32)
        (i32.store16 (global.get $at) (local.get 0))
        (global.set $at (i32.and (i32.add (global.get $at) (i32.const 2)) (i32.const 65535))))
      (func $bit (result i32)
        (global.set $x (i32.add (i32.mul (global.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (i32.and (i32.shr_u (global.get $x) (i32.const 20)) (i32.const 7)))
      (func (export "f") (local $fuel i32) (local.set $fuel (i32.const 60)) {body}
        (call $t (i32.const 4242))))"""


@pytest.mark.parametrize("seed", range(40))
def test_random_control_flow_takes_the_same_path_as_wasmtime(
    exports: Run, make_engine: Callable[..., Any], seed: int
) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    text = traced(random_body(random.Random(seed), 2 + seed % 6, 0))
    store, items = exports(text)
    items["f"](store)
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    other = wasmtime.Store(engine)
    other.set_fuel(10**9)
    theirs = wasmtime.Instance(other, wasmtime.Module(engine, text), []).exports(other)
    theirs["f"](other)
    assert bytes(items["m"].read(store)) == bytes(theirs["m"].read(other))
    assert store.fuel_consumed == 10**9 - other.get_fuel()
