"""What starting a filter may cost: nothing is loaded that the path does not need, and little memory is used.

Time is measured by the benchmarks; here stands what a slow or busy machine cannot blur.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HELLO = ROOT / "host" / "filters" / "wat" / "hello.wasm"
# Slow to load, and needed by other commands, other engines or rare host calls only.
UNNEEDED = {
    "numpy",
    "cffi",
    "pycparser",
    "rich",
    "yaml",
    "celpy",
    "cryptography",
    "email",
    "socket",
    "urllib.request",
    "ctypes",
    "tempfile",
    "importlib.metadata",
    "logging",
    "pywasmvm.text",
    "pywasmvm.testing",
    "pywasmvm.binary.tokens",
    "pywasmvm.engine.python.backend",
    "pywasmvm_host.config",
    "pywasmvm_host.cli.show",
}
# Runs a command line and tells, behind its output, what was loaded and the most memory it took.
SCRIPT = """
import io, json, resource, sys
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from pywasmvm.cli.main import main
sys.stdout = io.StringIO()
status = main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([status, sorted(sys.modules), (peak - before) * 1024]), file=sys.__stdout__)
"""


def start(*arguments: str, **environment: str) -> tuple[set[str], int]:
    """Return which modules a run loaded, and the bytes it took at most on top of the interpreter."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "host")))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "run", *arguments, "--json", "--engine", "cython"],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    status, modules, nbytes = json.loads(done.stdout)
    assert status == 0, done.stderr
    return set(modules), nbytes


@pytest.fixture(autouse=True)
def _compiled() -> None:
    pytest.importorskip("pywasmvm._fast.core")
    pytest.importorskip("click")
    pytest.importorskip("resource")


def test_nothing_is_loaded_that_is_not_needed(tmp_path: Path) -> None:
    for cache in ("", str(tmp_path / "cache"), str(tmp_path / "cache")):
        loaded, _ = start(str(HELLO), PYWASMVM_CACHE=cache)
        assert "pywasmvm_host.host" in loaded
        assert loaded & UNNEEDED == set()


@pytest.mark.skipif(sys.platform != "linux", reason="sizes as Linux tells them")
def test_a_large_filter_takes_less_than_eight_times_its_size(tmp_path: Path) -> None:
    # why: looked for and not imported, because importing it takes a web server.
    package = importlib.util.find_spec("gpustack_higress_plugins")
    if package is None or package.origin is None:
        pytest.skip("needs the package gpustack-higress-plugins")
    path = max((Path(package.origin).parent / "plugins" / "transformer").glob("*/plugin.wasm"))
    configuration = '{"reqRules": [{"operate": "add", "headers": [{"key": "a", "value": "b"}]}]}'
    for cache in ("", str(tmp_path / "cache"), str(tmp_path / "cache")):
        _, nbytes = start(str(path), "-c", configuration, PYWASMVM_CACHE=cache)
        assert nbytes < 8 * path.stat().st_size
