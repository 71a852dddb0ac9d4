"""Every kernel of the bench costs the same fuel on both engines and in wasmtime, and answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pywasmvm

BUDGET = 1 << 40
KERNELS = sorted((Path(__file__).parents[2] / "bench" / "kernels").glob("*.wasm"))


def result_and_fuel(api: Any, config: Any, kernel: Path, n: int) -> tuple[int, int]:
    """Return what run(n) answers and what it took, by a package of wasmtime's shape."""
    config.consume_fuel = True
    engine = api.Engine(config)
    store = api.Store(engine)
    store.set_fuel(BUDGET)
    run = api.Instance(store, api.Module(engine, kernel.read_bytes()), []).exports(store)["run"]
    return run(store, n) & ((1 << 64) - 1), BUDGET - store.get_fuel()


@pytest.mark.parametrize("kernel", KERNELS, ids=[path.stem for path in KERNELS])
def test_fuel_equals_wasmtimes(kernel: Path, wasm_engine: str) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    config = pywasmvm.Config()
    config.engine = wasm_engine
    for n in (0, 1, 10):
        ours = result_and_fuel(pywasmvm, config, kernel, n)
        assert ours == result_and_fuel(wasmtime, wasmtime.Config(), kernel, n)
