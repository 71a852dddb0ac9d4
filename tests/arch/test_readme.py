"""What the README shows must work: its Python is run, its commands are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
PROGRAMS = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if line.startswith("pywasmvm ")
]


def test_there_is_something_to_run() -> None:
    assert PROGRAMS and COMMANDS


@pytest.mark.parametrize("program", PROGRAMS)
def test_python_of_the_readme(program: str, project_root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=project_root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme(
    command: str, run_cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = run_cli(*shlex.split(command, comments=True)[1:])
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_demo_prints_what_the_readme_shows(
    project_root: Path, run_cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    recipe = (project_root / "Makefile").read_text("utf-8").replace("\\\n", " ")
    line = re.search(r"^run: .*\n\t\$\(BIN\)/pywasmvm (.*)$", recipe, re.MULTILINE)
    assert line is not None
    done = run_cli(*shlex.split(line[1]))
    assert done.returncode == 0, done.stderr
    shown = next(text for language, text in BLOCKS if language == "text")
    assert [part for part in shown.splitlines() if part.strip() != "..." and part not in done.stdout] == []
