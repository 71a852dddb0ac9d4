"""Our own recordings of a real Envoy 1.40, replayed.

Three folders, all in the format of the recordings beside the project:
cases/         written by hand: callouts, gRPC, ticks, chains, failures, access loggers. Many use filters in
               text beside them; others borrow one from the recordings, and are skipped where it is missing.
scripted/      one filter (script.c) that makes the host calls its configuration lists, in every callback,
               on HTTP and TCP, alone and in chains. Drawn at random, kept because they found a difference.
host/filters/  the example filters, built with the SDKs of four languages.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host.replay.compare import compare
from pywasmvm_host.replay.run import load_case, run_case

from pywasmvm import Config, Engine, wat2wasm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORPUS = Path(os.environ.get("PYWASMVM_GOLDENS") or ROOT.parent / "shared" / "envoy-goldens")
# folder of cases -> folder that their modules' paths start from
FOLDERS = {
    HERE / "cases": HERE / "cases",
    HERE / "scripted": HERE / "scripted",
    ROOT / "host" / "filters" / "cases": ROOT / "host" / "filters",
}
CASES = [(path, modules) for folder, modules in FOLDERS.items() for path in sorted(folder.glob("*.json"))]
LARGE = 1_000_000  # bytes of a module from which on the Python engine takes many seconds


@functools.cache
def from_text(path: Path, room: Path) -> Path:
    built = room / path.with_suffix(".wasm").name
    built.write_bytes(bytes(wat2wasm(path.read_text("utf-8"))))
    return built


def find(name: str, modules: Path, room: Path) -> Path:
    text = modules / name.replace(".wasm", ".wat")
    if (modules / name).exists():
        return modules / name
    if text.exists():
        return from_text(text, room)
    if not (CORPUS / name).exists():
        pytest.skip(f"needs {name} of the recordings; PYWASMVM_GOLDENS names their folder")
    return CORPUS / name


@functools.cache
def engine_named(name: str) -> tuple[Any, dict[Any, Any]]:
    config = Config()
    config.consume_fuel = True
    config.engine = name
    return Engine(config), {}


def test_there_are_cases() -> None:
    assert all(len(list(folder.glob("*.json"))) >= 30 for folder in FOLDERS)


@pytest.mark.parametrize(("path", "modules"), CASES, ids=[f"{p.parent.name}-{p.stem}" for p, _ in CASES])
def test_case(path: Path, modules: Path, wasm_engine: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if path.stem == "foreign_expr":
        pytest.importorskip("celpy", reason="needs cel-python (the extra `cel`)")
    case = load_case(path)
    room = tmp_path_factory.getbasetemp()
    entries = [*case["plugins"], *case.get("services", [])]
    found = {p["wasm"]: find(p["wasm"], modules, room) for p in entries if "wasm" in p}
    large = any(file.stat().st_size > LARGE for file in found.values())
    if large and wasm_engine == "python" and not os.environ.get("PYWASMVM_SLOW"):
        pytest.skip("takes long on the Python engine; set PYWASMVM_SLOW=1 to run it")
    engine, cache = engine_named(wasm_engine)
    differences = compare(case, run_case(case, found.__getitem__, engine, modules=cache))
    assert not differences, "\n".join(f"{part}:\n{text}" for part, text in differences.items())
