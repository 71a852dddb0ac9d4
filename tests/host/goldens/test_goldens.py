"""Recorded cases of a real Envoy 1.40, replayed: client, upstream, log, metrics, callbacks, access log.

The recordings are found by PYWASMVM_GOLDENS, or beside the project. Without them this module fails, unless
PYWASMVM_GOLDENS is set to the empty text, which skips it with that reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pywasmvm_host.replay.compare import compare
from pywasmvm_host.replay.player import PACKAGE, Player, find_module, player_on
from pywasmvm_host.replay.run import load_case

ROOT = Path(__file__).resolve().parents[3]
SETTING = os.environ.get("PYWASMVM_GOLDENS")
CORPUS = Path(SETTING) if SETTING else ROOT.parent / "shared" / "envoy-goldens"
CASES = [] if SETTING == "" else sorted(p.stem for p in (CORPUS / "cases").glob("*.json"))


def find(path: str) -> Path | bytes:
    found = find_module(path, CORPUS)
    if found is None and path.startswith(f"{PACKAGE}/"):
        pytest.skip(
            "needs the package gpustack-higress-plugins, or PYWASMVM_HIGRESS naming its parent folder"
        )
    return found or CORPUS / path  # why: a path may lead nowhere on purpose


def test_corpus_is_there() -> None:
    if SETTING == "":
        pytest.skip("PYWASMVM_GOLDENS is empty: recorded cases are left out on purpose")
    assert len(CASES) > 100, f"no recorded cases in {CORPUS}; set PYWASMVM_GOLDENS"


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, wasm_engine: str) -> None:
    case = load_case(CORPUS / "cases" / f"{name}.json")
    # why: what a large filter compiles to is millions of objects, which each later collection would look at.
    large = any(entry.get("wasm", "").startswith(PACKAGE) for entry in case["plugins"])
    player = Player(wasm_engine) if large else player_on(wasm_engine)
    differences = compare(case, player.play(case, find))
    assert not differences, "\n".join(f"{part}:\n{text}" for part, text in differences.items())
