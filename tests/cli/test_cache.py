"""`pywasmvm cache`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
FILTER = "host/filters/rust/header_rewrite.wasm"


@pytest.mark.parametrize("engine", ["python", "cython"])
def test_a_filter_fills_it_and_clear_empties_it(run_cli: Run, tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "cache"
    env = {"PYWASMVM_CACHE": str(folder)}

    def ask(*arguments: str) -> Any:
        done = run_cli("cache", *arguments, "--json", env=env)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    assert ask("list")["entries"] == [] and not folder.exists()
    run = ("run", FILTER, "--engine", engine, "-c", "docs/demo-config.json", "--json")
    first, second = run_cli(*run, env=env), run_cli(*run, env=env)
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    listed = ask("list")
    kinds = {entry["kind"] for entry in listed["entries"]}
    assert kinds == ({"valid", "code"} if engine == "python" else {"valid"})
    assert listed["on"] is True and listed["path"] == str(folder)
    assert listed["bytes"] == sum(entry["nbytes"] for entry in listed["entries"]) > 0
    text = run_cli("cache", "list", env=env).stdout.splitlines()
    assert len(text) == len(kinds) + 1 and text[-1].startswith(f"{len(kinds)} entries, ")
    assert ask("clear") == {"path": str(folder), "removed": len(kinds)}
    assert ask("list")["entries"] == [] and list(folder.iterdir()) == []


def test_path(run_cli: Run, tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path)}
    own = str(tmp_path / "pywasmvm")
    off = run_cli("cache", "path", "--json", env={**home, "PYWASMVM_CACHE": ""})
    assert json.loads(off.stdout) == {"path": own, "on": False}
    assert run_cli("cache", "path", env={**home, "PYWASMVM_CACHE": "1"}).stdout == f"{own}\n"
    assert run_cli("cache", "path", env={**home, "PYWASMVM_CACHE": "/x"}).stdout == "/x\n"


def test_validate_does_its_work_whatever_the_cache_says(run_cli: Run, tmp_path: Path) -> None:
    env = {"PYWASMVM_CACHE": str(tmp_path / "cache")}
    assert run_cli("validate", FILTER, env=env).returncode == 0
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_is_one_line(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_cli(
        "run", FILTER, "-c", "docs/demo-config.json", env={"PYWASMVM_CACHE": str(tmp_path / "file")}
    )
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if "cache" in line] == [
        f"the cache {tmp_path / 'file'}: it cannot be used: File exists"
    ]
