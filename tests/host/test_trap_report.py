"""What is told of a trap, by the API and the command; and watching host calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Plugin, PluginFailed
from pywasmvm_host.trapreport import demangled

from pywasmvm import Config, Engine, wat2wasm

TRAPPING = """(module $filter
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "about to fail")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func $inner (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $log (i32.const 2) (i32.const 64) (i32.const 13)))
    (call $inner (i32.const 0))))"""

# the custom section "name" with one function name: 3 is inner
NAMES = b"\x00\x0f\x04name\x01\x08\x01\x03\x05inner"


@pytest.fixture
def filter_file(tmp_path: Path) -> Path:
    file = tmp_path / "failing.wasm"
    file.write_bytes(bytes(wat2wasm(TRAPPING)) + NAMES)
    return file


@pytest.fixture
def host(filter_file: Path, wasm_engine: str) -> Host:
    config = Config()
    config.consume_fuel = True
    config.engine = wasm_engine
    return Host([Plugin(filter_file, name="failing")], engine=Engine(config)).start()


def test_report_says_where_and_after_what(host: Host) -> None:
    trap = host.request(HttpRequest()).trap
    assert trap is not None
    assert trap.reason == "RuntimeError: divide by zero"
    assert (trap.callback, trap.context_id, trap.plugin) == ("proxy_on_request_headers", 2, "failing")
    assert [frame.function for frame in trap.stack] == ["inner", "proxy_on_request_headers"]
    assert trap.host_calls == ("proxy_log(2, 64, 13) -> 0",)
    assert [(e.addr, e.data) for e in trap.memory] == [(64, b"about to fail")]
    assert "00000040  61 62 6f 75 74" in str(trap)


def test_no_report_without_a_trap() -> None:
    host = Host([Plugin(Path(__file__).parents[2] / "host" / "filters" / "wat" / "hello.wasm")])
    assert host.request(HttpRequest()).check().trap is None


def test_check_raises_with_the_report(host: Host) -> None:
    with pytest.raises(PluginFailed, match="last host calls"):
        host.request(HttpRequest()).check()


def test_observers_see_every_host_call(host: Host) -> None:
    seen: list[Any] = []
    host.observe_host_calls(lambda vm, row, words, status: seen.append((row.name, words, status)))
    host.request(HttpRequest())
    assert seen == [("proxy_log", (2, 64, 13), 0)]


def command(*args: str) -> Any:
    testing: Callable[..., Any] = pytest.importorskip("click.testing").CliRunner
    pytest.importorskip("rich")
    from pywasmvm_host.cli.run import run  # noqa: PLC0415

    return testing().invoke(run, list(args))


def test_command_prints_the_report(filter_file: Path) -> None:
    result = command(str(filter_file))
    assert result.exit_code
    for text in ("stack, innermost first:", "- inner", "proxy_log(2, 64, 13) -> 0", "about to fail"):
        assert text in result.output


def test_json_has_the_report(filter_file: Path) -> None:
    output = command(str(filter_file), "--json").stdout
    trap = json.JSONDecoder().raw_decode(output)[0]["trap"]
    assert trap["stack"][0]["function"] == "inner"
    assert bytes.fromhex(trap["memory"][0]["hex"]) == b"about to fail"


def test_log_names_functions_as_envoy_does(host: Host) -> None:
    """By the name section alone: what is only exported has no name there."""
    host.request(HttpRequest())
    lines = host.world.host_log[-1].message.splitlines()
    names = [line.partition(" - ")[2] for line in lines[2:]]
    assert (lines[0].partition(": ")[0], names) == (
        "Function",
        ["inner", "unknown(function index:4)"],
    )


def test_log_has_no_stack_without_names() -> None:
    nameless = bytes(
        wat2wasm(
            TRAPPING.replace("(call $inner", "(call 3")
            .replace("(call $log", "(call 0")
            .replace("$inner", "")
            .replace("$log", "")
        )
    )
    host = Host([Plugin(nameless, name="failing")])
    host.request(HttpRequest())
    assert "backtrace" not in host.world.host_log[-1].message


@pytest.mark.parametrize(
    ("name", "shown"),
    [("f", "float"), ("PKc", "char const*"), ("a", "signed char"), ("rec", "rec"), ("inner", "inner")],
)
def test_names_that_could_be_types_are_shown_as_types(name: str, shown: str) -> None:
    assert demangled(name) == shown
