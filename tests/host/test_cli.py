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
from pywasmvm.cli.main import main

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
    shown = json.loads(result.stdout)
    assert shown["response"]["status"] == 204
    assert shown["profile"] == "envoy-1.40"
    assert "filter.wasm speaks ABI 0.2.1" in shown["profile_reason"]
    assert result.stderr.startswith("pywasmvm: profile envoy-1.40: ")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the whole command line; return its status and the one line it wrote to stderr."""
    status = main(list(arguments))
    line = capsys.readouterr().err
    assert line.startswith("pywasmvm: ") and line.count("\n") == 1, line
    return status, line


@pytest.mark.parametrize(
    ("configure", "headers", "code", "says"),
    [
        (1, "unreachable", 1, "proxy_on_request_headers failed"),
        (0, "i32.const 0", 3, "Mend the configuration"),
        (1, "(loop (br 0)) i32.const 0", 1, "Raise --fuel"),
    ],
)
def test_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], configure: int, headers: str, code: int, says: str
) -> None:
    path = write(tmp_path, configure, headers)
    status, line = refused(capsys, "run", path, "--fuel", "5000", "--engine", "python")
    assert status == code
    assert path in line and says in line


@pytest.mark.parametrize("command", ["run", "inspect"])
@pytest.mark.parametrize("data", [b"not wasm", b"\0asm\1\0\0\0\1\x70\1"])
def test_no_module(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, data: bytes) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(data)
    status, line = refused(capsys, command, str(path))
    assert status == 3
    assert f"{path}: malformed: " in line and "Is the file complete" in line


LOGS = """(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "no such rule: x")
  (data (i32.const 32) "start failed")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $log (i32.const 3) (i32.const 0) (i32.const 15)))
    (drop (call $log (i32.const 4) (i32.const 32) (i32.const 12)))
    i32.const 0))"""


def test_a_refused_configuration_comes_with_the_filters_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.wasm"
    path.write_bytes(bytes(wat2wasm(LOGS)))
    status, line = refused(capsys, "run", str(path), "--engine", "python")
    assert status == 3
    assert 'it logged: "no such rule: x; start failed"' in line


BARE = (
    '(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 8) %s)'
)


@pytest.mark.parametrize(
    ("rest", "options", "says"),
    [
        ("", (), "Is this a Proxy-Wasm filter?"),
        (
            '(func (export "proxy_abi_version_0_3_0"))',
            (),
            "exports proxy_abi_version_0_3_0. Build it with an SDK",
        ),
        ('(func (export "proxy_abi_version_0_2_100"))', ("--profile", "spec"), "use --profile higress"),
        (
            '(import "env" "proxy_lag" (func)) (func (export "proxy_abi_version_0_2_1"))',
            (),
            "Did you mean proxy_log?",
        ),
        (
            '(import "env" "proxy_redis_init" (func)) (func (export "proxy_abi_version_0_2_1"))',
            (),
            "use --profile higress",
        ),
        (
            '(import "env" "proxy_get_configuration" (func)) (func (export "proxy_abi_version_0_2_1"))',
            (),
            "It exists in ABI 0.1.0",
        ),
    ],
)
def test_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rest: str, options: tuple[str, ...], says: str
) -> None:
    imports = rest.startswith("(import")
    text = BARE % rest if not imports else "(module " + rest + BARE.removeprefix("(module") % ""
    path = tmp_path / "f.wasm"
    path.write_bytes(bytes(wat2wasm(text)))
    status, line = refused(capsys, "run", str(path), "--engine", "python", *options)
    assert status == 3
    assert says in line


def test_profile_follows_the_marker(tmp_path: Path) -> None:
    path = tmp_path / "h.wasm"
    path.write_bytes(bytes(wat2wasm(BARE % '(func (export "proxy_abi_version_0_2_100"))')))
    result = CliRunner().invoke(run, [str(path), "--engine", "python"])
    assert result.exit_code == 0
    assert result.stderr.startswith("pywasmvm: profile higress: ")


def test_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path)
    for wrong in (["-H", "no colon"], ["-r", "nonsense"], ["-r", "GET nonsense"], ["--profile", "x"]):
        assert refused(capsys, "run", path, *wrong)[0] == 2
    assert refused(capsys, "run", "does-not-exist.wasm")[0] == 2


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
