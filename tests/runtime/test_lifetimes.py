"""What a module was goes when nobody has it any more, however long its engine lives.

Each check runs in a process of its own, where no other test has made the same types.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("lifetimes.py")


@pytest.mark.parametrize("check", ["module", "engine"])
def test_goes_while_the_other_lives(wasm_engine: str, project_root: Path, check: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), check, wasm_engine],
        cwd=project_root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (0, "all gone\n"), done.stdout + done.stderr
