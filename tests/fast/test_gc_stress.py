"""The compiled engine's collector at its worst: before every allocation, with freed cells overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pywasmvm._fast.core", reason="the compiled engine is not built")

STRESSED = {"PYWASMVM_GC_STRESS": "1"}

DROPPED = """
from pywasmvm import Config, Engine, Instance, Module, Store
config = Config()
config.engine = "cython"
engine = Engine(config)
store = Store(engine)
text = '''(module (type $a (array i8)) (type $s (struct (field (ref null $a)) (field i64)))
  (global $g (mut (ref null $s)) (ref.null $s))
  (func (export "f") (param $n i32) (param $look i64) (local $x i64)
    (local.set $x (i64.add (local.get $look) (i64.const 16)))
    (loop $l
      (global.set $g (struct.new $s (array.new_default $a (i32.const 984)) (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))'''
f = Instance(store, Module(engine, text), []).exports(store)["f"]
for look in (0, id(f), id(store) & ~15, 2, 10, 1 << 47, (1 << 63) - 8):
    f(store, 100, look)
print(store.heap.used)
"""


def test_each_allocation_collects() -> None:
    """Of 700 structures with arrays, at most two are there at a time; numbers are no references."""
    done = subprocess.run(
        [sys.executable, "-c", DROPPED],
        env={**os.environ, **STRESSED},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 1032 <= int(done.stdout) <= 2 * 1032


@pytest.mark.parametrize(
    "part", ["core/gc", "core/exceptions", "core/bulk-memory", "proposals/custom-descriptors"]
)
def test_the_suite_passes_when_each_allocation_collects(spec_suite: Path, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pywasmvm", "spec", str(spec_suite / part), "--engine", "cython"],
        env={**os.environ, **STRESSED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
