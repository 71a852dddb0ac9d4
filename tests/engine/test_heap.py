"""The heap of structures, arrays and exceptions, on both engines: limits, handles, what is freed when."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import (
    Func,
    FuncType,
    Instance,
    LimitError,
    Module,
    ResourceLimits,
    Store,
    Trap,
    UsageError,
    ValType,
    WasmException,
)

Make = Callable[..., tuple[Store, Any]]


@pytest.fixture
def exports(make_engine: Callable[..., Any]) -> Make:
    def make(text: str, imports: Callable[[Store], list[Any]] = lambda store: [], **limits: Any) -> Any:
        engine = make_engine(**({"limits": ResourceLimits(**limits)} if limits else {}))
        store = Store(engine)
        instance = Instance(store, Module(engine, text), imports(store))
        return store, instance.exports(store)

    return make


LIST = """(module
  (type $node (struct (field (mut i32)) (field (mut (ref null $node)))))
  (type $bytes (array (mut i8)))
  (func (export "node") (param i32 (ref null $node)) (result (ref $node))
    (struct.new $node (local.get 0) (local.get 1)))
  (func (export "list") (param $n i32) (result (ref null $node)) (local $l (ref null $node))
    (loop $a (local.set $l (struct.new $node (local.get $n) (local.get $l)))
      (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $l))
  (func (export "sum") (param $l (ref null $node)) (result i32) (local $s i32)
    (block $done (loop $b
      (br_if $done (ref.is_null (local.get $l)))
      (local.set $s (i32.add (local.get $s) (struct.get $node 0 (local.get $l))))
      (local.set $l (struct.get $node 1 (local.get $l))) (br $b)))
    (local.get $s))
  (func (export "drop") (param $n i32) (param $bytes i32)
    (loop $a (drop (array.new_default $bytes (local.get $bytes)))
      (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "keep") (param $n i32) (param $bytes i32) (result (ref $bytes))
    (array.new $bytes (i32.const 7) (local.get $bytes)))
  (func (export "big") (param i32) (result i32) (array.len (array.new_default $bytes (local.get 0)))))
"""


@pytest.mark.parametrize("count", [2, 200_000])
def test_what_is_reachable_survives_collections(exports: Make, count: int) -> None:
    store, items = exports(LIST)
    held = items["list"](store, count)
    items["drop"](store, 2000, 5000)
    store.gc()
    total = sum(range(count + 1)) & 0xFFFFFFFF
    assert items["sum"](store, held) == total - ((total & 0x80000000) << 1)
    assert store.heap.used == 32 * count
    del held
    store.gc()
    assert store.heap.used == 0


def test_the_limit_counts_what_lives_only(exports: Make) -> None:
    """Arrays that are dropped fit one after the other, those that are kept only until the limit."""
    store, items = exports(LIST, gc_heap_bytes=1 << 20)
    items["drop"](store, 50, 300 << 10)
    held = items["keep"](store, 1, 600 << 10)
    with pytest.raises(LimitError, match="gc_heap_bytes limit reached"):
        items["drop"](store, 1, 600 << 10)
    assert len(held) == 600 << 10 and held.elems[5] == 7
    del held
    store.gc()
    items["drop"](store, 1, 600 << 10)


@pytest.mark.parametrize("nbytes", [1 << 20, 1 << 31, (1 << 32) - 1])
def test_an_array_beyond_the_limit_is_refused_before_it_is_made(exports: Make, nbytes: int) -> None:
    store, items = exports(LIST, gc_heap_bytes=1 << 20)
    with pytest.raises(LimitError, match="gc_heap_bytes"):
        items["big"](store, nbytes)
    spent = store.fuel_consumed
    assert spent >= nbytes, "what was asked for has been paid"
    assert items["big"](store, 1000) == 1000


def test_a_list_grows_exactly_to_the_limit(exports: Make) -> None:
    store, items = exports(LIST, gc_heap_bytes=32 * 1000)
    assert items["sum"](store, items["list"](store, 1000)) == 500_500
    store.gc()
    with pytest.raises(LimitError):
        items["list"](store, 1001)
    store.gc()
    assert store.heap.used == 0
    assert items["sum"](store, items["list"](store, 1000)) == 500_500


def test_a_handle_is_the_object(exports: Make) -> None:
    store, items = exports(LIST)
    inner = items["node"](store, 5, None)
    outer = items["node"](store, 6, inner)
    assert outer.fields[1] is inner and inner.fields[1] is None
    inner.fields[0] = 8
    inner.fields[1] = outer
    assert items["node"](store, 1, outer).fields[1].fields[1].fields[0] == 8
    array = items["keep"](store, 1, 4)
    array.elems[1:3] = [1, 258]
    assert list(array.elems)[:2] == [7, 1] and len(array) == 4
    with pytest.raises((IndexError, ValueError)):
        array.elems[4] = 0


def test_a_handle_outlives_what_led_to_it_and_keeps_what_it_leads_to(exports: Make) -> None:
    store, items = exports(LIST)
    tail = items["list"](store, 3).fields[1]
    gc.collect()
    store.gc()
    items["drop"](store, 3000, 3000)
    assert tail.fields[0] == 2 and tail.fields[1].fields[0] == 3


def test_a_reference_stays_in_its_store(exports: Make) -> None:
    store, items = exports(LIST)
    other, others = exports(LIST)
    node = items["node"](store, 5, None)
    with pytest.raises(UsageError, match="another store"):
        others["sum"](other, node)


HOSTED = """(module
  (import "h" "see" (func $see (param externref) (result externref)))
  (type $box (struct (field (mut externref))))
  (type $junk (array (mut i64)))
  (table $t 10 externref)
  (global $g (mut externref) (ref.null extern))
  (func (export "keep") (param externref)
    (table.set $t (i32.const 3) (local.get 0)) (global.set $g (call $see (local.get 0))))
  (func (export "box") (param externref) (result (ref $box)) (struct.new $box (local.get 0)))
  (func (export "churn") (param $n i32)
    (loop $a (drop (array.new_default $junk (i32.const 1000)))
      (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "clear") (table.fill $t (i32.const 0) (ref.null extern) (i32.const 10))
    (global.set $g (ref.null extern)))
  (func (export "get") (result externref) (table.get $t (i32.const 3))))
"""


class Thing:
    """Something of the host's whose end can be seen."""

    alive = 0

    def __init__(self) -> None:
        Thing.alive += 1

    def __del__(self) -> None:
        Thing.alive -= 1


def test_values_of_the_host_live_as_long_as_the_guest_reaches_them(exports: Make) -> None:
    extern = ValType.externref()
    Thing.alive = 0
    store, items = exports(
        HOSTED, lambda store: [Func(store, FuncType([extern], [extern]), lambda value: value)]
    )
    items["keep"](store, Thing())
    box = items["box"](store, Thing())
    for _ in range(100):
        items["box"](store, Thing())
    items["churn"](store, 2000)
    store.gc()
    assert Thing.alive == 2
    assert isinstance(items["get"](store), Thing)
    items["clear"](store)
    store.gc()
    assert Thing.alive == 1
    del box
    store.gc()
    assert Thing.alive == 0


THROWN = """(module
  (type $node (struct (field i32)))
  (tag $t (param i32 (ref null $node) v128 f64))
  (tag $nest (param exnref))
  (func $throw (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 42) (struct.new $node (i32.const 7))
      (v128.const i64x2 1 2) (f64.const 0.5))))
    (i32.add (i32.const 1) (call $throw (i32.sub (local.get 0) (i32.const 1)))))
  (func (export "deep") (param i32) (result i32) (local f64 v128 (ref null $node))
    (block $h (result i32 (ref null $node) v128 f64)
      (try_table (catch $t $h) (return (call $throw (local.get 0))))
      unreachable)
    (local.set 1) (local.set 2) (local.set 3)
    (i32.add (struct.get $node 0 (local.get 3)))
    (i32.add (i32.trunc_f64_s (f64.mul (f64.const 4) (local.get 1))))
    (i32.add (i32x4.extract_lane 2 (local.get 2))))
  (func (export "again") (result i32)
    (block $h (result exnref)
      (try_table (catch_all_ref $h) (drop (call $throw (i32.const 3))))
      unreachable)
    (throw_ref))
  (func (export "nest") (param $n i32) (local $e exnref)
    (local.set $e (block $h (result exnref)
      (try_table (catch_all_ref $h) (drop (call $throw (i32.const 0)))) unreachable))
    (loop $a
      (local.set $e (block $h (result exnref)
        (try_table (catch_all_ref $h) (throw $nest (local.get $e))) unreachable))
      (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (throw_ref (local.get $e)))
  (func (export "null") (throw_ref (ref.null exn))))
"""


def test_exceptions_carry_their_values_through_frames(exports: Make) -> None:
    store, items = exports(THROWN)
    for depth in (0, 1, 500):
        assert items["deep"](store, depth) == 42 + 7 + 2 + 2
    with pytest.raises(WasmException) as info:
        items["again"](store)
    assert info.value.values[0] == 42 and info.value.values[1].fields[0] == 7
    assert info.value.values[2] == 2 << 64 | 1
    with pytest.raises(Trap, match="null exception reference"):
        items["null"](store)


def test_exceptions_inside_each_other_come_out_one_at_a_time(exports: Make) -> None:
    store, items = exports(THROWN)
    with pytest.raises(WasmException) as info:
        items["nest"](store, 20_000)
    layer: Any = info.value
    for _ in range(20_000):
        (layer,) = layer.values
    assert layer.values[0] == 42


CROSSING = """(module
  (import "h" "back" (func $back (param i32)))
  (tag $t (export "t") (param i32))
  (func (export "throw") (param i32) (throw $t (local.get 0)))
  (func (export "round") (param i32) (result i32)
    (block $h (result i32) (try_table (catch $t $h) (call $back (local.get 0))) (i32.const -1)))
  (func (export "tail") (param i32) (return_call $back (local.get 0))))
"""


def test_exceptions_cross_the_host_both_ways(exports: Make) -> None:
    items: dict[str, Any] = {}
    seen: list[Any] = []

    def back(store: Store) -> list[Any]:
        def call(value: int) -> None:
            try:
                items["it"]["throw"](store, value)
            except WasmException as error:
                seen.append(error.values)
                raise

        return [Func(store, FuncType([ValType.i32()], []), call)]

    store, items["it"] = exports(CROSSING, back)
    assert items["it"]["round"](store, 9) == 9
    with pytest.raises(WasmException):
        items["it"]["tail"](store, 10)
    assert seen == [(9,), (10,)]


CAUGHT = """(module (type $bytes (array (mut i8))) (tag $t (param i64 v128))
  (global $keep (mut (ref null $bytes)) (ref.null $bytes))
  (func (export "keep") (param i32) (global.set $keep (array.new_default $bytes (local.get 0))))
  (func (export "throw") (block $caught
    (try_table (catch_all $caught) (throw $t (i64.const 1) (v128.const i64x2 2 3))) (unreachable))))"""


def test_a_thrown_exception_needs_room_though_nobody_keeps_it(exports: Make) -> None:
    """16 bytes of head and 8 for each value, as an object that has been made."""
    store, items = exports(CAUGHT, gc_heap_bytes=1000)
    items["keep"](store, 1000 - 16 - 32)
    for _ in range(3):
        items["throw"](store)
    items["keep"](store, 0)
    items["keep"](store, 1000 - 16 - 31)
    with pytest.raises(LimitError, match="gc_heap_bytes limit reached: 1000, 969 bytes used, 32 wanted"):
        items["throw"](store)
    items["keep"](store, 0)
    items["throw"](store)
