"""Our own recordings of a real Envoy 1.40, replayed: callouts, gRPC, ticks, chains, failures, loggers.

They stand in cases/, in the format of the recordings beside the project. Many use filters of ours;
others borrow one from those recordings and are skipped where these are missing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host.replay.compare import compare
from pywasmvm_host.replay.run import load_case, run_case

from pywasmvm import Config, Engine, wat2wasm

HERE = Path(__file__).parent / "cases"
CORPUS = Path(os.environ.get("PYWASMVM_GOLDENS") or HERE.parents[3] / "shared" / "envoy-goldens")
CASES = sorted(p.stem for p in HERE.glob("*.json"))


def find(path: str, room: Path) -> Path:
    text = HERE / path.replace(".wasm", ".wat")
    if text.exists():
        built = room / Path(path).name
        built.write_bytes(bytes(wat2wasm(text.read_text("utf-8"))))
        return built
    if not (CORPUS / path).exists():
        pytest.skip(f"needs {path} of the recordings; PYWASMVM_GOLDENS names their folder")
    return CORPUS / path


def engine(name: str) -> Any:
    config = Config()
    config.consume_fuel = True
    config.engine = name
    return Engine(config)


def test_there_are_cases() -> None:
    assert len(CASES) >= 50


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, wasm_engine: str, tmp_path: Path) -> None:
    if name == "foreign_expr":
        pytest.importorskip("celpy", reason="needs cel-python (the extra `cel`)")
    case = load_case(HERE / f"{name}.json")
    result = run_case(case, lambda path: find(path, tmp_path), engine(wasm_engine))
    differences = compare(case, result)
    assert not differences, "\n".join(f"{part}:\n{text}" for part, text in differences.items())
