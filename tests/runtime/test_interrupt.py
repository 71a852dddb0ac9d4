"""Ctrl-C: it stops a guest at once, whatever it does, and leaves the store as it was."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pywasmvm import Func, FuncType, Instance, Module, Store

Make = Callable[..., Any]

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
MOST_SECONDS = 0.010
# why: CPU time, and the best of a few: on a busy machine the system may let any process wait.
ATTEMPTS = 5
DELAY = 0.03

GUESTS = {
    "loop": '(module (func (export "f") (loop (br 0))))',
    "memory.fill": """(module (memory 12000) (func (export "f") (loop (memory.fill (i32.const 0) (i32.const 7)
        (i32.const 0x2ee00000)) (br 0))))""",
    "host calls": """(module (import "" "" (func $h)) (func (export "f") (loop (call $h) (br 0))))""",
}


@contextmanager
def interrupt_after(seconds: float) -> Iterator[list[float]]:
    """Let Ctrl-C arrive after a while; what is yielded gets the time when its handler ran."""
    arrived: list[float] = []
    before = signal.getsignal(signal.SIGALRM)

    def interrupt(_number: int, _frame: Any) -> None:
        arrived.append(time.perf_counter())
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    # why: Python drops an exception that comes out of a finalizer it happens to run.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield arrived
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_stops_within_ten_milliseconds(make_engine: Make, name: str) -> None:
    store = Store(make_engine())
    module = Module(store.engine, GUESTS[name])
    imports = [Func(store, FuncType([], []), lambda: None)] * len(module.imports)
    guest = Instance(store, module, imports).exports(store)["f"]
    took = []
    for _ in range(ATTEMPTS):
        began = time.thread_time()
        with interrupt_after(DELAY), pytest.raises(KeyboardInterrupt):
            guest(store)
        took.append(time.thread_time() - began - DELAY)
        assert store.nested_calls == 0
        if took[-1] < MOST_SECONDS:
            break
    assert min(took) < MOST_SECONDS


def test_the_store_stays_usable_and_its_fuel_right(make_engine: Make) -> None:
    store = Store(make_engine())
    text = """(module (global (export "n") (mut i64) (i64.const 0))
      (func (export "f") (loop (global.set 0 (i64.add (global.get 0) (i64.const 1))) (br 0)))
      (func (export "g") (result i32) (i32.const 5)))"""
    items = Instance(store, Module(store.engine, text)).exports(store)
    for _ in range(3):
        with interrupt_after(DELAY), pytest.raises(KeyboardInterrupt):
            items["f"](store)
        assert items["g"](store) == 5
    # entry and constant of g, entry of f, and five units for each time around; where exactly an interrupt
    # falls between what was paid and what was done is Python's business, but it is near
    rounds = items["n"].value(store)
    assert rounds > 10_000
    assert abs(store.fuel_consumed - (3 * 2 + 3 + 5 * rounds)) <= 500


def test_many_interrupts_at_any_moment_leave_nothing_behind(make_engine: Make) -> None:
    store = Store(make_engine())
    text = """(module (import "" "" (func $h)) (func (export "f") (call $h) (call $h))
      (func (export "g") (result i32) (i32.const 5)))"""
    items = Instance(
        store, Module(store.engine, text), [Func(store, FuncType([], []), lambda: None)]
    ).exports(store)
    stopped = 0
    for number in range(200):
        try:
            with interrupt_after(0.0002 + number * 1e-6):
                while True:
                    items["f"](store)
        except KeyboardInterrupt:
            stopped += 1
        assert store.nested_calls == 0
        assert items["g"](store) == 5
    assert stopped == 200


def test_another_thread_runs_on_while_the_main_thread_is_interrupted(make_engine: Make) -> None:
    text = """(module (func (export "f") (param i32) (result i32)
      (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0)))"""
    engine = make_engine()
    module = Module(engine, text)
    results: list[int] = []

    def work() -> None:
        store = Store(engine)
        results.append(Instance(store, module).exports(store)["f"](store, 400_000))

    thread = threading.Thread(target=work)
    store = Store(engine)
    guest = Instance(store, module).exports(store)["f"]
    thread.start()
    with interrupt_after(DELAY), pytest.raises(KeyboardInterrupt):
        guest(store, 0)
    thread.join()
    assert results == [0]
