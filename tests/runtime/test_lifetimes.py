"""What a module was goes when nobody has it any more, however long its engine lives."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from pywasmvm import Engine, Instance, Module, Store

# Types of its own, an object, a table of functions, a cast: all that numbers or remembers a type.
TEXT = """(module
  (type $s (struct (field i64) (field f64) (field i8) (field i16) (field f32) (field i8) (field v128)))
  (type $f (func (param i64 i64 i32) (result (ref $s))))
  (table 1 1 funcref) (elem (i32.const 0) $make)
  (func $make (type $f) (struct.new $s (local.get 0) (f64.const {number}) (local.get 2)
    (i32.const 1) (f32.const 2) (i32.const 3) (v128.const i64x2 4 5)))
  (func (export "f") (result i64) (struct.get $s 0 (ref.cast (ref $s)
    (call_indirect (type $f) (i64.const 7) (i64.const 8) (i32.const 9) (i32.const 0))))))"""


def watched(engine: Engine, number: int) -> list[weakref.ref[Any]]:
    """Run a module; return references that do not keep what it consisted of."""
    module = Module(engine, TEXT.format(number=number))
    store = Store(engine)
    instance = Instance(store, module)
    assert instance.exports(store)["f"](store) == 7
    return [*map(weakref.ref, (module, module.checked, *module.checked.types, store, instance))]


def test_a_module_goes_while_its_engine_lives(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    for number in range(3):
        references = watched(engine, number)
        for _ in range(5):  # why: a type that another names goes after that one
            gc.collect()
        assert [reference() for reference in references] == [None] * len(references)


def test_an_engine_goes_while_its_module_lives(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    module = Module(engine, TEXT.format(number=1))
    store = Store(engine)
    assert Instance(store, module).exports(store)["f"](store) == 7
    checked, reference = module.checked, weakref.ref(engine)
    del engine, module, store
    gc.collect()
    assert reference() is None and not checked.codes
