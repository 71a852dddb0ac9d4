"""What every test may use: the engine under test, and the places of the data that lives outside the project.

`wasm_engine` is the name of an engine, "python" or "cython"; a test that runs guest code takes it and so runs
once per engine. `make_engine` builds an Engine of that kind with any other setting.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("python", "cython")
IN_CI = os.environ.get("CI") == "true"


def pytest_configure() -> None:
    """Let Ctrl-C arrive: what a script starts in the background ignores it, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Say in the first lines of a run whether both engines are tested."""
    missing = why_no_compiled_engine()
    return f"engines: python only ({missing})" if missing else "engines: python, cython"


def why_no_compiled_engine() -> str:
    """Return why the compiled engine cannot be tested, "" if it can."""
    sources = sorted((ROOT / "pywasmvm" / "_fast").glob("*.pyx"))
    if not sources:
        return "the compiled engine has no sources yet"
    try:
        for source in sources:
            import_module(f"pywasmvm._fast.{source.stem}")
    except ImportError as error:
        return f"the compiled engine cannot be imported: {error}"
    return ""


@pytest.fixture(params=ENGINES)
def wasm_engine(request: pytest.FixtureRequest) -> str:
    """Run the test once per engine. A missing compiled engine skips its half; in CI that is an error."""
    name: str = request.param
    if name == "cython":
        missing = why_no_compiled_engine()
        if missing and IN_CI and list((ROOT / "pywasmvm" / "_fast").glob("*.pyx")):
            pytest.fail(missing)
        if missing:
            pytest.skip(missing)
    return name


@pytest.fixture
def make_engine(wasm_engine: str) -> Callable[..., Any]:
    """Return a maker of engines of the kind under test: `make_engine(consume_fuel=True)`."""
    import pywasmvm

    def make(**settings: Any) -> Any:
        config = pywasmvm.Config()
        config.engine = wasm_engine
        for name, value in settings.items():
            setattr(config, name, value)
        return pywasmvm.Engine(config)

    return make


def _outside(variable: str, fallback: str, what: str) -> Path:
    """Return a folder of data from outside the project, named by an environment variable."""
    named = os.environ.get(variable)
    path = Path(named) if named else (ROOT.parent / "shared" / fallback)
    if path.is_dir():
        return path
    if named:
        pytest.fail(f"{variable}={named} is not a folder")
    reason = f"{what} is not here: set {variable} to its folder"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def spec_suite() -> Path:
    """The official WebAssembly test suite, from WASM_SPEC_SUITE."""
    return _outside("WASM_SPEC_SUITE", "spec", "the official test suite")


@pytest.fixture(scope="session")
def goldens() -> Path:
    """What a real Envoy was seen to do, from PYWASMVM_GOLDENS."""
    return _outside("PYWASMVM_GOLDENS", "envoy-goldens", "the record of Envoy's behaviour")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def run_cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line in a process of its own, as a user would."""

    def run(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k != "PYWASMVM_TRACEBACK"}
        environment.update(settings.pop("env", {}))
        settings.setdefault("stdin", None if "input" in settings else subprocess.DEVNULL)
        settings.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [sys.executable, "-m", "pywasmvm", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            env=environment,
            cwd=settings.pop("cwd", ROOT),
            **settings,
        )

    return run
