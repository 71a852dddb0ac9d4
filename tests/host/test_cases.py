"""Our own recordings of a real Envoy 1.40, replayed.

Three folders, all in the format of the recordings beside the project:
cases/         written by hand: callouts, gRPC, ticks, chains, failures, access loggers. Many use filters in
               text beside them; others borrow one from the recordings, and are skipped where it is missing.
scripted/      one filter (script.c) that makes the host calls its configuration lists, in every callback,
               on HTTP and TCP, alone and in chains. Drawn at random, kept because they found a difference.
host/filters/  the example filters, built with the SDKs of four languages.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pywasmvm_host.replay.compare import compare
from pywasmvm_host.replay.player import find_module, player_on
from pywasmvm_host.replay.run import load_case

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


def test_there_are_cases() -> None:
    assert all(len(list(folder.glob("*.json"))) >= 30 for folder in FOLDERS)


@pytest.mark.parametrize(("path", "modules"), CASES, ids=[f"{p.parent.name}-{p.stem}" for p, _ in CASES])
def test_case(path: Path, modules: Path, wasm_engine: str) -> None:
    if path.stem.startswith(("foreign_expr", "expr_")):
        pytest.importorskip("celpy", reason="needs cel-python (the extra `cel`)")
    case = load_case(path)
    found = {}
    for entry in (*case["plugins"], *case.get("services", [])):
        if "wasm" in entry:
            module = found[entry["wasm"]] = find_module(entry["wasm"], modules, CORPUS)
            if module is None:
                pytest.skip(f"needs {entry['wasm']} of the recordings; PYWASMVM_GOLDENS names their folder")
    large = any(isinstance(file, Path) and file.stat().st_size > LARGE for file in found.values())
    if large and wasm_engine == "python" and not os.environ.get("PYWASMVM_SLOW"):
        pytest.skip("takes long on the Python engine; set PYWASMVM_SLOW=1 to run it")
    differences = compare(case, player_on(wasm_engine).play(case, found.__getitem__))
    assert not differences, "\n".join(f"{part}:\n{text}" for part, text in differences.items())
