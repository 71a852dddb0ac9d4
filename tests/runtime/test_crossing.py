"""Calls across the boundary: the short ways of the compiled engine say and do what the long ones do."""

from __future__ import annotations

import itertools
import math
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import (
    Caller,
    Config,
    Engine,
    Func,
    FuncType,
    Instance,
    Module,
    Store,
    UsageError,
    ValType,
    WasmError,
)

Make = Callable[..., Any]

VALUES = (
    *(
        0,
        1,
        -1,
        2**31 - 1,
        -(2**31),
        2**32 - 1,
        2**32,
        -(2**31) - 1,
        2**63 - 1,
        -(2**63),
        2**64 - 1,
        2**64,
        2**80,
    ),
    *(0.0, -0.0, 1.5, 1e300, 1e-320, math.inf, math.nan, True, None, "7", b"7", [1], object, 3 + 0j),
)
TYPES = {"i32": ValType.i32(), "i64": ValType.i64(), "f32": ValType.f32(), "f64": ValType.f64()}


def said(func: Any, *args: Any) -> str:
    """Return what a call gives, or its error."""
    try:
        return repr(func(*args))
    except (WasmError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def guest_of(
    engine: Engine, name: str, host: Callable[..., Any], access_caller: bool = False
) -> tuple[Store, Any]:
    """Return a store and a guest that takes one number, hands it to `host` and returns what comes back."""
    store = Store(engine)
    ty = FuncType([TYPES[name]], [TYPES[name]])
    text = f"""(module (import "" "" (func $h (param {name}) (result {name})))
      (func (export "host") (param {name}) (result {name}) (call $h (local.get 0)))
      (func (export "same") (param {name}) (result {name}) (local.get 0)))"""
    func = Func(store, ty, host, access_caller)
    return store, Instance(store, Module(engine, text), [func]).exports(store)


@pytest.mark.parametrize("name", TYPES)
def test_values_and_errors_are_the_python_engines(make_engine: Make, name: str) -> None:
    config = Config()
    config.engine = "python"
    results = []
    for engine in (make_engine(), Engine(config)):
        given: list[Any] = [None]
        seen: list[str] = []

        def host(x: Any, given: list[Any] = given, seen: list[str] = seen) -> Any:
            seen.append(repr(x))
            return given[0]

        store, guest = guest_of(engine, name, host)
        lines = []
        for value in VALUES:
            given[0] = value
            lines.append(said(guest["same"], store, value))
            lines.append(said(guest["host"], store, value))
            lines.append(said(guest["host"], store, 1))
        results.append((lines, seen, store.fuel_consumed))
    assert results[0] == results[1]
    assert any("UsageError" in line for line in results[0][0])


@pytest.mark.parametrize("count", range(6))
def test_arguments_arrive_in_order(make_engine: Make, count: int) -> None:
    store = Store(make_engine())
    params = list(itertools.islice(itertools.cycle(TYPES), count))
    signature = "".join(f" (param {t})" for t in params)
    text = f"""(module (import "" "" (func $h{signature}))
      (func (export "f"){signature} {" ".join(f"(local.get {i})" for i in range(count))} (call $h)))"""
    seen: list[tuple[Any, ...]] = []
    func = Func(store, FuncType([TYPES[t] for t in params], []), lambda *args: seen.append(args))
    guest = Instance(store, Module(store.engine, text), [func]).exports(store)["f"]
    values = (-1, -(2**40), 0.5, 2.25, 2**31 - 1, 7)[:count]
    assert guest(store, *values) is None
    assert seen == [values]
    for wrong in (values[:-1], (*values, 1)):
        if len(wrong) != count:
            with pytest.raises(UsageError, match=f"given {len(wrong)}, expected {count}"):
                guest(store, *wrong)


def test_a_result_where_none_belongs_is_refused(make_engine: Make) -> None:
    store = Store(make_engine())
    text = '(module (import "" "" (func $h)) (func (export "f") (call $h)))'
    guest = Instance(store, Module(store.engine, text), [Func(store, FuncType([], []), lambda: 3)])
    with pytest.raises(UsageError, match="produced results when it shouldn't: 3"):
        guest.exports(store)["f"](store)


def test_strangers_are_refused(make_engine: Make) -> None:
    engine = make_engine()
    store, guest = guest_of(engine, "i32", lambda x: x)
    with pytest.raises(UsageError, match="this Func belongs to another store"):
        guest["same"](Store(engine), 1)
    with pytest.raises(UsageError, match="expected a Store, got int"):
        guest["same"](1, 1)
    with pytest.raises(TypeError):
        guest["same"]()
    assert isinstance(guest["same"], Func)
    assert type(guest["same"]).__name__ == "Func"
    store.close()
    with pytest.raises(UsageError, match="this store is closed"):
        guest["same"](store, 1)


def test_the_host_calls_back_and_an_error_leaves_no_trace(make_engine: Make) -> None:
    def host(caller: Caller, x: int) -> int:
        if x == 0:
            raise KeyError("nothing")
        return int(caller["host"](caller, x - 1)) + 1 if x < 5 else x

    store, guest = guest_of(make_engine(), "i32", host, access_caller=True)
    with pytest.raises(KeyError):
        guest["host"](store, 3)
    assert store.nested_calls == 0
    assert guest["host"](store, 9) == 9
    assert guest["same"](store, -4) == -4


LOOP = """(module (import "" "" (func $h (param i32) (result i32)))
  (func (export "f") (loop (drop (call $h (i32.const -5))) (br 0))))"""


def endless(engine: Engine) -> tuple[Store, Any]:
    """Return a guest that calls a host function written in C for ever."""
    store = Store(engine)
    func = Func(store, FuncType([TYPES["i32"]], [TYPES["i32"]]), abs)
    return store, Instance(store, Module(engine, LOOP), [func]).exports(store)["f"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_signals_reach_a_guest_that_calls_a_host_in_c(make_engine: Make) -> None:
    store, guest = endless(make_engine())

    def stop(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            guest(store)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert store.nested_calls == 0


def test_other_threads_get_their_turn_meanwhile(make_engine: Make) -> None:
    engine = make_engine(epoch_interruption=True)
    store, guest = endless(engine)
    store.set_epoch_deadline(1)
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.02):
            engine.increment_epoch()

    # why: if only being asked made the guest let go of the GIL, this thread would never come to ask.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    thread = threading.Thread(target=tick)
    thread.start()
    try:
        with pytest.raises(WasmError, match="epoch deadline"):
            guest(store)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_deadlines_and_runs_hold_on_the_short_way(make_engine: Make) -> None:
    store, guest = endless(make_engine())
    store.set_deadline(0.05)
    with pytest.raises(WasmError, match="deadline exceeded"):
        guest(store)
    store.set_deadline(None)
    run = guest.start(store)
    assert not run.advance(0.02)
    run.close()
    assert store.nested_calls == 0
