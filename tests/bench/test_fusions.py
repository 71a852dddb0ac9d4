"""The miner of fusions finds what runs most in code whose words we know."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pywasmvm._fast.core", reason="the compiled engine is not built")

ROOT = Path(__file__).parents[2]


def mine(*arguments: str) -> str:
    """Return what the miner prints. It counts in a process of its own."""
    command = [sys.executable, "-m", "bench.fusions", "--no-filters", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_hot_words_of_a_kernel_are_joined() -> None:
    found = json.loads(mine("-k", "fib", "-k", "sieve", "-n", "12", "--json"))
    assert len(found["sequences"]) == 12
    assert all(2 <= len(row["words"]) <= 4 and 0 < row["worth"] <= 1 for row in found["sequences"])
    assert ["i32_add_ss_a", "return_a"] in [row["words"] for row in found["sequences"]], "fib ends so"
    assert set(found["jumps_left"]) == {"fib", "sieve"}
    assert all(0.1 < share < 0.95 for share in found["jumps_left"].values())


def test_what_is_found_can_be_generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = mine("-k", "regex", "-k", "vm", "-n", "60").splitlines()
    mined = tmp_path / "fusions.txt"
    mined.write_text("\n".join(line.partition("  ")[2] for line in lines))
    path = ROOT / "pywasmvm" / "_fast" / "generate_handlers.py"
    spec = importlib.util.spec_from_file_location("generate_handlers", path)
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    monkeypatch.setattr(generator._FUSED, "LIST", mined)
    text = "".join(generator.render().values())
    assert len(lines) == 60
    assert all(f"cdef void {'__'.join(line.split()[1:])}(" in text for line in lines)
