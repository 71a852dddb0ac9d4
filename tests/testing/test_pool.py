"""Processes and the manifest: a hang, a crash, a missing or an altered script costs what it must."""

from __future__ import annotations

import io
import json
import os
import runpy
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pywasmvm.testing import pool
from pywasmvm.testing.pool import run_scripts
from pywasmvm.testing.report import as_json, table
from pywasmvm.testing.suite import Pin, Script, check_pins, features_of, find_scripts, read_manifest

GOOD = '(module (func (export "f") (result i32) (i32.const 1))) (assert_return (invoke "f") (i32.const 1))'
HANG = '(module (func (export "f") (loop (br 0)))) (invoke "f") (invoke "f")'


def run(script: Script, timeout: float = 30.0) -> pool.ScriptResult:
    (result,) = run_scripts([script], ["python"], jobs=1, timeout=timeout)
    return result


def write(folder: Path, text: str, commands: int | None = None, name: str = "core/a.wast") -> Script:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return Script(path, name, commands)


def test_a_good_script_is_clean(tmp_path: Path) -> None:
    result = run(write(tmp_path, GOOD, 2))
    assert (result.clean, result.passed, result.total, result.modules_accepted) == (True, 2, 2, 1)


def test_a_hang_costs_the_rest_of_its_script_only(tmp_path: Path) -> None:
    hang, good = write(tmp_path, HANG, 3), write(tmp_path, GOOD, 2, "core/b.wast")
    results = {r.name: r for r in run_scripts([hang, good], ["python"], jobs=2, timeout=3)}
    assert results["core/b.wast"].clean
    bad = results["core/a.wast"]
    assert (bad.clean, bad.total) == (False, 3)
    assert "time limit" in bad.problem


def test_a_crash_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if pool._METHOD != "fork":
        pytest.skip("the worker inherits the patch by fork only")

    class Crashing:
        def run(self, command: object) -> None:
            os._exit(7)

    monkeypatch.setattr(pool, "new_session", lambda engine, features: Crashing())
    result = run(write(tmp_path, GOOD, 2))
    assert (result.clean, result.passed, result.total) == (False, 0, 2)
    assert result.problem == "the process died with status 7"


def test_lost_commands_are_noticed(tmp_path: Path) -> None:
    result = run(write(tmp_path, GOOD, 3))
    assert (result.clean, result.passed, result.total) == (False, 2, 3)
    assert "the manifest has 3" in result.problem


@pytest.mark.parametrize("text", ["", "(module", '(module (func (export "f") (result i32) (bad)))'])
def test_unreadable_scripts_fail(tmp_path: Path, text: str) -> None:
    assert not run(write(tmp_path, text)).clean


def test_a_missing_script_fails(tmp_path: Path) -> None:
    result = run(Script(tmp_path / "none.wast", "none.wast", 5))
    assert (result.clean, result.passed, result.total) == (False, 0, 5)


def test_pins_find_what_was_changed(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, name="core/new.wast")
    pins = {"core/a.wast": Pin("0" * 64, 2), "core/gone.wast": Pin("0" * 64, 1)}
    problems = check_pins(find_scripts(tmp_path, pins), pins)
    assert [problem.partition(":")[0] for problem in problems] == [
        "core/a.wast",
        "core/gone.wast",
        "core/new.wast",
    ]
    assert ["altered" in problems[0], "missing" in problems[1], "not in" in problems[2]] == [True] * 3


def test_the_manifest_is_what_the_scripts_say(spec_suite: Path, project_root: Path) -> None:
    written = runpy.run_path(str(project_root / "spec-tests" / "pin.py"))["pin"](spec_suite)
    manifest = (project_root / "spec-tests" / "manifest.tsv").read_text("utf-8").splitlines()
    assert written == [line for line in manifest if not line.startswith("#")]


def test_proposals_are_on_in_their_own_folder_only() -> None:
    assert features_of("core/a.wast") == features_of("custom/x/a.wast")
    assert "custom-page-sizes" in {f.value for f in features_of("proposals/custom-page-sizes/a.wast").enabled}


def test_the_downloader_takes_only_what_is_pinned(project_root: Path, spec_suite: Path) -> None:
    tools = runpy.run_path(str(project_root / "spec-tests" / "download.py"))
    assert [len(commit) for _, commit in tools["sources"]()] == [40, 40]
    pins = read_manifest(project_root / "spec-tests" / "manifest.tsv")
    pinned = (spec_suite / "core" / "nop.wast").read_bytes()
    files = {"spec-1/test/core/nop.wast": pinned, "spec-1/test/core/br.wast": b"altered", "spec-1/x": b""}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert tools["extract"](buffer.getvalue(), pins) == {"core/nop.wast": pinned}


def test_the_table_and_the_data_agree(tmp_path: Path) -> None:
    scripts = [write(tmp_path, GOOD, 2), write(tmp_path, HANG.replace("br 0", "nop"), 3, "core/b.wast")]
    results = list(run_scripts(scripts, ["python"], jobs=1, timeout=30))
    data = as_json(results, [])
    assert data["totals"]["python"]["commands"] == data["totals"]["python"]["passed"] == 5
    assert table(results).splitlines()[-1].split()[:4] == ["total", "python", "5", "5"]


def test_the_command_fails_when_a_script_does(
    run_cli: Callable[..., Any], tmp_path: Path, spec_suite: Path
) -> None:
    good = run_cli("spec", str(spec_suite), "--filter", "core/nop.wast", "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["totals"]["python"]["commands"] == 88
    assert run_cli("spec", str(spec_suite), "--filter", "no such script").returncode == 2
    bad = write(tmp_path, '(module (func (export "f"))) (assert_trap (invoke "f") "unreachable")')
    done = run_cli("spec", str(bad.path))
    assert done.returncode == 1
    assert "line 1: assert_trap" in done.stderr


def test_the_command_notices_a_shrunken_suite(
    run_cli: Callable[..., Any], tmp_path: Path, spec_suite: Path
) -> None:
    shutil.copytree(spec_suite / "custom", tmp_path / "custom")
    next((tmp_path / "custom").rglob("name_annot.wast")).unlink()
    done = run_cli("spec", str(tmp_path), "--filter", "custom/")
    assert done.returncode == 1
    assert "name_annot.wast: missing" in done.stderr
