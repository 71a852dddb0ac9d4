"""What users install: an sdist that builds, a wheel that holds both packages and runs anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

BUILD = "from setuptools import build_meta as b; import sys; print(getattr(b, sys.argv[1])(sys.argv[2]))"
NEEDED = [
    "LICENSE",
    "README.md",
    "RATIONALE.md",
    "Makefile",
    "setup.py",
    "pyproject.toml",
    "tests/conftest.py",
]


def build(kind: str, source: Path, out: Path) -> Path:
    """Build an sdist or a pure wheel of the tree `source`, without network, and return the file."""
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{kind}", str(out)],
        cwd=source,
        env={**os.environ, "PYWASMVM_PURE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(project_root: Path, project_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", minversion="77")
    tree = tmp_path_factory.mktemp("tree")
    for path in project_files:
        place = tree / path.relative_to(project_root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return build("sdist", tree, tree.parent / f"{tree.name}-sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(tree)
    return build("wheel", next(tree.iterdir()), tree / "wheel")


def test_the_sdist_holds_every_source(sdist: Path, project_root: Path, package_files: list[Path]) -> None:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {path.relative_to(project_root).as_posix() for path in package_files}
    assert (wanted | set(NEEDED)) - held == set()
    assert not [name for name in held if name.endswith((".so", ".pyc")) or "node_modules" in name]


def test_the_wheel_holds_both_packages(wheel: Path, project_root: Path, package_files: list[Path]) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(project_root).as_posix().removeprefix("host/")
        for path in package_files
        if path.suffix in (".py", ".pyi")
    }
    assert wanted - held == set()
    assert "pywasmvm/py.typed" in held
    attacks = {path.name for path in (project_root / "tests" / "attacks").iterdir()}
    assert attacks
    assert {f"pywasmvm_host/lab/attacks/{name}" for name in attacks} <= held
    assert not [name for name in held if name.startswith(("host/", "tests/"))]


def test_the_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import pywasmvm, pywasmvm_host, importlib.metadata as m; print(pywasmvm.__file__);"
        "print(m.version('pywasmvm')); [e.load() for e in m.entry_points(group='pywasmvm.commands')]"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(site / "pywasmvm" / "__init__.py")
