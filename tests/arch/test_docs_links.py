"""What documents, docstrings and comments name must exist.

Markdown: relative links and files named in `code`. Sources: names of our own kinds of files. A name counts as
found when some file of the project ends with it, so a docstring may say `rules.py` or `valid/rules.py`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)(?:#[^)]*)?\)|<img[^>]*\ssrc=\"(?!https?:)([^\"]+)\"")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
NAMED_FILE = re.compile(
    r"(?<![\w./<*{-])(?:\.\./)*((?:[\w-][\w.-]*/)*[\w-]+\.(?:pyx|pxd|pyi|py|md|toml|in|svg))(?![\w*>-])"
)
# Names that look like files of ours and are not: name -> reason.
NOT_OURS: dict[str, str] = {
    "sitecustomize.py": "a file of Python's own",
}


def missing(names: set[str], files: set[str]) -> set[str]:
    """Return the names that no file of the project ends with."""
    return {n for n in names if n not in NOT_OURS and not any(f == n or f.endswith(f"/{n}") for f in files)}


def words_of_source(text: str) -> str:
    """Return the docstrings and comments of a Python source."""
    words = [
        ast.get_docstring(node, clean=False) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(words + [t.string for t in tokens if t.type == tokenize.COMMENT])


@pytest.fixture(scope="module")
def names(project_root: Path, project_files: list[Path]) -> set[str]:
    """Every file of the project, by its path from the root."""
    return {path.relative_to(project_root).as_posix() for path in project_files}


def test_links_of_documents(project_root: Path, project_files: list[Path]) -> None:
    broken = []
    for path in (p for p in project_files if p.suffix == ".md"):
        for match in LINK.finditer(path.read_text("utf-8")):
            target = match[1] or match[2]
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(project_root)}: {target}")
    assert broken == []


def test_files_named_in_documents(project_root: Path, project_files: list[Path], names: set[str]) -> None:
    gone = {}
    for path in (p for p in project_files if p.suffix == ".md"):
        text = FENCE.sub("", path.read_text("utf-8"))
        named = {m for code in CODE.findall(text) for m in NAMED_FILE.findall(code)}
        gone[path.relative_to(project_root).as_posix()] = missing(named, names)
    assert {file: lost for file, lost in gone.items() if lost} == {}


def test_files_named_in_docstrings_and_comments(
    project_root: Path, project_files: list[Path], names: set[str]
) -> None:
    gone = {}
    for path in (p for p in project_files if p.suffix == ".py" and "arch" not in p.parts):
        named = set(NAMED_FILE.findall(words_of_source(path.read_text("utf-8"))))
        gone[path.relative_to(project_root).as_posix()] = missing(named, names)
    assert {file: lost for file, lost in gone.items() if lost} == {}


def test_this_test_sees_what_is_gone() -> None:
    files = {"pywasmvm/valid/rules.py", "README.md"}
    text = '"""See rules.py, valid/rules.py and old.py."""\n# README.md, not GONE.md\nx = "ignored.py"\n'
    assert missing(set(NAMED_FILE.findall(words_of_source(text))), files) == {"old.py", "GONE.md"}
    assert [
        m[1] for m in LINK.finditer("[a](docs/x.svg) [b](https://e.org/y) [c](#here) [d](z.md#part)")
    ] == [
        "docs/x.svg",
        "z.md",
    ]
