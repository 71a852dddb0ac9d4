"""The table of limits: how limits are written, where they may stand, and the page made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from pywasmvm_host import ConfigError, Host, HttpRequest, Limits, Plugin
from pywasmvm_host.config import load_plugins
from pywasmvm_host.limits import LIMITS, read_limits
from pywasmvm_host.limits_docs import render

import pywasmvm

FILTER = """(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"""
NO_LIMIT = {"fuel", "deadline"}  # of the engine alone: there the embedder sets it


@pytest.mark.parametrize("row", LIMITS.values(), ids=list(LIMITS))
def test_every_limit_is_on_and_says_who_enforces_it(row: Any, project_root: Path) -> None:
    assert row.default is not None
    assert row.default > 0
    assert row.unit in ("bytes", "seconds", "fuel", "count")
    source = project_root / row.where
    assert source.is_file()
    assert row.words in source.read_text("utf-8"), f"{row.where} knows no {row.words!r}"
    errors = re.findall(r"\b[A-Z]\w+(?:Error|Exhausted|Exceeded|Fuel)\b", row.ends)
    assert all(issubclass(getattr(pywasmvm, name), pywasmvm.ExhaustionError) for name in errors)


def test_the_engine_has_its_limits_on_too() -> None:
    off = {row.name for row in pywasmvm.ResourceLimits.table() if row.default is None}
    assert off == NO_LIMIT


def test_the_page_is_fresh(project_root: Path) -> None:
    page = (project_root / "docs" / "limits.md").read_text("utf-8")
    assert page == render(), "run: python -m pywasmvm_host.limits_docs > docs/limits.md"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"fuel": "5M"}, 5_000_000),
        ({"fuel": 7}, 7),
        ({"memory_bytes": "16MiB"}, 16 << 20),
        ({"memory_bytes": "2g"}, 2 << 30),
        ({"log_lines": "1_000"}, 1000),
        ({"log_lines": "none"}, None),
        ({"host_calls": None}, None),
    ],
)
def test_limits_are_read(given: dict[str, Any], value: object) -> None:
    (name,) = given
    limits = read_limits(given)
    assert getattr(limits, name) == value
    assert getattr(limits, name) != getattr(Limits(), name)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"fule": 1}, "no limit 'fule': did you mean fuel?"),
        ({"zzz": 1}, "no limit 'zzz': there are"),
        ({"fuel": "much"}, "fuel: 'much' is no count"),
        ({"fuel": 0}, "fuel: 0 is not above 0"),
        ({"fuel": True}, "fuel: True is no number"),
        ({"memory_bytes": "16 parsecs"}, "memory_bytes: '16 parsecs' is no size"),
        ({"call_depth": "none"}, "call_depth: it cannot be lifted"),
    ],
)
def test_bad_limits_are_refused_by_name(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_limits(given)


ENVOY = """
node: {{metadata: {{pywasmvm: {{limits: {limits}}}}}}}
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          http_filters:
          - name: envoy.filters.http.wasm
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config: {{name: a, vm_config: {{code: {{local: {{filename: f.wasm}}}}}}}}
          - name: envoy.filters.http.wasm
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config: {{name: b, vm_config: {{vm_id: v, code: {{local: {{filename: f.wasm}}}}}}}}
"""


@pytest.fixture
def filter_file(tmp_path: Path) -> Path:
    path = tmp_path / "f.wasm"
    path.write_bytes(bytes(pywasmvm.wat2wasm(FILTER)))
    return path


def test_limits_beside_an_envoy_configuration(tmp_path: Path, filter_file: Path) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text(ENVOY.format(limits='{"*": {memory_bytes: 64MiB, fuel: 3M}, b: {fuel: 5M}}'))
    a, b = load_plugins(file)
    assert a.limits == read_limits({"memory_bytes": 64 << 20, "fuel": 3_000_000})
    assert b.limits == read_limits({"memory_bytes": 64 << 20, "fuel": 5_000_000})
    host = Host([a, b]).start()
    assert [h.vm.store.limits.memory_bytes for h in host.handles] == [64 << 20, 64 << 20]


def test_plugins_without_an_entry_have_the_hosts_limits(tmp_path: Path, filter_file: Path) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text(ENVOY.format(limits="{b: {fuel: 5M}}"))
    a, b = load_plugins(file)
    assert a.limits is None
    assert b.limits == read_limits({"fuel": "5M"})


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ("{c: {fuel: 1}}", "node.metadata.pywasmvm.limits.c: no plugin of this name; there are a, b"),
        ("{a: {fule: 1}}", "node.metadata.pywasmvm.limits.a: no limit 'fule': did you mean fuel?"),
        ("{a: 7}", "node.metadata.pywasmvm.limits.a: want an object of limits"),
        ("7", "node.metadata.pywasmvm: want {limits: {PLUGIN: {LIMIT: VALUE}}}"),
    ],
)
def test_mistakes_beside_a_configuration(
    tmp_path: Path, filter_file: Path, limits: str, complaint: str
) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text(ENVOY.format(limits=limits))
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_plugins(file)


ISTIO = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: a, annotations: {{pywasmvm/limits: "{text}"}}}}
spec: {{url: "file://{wasm}"}}
"""


def test_limits_as_an_annotation(tmp_path: Path, filter_file: Path) -> None:
    file = tmp_path / "plugin.yaml"
    file.write_text(ISTIO.format(text="fuel=5M, memory_bytes=16MiB", wasm=filter_file))
    assert load_plugins(file)[0].limits == read_limits({"fuel": "5M", "memory_bytes": 16 << 20})
    file.write_text(ISTIO.format(text="fuel", wasm=filter_file))
    with pytest.raises(ConfigError, match="annotations.pywasmvm/limits: want LIMIT=VALUE"):
        load_plugins(file)


def test_plugins_of_one_vm_must_agree(filter_file: Path) -> None:
    plugins = [Plugin(filter_file, name="a"), Plugin(filter_file, name="b", limits=Limits(fuel=1))]
    with pytest.raises(ConfigError, match="plugin b: it shares a VM with another plugin whose limits differ"):
        Host(plugins).start()


def test_options_of_the_command_line(
    run_cli: Callable[..., CompletedProcess[str]], filter_file: Path, tmp_path: Path
) -> None:
    loop = tmp_path / "loop.wasm"
    name, params = '"proxy_on_request_headers"', "(param i32 i32 i32) (result i32)"
    export = f"(func (export {name}) {params} (loop (br 0)) i32.const 0)"
    loop.write_bytes(bytes(pywasmvm.wat2wasm(FILTER[:-1] + export + ")")))
    done = run_cli("run", str(loop), "--fuel", "1M")
    assert done.returncode == 1
    assert "limit fuel = 1000000 units per callback reached in proxy_on_request_headers" in done.stderr
    done = run_cli("run", str(loop), "--limit", "fuel_stream=2k")
    assert "limit fuel_stream = 2000 units per stream reached" in done.stderr
    done = run_cli("run", str(loop), "--deadline", "20ms", "--limit", "fuel_stream=none", "--fuel", "none")
    assert done.returncode == 1
    assert "limit deadline = 0.02 s per callback reached in proxy_on_request_headers" in done.stderr
    done = run_cli("run", str(filter_file), "--memory", "1k")
    assert done.returncode == 3
    assert "memory_bytes is 1024" in done.stderr
    done = run_cli("run", str(filter_file), "--limit", "fuell=1")
    assert done.returncode == 2
    assert "did you mean fuel" in done.stderr


LOGGING = """(module (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local i32)
    (loop (drop (call $log (i32.const 2) (i32.const 0) (i32.const 9)))
      (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 7))))
    (i32.const 0)))"""


def test_what_a_host_records_is_bounded(make_engine: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(Host, "KEPT", 50)
    plugin = Plugin(bytes(pywasmvm.wat2wasm(LOGGING)), name="p")
    host = Host([plugin], engine=make_engine(consume_fuel=True)).start()
    most = 0
    for _ in range(40):
        assert len(host.request(HttpRequest()).logs) == 7
        most = max(most, *map(len, host.world.recorded()), len(host.proxy.access_log))
    assert 50 < most < 50 + 100
    slow = host.submit(HttpRequest("POST", "/", body_chunks=[b"a", b"b"], pace_ms=60_000))
    for _ in range(20):
        host.request(HttpRequest())
    assert len(host.world.logs) >= 20 * 7, "not while another request is under way"
    host.world.run_for(200_000)
    assert slow.over
