"""The run and inspect commands: what they print, and with which status they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from pywasmvm_host.cli.inspect import inspect
from pywasmvm_host.cli.run import run

from pywasmvm import wat2wasm

FILTER = """(module
  (import "env" "proxy_http_call" (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const %d)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) %s))"""


def write(folder: Path, configure: int = 1, headers: str = "i32.const 0") -> str:
    path = folder / "filter.wasm"
    path.write_bytes(bytes(wat2wasm(FILTER % (configure, headers))))
    return str(path)


def test_served(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        run, [write(tmp_path), "-r", "POST /x", "-H", "a: b", "--body", "hi", "--engine", "python"]
    )
    assert result.exit_code == 0
    assert "upstream received  POST /x" in result.output
    assert "proxy_on_request_headers" in result.output


def test_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        run, [write(tmp_path), "--json", "--upstream-status", "204", "--engine", "python"]
    )
    assert json.loads(result.output)["response"]["status"] == 204


@pytest.mark.parametrize(
    ("configure", "headers", "code"),
    [(1, "unreachable", 1), (0, "i32.const 0", 3), (1, "(loop (br 0)) i32.const 0", 1)],
)
def test_exit_codes(tmp_path: Path, configure: int, headers: str, code: int) -> None:
    arguments = [write(tmp_path, configure, headers), "--fuel", "5000", "--engine", "python"]
    result = CliRunner().invoke(run, arguments)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_no_module(tmp_path: Path) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(b"not wasm")
    assert CliRunner().invoke(run, [str(path)]).exit_code == 3
    assert CliRunner().invoke(inspect, [str(path)]).exit_code == 3


def test_usage_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(run, [write(tmp_path), "-H", "no colon"]).exit_code == 2
    assert CliRunner().invoke(run, ["does-not-exist.wasm"]).exit_code == 2


def test_inspect_says_what_an_import_lets_the_filter_do(tmp_path: Path) -> None:
    facts = json.loads(CliRunner().invoke(inspect, [write(tmp_path), "--json"]).output)
    assert facts["abi"] == "0.2.1"
    assert facts["imports"][0]["lets"] == "send HTTP requests to any cluster of the proxy"
    assert {c["name"] for c in facts["callbacks"]} == {
        "malloc",
        "proxy_on_configure",
        "proxy_on_request_headers",
    }
    assert facts["problems"] == []


def test_inspect_of_a_plain_module(tmp_path: Path) -> None:
    path = tmp_path / "plain.wasm"
    path.write_bytes(bytes(wat2wasm('(module (func (export "f") (param i32) (result i64) i64.const 1))')))
    facts = json.loads(CliRunner().invoke(inspect, [str(path), "--json"]).output)
    assert facts["proxy_wasm"] is False
    assert facts["exports"] == [{"name": "f", "kind": "func", "type": "i32 -> i64"}]
