"""Fuel, call depth, interrupts, and what a trap says and leaves behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pywasmvm import (
    CallStackExhausted,
    Config,
    Func,
    FuncType,
    Instance,
    LimitError,
    Module,
    OutOfFuel,
    Store,
    Trap,
    TrapKind,
    ValType,
    WasmException,
)
from pywasmvm.engine.fuel import segment_costs

Make = Callable[..., tuple[Any, Any]]


@pytest.fixture
def instance(make_engine: Callable[..., Any]) -> Make:
    def make(text: str, *imports: Callable[[Store], Any], **settings: Any) -> tuple[Any, Any]:
        engine = make_engine(**settings)
        store = Store(engine)
        items = [made(store) for made in imports]
        return store, Instance(store, Module(engine, text), items).exports(store)

    return make


WORK = """(module (memory (export "m") 1)
  (func $leaf (param i32) (result i32) (i32.store8 (local.get 0) (i32.const 1)) (i32.add (local.get 0)
  (i32.const 1)))
  (func (export "f") (param i32) (result i32) (local i32)
    (block $done
      (loop $l
        (br_if $done (i32.ge_u (local.get 1) (local.get 0)))
        (local.set 1 (call $leaf (local.get 1)))
        (if (i32.and (local.get 1) (i32.const 1)) (then (nop) (drop (i32.const 1))) (else (drop (i32.const
        2))))
        (br $l)))
    (memory.fill (i32.const 100) (i32.const 7) (local.get 0))
    (local.get 1)))"""
LEAF = 1 + 6  # entry, get const store8 get const add
ITERATION = 4 + 2 + LEAF + 1 + 3 + 1 + 1 + 1  # test, get and call, set, condition, if, one constant, br


def total(n: int) -> int:
    """Return what WORK costs by the rule of engine/fuel.py."""
    return 1 + n * ITERATION + 4 + 3 + 1 + n + 1


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_totals_are_the_sum_of_what_ran(instance: Make, n: int) -> None:
    store, items = instance(WORK)
    items["f"](store, n)
    assert store.fuel_consumed == total(n)


def test_every_budget_stops_before_the_segment_it_cannot_pay(instance: Make) -> None:
    store, items = instance(WORK)
    needs = total(3)
    for budget in range(needs + 1):
        items["m"].write(store, bytes(200))
        store.set_fuel(budget)
        if budget == needs:
            assert items["f"](store, 3) == 3
            assert store.get_fuel() == 0
            break
        with pytest.raises(OutOfFuel) as caught:
            items["f"](store, 3)
        left = store.get_fuel()
        assert 0 <= left < caught.value.fuel_needed
        stored = bytes(items["m"].read(store, 0, 3)).count(1)
        # each store stands in a segment that was paid in full: entry and iterations before it, and the leaf
        assert budget - left >= stored * (4 + 2 + LEAF)
        assert bytes(items["m"].read(store, 100, 103)) == bytes(3)


def test_a_host_function_sees_a_paid_call(instance: Make) -> None:
    seen: list[int] = []

    def host(store: Store) -> Func:
        return Func(store, FuncType([], []), lambda: seen.append(store.get_fuel()))

    store, items = instance(
        """(module (import "" "" (func $h))
          (func (export "f") (drop (i32.const 1)) (call $h) (drop (i32.const 1)) (call $h)))""",
        host,
    )
    store.set_fuel(100)
    items["f"](store)
    assert seen == [100 - 3, 100 - 5]
    assert store.get_fuel() == 95


def test_a_host_function_may_refuel(instance: Make) -> None:
    def host(store: Store) -> Func:
        return Func(store, FuncType([], []), lambda: store.set_fuel(1000))

    text = """(module (import "" "" (func $h)) (func (export "f") (local i32)
      (call $h) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const
      100))))))"""
    store, items = instance(text, host)
    store.set_fuel(5)
    items["f"](store)
    assert store.get_fuel() == 1000 - 100 * 7


def test_a_trap_gives_nothing_back_and_takes_nothing_more(instance: Make) -> None:
    store, items = instance(
        """(module (memory 1) (func $inner (param i32) (drop (i32.load (local.get 0))) (drop (i32.const 1)))
          (func (export "f") (param i32) (call $inner (local.get 0)) (drop (i32.const 1))))"""
    )
    store.set_fuel(1000)
    with pytest.raises(Trap):
        items["f"](store, 65536)
    assert store.get_fuel() == 1000 - (1 + 2) - (1 + 3)


def test_segments_are_cut_by_the_written_rule() -> None:
    from pywasmvm.binary import decode_module
    from pywasmvm.runtime.module import wat2wasm

    module = decode_module(bytes(wat2wasm(WORK)))
    leaf, main = (segment_costs(func.body.instrs()) for func in module.funcs)
    assert leaf == {0: LEAF}
    assert sorted(main.values()) == sorted([1, 4, 2, 5, 1, 1, 1, 5])


# -- depth ----------------------------------------------------------------------------------------------

RECURSE = """(module (global (export "n") (mut i32) (i32.const 0))
  (func $f (export "f") (param i32) (result i32)
    (global.set 0 (i32.add (global.get 0) (i32.const 1)))
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 1))))
  (table 1 funcref) (elem (i32.const 0) $g) (type $t (func))
  (func $g (export "g") (global.set 0 (i32.add (global.get 0) (i32.const 1))) (call_indirect (type $t)
  (i32.const 0))))"""


@pytest.mark.parametrize("call_depth", [1, 2, 100, 5000])
def test_depth_is_exact_and_the_instance_stays_usable(instance: Make, call_depth: int) -> None:
    store, items = instance(RECURSE, limits=replace(Config().limits, call_depth=call_depth))
    assert items["f"](store, call_depth - 1) == call_depth
    for name, argument in (("f", [call_depth]), ("g", [])):
        items["n"].raw = 0
        with pytest.raises(CallStackExhausted, match="call stack exhausted"):
            items[name](store, *argument)
        assert items["n"].raw == call_depth
    assert items["f"](store, call_depth - 1) == call_depth


def test_the_default_depth_is_reached_without_a_crash(instance: Make) -> None:
    store, items = instance(RECURSE)
    assert items["f"](store, 9_999) == 10_000
    with pytest.raises(CallStackExhausted):
        items["f"](store, 10_000)


def test_large_frames_count_against_the_value_stack(instance: Make) -> None:
    text = f"""(module (func $f (export "f") (param i32) (result i32) (local {"i64 " * 2000})
      (if (result i32) (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const
      5)))))"""
    store, items = instance(text, limits=replace(Config().limits, value_stack_bytes=100 * 16_008))
    assert items["f"](store, 98) == 5
    for _ in range(2):
        with pytest.raises(CallStackExhausted):
            items["f"](store, 200)
    assert items["f"](store, 98) == 5


def test_tail_calls_take_no_stack(instance: Make) -> None:
    text = """(module (type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $odd)
      (func $even (export "even") (type $t)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
          (else (return_call $odd (i32.sub (local.get 0) (i32.const 1))))))
      (func $odd (type $t)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (return_call $even (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "indirect") (type $t)
        (return_call_indirect (type $t) (local.get 0) (i32.const 0))))"""
    store, items = instance(text, limits=replace(Config().limits, call_depth=3))
    assert [items["even"](store, n) for n in (0, 1, 60_000, 60_001)] == [1, 0, 1, 0]
    assert items["indirect"](store, 40_001) == 1


def test_guest_and_host_may_nest_only_so_far(instance: Make) -> None:
    box: dict[str, Any] = {}

    def host(store: Store) -> Func:
        return Func(store, FuncType([], []), lambda: box["f"](store))

    store, items = instance('(module (import "" "" (func $h)) (func (export "f") (call $h)))', host)
    box["f"] = items["f"]
    for _ in range(2):
        with pytest.raises(CallStackExhausted):
            items["f"](store)


# -- traps and other ends ---------------------------------------------------------------------------------


def test_frames_are_named_innermost_first(instance: Make) -> None:
    store, items = instance(
        """(module $mod (memory 1)
          (func $inner (param i32) (drop (i32.load offset=4 (local.get 0))))
          (func $middle (param i32) (call $inner (local.get 0)))
          (func $outer (export "f") (param i32) (call $middle (local.get 0))))"""
    )
    with pytest.raises(Trap) as caught:
        items["f"](store, 65533)
    assert caught.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert [frame.func_index for frame in caught.value.frames] == [0, 1, 2]
    assert [frame.func_name for frame in caught.value.frames] == ["inner", "middle", "outer"]


def test_an_exception_of_the_host_passes_through_and_leaves_fuel_right(instance: Make) -> None:
    class Stop(BaseException):
        pass

    def host(store: Store) -> Func:
        def stop() -> None:
            raise Stop

        return Func(store, FuncType([], []), stop)

    store, items = instance(
        """(module (import "" "" (func $h)) (memory 1)
          (func (export "f") (i32.store (i32.const 0) (i32.const 7)) (call $h))
          (func (export "g") (result i32) (i32.load (i32.const 0))))""",
        host,
    )
    store.set_fuel(100)
    with pytest.raises(Stop):
        items["f"](store)
    assert store.get_fuel() == 100 - 5
    assert items["g"](store) == 7


def test_errors_of_the_host_are_not_taken_for_traps(instance: Make) -> None:
    for error in (IndexError, AttributeError, ZeroDivisionError):

        def host(store: Store, error: type[Exception] = error) -> Func:
            def fail() -> None:
                raise error("mine")

            return Func(store, FuncType([], []), fail)

        store, items = instance('(module (import "" "" (func $h)) (func (export "f") (call $h)))', host)
        with pytest.raises(error, match="mine"):
            items["f"](store)


def test_an_interrupt_from_another_thread_ends_a_loop(instance: Make) -> None:
    store, items = instance('(module (func (export "f") (loop (br 0))))')
    store.set_epoch_deadline(1)
    timer = threading.Timer(0.2, store.engine.increment_epoch)
    timer.start()
    began = time.perf_counter()
    with pytest.raises(LimitError, match="interrupted"):
        items["f"](store)
    assert time.perf_counter() - began < 20


def test_exceptions_cross_frames_instances_and_the_host(instance: Make) -> None:
    def host(store: Store) -> Func:
        return Func(store, FuncType([ValType.i32()], []), lambda n: box["throw"](store, n))

    box: dict[str, Any] = {}
    store, items = instance(
        """(module (import "" "" (func $h (param i32))) (tag $t (param i32 f64)) (tag $u)
          (func $throw (export "throw") (param i32)
            (if (i32.eqz (local.get 0)) (then (throw $u)))
            (throw $t (local.get 0) (f64.const 2.5)))
          (func (export "catch") (param i32) (result i32 f64)
            (block $none
              (block $t (result i32 f64)
                (try_table (result i32 f64) (catch $t $t) (catch_all $none)
                  (call $h (local.get 0)) (i32.const -1) (f64.const 0)))
              (return))
            (i32.const -2) (f64.const 0)))""",
        host,
    )
    box["throw"] = items["throw"]
    assert items["catch"](store, 42) == [42, 2.5]
    assert items["catch"](store, 0) == [-2, 0.0]
    with pytest.raises(WasmException):
        items["throw"](store, 1)


def test_growth_is_seen_at_once_on_both_sides(instance: Make) -> None:
    store, items = instance(
        """(module (memory (export "m") 1 10)
          (func $grow (drop (memory.grow (i32.const 1))))
          (func (export "f") (result i32)
            (call $grow) (i32.store (i32.const 131068) (i32.const 9)) (i32.load (i32.const 131068)))
          (func (export "g") (param i32) (result i32) (i32.load8_u (local.get 0))))"""
    )
    assert items["f"](store) == 9
    items["m"].grow(store, 1)
    assert items["g"](store, 3 * 65536 - 1) == 0
    with pytest.raises(Trap):
        items["g"](store, 3 * 65536)
