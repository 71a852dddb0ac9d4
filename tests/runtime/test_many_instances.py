"""Instances of one module: what one translates the next may copy, and yet each has its own things."""

from __future__ import annotations

from typing import Any

import pytest

from pywasmvm import Config, Engine, Func, FuncType, Instance, Module, Store, Trap, ValType, wat2wasm

SOURCE = """(module
  (import "host" "f" (func $host (param i32) (result i32)))
  (type $get (func (result i32)))
  (memory 1) (memory $other 1)
  (global $count (mut i32) (i32.const 0))
  (table $funcs funcref (elem $count_up $ask))
  (table $spare 2 funcref)
  (func $count_up (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func $ask (result i32) (call $host (global.get $count)))
  (func (export "count") (result i32) (call $count_up))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect $funcs (type $get) (local.get 0)))
  (func (export "tail") (result i32) (return_call $ask))
  (func (export "tail_indirect") (param i32) (result i32)
    (return_call_indirect $funcs (type $get) (local.get 0)))
  (func (export "move") (param $value i32) (result i32)
    (memory.fill (i32.const 8) (local.get $value) (i32.const 8))
    (memory.copy $other 0 (i32.const 16) (i32.const 8) (i32.const 4))
    (memory.copy 0 $other (i32.const 32) (i32.const 16) (i32.const 4))
    (i32.load (i32.const 32)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "pages") (result i32) (memory.size))
  (func (export "keep") (param i32) (table.set $spare (i32.const 1) (table.get $funcs (local.get 0))))
  (func (export "kept") (result i32) (call_indirect $spare (type $get) (i32.const 1)))
  (func (export "room") (result i32) (table.size $spare))
  (func (export "same") (result i32)
    (call_ref $get (ref.func $count_up)))
  (elem declare func $count_up)
  (func $deep (if (i32.eqz (global.get $count)) (then (unreachable))))
  (func (export "trap") (call $deep)))"""


@pytest.fixture
def module(wasm_engine: str) -> Module:
    config = Config()
    config.engine = wasm_engine
    return Module(Engine(config), wat2wasm(SOURCE))


def make(module: Module, factor: int, store: Store | None = None) -> tuple[Store, Any]:
    store = store or Store(module.engine)
    one = [ValType.i32()]
    return store, Instance(store, module, [Func(store, FuncType(one, one), lambda n: n * factor)]).exports(
        store
    )


def use(store: Store, e: Any) -> list[Any]:
    """Call everything, twice, so that words that change when they run have changed."""
    out = []
    with pytest.raises(Trap) as trap:
        e["trap"](store)
    out.append([(f.func_index, f.offset) for f in trap.value.frames])
    for _ in range(2):
        out += [e["count"](store), e["indirect"](store, 0), e["indirect"](store, 1), e["tail"](store)]
        out += [e["tail_indirect"](store, 0), e["tail_indirect"](store, 1), e["move"](store, 7)]
        out += [e["grow"](store), e["pages"](store), e["room"](store), e["same"](store)]
        e["keep"](store, 0)
        out.append(e["kept"](store))
    return out


def test_each_has_its_own_things(module: Module) -> None:
    """In stores of their own and in one: all answer like the first, and ask their own host function."""
    shared = Store(module.engine)
    first = use(*make(module, 1))
    for factor, store in ((1, None), (1, shared), (1, shared), (1, None)):
        assert use(*make(module, factor, store)) == first
    tenfold = use(*make(module, 10))
    assert tenfold[3] == first[3] * 10


def test_the_others_stay_as_they_are(module: Module) -> None:
    live = [make(module, factor) for factor in (1, 2, 3)]
    for store, e in live:
        use(store, e)
    counts = [e["count"](store) for store, e in live]
    use(*make(module, 4))
    assert [e["count"](store) for store, e in live] == [n + 1 for n in counts]
    assert [e["tail"](store) for store, e in live] == [
        (n + 1) * f for f, n in zip((1, 2, 3), counts, strict=True)
    ]


def test_one_outlives_the_others(module: Module) -> None:
    use(*make(module, 1))
    use(*make(module, 2))
    store, e = make(module, 3)
    assert use(store, e) == use(*make(module, 3))


def test_code_is_there_for_whoever_asks(module: Module) -> None:
    store, e = make(module, 1)
    func = e["count"]
    assert func.code() == 1
    assert func.invoke() == [2]
    assert func(store) == 3
    with pytest.raises(AttributeError, match="no attribute 'cod'"):
        _ = func.cod
