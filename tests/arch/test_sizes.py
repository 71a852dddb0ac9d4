"""Small on purpose: 500 lines a file, 60 lines a function, for what a person wrote.

Exceptions are listed here with a reason. One that is not needed any more fails, so the list only shrinks.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

MAX_FILE = 500
MAX_FUNCTION = 60
SUFFIXES = {".py", ".pyx", ".pxd", ".pyi", ".h"}
# Path -> reason.
LONG_FILES: dict[str, str] = {}
# "path::function" -> reason.
LONG_FUNCTIONS: dict[str, str] = {}

CYTHON_DEF = re.compile(
    r"^(?P<indent>\s*)(?:def|cdef|cpdef)\s+(?!class\b)(?:[^=]*?[\s*])?(?P<name>\w+)\s*\(.*"
)


def python_functions(text: str) -> dict[str, int]:
    """Return function name -> length in lines, decorators aside; of equal names the longest counts."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nlines = (node.end_lineno or node.lineno) - node.lineno + 1
            found[node.name] = max(nlines, found.get(node.name, 0))
    return found


def cython_functions(text: str) -> dict[str, int]:
    """Do the same for Cython by indentation: a function ends before the next line that is not deeper."""
    found: dict[str, int] = {}
    lines = text.splitlines()
    for start, line in enumerate(lines):
        match = CYTHON_DEF.match(line)
        if match is None or not re.search(r"[:(,]\s*(#.*)?$", line):
            continue
        end = start
        for number in range(start + 1, len(lines)):
            body = lines[number].strip()
            indent = len(lines[number]) - len(lines[number].lstrip())
            if body and indent <= len(match["indent"]) and not body.startswith(")"):
                break
            end = number if body else end
        found[match["name"]] = max(end - start + 1, found.get(match["name"], 0))
    return found


@pytest.fixture(scope="module")
def written(project_root: Path, project_files: list[Path]) -> dict[str, str]:
    """Path -> text of the source files that a person wrote."""
    return {
        path.relative_to(project_root).as_posix(): path.read_text("utf-8")
        for path in project_files
        if path.suffix in SUFFIXES and not path.name.startswith("_generated_")
    }


def test_no_file_is_too_long(written: dict[str, str]) -> None:
    long = {file: n for file, text in written.items() if (n := len(text.splitlines())) > MAX_FILE}
    assert {f: n for f, n in long.items() if f not in LONG_FILES} == {}
    assert LONG_FILES.keys() - long.keys() == set(), "listed, but short enough"


def test_no_function_is_too_long(written: dict[str, str]) -> None:
    long = {}
    for file, text in written.items():
        functions = python_functions(text) if file.endswith((".py", ".pyi")) else cython_functions(text)
        long.update({f"{file}::{name}": n for name, n in functions.items() if n > MAX_FUNCTION})
    assert {f: n for f, n in long.items() if f not in LONG_FUNCTIONS} == {}
    assert LONG_FUNCTIONS.keys() - long.keys() == set(), "listed, but short enough"


def test_this_test_measures_functions() -> None:
    body = "    x = 1\n" * 70
    assert python_functions(f"def f():\n{body}\nclass C:\n    async def g(self):\n        pass\n") == {
        "f": 71,
        "g": 2,
    }
    method = "cdef class C:\n    def g(\n        self,\n    ):\n        pass\n"
    cython = f"cdef int f(int a) noexcept nogil:\n{body}\n{method}"
    assert cython_functions(cython) == {"f": 71, "g": 4}
