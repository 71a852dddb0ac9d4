"""Fused handlers do what the words they stand for do, also where the tank runs dry or a word traps."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Config, Engine, Instance, Module, OutOfFuel, Store, Trap, wat2wasm

pytest.importorskip("pywasmvm._fast.core", reason="the compiled engine is not built")

ROOT = Path(__file__).resolve().parents[2]
KERNELS = sorted((ROOT / "bench" / "kernels").glob("*.wasm"))


def engine(name: str) -> Engine:
    config = Config()
    config.engine = name
    return Engine(config)


def outcome(module: Module, owner: Engine, n: int, fuel: int | None) -> tuple[Any, ...]:
    """Run a kernel; return what it gave or needed, the fuel it took and what its memory holds then."""
    store = Store(owner)
    if fuel is not None:
        store.set_fuel(fuel)
    exports = Instance(store, module, []).exports(store)
    try:
        result: Any = exports["run"](store, n)
    except OutOfFuel as error:
        result = ("needs", error.fuel_needed)
    return result, store.fuel_consumed, hash(bytes(exports["memory"].buf))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
def test_an_empty_tank_stops_at_the_same_place_as_in_the_python_engine(kernel: Path) -> None:
    """The Python engine knows nothing of fusion."""
    engines = [engine("cython"), engine("python")]
    modules = [Module(owner, kernel.read_bytes()) for owner in engines]
    n = 8 if kernel.stem == "fib" else 1
    whole = outcome(modules[0], engines[0], n, None)[1]
    pick = random.Random(kernel.stem)
    for tank in [pick.randrange(min(whole, 30_000)) for _ in range(25)]:
        fast, plain = (outcome(m, e, n, tank) for m, e in zip(modules, engines, strict=True))
        assert fast == plain, tank


TRAPS = """
(module
  (memory 1)
  (func (export "run") (param $p i32) (param $q i32) (result i32) (local $x i32)
    local.get $p i32.const 0 i32.add i32.load offset=4
    local.get $q i32.const 2 i32.shl local.get $p i32.add i32.load offset=8
    i32.add local.tee $x
    i32.const 12 i32.add
    local.get $p i32.const 1 i32.add local.set $p
    local.get $p i32.load8_u
    local.get $x i32.store offset=16
    local.get $q i32.store
    local.get $x))
"""


# Opcode, alignment and offset of the loads, in the order of execution.
LOADS = (b"\x28\x02\x04", b"\x28\x02\x08", b"\x2d\x00\x00")


def first_beyond(p: int, q: int) -> int | None:
    """Return which load, if any, is the first to leave the memory's 65,536 bytes."""
    ends = (p + 4 + 4, (p + 4 * q) % (1 << 32) + 8 + 4, (p + 1) % (1 << 32) + 1)
    return next((i for i, end in enumerate(ends) if end > 65536), None)


@pytest.mark.parametrize("p", [0, 65531, 65532, 65528, 65524, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFF])
@pytest.mark.parametrize("q", [0, 1, 0x3FFE, 0x3FFF, 0x4000, 0xFFFFFFFF])
def test_a_trap_is_at_the_word_that_made_it(p: int, q: int) -> None:
    owner = engine("cython")
    store = Store(owner)
    code = wat2wasm(TRAPS)
    run = Instance(store, Module(owner, code), []).exports(store)["run"]
    wanted = first_beyond(p, q)
    if wanted is None:
        assert run(store, p, q) == 0
        return
    with pytest.raises(Trap) as caught:
        run(store, p, q)
    assert caught.value.frames[0].offset == code.index(LOADS[wanted])


def test_the_list_names_handlers_that_exist_and_are_fused() -> None:
    path = ROOT / "pywasmvm" / "_fast" / "generate_fused.py"
    spec = importlib.util.spec_from_file_location("generate_fused", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from pywasmvm._fast.emit import HANDLERS

    missing = [row for row in module.sequences() if "__".join(row) not in HANDLERS]
    assert not missing
    assert all(re.fullmatch(r"\w+", name) for row in module.sequences() for name in row)
