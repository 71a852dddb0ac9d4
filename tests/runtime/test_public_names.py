"""The public names: three lists that must say the same, and what the wasmtime package has too."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pywasmvm

# Names of the wasmtime package that we do not have, with the reason.
ABSENT = {
    "SharedMemory": "threads are a proposal; a shared memory is a Memory here",
    "StoreContext": "part of the component model's API",
    "TrapCode": "TrapKind is ours",
}


def imported_for_type_checkers() -> set[str]:
    """Return the names that `pywasmvm/__init__.py` imports under TYPE_CHECKING."""
    path = Path(pywasmvm.__file__)
    names: set[str] = {"WasmtimeError"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    names |= {alias.asname or alias.name for alias in inner.names}
    return names


def test_the_lists_agree() -> None:
    assert set(pywasmvm.__all__) == set(pywasmvm._PLACES) == imported_for_type_checkers()


@pytest.mark.parametrize("name", pywasmvm.__all__)
def test_name_can_be_had_and_is_documented(name: str) -> None:
    assert getattr(pywasmvm, name).__doc__
    assert name in dir(pywasmvm)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = pywasmvm.nonsense


def test_names_of_wasmtime_are_there() -> None:
    wasmtime = pytest.importorskip("wasmtime")
    assert set(wasmtime.__all__) - set(pywasmvm.__all__) == set(ABSENT)


@pytest.mark.parametrize(
    "name",
    ["Store", "Func", "Memory", "Table", "Global", "Tag", "Linker", "Instance", "Module", "Caller", "Val"],
)
def test_methods_of_wasmtime_are_there(name: str) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    theirs = {method for method in vars(getattr(wasmtime, name)) if not method.startswith("_")}
    ours = set(dir(getattr(pywasmvm, name)))
    assert theirs - ours - {"set_wasi_http"} == set()


def test_importing_the_package_loads_next_to_nothing() -> None:
    script = "import sys, pywasmvm; print('numpy' in sys.modules, 'pywasmvm.binary' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
