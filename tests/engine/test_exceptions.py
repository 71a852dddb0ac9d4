"""Exceptions where control flow is too deep for Python's own blocks: try_tables inside a dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store, WasmException


@pytest.fixture
def exports(make_engine: Callable[..., Any]) -> Callable[[str], tuple[Any, Any]]:
    def make(text: str) -> tuple[Any, Any]:
        engine = make_engine()
        store = Store(engine)
        return store, Instance(store, Module(engine, text), []).exports(store)

    return make


HEAD = """(module (tag $a (param i32)) (tag $b) (tag $c (param f64))
  (func $throw (param i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a (i32.const 77))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b)))
    (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c (f64.const 0.5)))))
"""


def nested(blocks: int) -> str:
    """Return a function with two nested try_tables inside and around blocks that a br_table leaves."""
    opening = "(block " * blocks
    closing = ")" * blocks
    names = " ".join(map(str, range(1, min(blocks, 8) + 1)))
    return f"""{HEAD}
      (func (export "f") (param i32 i32) (result i32) (local i32)
        (block $got_b
          (block $got_a (result i32)
            (try_table (catch $a $got_a) (catch $b $got_b)
              {opening}
                (block $inner_c (result f64)
                  (try_table (catch $c $inner_c)
                    (local.set 2 (i32.const 5))
                    (block (block (block (block (br_table 0 1 2 3 (local.get 1)))
                      (call $throw (local.get 0))) (local.set 2 (i32.const 6))))
                    (call $throw (local.get 0)))
                  (br_table {names} (local.get 1)))
                (drop) (return (i32.const 300))
              {closing}
              (call $throw (i32.sub (local.get 0) (i32.const 10))))
            (return (local.get 2)))
          (return))
        (i32.const 200)))"""


@pytest.mark.parametrize("blocks", [1, 3, 12, 14, 30, 120])
def test_the_innermost_clause_that_fits_catches(exports: Callable[..., Any], blocks: int) -> None:
    store, items = exports(nested(blocks))
    for way, left in ((0, 6), (1, 6), (2, 5), (3, 5)):
        assert items["f"](store, 0, way) == left
        assert items["f"](store, 1, way) == 77
        assert items["f"](store, 2, way) == 200
        assert items["f"](store, 3, way) == 300
        assert items["f"](store, 11, way) == 77
        assert items["f"](store, 12, way) == 200
        with pytest.raises(WasmException) as caught:
            items["f"](store, 13, way)
        assert len(caught.value.values) == 1


def test_a_handler_in_a_loop_runs_again_and_fuel_goes_on(exports: Callable[..., Any]) -> None:
    store, items = exports(
        f"""{HEAD}
      (func (export "f") (param i32) (result i32) (local $sum i32)
        (loop $again
          (block $caught (result i32)
            (try_table (result i32) (catch $a $caught) (call $throw (i32.const 1)) (i32.const 0)))
          (local.set $sum (i32.add (local.get $sum)))
          (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum)))"""
    )
    assert items["f"](store, 10) == 770
    ten = store.fuel_consumed
    assert items["f"](store, 20) == 1540
    twenty = store.fuel_consumed - ten
    assert items["f"](store, 30) == 2310
    assert store.fuel_consumed - ten - twenty - twenty == twenty - ten


def test_exnref_is_thrown_again(exports: Callable[..., Any]) -> None:
    store, items = exports(
        f"""{HEAD}
      (func (export "f") (param i32) (result i32)
        (block $outer (result i32)
          (block $ref (result exnref)
            (try_table (catch_all_ref $ref) (call $throw (local.get 0)))
            (return (i32.const -1)))
          (drop (i32.const 0))
          (try_table (param exnref) (catch $a $outer) (throw_ref))
          (unreachable))))"""
    )
    assert [items["f"](store, 0), items["f"](store, 1)] == [-1, 77]
    with pytest.raises(WasmException):
        items["f"](store, 2)
