"""The fuzzing loop: inputs by number, what fails is kept and can be shown again, dead processes included."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("pywasmvm._fast.loader", reason="the compiled engine is not built")

from pywasmvm.errors import UsageError
from pywasmvm.testing import fuzz_targets
from pywasmvm.testing.fuzz import fuzz, main
from pywasmvm.testing.nodiff_generate import find_wasm_tools

try:
    find_wasm_tools()
except UsageError as error:
    pytest.skip(str(error), allow_module_level=True)


class Failing:
    """A target whose third input is wrong, whose fifth ends the process and whose seventh has no end."""

    def __init__(self, seed: int, given: Sequence[bytes]) -> None:
        self.seed = seed

    def input(self, number: int) -> bytes:
        return b"%d/%d" % (self.seed, number)

    def check(self, number: int, data: bytes) -> tuple[str, str]:
        if number == 4:
            os._exit(3)
        while number == 6:
            pass
        return "seen", "wrong" if number == 2 else ""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    from pywasmvm.testing import fuzz as module

    # why: a process that starts afresh would not know the target of this test.
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(module.multiprocessing, "get_context", lambda method: fork)
    monkeypatch.setitem(fuzz_targets.TARGETS, "failing", Failing)


@pytest.mark.usefixtures("failing")
def test_what_fails_is_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    report = fuzz("failing", 9, [], seconds=1.5, keep=tmp_path, tell=told.append, patience=1.0)
    assert [(f.number, f.what.partition("\n")[0]) for f in report.findings] == [
        (2, "wrong"),
        (4, "the process died with status 3"),
        (6, "no end after 1 s"),
    ]
    assert "in check" in report.findings[2].what  # where it was
    assert report.inputs >= 7 and report.ended["died"] == report.ended["no end"] == 1
    assert (tmp_path / "failing-4.wasm").read_bytes() == b"9/4"
    assert report.findings[0].again.endswith(f"failing --again {tmp_path}/failing-2.wasm --number 2")
    assert "wrong" in told[0] and report.findings[0].again in told[0]


@pytest.mark.parametrize("target", ["load", "run"])
def test_inputs_are_made_of_their_number(target: str) -> None:
    make = fuzz_targets.TARGETS[target]
    first, second, third = make(5, []), make(5, []), make(6, [])
    inputs = [first.input(n) for n in range(70)]
    assert [second.input(n) for n in reversed(range(70))] == inputs[::-1]
    assert inputs != [third.input(n) for n in range(70)] and len(set(inputs)) > 60


@pytest.mark.parametrize("target", ["load", "run"])
def test_nothing_is_found_in_a_moment(
    target: str, project_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in sorted((project_root / "bench" / "kernels").glob("*.wasm"))[:3]]
    given = files if target == "load" else []
    assert main([target, *given, "--seconds", "3", "--seed", "77", "--keep", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["inputs"] > 20 and report["findings"] == [] and len(report["ended"]) > 1
    assert not list(tmp_path.iterdir())
    if given:
        assert main([target, "--again", files[0]]) == 0
        assert capsys.readouterr().out == "accepted\n"
