"""What only the compiled engine has: slices of fuel, pinned objects, foreign frames, threads in parallel."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pywasmvm._fast.core", reason="the compiled engine is not built")

from pywasmvm import (
    CallStackExhausted,
    Config,
    Engine,
    Func,
    FuncType,
    Instance,
    LimitError,
    Module,
    OutOfFuel,
    ResourceLimits,
    Store,
    Trap,
    ValType,
)
from pywasmvm._fast import tank
from pywasmvm.runtime.meter import Meter, MeterRules


def make(text: str, engine: str = "cython", imports: Any = None, **limits: Any) -> tuple[Engine, Store, Any]:
    """Return engine, store and exports of a module; `imports` makes them from the store."""
    config = Config()
    config.engine = engine
    if limits:
        config.limits = ResourceLimits(**limits)
    made = Engine(config)
    store = Store(made)
    instance = Instance(store, Module(made, text), imports(store) if imports else [])
    return made, store, instance.exports(store)


def test_the_tank_has_the_fields_of_a_meter() -> None:
    """They are spelled three times: for the rules, for C, for checkers of types."""
    rules = MeterRules.__annotations__
    folder = Path(tank.__file__).parent
    in_c = re.findall(r"cdef public \w+ (\w+)", (folder / "tank.pxd").read_text("utf-8"))
    typed = re.findall(r"^    (\w+): (.+)$", (folder / "tank.pyi").read_text("utf-8"), re.MULTILINE)
    assert list(in_c) == list(rules) == list(Meter.__slots__)
    assert dict(typed) == rules


DEEP = """(module (func $down (export "down") (param i32) (result i32)
  (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
    (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1))))))))"""


def test_call_depth_is_exact_and_the_same_on_both_engines() -> None:
    for engine in ("cython", "python"):
        _, store, exports = make(DEEP, engine, call_depth=50)
        assert exports["down"](store, 49) == 49
        with pytest.raises(CallStackExhausted):
            exports["down"](store, 50)
        assert exports["down"](store, 49) == 49, "a failed call leaves the depth as it was"


def test_a_large_frame_is_refused_by_the_value_stack() -> None:
    text = f'(module (func (export "f") (local {"i64 " * 40_000}) (call 0)))'
    _, store, exports = make(text, value_stack_bytes=1 << 20)
    with pytest.raises(CallStackExhausted):
        exports["f"](store)


SPIN = '(module (func (export "spin") (loop (br 0))) (func (export "one") (result i32) i32.const 1))'


def test_ctrl_c_stops_a_guest() -> None:
    _, store, exports = make(SPIN)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        exports["spin"](store)
    timer.join()
    assert store.fuel_consumed > 1000
    assert exports["one"](store) == 1


def test_an_epoch_from_another_thread_stops_a_guest() -> None:
    engine, store, exports = make(SPIN)
    store.set_epoch_deadline(1)
    timer = threading.Timer(0.1, engine.increment_epoch)
    timer.start()
    with pytest.raises(LimitError, match="epoch deadline"):
        exports["spin"](store)
    timer.join()
    store.set_epoch_deadline(100)
    assert exports["one"](store) == 1


@pytest.mark.parametrize("tank", [0, 1, 4, 5, 100, 1003, 1004, 1005])
def test_an_empty_tank_takes_nothing(tank: int) -> None:
    """One bulk fill of 999 bytes costs 5 units and 999 more."""
    text = """(module (memory 1) (func (export "fill") (param i32)
      i32.const 0 i32.const 7 local.get 0 memory.fill))"""
    _, store, exports = make(text)
    store.set_fuel(tank)
    if tank >= 1004:
        exports["fill"](store, 999)
        assert store.get_fuel() == tank - 1004
        return
    with pytest.raises(OutOfFuel) as info:
        exports["fill"](store, 999)
    paid = 5 if tank >= 5 else 0
    assert info.value.fuel_needed == (999 if paid else 5)
    assert store.get_fuel() == tank - paid


STRUCTS = """(module
  (type $node (struct (field i32) (field (ref null $node))))
  (global $kept (mut (ref null $node)) (ref.null $node))
  (func (export "churn") (param $n i32) (result i32) (local $last (ref null $node))
    (global.set $kept (struct.new $node (i32.const 42) (ref.null $node)))
    (loop $again
      (local.set $last (struct.new $node (local.get $n) (ref.null $node)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (struct.get $node 0 (global.get $kept)) (struct.get $node 0 (local.get $last)))))"""


def test_objects_that_no_slot_holds_are_freed_and_the_others_are_not() -> None:
    _, store, exports = make(STRUCTS)
    assert exports["churn"](store, 400_000) == 43
    assert store.heap.used < 400_000 * 32
    store.gc()
    assert store.heap.used == 32


def test_calls_between_instances_keep_each_one_s_memory() -> None:
    """The callee sees its own memory, the caller its own again, also over a tail call and a trap."""
    config = Config()
    config.engine = "cython"
    engine = Engine(config)
    store = Store(engine)
    callee = """(module (memory 1) (data (i32.const 0) "\\07")
      (func (export "get") (param i64 i32) (result i32 i64)
        (i32.add (i32.load8_u (i32.const 0)) (local.get 1)) (local.get 0))
      (func (export "bad") unreachable))"""
    caller = """(module
      (import "m" "get" (func $get (param i64 i32) (result i32 i64))) (import "m" "bad" (func $bad))
      (memory 1) (data (i32.const 0) "\\01")
      (func (export "both") (result i32 i64 i32)
        (call $get (i64.const 5) (i32.const 100)) (i32.load8_u (i32.const 0)))
      (func (export "tail") (result i32 i64) (return_call $get (i64.const 6) (i32.const 200)))
      (func (export "bad") (call $bad))
      (func (export "own") (result i32) (i32.load8_u (i32.const 0))))"""
    inner = Instance(store, Module(engine, callee), []).exports(store)
    outer = Instance(store, Module(engine, caller), [inner["get"], inner["bad"]]).exports(store)
    assert outer["both"](store) == [107, 5, 1]
    assert outer["tail"](store) == [207, 6]
    with pytest.raises(Trap) as info:
        outer["bad"](store)
    assert [frame.func_index for frame in info.value.frames] == [1, 4]
    assert outer["own"](store) == 1


def test_host_functions_may_call_back_and_see_the_fuel() -> None:
    seen: list[int] = []

    def imports(store: Store) -> list[Any]:
        def back(n: int) -> int:
            seen.append(store.fuel_consumed)
            return int(exports["leaf"](store, n)) + 1

        return [Func(store, FuncType([ValType.i32()], [ValType.i32()]), back)]

    text = """(module (import "e" "back" (func $back (param i32) (result i32)))
      (func (export "leaf") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
      (func (export "go") (param i32) (result i32) (i32.add (call $back (local.get 0)) (local.get 0))))"""
    _, store, exports = make(text, imports=imports)
    assert exports["go"](store, 10) == 31
    assert seen == [3], "entry, local.get and the call are paid when the host looks"
    assert store.fuel_consumed == 3 + 4 + 2


def test_guests_of_two_stores_run_at_the_same_time() -> None:
    """While one guest spins without the GIL another one finishes."""
    engine, spinning, exports = make(SPIN)
    spinning.set_epoch_deadline(1)
    ended: list[str] = []

    def spin() -> None:
        with pytest.raises(LimitError):
            exports["spin"](spinning)
        ended.append("spinner")

    thread = threading.Thread(target=spin)
    thread.start()
    _, store, others = make(DEEP)
    assert others["down"](store, 1000) == 1000
    ended.append("other")
    engine.increment_epoch()
    thread.join(timeout=30)
    assert ended == ["other", "spinner"]


def test_a_conditional_return_pays_only_for_what_runs() -> None:
    """Fuel of both ways out of a comparison with a constant, where the branch leaves the function."""
    text = """(module (func (export "f") (param i32) (result i32)
      (i32.const 7) (br_if 0 (i32.ne (local.get 0) (i32.const 5))) (drop) (i32.const 8)))"""
    spent = {}
    for engine in ("cython", "python"):
        _, store, exports = make(text, engine)
        results = []
        for n in (5, 6):
            results += [exports["f"](store, n), store.fuel_consumed]
        spent[engine] = results
    assert spent["cython"] == spent["python"] == [8, 7, 7, 13]
