"""Instantiation: what is refused and leaves no trace, what a trap leaves behind, and the order of effects."""

from __future__ import annotations

from collections.abc import Callable
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
    Instance,
    LimitError,
    Limits,
    LinkError,
    Memory,
    MemoryType,
    Module,
    OutOfFuel,
    ResourceLimits,
    Store,
    Table,
    TableType,
    Trap,
    TrapKind,
    UsageError,
    ValType,
    wat2wasm,
)
from pywasmvm.runtime.image import constant_address

MakeEngine = Callable[..., Engine]
I32 = ValType.i32()
EXTERNREFS = TableType(ValType.externref(), Limits(2, None))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def make(store: Store, text: str, *imports: Any) -> Instance:
    """Instantiate the binary of a module in the text format."""
    return Instance(store, Module(store.engine, bytes(wat2wasm(text))), list(imports))


IMPORTS = """(module
  (import "env" "f" (func (param i32) (result i32)))
  (import "env" "m" (memory 1 3))
  (import "env" "t" (table 2 funcref))
  (import "env" "g" (global (mut i32)))
  (data (i32.const 0) "written"))"""


def offers(store: Store) -> list[Any]:
    """Return what fits IMPORTS."""
    return [
        Func(store, FuncType([I32], [I32]), lambda x: x),
        Memory(store, MemoryType(Limits(1, 3))),
        Table(store, TableType(ValType.funcref(), Limits(2, None)), None),
        Global(store, GlobalType(I32, True), 1),
    ]


def test_fitting_imports_are_taken(store: Store) -> None:
    items = offers(store)
    instance = make(store, IMPORTS, *items)
    assert bytes(items[1].read(store, 0, 7)) == b"written"
    assert [instance.funcs, instance.mems, instance.tables, instance.globals] == [[item] for item in items]


@pytest.mark.parametrize(
    ("place", "replace", "words"),
    [
        (0, lambda s: Func(s, FuncType([], [I32]), lambda: 1), "env.f is func [] -> [i32], wanted func"),
        (0, lambda s: Memory(s, MemoryType(Limits(1, 3))), "env.f is memory 1 3, wanted func [i32] -> [i32]"),
        (1, lambda s: Memory(s, MemoryType(Limits(0, 3))), "env.m is memory 0 3, wanted memory 1 3"),
        (1, lambda s: Memory(s, MemoryType(Limits(1, 4))), "env.m is memory 1 4, wanted memory 1 3"),
        (1, lambda s: Memory(s, MemoryType(Limits(1, None))), "env.m is memory 1, wanted"),
        (1, lambda s: Memory(s, MemoryType(Limits(1, 3), is_64=True)), "env.m is memory i64 1 3"),
        (2, lambda s: Table(s, EXTERNREFS, None), "env.t is table 2 externref"),
        (3, lambda s: Global(s, GlobalType(I32, False), 1), "env.g is global i32, wanted global (mut i32)"),
        (3, lambda s: Global(s, GlobalType(ValType.i64(), True), 1), "env.g is global (mut i64)"),
    ],
)  # fmt: skip
def test_imports_that_do_not_fit_leave_no_trace(
    store: Store, place: int, replace: Callable[[Store], Any], words: str
) -> None:
    items = offers(store)
    before = store.instance_count
    memory = items[1]
    items[place] = replace(store)
    with pytest.raises(LinkError) as caught:
        make(store, IMPORTS, *items)
    assert str(caught.value).startswith("incompatible import type: ") and words in str(caught.value)
    assert not any(memory.read(store, 0, 7)) and store.instance_count == before


def test_missing_imports_are_named(store: Store) -> None:
    with pytest.raises(LinkError, match=r"^unknown import: env\.g is not defined"):
        make(store, IMPORTS, *offers(store)[:3])
    with pytest.raises(LinkError, match="expected 4 imports, found 5"):
        make(store, IMPORTS, *offers(store), offers(store)[0])
    with pytest.raises(UsageError, match="expected a Func, Table, Memory, Global or Tag, got int"):
        make(store, IMPORTS, 1, 2, 3, 4)
    with pytest.raises(UsageError, match="import env.f belongs to another store"):
        make(store, IMPORTS, *offers(Store(store.engine)))


def test_grown_memory_counts_with_its_size_now(store: Store) -> None:
    memory = Memory(store, MemoryType(Limits(0, 3)))
    memory.grow(store, 1)
    make(store, '(module (import "e" "m" (memory 1 3)))', memory)


def test_effects_before_a_trap_stay(store: Store) -> None:
    memory = Memory(store, MemoryType(Limits(1, 1)))
    table = Table(store, TableType(ValType.funcref(), Limits(3, None)), None)
    text = """(module
      (import "e" "m" (memory 1 1)) (import "e" "t" (table 3 funcref))
      (func $f (result i32) (i32.const 77))
      (elem (i32.const 1) $f)
      (data (i32.const 0) "first") (data (i32.const 65535) "ab") (data (i32.const 8) "third"))"""
    with pytest.raises(Trap) as caught:
        make(store, text, memory, table)
    assert caught.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert str(caught.value).startswith("out of bounds memory access: data segment 1 of 2 bytes at 65535")
    assert bytes(memory.read(store, 0, 16)) == b"first" + bytes(11)
    assert table.get(store, 1)(store) == 77, "a function of the instance that failed can be called"


@pytest.mark.parametrize("is_binary", [False, True])
def test_segments_after_a_trap_are_not_dropped(store: Store, is_binary: bool) -> None:
    """A function that got out before the trap may still use them; those before the trap are gone."""
    table = Table(store, TableType(ValType.funcref(), Limits(3, None)), None)
    inits = "".join(
        f"""(func $f{i} (result i32)
          (memory.init $d{i} (i32.const 0) (i32.const 0) (i32.const 2)) (i32.load16_u (i32.const 0)))"""
        for i in range(3)
    )
    text = f"""(module (import "e" "t" (table 3 funcref)) (memory 1) {inits}
      (elem (i32.const 0) $f0 $f1 $f2)
      (data $d0 (i32.const 8) "ab") (data $d1 (i32.const 65535) "cd") (data $d2 (i32.const 8) "ef"))"""
    module = Module(store.engine, bytes(wat2wasm(text)) if is_binary else text)
    with pytest.raises(Trap):
        Instance(store, module, [table])
    with pytest.raises(Trap):
        table.get(store, 0)(store)
    got = [table.get(store, i)(store) for i in (1, 2)]
    assert got == [int.from_bytes(b"cd", "little"), int.from_bytes(b"ef", "little")]


def test_elements_come_before_data_and_in_order(store: Store) -> None:
    memory = Memory(store, MemoryType(Limits(1, 1)))
    table = Table(store, TableType(ValType.funcref(), Limits(2, None)), None)
    text = """(module
      (import "e" "m" (memory 1 1)) (import "e" "t" (table 2 funcref))
      (func $f) (elem (i32.const 0) $f) (elem (i32.const 2) $f) (data (i32.const 0) "x"))"""
    with pytest.raises(Trap) as caught:
        make(store, text, memory, table)
    assert caught.value.kind is TrapKind.TABLE_OUT_OF_BOUNDS
    assert isinstance(table.get(store, 0), Func) and not any(memory.read(store, 0, 1))


def test_trapping_start_keeps_what_was_written(store: Store) -> None:
    memory = Memory(store, MemoryType(Limits(1, 1)))
    text = """(module (import "e" "m" (memory 1 1)) (data (i32.const 0) "data")
      (func $s (i32.store8 (i32.const 4) (i32.const 33)) unreachable) (start $s))"""
    with pytest.raises(Trap, match="^unreachable"):
        make(store, text, memory)
    assert bytes(memory.read(store, 0, 5)) == b"data!"


def test_start_runs_after_the_segments(store: Store) -> None:
    seen: list[int] = []
    text = """(module (import "e" "see" (func $see (param i32))) (memory 1) (data (i32.const 3) "*")
      (func $s (call $see (i32.load8_u (i32.const 3)))) (start $s))"""
    make(store, text, Func(store, FuncType([I32], []), seen.append))
    assert seen == [ord("*")]


def test_constant_expressions(store: Store) -> None:
    text = """(module
      (import "e" "base" (global $base i32))
      (global $n (export "n") i32 (i32.add (global.get $base) (i32.const 5)))
      (global (export "f") f32 (f32.const nan:0x200001))
      (global (export "v") v128 (v128.const i64x2 1 2))
      (global (export "r") funcref (ref.func $g))
      (global (export "z") externref (ref.null extern))
      (global (export "m") i32 (global.get $n))
      (table (export "t") 3 funcref (ref.func $g))
      (elem (table 0) (offset (i32.sub (global.get $base) (i32.const 9))) func $h)
      (memory (export "mem") 1) (data (offset (global.get $n)) "at 15")
      (func $g (export "g") (result i32) (i32.const 1)) (func $h (result i32) (i32.const 2)))"""
    exports = make(store, text, Global(store, GlobalType(I32, False), 10)).exports(store)
    assert exports["n"].value(store) == exports["m"].value(store) == 15
    assert exports["f"].raw == 0x7FA00001 and exports["v"].raw == 1 | 2 << 64
    assert exports["r"].value(store) is exports["g"] and exports["z"].value(store) is None
    assert [exports["t"].get(store, i)(store) for i in range(3)] == [1, 2, 1]
    assert bytes(exports["mem"].read(store, 15, 20)) == b"at 15"


def test_passive_and_declarative_segments(store: Store) -> None:
    text = """(module (memory (export "m") 1) (data $p "passive") (data $a (i32.const 0) "active")
      (table $t (export "t") 2 funcref) (func $f) (elem $e func $f) (elem declare func $f)
      (func (export "init") (memory.init $p (i32.const 10) (i32.const 0) (i32.const 7))
        (table.init $t $e (i32.const 1) (i32.const 0) (i32.const 1)))
      (func (export "again") (memory.init $a (i32.const 0) (i32.const 0) (i32.const 1))))"""
    instance = make(store, text)
    assert instance.elems == [[instance.funcs[0]], None] and [bytes(d) for d in instance.datas] == [
        b"passive",
        b"",
    ]
    exports = instance.exports(store)
    exports["init"](store)
    assert bytes(exports["m"].read(store, 10, 17)) == b"passive" and isinstance(
        exports["t"].get(store, 1), Func
    )
    with pytest.raises(Trap) as caught:
        exports["again"](store)
    assert caught.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS


def segments(count: int, tail: str = "") -> str:
    """Return a module of many segments, the later ones overlapping the earlier ones."""
    parts = [f'(data (i32.const {(i * 7) % 997}) "{i % 10}{(i + 1) % 10}")' for i in range(count)]
    return f'(module (memory (export "m") 1) (data "p") {"".join(parts)} {tail})'


@pytest.mark.parametrize("count", [5, 400])
@pytest.mark.parametrize("encode", [str, wat2wasm])
def test_many_segments_have_the_effect_of_one_after_the_other(
    store: Store, count: int, encode: Callable[[str], Any]
) -> None:
    expected = bytearray(1000)
    for i in range(count):
        expected[(i * 7) % 997 : (i * 7) % 997 + 2] = f"{i % 10}{(i + 1) % 10}".encode()
    module = Module(store.engine, encode(segments(count)))
    for _ in range(2):
        instance = Instance(store, module, [])
        memory = instance.exports(store)["m"]
        assert memory.read(store, 0, 1000) == expected and not any(memory.read(store, 1000))
        assert [bytes(data) for data in instance.datas] == [b"p"] + [b""] * count
        memory.write(store, b"dirty", 0)


def test_many_segments_with_one_out_of_bounds_still_trap_in_order(store: Store) -> None:
    seen: list[Any] = []
    text = segments(100, '(data (i32.const 65535) "ab")')
    with pytest.raises(Trap, match="data segment 101 of 2 bytes"):
        seen.append(make(store, text))
    assert not seen


def test_limit_of_instances(make_engine: MakeEngine) -> None:
    engine = make_engine(limits=ResourceLimits(instances=2))
    store, module = Store(engine), Module(engine, "(module)")
    Instance(store, module)
    Instance(store, module)
    with pytest.raises(LimitError, match="instance count too high at 3, limit 2"):
        Instance(store, module)


def test_limits_of_sizes_name_themselves(make_engine: MakeEngine) -> None:
    engine = make_engine(limits=ResourceLimits(memory_bytes=65536, table_elements=4))
    with pytest.raises(LimitError, match="memory_bytes is 65536, 131072 wanted"):
        make(Store(engine), "(module (memory 2))")
    with pytest.raises(LimitError, match="table_elements is 4"):
        make(Store(engine), "(module (table 5 funcref))")
    store = Store(engine)
    text = '(module (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))'
    assert make(store, text).exports(store)["grow"](store) == -1


def test_fuel_of_the_start_function_is_bounded(make_engine: MakeEngine) -> None:
    store = Store(make_engine())
    store.set_fuel(1000)
    with pytest.raises(OutOfFuel):
        make(store, "(module (func $s (loop (br 0))) (start $s))")
    assert 0 <= store.get_fuel() < 10


def test_instance_is_usable_after_its_stack_was_exhausted(store: Store) -> None:
    text = """(module (func $f (export "f") (param i32) (result i32)
      (if (result i32) (local.get 0) (then
        (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
        (else (i32.const 0)))))"""
    func = make(store, text).exports(store)["f"]
    with pytest.raises(CallStackExhausted, match="^call stack exhausted"):
        func(store, 1 << 30)
    assert func(store, 300) == 300


def test_exports_by_name_and_position(store: Store) -> None:
    text = '(module (func (export "b")) (memory (export "a") 1) (export "c" (func 0)))'
    exports = make(store, text).exports(store)
    assert list(exports) == ["b", "a", "c"] and len(exports) == 3
    assert exports[0] is exports["b"] is exports["c"] is exports.by_index[2]
    assert "x" not in exports and exports.get("x") is None
    with pytest.raises(KeyError):
        exports["x"]


def test_caller_sees_the_exports_of_who_called(store: Store) -> None:
    seen: list[Any] = []

    def look(caller: Any) -> None:
        seen.append((caller.get("memory"), caller.get("nothing"), caller.data()))
        if caller.get("memory"):
            assert caller["memory"].read(caller, 0, 2) == b"hi"
            with pytest.raises(KeyError):
                caller["nothing"]

    host = Func(store, FuncType([], []), look, access_caller=True)
    text = """(module (import "e" "look" (func $look)) (memory (export "memory") 1) (data (i32.const 0) "hi")
      (func (export "run") (call $look)) (export "look" (func $look)))"""
    first = make(store, text, host)
    first.exports(store)["run"](store)
    memory = first.exports(store)["memory"]
    passed_on = make(
        store,
        '(module (import "e" "f" (func $f)) (func (export "run") (call $f)))',
        first.exports(store)["look"],
    )
    passed_on.exports(store)["run"](store)
    host(store)
    assert seen == [(memory, None, None), (None, None, None), (None, None, None)]


def test_host_exception_carries_the_guest_frames(store: Store) -> None:
    error = ValueError("mine")

    def fail() -> None:
        raise error

    text = """(module (import "e" "fail" (func $fail)) (func $inner (call $fail))
      (func $outer (export "outer") (call $inner)))"""
    outer = make(store, text, Func(store, FuncType([], []), fail)).exports(store)["outer"]
    with pytest.raises(ValueError, match="^mine") as caught:
        outer(store)
    assert caught.value is error
    notes = error.__notes__  # type: ignore[attr-defined]
    assert [note for note in notes if "function 1" in note] and [
        note for note in notes if "function 2" in note
    ]
    error.__traceback__ = None
    with pytest.raises(ValueError, match="^mine"):
        outer(store)
    assert error.__notes__ == notes, "notes do not pile up"  # type: ignore[attr-defined]


def test_config_of_an_engine_is_its_own() -> None:
    config = Config()
    engine = Engine(config)
    config.limits = ResourceLimits(instances=1)
    assert engine.limits.instances != 1


@pytest.mark.parametrize(
    "addr", [0, 1, 63, 64, 127, 128, 8191, 8192, 65535, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
)
@pytest.mark.parametrize("name", ["i32.const", "i64.const"])
def test_address_of_an_offset_reads_like_its_instruction(addr: int, name: str) -> None:
    index = "i64" if name == "i64.const" else ""
    binary = bytes(wat2wasm(f'(module (memory {index} 1) (data ({name} {addr}) "x"))'))
    (data,) = Module(Engine(), binary).syntax.datas
    assert data.offset is not None
    assert constant_address(data.offset) == data.offset.instrs()[0][1] == addr


def test_offset_of_two_instructions_is_no_constant() -> None:
    text = '(module (memory 1) (data (i32.add (i32.const 1) (i32.const 2)) "x"))'
    (data,) = Module(Engine(), bytes(wat2wasm(text))).syntax.datas
    assert constant_address(data.offset) is None
