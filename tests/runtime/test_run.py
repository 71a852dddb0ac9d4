"""Runs: calls that stop and go on, in one thread's order and in an event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import DeadlineExceeded, Func, FuncType, Instance, Module, OutOfFuel, Store, UsageError, ValType

Make = Callable[..., Any]

COUNT = """(module (global (export "n") (mut i32) (i32.const 0))
  (func $step (param i32) (global.set 0 (i32.add (global.get 0) (i32.const 1))))
  (func (export "count") (param i32) (result i32)
    (loop (call $step (local.get 0)) (br_if 0 (i32.lt_u (global.get 0) (local.get 0))))
    (global.get 0))
  (func (export "one") (result i32) (i32.const 1))
  (func (export "trap") (unreachable)))"""


def guest(engine: Any, text: str = COUNT, *imports: Any, store: Store | None = None) -> tuple[Store, Any]:
    store = store or Store(engine)
    return store, Instance(store, Module(engine, text), imports).exports(store)


def test_a_run_goes_on_after_the_tank_was_filled(make_engine: Make) -> None:
    store, items = guest(make_engine())
    assert items["count"](store, 1000) == 1000
    needs = store.fuel_consumed
    items["n"].set_value(store, 0)
    run = items["count"].start(store, 1000)
    stops = 0
    store.set_fuel(0)
    before = store.fuel_consumed
    while not run.done:
        try:
            assert run.resume() == 1000
        except OutOfFuel as stop:
            assert store.get_fuel() < stop.fuel_needed
            stops += 1
            store.set_fuel(store.get_fuel() + 500)
    assert stops > 10
    assert run.result == 1000
    assert store.fuel_consumed - before == needs


def test_a_run_goes_on_after_the_deadline(make_engine: Make) -> None:
    store, items = guest(make_engine())
    store.set_deadline(0.02)
    run = items["count"].start(store, 0xFFFFFFFF)
    seen = []
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            run.resume()
        seen.append(items["n"].value(store))
        assert items["one"](store) == 1
    assert 0 < seen[0] < seen[1] < seen[2]
    run.close()
    assert items["one"](store) == 1
    with pytest.raises(UsageError, match="over"):
        run.resume()


def test_a_run_goes_on_after_a_slice(make_engine: Make) -> None:
    store, items = guest(make_engine())
    with items["count"].start(store, 0xFFFFFFFF) as run:
        seen = [0]
        for _ in range(3):
            assert run.advance(0.01) is False
            seen.append(items["n"].value(store))
        assert seen == sorted(set(seen))
        with pytest.raises(UsageError, match="has not returned"):
            _ = run.result
    assert run.done


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_a_run_goes_on_after_ctrl_c(make_engine: Make) -> None:
    store, items = guest(make_engine())

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        run = items["count"].start(store, 0xFFFFFFFF)
        seen = [0]
        for _ in range(2):
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            with pytest.raises(KeyboardInterrupt):
                run.resume()
            seen.append(items["n"].value(store))
        assert seen == sorted(set(seen))
        run.close()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert items["one"](store) == 1


def test_other_errors_end_a_run(make_engine: Make) -> None:
    from pywasmvm import Trap

    store, items = guest(make_engine())
    run = items["trap"].start(store)
    with pytest.raises(Trap):
        run.resume()
    assert run.done
    with pytest.raises(UsageError, match="over"):
        run.resume()
    with pytest.raises(UsageError, match="has not returned"):
        _ = run.result


def test_runs_of_one_store_take_turns_from_the_last(make_engine: Make) -> None:
    store, items = guest(make_engine())
    first = items["count"].start(store, 0xFFFFFFFF)
    assert not first.advance(0.005)
    second = items["one"].start(store)
    with pytest.raises(UsageError, match="stands still"):
        second.resume()
    first.close()
    assert second.resume() == 1


ASYNC = """(module (import "" "ask" (func $ask (param i32) (result i32)))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (call $ask (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"""
ASK = FuncType([ValType.i32()], [ValType.i32()])


def test_guests_of_several_stores_share_an_event_loop(make_engine: Make) -> None:
    engine = make_engine()
    order: list[int] = []

    async def one(number: int) -> int:
        store = Store(engine)

        async def ask(n: int) -> int:
            order.append(number)
            await asyncio.sleep(0.002)
            return n * number

        _, items = guest(engine, ASYNC, Func(store, ASK, ask), store=store)
        result: int = await items["sum"].call_async(store, 5)
        return result

    async def main() -> list[int]:
        return await asyncio.gather(*(one(number) for number in (1, 2, 3)))

    assert asyncio.run(main()) == [15, 30, 45]
    assert sorted(order[:3]) == [1, 2, 3]  # none had the loop for itself


def test_a_busy_guest_leaves_the_loop_to_others(make_engine: Make) -> None:
    store, items = guest(make_engine())

    async def main() -> int:
        busy = asyncio.create_task(items["count"].call_async(store, 0xFFFFFFFF, slice_seconds=0.005))
        turns = 0
        while turns < 5:
            await asyncio.sleep(0.001)
            turns += 1
        busy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await busy
        return turns

    assert asyncio.run(main()) == 5
    assert items["n"].value(store) > 0
    assert items["one"](store) == 1


def test_an_async_host_function_may_call_the_guest_again(make_engine: Make) -> None:
    engine = make_engine()
    store = Store(engine)
    box: dict[str, Any] = {}

    async def ask(n: int) -> int:
        await asyncio.sleep(0)
        result: int = await box["double"].call_async(store, n)
        return result

    _, items = guest(engine, ASYNC, Func(store, ASK, ask), store=store)
    box["double"] = items["double"]
    assert asyncio.run(items["sum"].call_async(store, 4)) == 20


def test_errors_of_async_host_functions_reach_the_caller(make_engine: Make) -> None:
    engine = make_engine()
    store = Store(engine)

    async def ask(_n: int) -> int:
        raise LookupError("mine")

    _, items = guest(engine, ASYNC, Func(store, ASK, ask), store=store)
    with pytest.raises(LookupError, match="mine"):
        asyncio.run(items["sum"].call_async(store, 4))
    assert items["double"](store, 4) == 8


def test_async_host_functions_need_call_async(make_engine: Make) -> None:
    engine = make_engine()
    store = Store(engine)

    async def ask(n: int) -> int:
        return n

    _, items = guest(engine, ASYNC, Func(store, ASK, ask), store=store)
    with pytest.raises(UsageError, match="call_async"):
        items["sum"](store, 4)
