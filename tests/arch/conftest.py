"""What the architecture tests share: the list of the project's own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Folders that hold nothing a person wrote here.
SKIPPED_FOLDERS = {"build", "dist", "target", "node_modules", "__pycache__", "vendor"}


def walk_project(root: Path) -> list[Path]:
    """Return all files below `root`, without hidden folders (but with .ci) and build output, sorted."""
    found: list[Path] = []
    for folder, names, files in os.walk(root):
        names[:] = [
            name
            for name in names
            if name not in SKIPPED_FOLDERS
            and not name.endswith(".egg-info")
            and (name[0] != "." or name == ".ci")
        ]
        found += [Path(folder, name) for name in files]
    return sorted(found)


@pytest.fixture(scope="session")
def project_files(project_root: Path) -> list[Path]:
    """Every file of the project, build output aside."""
    files = walk_project(project_root)
    assert project_root / "setup.py" in files
    return files


@pytest.fixture(scope="session")
def package_files(project_root: Path, project_files: list[Path]) -> list[Path]:
    """The Python and Cython sources of the two packages that we ship."""
    packages = (project_root / "pywasmvm", project_root / "host" / "pywasmvm_host")
    suffixes = {".py", ".pyx", ".pxd", ".pyi"}
    return [p for p in project_files if p.suffix in suffixes and any(q in p.parents for q in packages)]
