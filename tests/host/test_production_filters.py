"""The 14 filters of the package gpustack-higress-plugins, as built for production, behind one command line.

They are 5 to 10 MB each, made with Go for Higress; the profile is left to the command. All of them run on the
compiled engine. The Python engine takes 5 to 20 seconds for each, so it gets a part of them, and the rest
with PYWASMVM_SLOW=1.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from pywasmvm_host.cli.run import run

Headers = dict[str, str]


@dataclass(frozen=True)
class Trial:
    """One filter with a configuration, the command line around it, and what must be seen."""

    config: dict[str, Any]
    arguments: tuple[str, ...] = ()
    status: int = 200
    upstream: tuple[tuple[str, str], ...] = ()
    response: tuple[tuple[str, str], ...] = ()
    slow: bool = False


def add(name: str, value: str) -> list[dict[str, Any]]:
    return [{"operate": "add", "headers": [{"key": name, "value": value}]}]


CHAT = ("-r", "POST /v1/chat/completions", "-H", "content-type: application/json")
ASK = (*CHAT, "--body", '{"model":"m","messages":[{"role":"user","content":"hi"}]}')
AUTH = {
    "route_match_regexes": ["^route-"],
    "authz": {
        "endpoint": {
            "path": "/t",
            "request_method": "GET",
            "service_name": "auth.static",
            "service_port": 80,
        },
        "timeout": 1000,
    },
    "status_on_error": 403,
}
TRIALS: dict[str, Trial] = {
    "transformer": Trial(
        {"reqRules": add("X-Added", "yes"), "respRules": add("X-Resp-Added", "ok")},
        upstream=(("x-added", "yes"),),
        response=(("x-resp-added", "ok"),),
    ),
    "gpustack-set-header-pre-route": Trial(
        {
            "routeNameHeader": "X-Route",
            "clusterNameHeader": "X-Model",
            "enableOnPathSuffix": ["/completions"],
        },
        ASK,
        upstream=(("x-route", "route-1"),),
    ),
    "gpustack-generic-proxy-router": Trial(
        {"prefix": "/model/proxy/", "targetHeader": "x-model", "aliasNameMapping": {"a": "b"}},
        ("-r", "GET /model/proxy/a/v1/models"),
        upstream=(("x-model", "b"),),
        slow=True,
    ),
    "gpustack-ext-auth": Trial(
        AUTH, ("-H", "authorization: Bearer x", "--cluster", "outbound|80||auth.static=401:no"), status=401
    ),
    "gpustack-lb-session-affinity": Trial({"sessionKeys": [{"bodyKey": "prompt_cache_key"}]}, ASK, slow=True),
    "gpustack-lb": Trial({}, ASK, slow=True),
    "gpustack-rate-limit": Trial({}, ASK, slow=True),
    "gpustack-ip-acl": Trial({}, ASK, slow=True),
    "gpustack-lb-least-load": Trial({}, ASK, slow=True),
    "gpustack-lb-decision-service": Trial({}, ASK, slow=True),
    "gpustack-token-usage": Trial({"realIPToHeader": "x-real"}, ASK, slow=True),
    "ai-statistics": Trial({"attributes": []}, ASK, slow=True),
    "gpustack-ai-proxy": Trial(
        {"providers": [{"id": "p", "type": "openai", "apiTokens": ["sk-x"]}], "activeProviderId": "p"},
        ASK,
        upstream=(("authorization", "Bearer sk-x"),),
        slow=True,
    ),
    "ai-data-masking": Trial({"system_deny": False, "deny_words": ["xyzzy"]}, ASK, slow=True),
}


def folder() -> Any:
    """Return the package's folder of plugins, or skip."""
    given = os.environ.get("PYWASMVM_HIGRESS")
    if given:
        return Path(given) / "gpustack_higress_plugins" / "plugins"
    if importlib.util.find_spec("gpustack_higress_plugins") is None:
        pytest.skip(
            "needs the package gpustack-higress-plugins, or PYWASMVM_HIGRESS naming its parent folder"
        )
    return files("gpustack_higress_plugins") / "plugins"


@pytest.fixture
def plugin() -> Callable[[str], str]:
    """Find the module of a plugin by name, in the one version that the package brings."""

    def find(name: str) -> str:
        return str(next(iter((folder() / name).iterdir())) / "plugin.wasm")

    return find


def test_every_plugin_of_the_package_is_tried() -> None:
    assert {p.name for p in folder().iterdir() if p.is_dir()} == set(TRIALS)


def has(headers: list[list[str]], wanted: tuple[tuple[str, str], ...]) -> bool:
    seen = {(k.lower(), v) for k, v in headers}
    return set(wanted) <= seen


@pytest.mark.parametrize("name", TRIALS)
def test_starts_and_serves(name: str, wasm_engine: str, plugin: Callable[[str], str]) -> None:
    trial = TRIALS[name]
    if trial.slow and wasm_engine == "python" and not os.environ.get("PYWASMVM_SLOW"):
        pytest.skip("takes long on the Python engine; set PYWASMVM_SLOW=1 to run it")
    arguments = [plugin(name), "-c", json.dumps(trial.config), "--engine", wasm_engine, "--json"]
    result = CliRunner().invoke(run, [*arguments, *trial.arguments])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["profile"] == "higress"
    assert shown["response"]["status"] == trial.status, shown["logs"]
    assert len(shown["upstream"]) == (trial.status == 200)
    assert all(has(r["headers"], trial.upstream) for r in shown["upstream"])
    assert has(shown["response"]["headers"], trial.response)
    assert not [r for r in shown["records"] if r["failed"]]
