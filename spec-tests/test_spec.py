"""The official test suite: one test per script and engine, no list of exceptions.

WASM_SPEC_SUITE names the folder with the scripts (`download.py` fetches it). The manifest pins every script:
a missing or altered one fails.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from pywasmvm import Config, Engine, Features, UnsupportedError
from pywasmvm.testing.pool import run_scripts
from pywasmvm.testing.suite import Script, check_pins, features_of, find_scripts, read_manifest

HERE = Path(__file__).parent
PINS = read_manifest(HERE / "manifest.tsv")
SUITE = Path(os.environ.get("WASM_SPEC_SUITE") or HERE.parent.parent / "shared" / "spec")
SCRIPTS = find_scripts(SUITE, PINS) if SUITE.is_dir() else []
TIMEOUT_SECONDS = float(os.environ.get("WASM_SPEC_TIMEOUT", "60"))
CORE_SCRIPTS, CORE_COMMANDS = 258, 65_294


@cache
def why_missing(engine: str) -> str:
    """Return why an engine cannot be tested, "" if it can. In CI a missing one is an error."""
    reason = refusal(engine, Features())
    if reason and os.environ.get("CI") == "true":
        raise UnsupportedError(reason)
    return reason


@cache
def refusal(engine: str, features: Features) -> str:
    """Return what an engine says against these features, "" if it has them."""
    config = Config()
    config.engine = engine
    config.features = features
    try:
        Engine(config).backend.name  # noqa: B018 - loads the engine
    except UnsupportedError as error:
        return str(error)
    return ""


def test_manifest_is_the_whole_suite() -> None:
    core = [pin for name, pin in PINS.items() if name.startswith("core/")]
    assert (len(core), sum(pin.commands for pin in core)) == (CORE_SCRIPTS, CORE_COMMANDS)


def test_suite_is_there() -> None:
    assert SUITE.is_dir(), "set WASM_SPEC_SUITE to the folder that spec-tests/download.py filled"
    assert {script.name for script in SCRIPTS} == PINS.keys()


@pytest.mark.parametrize("engine", ["python", "cython"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script(script: Script, engine: str) -> None:
    missing = why_missing(engine) or refusal(engine, features_of(script.name))
    if missing:
        pytest.skip(missing)
    assert check_pins([script], PINS) == []
    (result,) = run_scripts([script], [engine], jobs=1, timeout=TIMEOUT_SECONDS)
    shown = [f"line {failure.line}: {failure.what}: {failure.problem}" for failure in result.failures[:20]]
    assert result.clean, "\n".join([f"{result.passed} of {result.total} passed. {result.problem}", *shown])
