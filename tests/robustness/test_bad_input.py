"""Bad filters and configurations on the command line: one line on stderr, the right status, no traceback."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import pywasmvm

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
MARKER = '(func (export "proxy_abi_version_0_2_1"))'
MEMORY = '(memory (export "memory") 1)'
ALLOCATE = '(func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))'


def plugin(*fields: str) -> str:
    return f"(module {' '.join(fields)} {MEMORY} {MARKER} {ALLOCATE})"


TRAPPING = '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)'
ENDLESS = (
    '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop (br 0)) unreachable)'
)
# Name -> (module, status, words that the line must have).
FILTERS = {
    "no marker": (f"(module {MEMORY})", 3, ["ABI version"]),
    "missing import": (plugin('(import "env" "no_such_call" (func))'), 3, ["no_such_call"]),
    "wrong signature": (plugin('(import "env" "proxy_log" (func (param f64)))'), 3, ["proxy_log"]),
    "traps": (plugin(TRAPPING), 1, ["unreachable"]),
    "never ends": (plugin(ENDLESS), 1, ["fuel"]),
    "grows without end": (
        plugin(
            '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)',
            "(loop (br_if 0 (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable)",
        ),
        1,
        ["unreachable"],
    ),
}


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text


@pytest.fixture(scope="module")
def rust_filter(project_root: Path) -> Path:
    return project_root / "host" / "filters" / "rust" / "header_rewrite.wasm"


@pytest.fixture(scope="module")
def broken_files(rust_filter: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that are no module, by what is wrong with them."""
    data = rust_filter.read_bytes()
    contents = {
        "empty": b"",
        "cut in half": data[: len(data) // 2],
        "cut at the end": data[:-1],
        "random": random.Random(7).randbytes(5000),
        "random after the header": data[:8] + random.Random(8).randbytes(5000),
        "text of something else": b"#!/bin/sh\necho hello\n",
    }
    folder = tmp_path_factory.mktemp("broken")
    for name, content in contents.items():
        (folder / f"{name}.wasm").write_bytes(content)
    return {name: folder / f"{name}.wasm" for name in contents}


@pytest.mark.parametrize("command", ["validate", "run", "inspect"])
def test_files_that_are_no_module(run_cli: RunCli, broken_files: dict[str, Path], command: str) -> None:
    for name, path in broken_files.items():
        done = run_cli(command, str(path))
        assert done.returncode == 3, (name, done.stderr)
        assert one_line(done.stderr), (name, done.stderr)
        assert path.stem in done.stderr


@pytest.mark.parametrize("command", ["validate", "run", "inspect"])
def test_a_component_is_no_core_module(run_cli: RunCli, tmp_path: Path, command: str) -> None:
    path = tmp_path / "component.wasm"
    path.write_bytes(b"\0asm\x0d\0\1\0")
    done = run_cli(command, str(path))
    assert done.returncode == 3, done.stdout
    assert one_line(done.stderr), done.stderr


@pytest.mark.parametrize("name", FILTERS)
def test_filters_that_cannot_serve(run_cli: RunCli, tmp_path: Path, name: str) -> None:
    text, status, words = FILTERS[name]
    path = tmp_path / "filter.wasm"
    path.write_bytes(pywasmvm.wat2wasm(text))
    done = run_cli("run", str(path), "--fuel", "100000", "--memory", "16M")
    assert done.returncode == status, done.stderr
    assert one_line(done.stderr), done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("configuration", ["{", '{"request": 5}', '{"no_such_rule": 1}', "7"])
def test_wrong_configuration(run_cli: RunCli, rust_filter: Path, configuration: str) -> None:
    done = run_cli("run", str(rust_filter), "--config", configuration)
    assert done.returncode == 3, done.stderr
    assert one_line(done.stderr), done.stderr
    assert "onfigur" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "@/no/such/config.json"],
        ["-H", "no colon"],
        ["--memory", "lots"],
        ["--fuel", "-x"],
        ["--request", "GET / HTTP/1.1 more"],
        ["--profile", "envoy-0.1"],
        ["--cluster", "a=b:c"],
        ["--engine", "v8"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_wrong_options(run_cli: RunCli, rust_filter: Path, arguments: list[str]) -> None:
    done = run_cli("run", str(rust_filter), *arguments)
    assert done.returncode == 2, done.stderr
    assert one_line(done.stderr), done.stderr
