"""The measurement of recorded cases: it runs those that are here, and says which are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")


def test_the_part_of_recorded_cases(project_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--part", "replays", "--quick", "--ours", "--json"]
    command += ["--out", str(tmp_path)]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["series"]
    assert {item["part"] for item in found} == {"replays"}
    for item in found:
        medians = [point["median"] for point in item["points"]]
        assert medians == sorted(medians) and medians[0] > 0
    assert "cases" in done.stderr
    assert (
        "| replays, ms by share of the cases | 50 % | 90 % | 99 % | 100 % |"
        in (tmp_path / "bench.md").read_text()
    )


def test_what_is_not_here_is_said(
    project_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(project_root))
    from bench.replays import find_cases, measure_replays  # noqa: PLC0415

    monkeypatch.setenv("PYWASMVM_GOLDENS", "")
    said: list[str] = []
    cases = find_cases(said.append)
    assert said == ["replays: left out the recordings that PYWASMVM_GOLDENS names the folder of"]
    assert len(cases) > 100
    missing = tmp_path / "case.json"
    missing.write_text('{"plugins": [{"wasm": "nowhere.wasm"}]}')
    silent = [].append
    assert measure_replays(["python"], [(missing, tmp_path)], 1, False, silent, said.append) == []
    assert said[1:] == [
        "replays, pywasmvm python: 0 cases, 0 over 5 ms; 1 left out, their modules are not here or take long"
    ]
