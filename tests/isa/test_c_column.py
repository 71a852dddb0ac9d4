"""What the `c` and `check` columns compute, against `py`, bit for bit, on the corners of every type.

A small Cython module with one function per row is built in a temporary folder and fed all operands at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pywasmvm.engine.python.numeric_names import expression_names
from pywasmvm.errors import Trap
from pywasmvm.isa import OPS, Kind, Op

pytest.importorskip("Cython", reason="Cython (extra `test`) builds the column")

PURE = {Kind.UNOP, Kind.BINOP, Kind.TESTOP, Kind.RELOP, Kind.CVTOP, Kind.LOAD, Kind.RMW}
ROWS = [op for op in OPS if op.c is not None and op.kind in PURE]
C_TYPES = {"i32": "u32", "i64": "u64", "f32": "float", "f64": "double"}
FROM_BITS = {"i32": "<u32>{}", "i64": "{}", "f32": "f32_from_bits(<u32>{})", "f64": "f64_from_bits({})"}
TO_BITS = {
    "i32": "<u64><u32>({})",
    "i64": "<u64>({})",
    "f32": "<u64>f32_to_bits({})",
    "f64": "f64_to_bits({})",
}
DIRECTIVES = "# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False\n"
HEAD = "from pack.numeric cimport *\n"
SETUP = """
from setuptools import Extension, setup
from Cython.Build import cythonize
flags = ["-O2", "-ffp-contract=off"]
setup(name="pack", packages=[], ext_modules=cythonize([Extension("pack.rows", ["pack/rows.pyx"],
      extra_compile_args=flags)], quiet=True))
"""


def _names(op: Op) -> list[tuple[str, str]]:
    """Return (name, type) of what the row's expression reads: `x`, what memory holds, then operands."""
    if op.kind is Kind.LOAD:
        return [("x", "i64")]
    if op.kind is Kind.RMW:
        return [("x", "i64"), ("b", (op.params or ())[1])]
    return list(zip("abc", op.params or (), strict=False))


def _function(op: Op) -> str:
    """Write a function over arrays: for every operand tuple the trap number and the result's bits."""
    lines = [f"def {op.ident}(u64[::1] operands, u64[::1] results, int[::1] traps):", "    cdef Py_ssize_t i"]
    names = _names(op)
    lines += [f"    cdef {C_TYPES[t]} {name}" for name, t in names]
    result = (op.results or ())[0]
    if op.kind is Kind.LOAD and result[0] == "f":
        result = "i" + result[1:]
    lines.append(f"    cdef {C_TYPES[result]} r")
    lines.append("    for i in range(results.shape[0]):")
    for at, (name, t) in enumerate(names):
        lines.append(f"        {name} = {FROM_BITS[t].format(f'operands[{len(names)} * i + {at}]')}")
    lines.append(f"        traps[i] = {op.check or 0}")
    lines.append("        if traps[i] == 0:")
    lines.append(f"            r = <{C_TYPES[result]}>({op.c})")
    lines.append(f"            results[i] = {TO_BITS[result].format('r')}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> ModuleType:
    """Build the functions of all rows."""
    folder = tmp_path_factory.mktemp("c_column")
    package = folder / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name in ("numeric.pxd", "_generated_opcodes.pxd"):
        shutil.copy(project_root / "pywasmvm" / "_fast" / name, package / name)
    (package / "rows.pyx").write_text(DIRECTIVES + HEAD + "\n\n".join(map(_function, ROWS)))
    (folder / "setup.py").write_text(SETUP)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if built.returncode and "No such file" in built.stderr and "gcc" in built.stderr:
        pytest.skip("no C compiler here")
    assert built.returncode == 0, built.stdout + built.stderr
    library = next(path for suffix in EXTENSION_SUFFIXES for path in package.glob(f"rows*{suffix}"))
    spec = spec_from_file_location(
        "pack.rows", library, loader=ExtensionFileLoader("pack.rows", str(library))
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _wanted(meaning: Callable[..., Any], values: tuple[int, ...]) -> tuple[int, int]:
    """Return (trap number, result) of `py`."""
    try:
        return 0, int(meaning(*values))
    except Trap as trap:
        return int(trap.kind), 0


@pytest.mark.parametrize("op", ROWS, ids=[op.name for op in ROWS])
def test_c_gives_what_py_gives(
    op: Op, compiled: ModuleType, operands_for: Callable[[Op, tuple[str, ...]], list[tuple[int, ...]]]
) -> None:
    names = _names(op)
    operands = operands_for(op, tuple(t for _, t in names))
    if op.access:
        operands = [(values[0] & (1 << 8 * op.access) - 1, *values[1:]) for values in operands]
    meaning = eval(f"lambda {', '.join(name for name, _ in names)}: ({op.py})", dict(expression_names()))
    results = array("Q", bytes(8 * len(operands)))
    traps = array("i", bytes(4 * len(operands)))
    getattr(compiled, op.ident)(
        array("Q", [value for values in operands for value in values]), results, traps
    )
    # why: a narrow atomic is cut when it is written, so only that many bits count.
    mask = (1 << 8 * op.access) - 1 if op.kind is Kind.RMW else (1 << 64) - 1
    for values, trap, result in zip(operands, traps, results, strict=True):
        assert (trap, result & mask) == _wanted(meaning, values), (
            f"{op.name} {[hex(value) for value in values]}"
        )


def test_every_scalar_row_has_c() -> None:
    """Rows without vectors; those with two results and compare-and-exchange have handlers."""
    scalar = [op for op in OPS if op.py and "v128" not in (*(op.params or ()), *(op.results or ()))]
    without = {op.kind for op in scalar if op.c is None}
    assert without == {Kind.WIDEOP, Kind.CMPXCHG}
