"""Memories, tables, globals and modules as a Python user meets them, beyond what the shared scripts show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from pywasmvm import (
    Config,
    DecodeError,
    Engine,
    FuncType,
    Global,
    GlobalType,
    Instance,
    LimitError,
    Limits,
    Memory,
    MemoryType,
    Module,
    ModuleError,
    Store,
    Table,
    TableType,
    Tag,
    TagType,
    UnsupportedError,
    UsageError,
    ValidationError,
    ValType,
    wat2wasm,
)

MakeEngine = Callable[..., Engine]

GROWING = """(module (memory (export "m") 1 10)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "put") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "get") (param i32) (result i32) (i32.load (local.get 0))))"""


def test_a_numpy_view_stays_valid_over_growth(make_engine: MakeEngine) -> None:
    store = Store(make_engine())
    exports = Instance(store, Module(store.engine, GROWING)).exports(store)
    memory = exports["m"]
    view = memory.view(store)
    numbers = view.view(np.int32)
    assert exports["grow"](store, 3) == 1 and exports["grow"](store, 99) == -1
    exports["put"](store, 8, -7)
    assert numbers[2] == -7
    numbers[3] = 55
    assert exports["get"](store, 12) == 55
    assert len(view) == 65536 and len(memory.view()) == memory.data_len(store) == 4 * 65536
    memory.grow(store, 1)
    exports["put"](store, 5 * 65536 - 4, 1)
    assert memory.view()[-4] == 1, "the guest sees growth by the host"


def test_growth_tells_who_asked_to_know() -> None:
    store = Store()
    memory = Memory(store, MemoryType(Limits(1, 4)))
    sizes: list[int] = []
    memory.on_grow.append(lambda: sizes.append(len(memory.buf)))
    assert (memory.grow_pages(0), memory.grow_pages(2), memory.grow_pages(2)) == (1, 1, -1)
    assert sizes == [3 * 65536]


def test_memory64_with_a_huge_maximum() -> None:
    store = Store()
    memory = Memory(store, MemoryType(Limits(1, 1 << 40), is_64=True))
    assert memory.grow_pages(1 << 39) == -1 and memory.grow(store, 5) == 1
    assert memory.type(store).is_64


def test_slices_of_a_memory() -> None:
    store = Store()
    memory = Memory(store, MemoryType(Limits(1, None)))
    assert memory.write(store, b"") == 0 and memory.write(store, memoryview(b"abc"), 10) == 3
    assert memory.read(store, 10, 13) == bytearray(b"abc") and memory.read(store, 70000) == b""
    assert len(memory.read(store)) == 65536
    with pytest.raises(UsageError, match="outside of a memory"):
        memory.get_buffer_ptr(store, 10, 65530)
    with pytest.raises(UsageError, match="negative"):
        memory.grow(store, -1)


def test_immutable_global_and_tables_past_the_end() -> None:
    store = Store()
    constant = Global(store, GlobalType(ValType.f64(), False), 1.5)
    with pytest.raises(UsageError, match="immutable"):
        constant.set_value(store, 2.0)
    table = Table(store, TableType(ValType.externref(), Limits(1, 2)), None)
    with pytest.raises(UsageError, match="out of bounds: 1 in a table of 1"):
        table.set(store, 1, "x")
    assert table.get(store, 1) is None and table.get(store, -1) is None
    assert table.grow(store, 1, "y") == 1 and table.get(store, 1) == "y"


@pytest.mark.parametrize(
    "make",
    [
        lambda: MemoryType(Limits(65537, None)),
        lambda: MemoryType(Limits(2, 1)),
        lambda: MemoryType((1, 2)),  # type: ignore[arg-type]
        lambda: TableType(ValType.i32(), Limits(1, None)),
        lambda: GlobalType("i32", True),  # type: ignore[arg-type]
        lambda: FuncType(["i32"], []),  # type: ignore[list-item]
        lambda: ValType(),
        lambda: ValType.ref("nonsense"),
    ],
)
def test_types_refuse_nonsense(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        make()


def test_types_compare_by_meaning() -> None:
    assert FuncType([ValType.i32()], []) == FuncType([ValType.i32()], []) != FuncType([], [])
    assert len({ValType.i32(), ValType.i32(), ValType.ref("func"), ValType.funcref()}) == 2
    assert MemoryType(Limits(1, 2)) == MemoryType(Limits(1, 2)) != MemoryType(Limits(1, 2), shared=True)
    assert TagType(FuncType([], [])) == TagType(FuncType([], []))


def test_tags_are_equal_only_to_themselves() -> None:
    store = Store()
    one, other = (Tag(store, TagType(FuncType([ValType.i32()], []))) for _ in range(2))
    assert one.eq(store, one) and not one.eq(store, other) and one.type(store) == other.type(store)


def test_modules_from_text_bytes_and_back() -> None:
    engine = Engine()
    text = '(module $name (func (export "f") (param i64)))'
    for source in (text, text.encode(), wat2wasm(text), bytes(wat2wasm(text))):
        (export,) = Module(engine, source).exports
        assert export.name == "f" and export.type == FuncType([ValType.i64()], [])
    assert Module(engine, wat2wasm(text)).name == "name"
    saved = Module(engine, text).serialize()
    assert Module.deserialize(engine, saved).exports[0].name == "f"
    with pytest.raises(DecodeError, match="not a module serialized"):
        Module.deserialize(engine, b"\0asm")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"\0asm\1\0\0\0\xff", DecodeError),
        (b"\xff\xfe", DecodeError),
        ("(module (func (result i32)))", ValidationError),
        (7, UsageError),
    ],
)
def test_modules_that_are_refused(source: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        Module(Engine(), source)


def test_settings() -> None:
    config = Config()
    assert config.wasm_simd and not config.wasm_threads
    config.wasm_simd = False
    config.wasm_threads = True
    config.max_wasm_stack = 1 << 20
    config.cranelift_opt_level = "speed"
    engine = Engine(config)
    assert engine.limits.value_stack_bytes == 1 << 20 and engine.config.wasm_threads
    with pytest.raises(ModuleError):
        Module(engine, wat2wasm("(module (func (drop (v128.const i32x4 0 0 0 0))))"))
    Module(engine, "(module (memory 1 1 shared))")
    for name, value, error in (
        ("engine", "fastest", UsageError),
        ("wasm_gc", 1, UsageError),
        ("consume_fuel", "yes", UsageError),
        ("no_such_setting", 1, AttributeError),
    ):
        with pytest.raises(error):
            setattr(config, name, value)


def test_missing_engine_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    from pywasmvm.runtime import wiring

    monkeypatch.setitem(wiring.BACKENDS, "cython", "pywasmvm.engine.does_not_exist:make_backend")
    config = Config()
    config.engine = "cython"
    with pytest.raises(UnsupportedError, match="'cython' is not installed"):
        _ = Engine(config).backend


def test_another_thread_stops_a_guest_by_the_epoch(make_engine: MakeEngine) -> None:
    engine = make_engine()
    store = Store(engine)
    loop = Instance(store, Module(engine, '(module (func (export "f") (loop (br 0))))')).exports(store)["f"]
    store.set_epoch_deadline(1)
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.05):
            engine.increment_epoch()

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    try:
        with pytest.raises(LimitError, match="epoch deadline"):
            loop(store)
    finally:
        done.set()
        thread.join()
    assert time.monotonic() - started < 30
    store.set_epoch_deadline(1000)
    assert 0 < store.fuel_consumed < 1 << 40
