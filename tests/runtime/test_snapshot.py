"""Snapshots: copies go on from the same state, never see one another, and give their memory back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import (
    Config,
    Engine,
    Func,
    FuncType,
    Instance,
    LimitError,
    Linker,
    LinkError,
    Memory,
    MemoryType,
    Module,
    Snapshot,
    Store,
    UsageError,
    ValType,
)
from pywasmvm import Limits as Size
from pywasmvm.runtime import pages as pages_module
from pywasmvm.runtime import vmem

PAGE = 65536
STATE = """(module
  (import "env" "seen" (func $seen (param i32)))
  (memory (export "memory") 2 20)
  (memory $second 1)
  (global $count (export "count") (mut i32) (i32.const 5))
  (global $wide (mut v128) (v128.const i64x2 1 2))
  (table $t (export "table") 2 9 funcref)
  (elem declare func $one $two $seen)
  (elem $passive func $two)
  (data $passive "passive")
  (type $f (func (result i32)))
  (func $one (type $f) (i32.const 1))
  (func $two (type $f) (i32.const 2))
  (func (export "work")
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $wide (i64x2.add (global.get $wide) (global.get $wide)))
    (table.set (i32.const 0) (ref.func $one))
    (drop (table.grow (ref.func $two) (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (i32.store (i32.const 100) (i32.add (i32.load (i32.const 100)) (i32.const 7)))
    (i32.store $second (i32.const 8) (i32.const 9))
    (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (memory.size))
    (call $seen (global.get $count)))
  (func (export "drop") (data.drop $passive) (elem.drop $passive))
  (func (export "use_segments")
    (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))
    (table.init $passive (i32.const 1) (i32.const 0) (i32.const 1)))
  (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "peek2") (result i32) (i32.load $second (i32.const 8)))
  (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "wide") (result i64) (i64x2.extract_lane 1 (global.get $wide)))
  (func (export "pages") (result i32) (memory.size)))"""


class Guest:
    """An instance with its store and what it told the host."""

    def __init__(self, engine: Engine, module: Module, snapshot: Snapshot | None = None) -> None:
        self.store = Store(engine)
        self.seen: list[int] = []
        imports: list[Any] = [Func(self.store, FuncType([ValType.i32()], []), self.seen.append)]
        if not module.imports:
            imports = []
        if snapshot is None:
            self.instance = Instance(self.store, module, imports)
        else:
            self.instance = snapshot.restore(self.store, imports)

    def call(self, name: str, *args: int) -> Any:
        return self.instance.exports(self.store)[name](self.store, *args)

    def take(self) -> Snapshot:
        return Snapshot.take(self.store, self.instance)

    def state(self) -> tuple[Any, ...]:
        last = self.call("pages") * PAGE - 4
        places = [self.call("peek", at) for at in (0, 100, last)]
        table = self.instance.tables[0]
        functions = [getattr(table.elems[i], "funcidx", None) for i in range(len(table.elems))]
        count = self.instance.exports(self.store)["count"].value(self.store)
        return self.call("pages"), places, self.call("peek2"), self.call("wide"), functions, count


@pytest.fixture(params=["mapped", "no mmap", "no file"])
def placed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test by copy-on-write, without mmap, and without room for a file."""
    if request.param == "no mmap":
        monkeypatch.setattr(vmem, "_SYSTEM", None)
    elif vmem._SYSTEM is None:
        pytest.skip("this system has no mmap")
    if request.param == "no file":

        def full() -> Any:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pages_module, "_open", full)
    return str(request.param)


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine()


def test_a_copy_goes_on_where_the_snapshot_was_taken(engine: Engine, placed: str) -> None:
    first = Guest(engine, Module(engine, STATE))
    first.call("work")
    expected = first.state()
    snapshot = first.take()
    first.call("work")
    copy = Guest(engine, snapshot.module, snapshot)
    assert copy.state() == expected
    assert (copy.call("call", 0), copy.call("call", 2)) == (1, 2)
    copy.call("work")
    assert copy.state() == first.state() != expected
    assert copy.seen == [7], "the copy calls the host function it was given"


def test_a_copy_runs_on_the_other_engine(engine: Engine) -> None:
    first = Guest(engine, Module(engine, STATE))
    first.call("work")
    snapshot = first.take()
    for name in ("python", "cython"):
        config = Config()
        config.engine = name
        other = Guest(Engine(config), snapshot.module, snapshot)
        assert other.state() == first.state()
        other.call("work")
        assert other.state() != first.state()


def test_writes_never_leak(engine: Engine, placed: str) -> None:
    first = Guest(engine, Module(engine, STATE))
    first.call("work")
    snapshot = first.take()
    copies = [Guest(engine, snapshot.module, snapshot) for _ in range(4)]
    for number, guest in enumerate([first, *copies], 1):
        for at in (0, 100, 40000, 2 * PAGE, 3 * PAGE - 8):
            guest.call("poke", at, number * 1000 + at)
        guest.instance.tables[0].elems[1] = guest.instance.funcs[number % 2 + 1]
    for number, guest in enumerate([first, *copies], 1):
        got = [guest.call("peek", at) for at in (0, 100, 40000, 2 * PAGE, 3 * PAGE - 8)]
        assert got == [number * 1000 + at for at in (0, 100, 40000, 2 * PAGE, 3 * PAGE - 8)]
        assert guest.call("call", 1) == number % 2 + 1
    fresh = Guest(engine, snapshot.module, snapshot)
    assert [fresh.call("peek", at) for at in (0, 100, 40000, 2 * PAGE)] == [0, 7, 0, 0]


def test_reset_undoes_everything(engine: Engine, placed: str) -> None:
    guest = Guest(engine, Module(engine, STATE))
    guest.call("work")
    snapshot, expected = guest.take(), guest.state()
    for _ in range(3):
        guest.call("work")
        guest.call("work")
        guest.call("poke", 5 * PAGE - 8, 77)
        guest.call("drop")
        assert guest.state() != expected
        snapshot.reset(guest.instance)
        assert guest.state() == expected
    assert guest.instance.exports(guest.store)["memory"].grow(guest.store, 2) == 3
    assert guest.call("peek", 5 * PAGE - 8) == 0, "what is grown anew is zero"
    guest.call("use_segments")
    assert guest.call("peek", 0) == int.from_bytes(b"pass", "little")


def test_dropped_segments_stay_dropped(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, STATE))
    whole = guest.take()
    guest.call("drop")
    dropped = Guest(engine, whole.module, guest.take())
    with pytest.raises(Exception, match="out of bounds"):
        dropped.call("use_segments")
    Guest(engine, whole.module, whole).call("use_segments")


def test_the_start_function_does_not_run_again(engine: Engine) -> None:
    module = Module(
        engine,
        """(module (global $n (export "n") (mut i32) (i32.const 0))
          (func $start (global.set $n (i32.add (global.get $n) (i32.const 1)))) (start $start))""",
    )
    copy = Guest(engine, module, Guest(engine, module).take())
    assert copy.instance.exports(copy.store)["n"].value(copy.store) == 1


OBJECTS = """(module
  (rec (type $node (struct (field $next (mut (ref null $node))) (field $value (mut i32)) (field $pad i8))))
  (type $bytes (array (mut i8)))
  (type $refs (array (mut anyref)))
  (type $f (func (result i32)))
  (tag $oops (param i32 (ref null $node)))
  (table $t 4 anyref)
  (table $x 2 externref)
  (table $e 1 exnref)
  (global $head (mut (ref null $node)) (ref.null $node))
  (global $typed (mut (ref $f)) (ref.func $two))
  (func $two (type $f) (i32.const 2))
  (func (export "build") (param externref)
    (global.set $head (struct.new $node (ref.null $node) (i32.const 40) (i32.const 3)))
    (struct.set $node $next (global.get $head)
      (struct.new $node (global.get $head) (i32.const 2) (i32.const 4)))
    (table.set $t (i32.const 0) (global.get $head))
    (table.set $t (i32.const 1) (ref.i31 (i32.const 9)))
    (table.set $t (i32.const 2) (array.new $bytes (i32.const 5) (i32.const 3)))
    (table.set $t (i32.const 3)
      (array.new_fixed $refs 3 (global.get $head) (ref.i31 (i32.const 1)) (ref.null any)))
    (table.set $x (i32.const 1) (local.get 0))
    (table.set $e (i32.const 0)
      (block $caught (result exnref)
        (try_table (catch_all_ref $caught) (throw $oops (i32.const 6) (global.get $head)))
        (unreachable))))
  (func (export "add") (param i32)
    (struct.set $node $value (global.get $head)
      (i32.add (local.get 0) (struct.get $node $value (global.get $head))))
    (array.set $bytes (ref.cast (ref $bytes) (table.get $t (i32.const 2))) (i32.const 0) (local.get 0)))
  (func (export "sum") (result i32)
    (i32.add
      (struct.get $node $value (global.get $head))
      (struct.get $node $value (struct.get $node $next (global.get $head)))))
  (func (export "cycle") (result i32)
    (ref.eq (global.get $head)
      (struct.get $node $next (struct.get $node $next (global.get $head)))))
  (func (export "same") (result i32)
    (ref.eq (global.get $head) (ref.cast eqref (table.get $t (i32.const 0)))))
  (func (export "in_array") (result i32)
    (ref.eq (global.get $head) (ref.cast eqref
      (array.get $refs (ref.cast (ref $refs) (table.get $t (i32.const 3))) (i32.const 0)))))
  (func (export "byte") (param i32) (result i32)
    (array.get_u $bytes (ref.cast (ref $bytes) (table.get $t (i32.const 2))) (local.get 0)))
  (func (export "i31") (result i32) (i31.get_u (ref.cast i31ref (table.get $t (i32.const 1)))))
  (func (export "extern") (result externref) (table.get $x (i32.const 1)))
  (func (export "typed") (result i32) (call_ref $f (global.get $typed)))
  (func (export "thrown") (result i32) (local (ref null $node))
    (block $caught (result i32 (ref null $node))
      (try_table (catch $oops $caught) (throw_ref (table.get $e (i32.const 0))))
      (unreachable))
    (local.set 0)
    (i32.add (ref.eq (local.get 0) (global.get $head)))))"""


def test_references_are_copied_as_a_whole(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, OBJECTS))
    token = object()
    guest.call("build", token)  # type: ignore[arg-type]
    snapshot = guest.take()
    copies = [Guest(engine, snapshot.module, snapshot) for _ in range(2)]
    copies[0].call("add", 100)
    guest.call("add", 50)
    gc.collect()
    for each, total, first in ((guest, 92, 50), (copies[0], 142, 100), (copies[1], 42, 5)):
        assert each.call("sum") == total
        assert [each.call(name) for name in ("cycle", "same", "in_array", "i31", "typed")] == [1, 1, 1, 9, 2]
        assert [each.call("byte", i) for i in range(3)] == [first, 5, 5]
        assert each.call("extern") is token
        assert each.call("thrown") == 7, "the exception carries the copy's own node"


def test_reset_undoes_objects(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, OBJECTS))
    guest.call("build", None)  # type: ignore[arg-type]
    snapshot = guest.take()
    for _ in range(2):
        guest.call("add", 7)
        assert guest.call("sum") == 49
        snapshot.reset(guest.instance)
        assert (guest.call("sum"), guest.call("cycle"), guest.call("byte", 0)) == (42, 1, 5)


def test_a_long_list_of_objects(engine: Engine) -> None:
    module = Module(
        engine,
        """(module (rec (type $n (struct (field (ref null $n)))))
          (global $g (mut (ref null $n)) (ref.null $n))
          (func (export "build") (param i32)
            (loop $l (global.set $g (struct.new $n (global.get $g)))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
          (func (export "length") (result i32) (local i32) (local (ref null $n))
            (local.set 1 (global.get $g))
            (loop $l (if (ref.is_null (local.get 1)) (then (return (local.get 0))))
              (local.set 0 (i32.add (local.get 0) (i32.const 1)))
              (local.set 1 (struct.get $n 0 (local.get 1))) (br $l)) (unreachable)))""",
    )
    guest = Guest(engine, module)
    guest.call("build", 5000)
    assert Guest(engine, module, guest.take()).call("length") == 5000


def test_what_belongs_to_others_is_refused(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, STATE))
    table = guest.instance.exports(guest.store)["table"]
    table.set(guest.store, 1, Func(guest.store, FuncType([], []), lambda: None))
    with pytest.raises(UsageError, match="table 0 refers to a function of another instance"):
        guest.take()
    table.set(guest.store, 1, None)
    guest.take()


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ('(memory (import "m" "x") 1)', "imports the memory m.x"),
        ('(table (import "m" "x") 1 funcref)', "imports the table m.x"),
        ('(global (import "m" "x") (mut i32))', "imports the mutable global m.x"),
    ],
)
def test_state_of_others_is_refused(engine: Engine, declaration: str, words: str) -> None:
    store, linker = Store(engine), Linker(engine)
    maker = Module(
        engine,
        '(module (memory (export "m") 1) (table (export "t") 1 funcref)'
        ' (global (export "g") (mut i32) (i32.const 0)))',
    )
    exports = Instance(store, maker, []).exports(store)
    kind = {"memory": "m", "table": "t", "global": "g"}[declaration[1:].split()[0]]
    linker.define(store, "m", "x", exports[kind])
    instance = linker.instantiate(store, Module(engine, f"(module {declaration})"))
    with pytest.raises(UsageError, match=words):
        Snapshot.take(store, instance)


def test_a_linker_restores(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, STATE))
    guest.call("work")
    snapshot, linker, store = guest.take(), Linker(engine), Store(engine)
    seen: list[int] = []
    with pytest.raises(LinkError, match=r"env\.seen"):
        linker.restore(store, snapshot)
    linker.define_func("env", "seen", FuncType([ValType.i32()], []), seen.append)
    linker.restore(store, snapshot).exports(store)["work"](store)
    assert seen == [7]


def test_misuse_is_one_clear_line(engine: Engine) -> None:
    guest, other = Guest(engine, Module(engine, STATE)), Guest(engine, Module(engine, STATE))
    with pytest.raises(UsageError, match=r"Snapshot\.take"):
        Snapshot()
    with pytest.raises(UsageError, match="another store"):
        Snapshot.take(guest.store, other.instance)
    with pytest.raises(UsageError, match="expected an Instance"):
        Snapshot.take(guest.store, "instance")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="another module"):
        guest.take().reset(other.instance)
    with pytest.raises(LinkError):
        guest.take().restore(Store(engine), [])


def test_a_running_store_is_refused(engine: Engine) -> None:
    module = Module(engine, '(module (import "env" "f" (func)) (func (export "g") (call 0)))')
    store = Store(engine)
    held: list[Instance] = []
    taken: list[str] = []

    def during() -> None:
        with pytest.raises(UsageError, match="this store is running") as caught:
            Snapshot.take(store, held[0])
        taken.append(str(caught.value))

    held.append(Instance(store, module, [Func(store, FuncType([], []), during)]))
    held[0].exports(store)["g"](store)
    assert taken


def test_limits_of_the_new_store_hold(engine: Engine) -> None:
    guest = Guest(engine, Module(engine, STATE))
    guest.call("work")
    snapshot = guest.take()
    for limits in ({"memory_size": 2 * PAGE}, {"table_elements": 2}, {"instances": 0}):
        store = Store(engine)
        store.set_limits(**limits)
        seen = Func(store, FuncType([ValType.i32()], []), lambda _: None)
        with pytest.raises(LimitError):
            snapshot.restore(store, [seen])


def test_only_what_is_not_zero_takes_room(engine: Engine) -> None:
    store = Store(engine)
    module = Module(engine, '(module (memory (export "m") 100) (data (i32.const 3000000) "x"))')
    instance = Instance(store, module, [])
    assert Snapshot.take(store, instance).nbytes == pages_module.CHUNK


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_dropped_copies_give_their_memory_back(engine: Engine) -> None:
    module = Module(engine, '(module (memory (export "m") 200) (data (i32.const 0) "x"))')
    store = Store(engine)
    snapshots = [Snapshot.take(store, Instance(store, module, []))]
    descriptors = len(_descriptors())

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * vmem.HOST_PAGE

    def use() -> None:
        for _ in range(10):
            other = Store(engine)
            memory: Memory = snapshots[0].restore(other).exports(other)["m"]
            memory.buf[:] = b"\1" * len(memory.buf)
            other.close()
        gc.collect()

    use()
    before = resident()
    use()
    use()
    assert resident() - before < 20 << 20, "each copy wrote to 12.5 MiB"
    snapshots.clear()
    gc.collect()
    assert len(_descriptors()) < descriptors or descriptors == 0


def _descriptors() -> list[str]:
    import os

    return [
        name
        for name in os.listdir("/proc/self/fd")
        if os.path.islink(f"/proc/self/fd/{name}") and "pywasmvm" in os.readlink(f"/proc/self/fd/{name}")
    ]


def test_views_from_before_a_reset_stay_usable(engine: Engine, placed: str) -> None:
    store = Store(engine)
    instance = Instance(store, Module(engine, '(module (memory (export "m") 1 9))'), [])
    memory: Memory = instance.exports(store)["m"]
    snapshot = Snapshot.take(store, instance)
    memory.grow(store, 3)
    memory.write(store, b"late", 4 * PAGE - 4)
    view = memory.view(store)
    snapshot.reset(instance)
    assert memory.data_len(store) == PAGE
    assert len(bytes(view)) == 4 * PAGE
    memory.grow(store, 3)
    assert bytes(memory.read(store, 4 * PAGE - 4)) == b"\0\0\0\0"


def test_a_memory_of_the_embedder_is_not_touched(engine: Engine) -> None:
    store = Store(engine)
    memory = Memory(store, MemoryType(Size(1, 2)))
    memory.write(store, b"mine")
    snapshot = Snapshot.take(store, Instance(store, Module(engine, "(module (memory 1))"), []))
    snapshot.restore(store)
    assert bytes(memory.read(store, 0, 4)) == b"mine"
