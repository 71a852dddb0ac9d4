"""Other builds of the compiled engine: they say what they are and pass the official suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def python(arguments: list[str], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment, "PYTHONPATH": str(cwd)},
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("switch", ["RETURNING", "DEBUG_BUILD"])
def test_the_suite_passes(switch: str, project_root: Path, spec_suite: Path, tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    built = tmp_path / "built"
    python(
        ["setup.py", "-q", "build", "--build-base", str(tmp_path / "objects"), "--build-lib", str(built)],
        project_root,
        PYWASMVM_REQUIRE_FAST="1",
        **{f"PYWASMVM_{switch}": "1"},
    )
    assert "handlers that return to a loop" in python(["-m", "pywasmvm", "--version"], built)
    python(["-m", "pywasmvm", "spec", str(spec_suite / "core"), "--engine", "cython"], built)
