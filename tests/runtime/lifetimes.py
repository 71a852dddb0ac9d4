"""python lifetimes.py module|engine ENGINE: tell if a module goes while its engine lives, or the reverse."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from pywasmvm import Config, Engine, Instance, Module, Store

# Types of its own, an object, a table of functions, a cast: all that numbers or remembers a type.
TEXT = """(module
  (type $s (struct (field i64) (field f64) (field i8)))
  (type $f (func (param i64 i64 i32) (result (ref $s))))
  (table 1 1 funcref) (elem (i32.const 0) $make)
  (func $make (type $f) (struct.new $s (local.get 0) (f64.const 1) (local.get 2)))
  (func (export "f") (result i64) (struct.get $s 0 (ref.cast (ref $s)
    (call_indirect (type $f) (i64.const 7) (i64.const 8) (i32.const 9) (i32.const 0))))))"""


def run(module: Module) -> list[Any]:
    """Run the module; return what must go with it."""
    store = Store(module.engine)
    instance = Instance(store, module)
    if instance.exports(store)["f"](store) != 7:
        raise SystemExit("a wrong answer")
    return [module, module.checked, *module.checked.types, store, instance]


def collect() -> None:
    """Free what nobody has: a type that another names goes after that one."""
    for _ in range(5):
        gc.collect()


def remains(check: str, engine: Engine) -> list[Any]:
    """Return what is still there of a module, or of its engine, when only the other is kept."""
    module = Module(engine, TEXT)
    if check == "module":
        watched = [weakref.ref(each) for each in run(module)]
        del module
    else:
        run(module)
        kept, watched = module.checked, [weakref.ref(engine)]
        del module, engine
    collect()
    left = [each() for each in watched if each() is not None]
    return left + (list(kept.codes) if check == "engine" else [])


def engine_named(name: str) -> Engine:
    """Return an engine of this backend."""
    config = Config()
    config.engine = name
    return Engine(config)


def main(check: str, name: str) -> None:
    """Check, several times with one engine if it is the one that lives."""
    engines = [engine_named(name)]
    left = [each for _ in range(3) for each in remains(check, engines[0])] if check == "module" else []
    if check == "engine":
        left = remains(check, engines.pop())
    print(f"left: {left}" if left else "all gone")


if __name__ == "__main__":
    main(*sys.argv[1:])
