"""Make a module that differs smaller, with `wasm-tools shrink`: it cuts, we say whether it still differs."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from .nodiff import Difference
from .nodiff_generate import find_wasm_tools

__all__ = ["replay_command", "shrink"]

_ATTEMPTS = 200


def replay_command(difference: Difference, path: Path) -> str:
    """Return the line that shows a difference again."""
    words = ["pywasmvm", "nodiff", str(path), *_settings(difference)]
    return shlex.join(words)


def _settings(difference: Difference) -> list[str]:
    engine = "both" if "+" in difference.engine else difference.engine
    return ["--config", difference.recipe, "--number", str(difference.number), "--engine", engine]


def shrink(difference: Difference, source: Path, target: Path, attempts: int = _ATTEMPTS) -> bool:
    """Write a smaller module with a difference to `target`. Return False if nothing smaller was found."""
    with tempfile.TemporaryDirectory(prefix="nodiff-") as folder:
        predicate = Path(folder, "differs.sh")
        command = [sys.executable, "-m", "pywasmvm", "nodiff", "--quiet", *_settings(difference)]
        predicate.write_text(f'#!/bin/sh\n{shlex.join(command)} "$1"\ntest $? -eq 1\n')
        predicate.chmod(0o755)
        done = subprocess.run(
            [
                find_wasm_tools(),
                "shrink",
                "-a",
                str(attempts),
                "-o",
                str(target),
                str(predicate),
                str(source),
            ],
            capture_output=True,
            check=False,
        )
    return done.returncode == 0 and target.is_file()
