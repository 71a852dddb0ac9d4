"""Which scripts a folder, a part of the suite, or one file stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pywasmvm.isa.model import Feature
from pywasmvm.testing.suite import Pin, features_of, find_scripts

PINS = {name: Pin("", 1) for name in ("core/a.wast", "core/simd/b.wast", "proposals/threads/c.wast")}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name in PINS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        (".", ["core/a.wast", "core/simd/b.wast", "proposals/threads/c.wast"]),
        ("core", ["core/a.wast", "core/simd/b.wast"]),
        ("core/simd", ["core/simd/b.wast"]),
        ("proposals/threads", ["proposals/threads/c.wast"]),
    ],
)
def test_a_part_of_the_suite_counts_what_belongs_there(suite: Path, folder: str, names: list[str]) -> None:
    found = find_scripts(suite / folder, PINS)
    assert [script.name for script in found] == names
    assert all(script.path.is_file() and script.commands == 1 for script in found)


def test_a_missing_script_of_a_part_is_still_counted(suite: Path) -> None:
    (suite / "core/simd/b.wast").unlink()
    assert [script.name for script in find_scripts(suite / "core", PINS)] == [
        "core/a.wast",
        "core/simd/b.wast",
    ]


def test_one_script_of_a_proposal_has_its_features(suite: Path) -> None:
    (script,) = find_scripts(suite / "proposals/threads/c.wast", {})
    assert Feature.THREADS in features_of(script.name)
    (script,) = find_scripts(suite / "core/a.wast", {})
    assert script.name == "a.wast"
