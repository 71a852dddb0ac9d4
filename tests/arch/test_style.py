"""Rules of style that a reader of the syntax tree can check, and the linter, formatter and type checker."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BLIND = {"Exception", "BaseException"}
# File -> why it may catch everything.
BLIND_ALLOWED = {
    "pywasmvm/runtime/run.py": "an error of the guest is raised again in the thread that resumed it",
    "pywasmvm/testing/nodiff_ours.py": "whatever else an engine fails with is a difference to report",
    "pywasmvm/testing/pool.py": "a script that cannot be read fails as a whole; the other scripts run",
    "pywasmvm/testing/runner.py": "an error nobody expected fails its command; it never passes one",
}
# Folder -> what describes its public functions instead of a docstring each.
DESCRIBED_ELSEWHERE = {"host/pywasmvm_host/calls/": "the rows of the host calls, in abi/hostcalls.py"}
TEXT_SUFFIXES = {
    ".py",
    ".pyx",
    ".pxd",
    ".pyi",
    ".md",
    ".toml",
    ".in",
    ".rs",
    ".go",
    ".ts",
    ".cc",
    ".wat",
    ".svg",
    "",
}
# Words of one author's workshop say nothing to a reader. Written so that this file does not match itself.
PRIVATE = re.compile(
    r"(?<![\w.])/wor[k]/|\bissu[e] #?\d|\.librar[y]\b|(?<!\.\./)(?<![\w/-])share[d]/|\bsub-?agen[t]s?\b"
)


def asserts(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of assert statements."""
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert))


def blind_excepts(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of handlers that catch everything and do not end by raising."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            last = node.body[-1]
            if isinstance(last, ast.Raise):
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or (isinstance(kind, ast.Name) and kind.id in BLIND) for kind in kinds):
                yield node.lineno


def unexplained(tree: ast.Module) -> Iterator[int]:
    """Yield line 1 for a module without a docstring, and the lines of public names without one."""
    if tree.body and ast.get_docstring(tree) is None:
        yield 1
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name[0] != "_":
            if ast.get_docstring(node) is None:
                yield node.lineno


def places(rule: Callable[[ast.Module], Iterator[int]], root: Path, files: list[Path]) -> list[str]:
    """Return file:line for each place where `rule` is broken."""
    found = []
    for path in files:
        if path.suffix == ".py" and not path.name.startswith("_generated_"):
            tree = ast.parse(path.read_text("utf-8"))
            found += [f"{path.relative_to(root)}:{line}" for line in rule(tree)]
    return found


def test_no_assert_in_the_packages(project_root: Path, package_files: list[Path]) -> None:
    assert places(asserts, project_root, package_files) == []


def test_no_blind_except_in_the_packages(project_root: Path, package_files: list[Path]) -> None:
    found = {place.partition(":")[0] for place in places(blind_excepts, project_root, package_files)}
    assert found - BLIND_ALLOWED.keys() == set()
    present = {path for path in BLIND_ALLOWED if (project_root / path).exists()}
    assert present - found == set(), "listed, but not needed"


def test_everything_public_has_a_docstring(project_root: Path, package_files: list[Path]) -> None:
    found = places(unexplained, project_root, package_files)
    assert [p for p in found if not p.endswith(":1") and not p.startswith(tuple(DESCRIBED_ELSEWHERE))] == []
    assert [p for p in found if p.endswith(":1")] == [], "modules without a docstring"


def test_nothing_names_a_private_place(project_root: Path, project_files: list[Path]) -> None:
    found = []
    for path in project_files:
        if path.suffix in TEXT_SUFFIXES and path.stat().st_size < 1 << 20:
            for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
                if PRIVATE.search(line):
                    found.append(f"{path.relative_to(project_root)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_these_tests_see_a_violation() -> None:
    tree = ast.parse(
        "def f():\n  try:\n    assert x\n  except (OSError, Exception):\n    pass\n"
        "  try: pass\n  except: pass\n"
        "  try: pass\n  except BaseException:\n    clean()\n    raise\n"
    )
    assert list(asserts(tree)) == [3]
    assert list(blind_excepts(tree)) == [4, 7]
    assert list(unexplained(tree)) == [1, 1]
    assert not list(unexplained(ast.parse('"""Doc."""\ndef _f(): pass\n')))
    assert PRIVATE.search("see " + "/wor" + "k/notes")
    assert not PRIVATE.search("https://example.org/work and a shared table")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--check", "--quiet", "--output-format=concise", "."],
        ["mypy"],
    ],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_tool_has_no_complaint(command: list[str], project_root: Path) -> None:
    pytest.importorskip(command[0])
    done = subprocess.run([sys.executable, "-m", *command], cwd=project_root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
