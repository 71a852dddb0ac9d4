"""Stores: fuel, epochs, limits, closing, and keeping strangers out."""

from __future__ import annotations

from typing import Any

import pytest

from pywasmvm import (
    CallStackExhausted,
    Config,
    Engine,
    Func,
    FuncType,
    Global,
    GlobalType,
    LimitError,
    Limits,
    Memory,
    MemoryType,
    OutOfFuel,
    ResourceLimits,
    Store,
    Table,
    TableType,
    UsageError,
    ValType,
)
from pywasmvm.runtime.refs import GcHeap
from pywasmvm.runtime.store import Meter

NOTHING = FuncType([], [])


def burn(meter: Meter, cost: int) -> None:
    """Pay for a block as an engine does."""
    meter.fuel -= cost
    if meter.fuel < 0:
        meter.empty(cost)


def test_fuel_is_counted_without_being_set() -> None:
    store = Store()
    burn(store.meter, 1000)
    assert store.fuel_consumed == 1000
    with pytest.raises(UsageError, match="never set"):
        store.get_fuel()


def test_fuel_runs_out_before_the_block_that_cannot_be_paid() -> None:
    store = Store()
    store.set_fuel(10)
    burn(store.meter, 7)
    with pytest.raises(OutOfFuel) as caught:
        burn(store.meter, 4)
    assert caught.value.fuel_needed == 4
    assert store.get_fuel() == 3 and store.fuel_consumed == 7
    store.set_fuel(4)
    burn(store.meter, 4)
    assert store.get_fuel() == 0 and store.fuel_consumed == 11


def test_refill_is_asked_when_the_tank_is_empty() -> None:
    store = Store()
    store.set_fuel(1)
    asked: list[int] = []

    def refill(cost: int) -> int:
        asked.append(cost)
        return 10

    store.meter.refill = refill
    burn(store.meter, 5)
    assert asked == [5] and store.get_fuel() == 6 and store.fuel_consumed == 5


@pytest.mark.parametrize("fuel", [-1, 1 << 62, 1.5, None])
def test_fuel_is_a_number_of_units(fuel: Any) -> None:
    with pytest.raises(UsageError, match="fuel is a number of units"):
        Store().set_fuel(fuel)


def test_consume_fuel_starts_empty_and_limits_may_say_otherwise() -> None:
    config = Config()
    config.consume_fuel = True
    assert Store(Engine(config)).get_fuel() == 0
    config.consume_fuel = False
    config.limits = ResourceLimits(fuel=77)
    assert Store(Engine(config)).get_fuel() == 77


def test_epoch_interrupts_and_leaves_the_fuel_as_it_was() -> None:
    engine = Engine()
    store, other = Store(engine), Store(engine)
    store.set_fuel(100)
    store.set_epoch_deadline(2)
    engine.increment_epoch()
    burn(store.meter, 1)
    engine.increment_epoch()
    engine.increment_epoch()
    assert store.get_fuel() == 99
    with pytest.raises(LimitError, match="epoch deadline"):
        burn(store.meter, 1)
    assert store.get_fuel() == 99 and store.fuel_consumed == 1
    burn(other.meter, 1)


def test_interrupt_that_a_loop_wiped_out_does_not_give_fuel() -> None:
    store = Store()
    store.set_fuel(100)
    mine = store.meter.fuel
    store.meter.interrupt()
    store.meter.fuel = mine - 5
    assert store.get_fuel() == 95
    with pytest.raises(LimitError, match="epoch deadline"):
        burn(store.meter, 96)
    assert store.get_fuel() == 95
    store.meter.interrupt()
    store.meter.interrupt()
    assert store.get_fuel() == 95
    with pytest.raises(LimitError, match="epoch deadline"):
        burn(store.meter, 1)
    with pytest.raises(OutOfFuel):
        burn(store.meter, 96)


def test_epoch_that_has_passed_stops_the_next_call() -> None:
    engine = Engine()
    store = Store(engine)
    store.set_epoch_deadline(1)
    engine.increment_epoch()
    func = Func(store, NOTHING, lambda: burn(store.meter, 1))
    with pytest.raises(LimitError, match="epoch deadline"):
        func(store)
    store.set_epoch_deadline(5)
    func(store)


def test_store_limits_bound_memories_and_tables() -> None:
    store = Store()
    store.set_limits(memory_size=3 * 65536, table_elements=5, tables=2, memories=2)
    memory = Memory(store, MemoryType(Limits(1, None)))
    assert memory.grow(store, 2) == 1
    with pytest.raises(LimitError, match="failed to grow memory by 1"):
        memory.grow(store, 1)
    with pytest.raises(LimitError, match="memory minimum size exceeds memory limits: memory_bytes is 196608"):
        Memory(store, MemoryType(Limits(4, None)))
    table = Table(store, TableType(ValType.funcref(), Limits(5, None)), None)
    with pytest.raises(LimitError, match="failed to grow table by 1"):
        table.grow(store, 1, None)
    with pytest.raises(LimitError, match="table minimum size of 6"):
        Table(store, TableType(ValType.funcref(), Limits(6, None)), None)
    Memory(store, MemoryType(Limits(1, None)))
    with pytest.raises(LimitError, match="memory count too high at 3, limit 2"):
        Memory(store, MemoryType(Limits(0, None)))
    Table(store, TableType(ValType.funcref(), Limits(1, None)), None)
    with pytest.raises(LimitError, match="table count too high at 3, limit 2"):
        Table(store, TableType(ValType.funcref(), Limits(1, None)), None)


def test_limit_over_all_memories_of_a_store() -> None:
    config = Config()
    config.limits = ResourceLimits(store_memory_bytes=4 * 65536)
    store = Store(Engine(config))
    first = Memory(store, MemoryType(Limits(1, None)))
    second = Memory(store, MemoryType(Limits(2, None)))
    assert store.memory_nbytes == 3 * 65536
    assert second.grow_pages(2) == -1 and first.grow_pages(1) == 1 and first.grow_pages(1) == -1
    Memory(Store(first.store.engine), MemoryType(Limits(4, None)))


def test_closed_store_refuses_everything() -> None:
    with Store() as store:
        memory = Memory(store, MemoryType(Limits(1, None)))
        func = Func(store, NOTHING, lambda: None)
        view = memory.view(store)
        view[0] = 5
    assert view[0] == 5, "a view keeps its bytes"
    for use in (
        lambda: memory.size(store),
        lambda: func(store),
        lambda: func.invoke(),
        lambda: store.set_fuel(1),
        lambda: Global(store, GlobalType(ValType.i32(), True), 1),
    ):
        with pytest.raises(UsageError, match="this store is closed"):
            use()
    store.close()


def test_store_cannot_be_closed_while_it_runs() -> None:
    store = Store()
    with pytest.raises(UsageError, match="cannot be closed from inside"):
        Func(store, NOTHING, store.close)(store)


def test_strangers_are_refused() -> None:
    store, other = Store(), Store()
    memory = Memory(store, MemoryType(Limits(1, None)))
    with pytest.raises(UsageError, match="this Memory belongs to another store"):
        memory.size(other)
    with pytest.raises(UsageError, match="expected a Store, got str"):
        memory.size("store")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected an Engine"):
        Store("engine")  # type: ignore[arg-type]


def test_nesting_of_calls_from_the_host_is_bounded() -> None:
    store = Store()
    deepest = 0

    def again(depth: int) -> None:
        nonlocal deepest
        deepest = depth
        func(store, depth + 1)

    func = Func(store, FuncType([ValType.i32()], []), again)
    with pytest.raises(CallStackExhausted, match="call stack exhausted"):
        func(store, 1)
    assert deepest >= 100
    assert store.nested_calls == 0
    Func(store, NOTHING, lambda: None)(store)


def test_recursion_limit_is_put_back() -> None:
    import sys

    before = sys.getrecursionlimit()
    store = Store()
    seen: list[int] = []
    Func(store, NOTHING, lambda: seen.append(sys.getrecursionlimit()))(store)
    assert seen[0] >= store.limits.call_depth and sys.getrecursionlimit() == before


def test_gc_heap_counts_what_lives() -> None:
    from pywasmvm.syntax.types import ArrayType, DefType, FieldType, PackedType, SubType

    deftype = DefType(None, 0)
    deftype.subtype = SubType(True, (), ArrayType(FieldType(PackedType.I8, True)))
    heap = GcHeap(100)
    array = heap.new_array(deftype, bytearray(40))
    assert heap.used == 56
    with pytest.raises(LimitError, match="gc_heap_bytes limit"):
        heap.new_array(deftype, bytearray(40))
    del array
    assert heap.used == 0
    ring = heap.new_array(deftype, [None] * 10)
    ring.elems[0] = ring
    del ring
    heap.new_array(deftype, bytearray(80))


def test_data_is_the_embedders_own() -> None:
    thing = {"a": 1}
    assert Store(Engine(), thing).data() is thing


def unmetered() -> Config:
    config = Config()
    config.metering = False
    return config


def test_an_engine_without_metering_refuses_what_needs_it() -> None:
    store = Store(Engine(unmetered()))
    with pytest.raises(UsageError, match=r"^fuel needs metering, .* Config.metering = False$"):
        store.set_fuel(5)
    with pytest.raises(UsageError, match="an epoch deadline needs metering"):
        store.set_epoch_deadline(1)
    config = unmetered()
    config.consume_fuel = True
    with pytest.raises(UsageError, match="consume_fuel needs metering"):
        Engine(config)
    config = unmetered()
    config.limits = ResourceLimits(fuel=77)
    with pytest.raises(UsageError, match="a limit on fuel needs metering"):
        Store(Engine(config))
