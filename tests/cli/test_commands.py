"""`validate` and `dump`, called in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pywasmvm.cli.main import main

GOOD = """(module
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (func $double (export "twice") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
  (func $helper))"""
INVALID = '(module (func $broken (export "f") (result i32) (i64.const 1)))'
SHARED = '(module (memory (export "m") 1 2 shared))'
Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command line here: (status, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {
        "good.wat": GOOD.encode(),
        "invalid.wat": INVALID.encode(),
        "shared.wat": SHARED.encode(),
        "unread.wat": b"(module (func",
        "cut.wasm": b"\0asm\1\0\0\0\1\5\1",
        "empty.wasm": b"\0asm\1\0\0\0",
        "noise.wasm": bytes(range(250, 256)),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return {name: str(tmp_path / name) for name in contents}


def test_valid_modules(run: Run, files: dict[str, str]) -> None:
    status, out, err = run("validate", files["good.wat"], files["empty.wasm"])
    assert (status, err) == (0, "")
    good, empty = out.splitlines()
    assert good.startswith(f"{files['good.wat']}: OK, text in ")
    assert "2 functions, 1 imports, 2 exports" in good
    assert empty.startswith(f"{files['empty.wasm']}: OK, 8 bytes in ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("invalid.wat", ["invalid: type mismatch", 'function 0 "broken"']),
        ("unread.wat", ["malformed: ", "line 1"]),
        ("cut.wasm", ["malformed: length out of bounds", "at offset 0x9"]),
        ("noise.wasm", ["malformed: magic header not detected"]),
        ("shared.wat", ["unsupported: ", "threads", "--enable"]),
    ],
)
def test_a_refused_module_is_one_line(run: Run, files: dict[str, str], name: str, words: list[str]) -> None:
    status, out, err = run("validate", files[name])
    assert (status, out) == (3, "")
    assert err.startswith(f"pywasmvm: {files[name]}: ") and err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_proposal_can_be_enabled_and_a_feature_disabled(run: Run, files: dict[str, str]) -> None:
    assert run("validate", "--enable", "threads", files["shared.wat"])[0] == 0
    status, _, err = run("validate", "--disable", "sign-extension", files["good.wat"])
    assert (status, err) == (0, "")


def test_all_files_are_examined_and_the_gravest_status_wins(run: Run, files: dict[str, str]) -> None:
    status, out, err = run(
        "validate", files["cut.wasm"], files["good.wat"], "/no/such.wasm", files["cut.wasm"]
    )
    assert status == 2
    assert len(out.splitlines()) == 1
    assert len(err.splitlines()) == 3
    assert run("validate", files["cut.wasm"], files["good.wat"])[0] == 3


def test_json(run: Run, files: dict[str, str]) -> None:
    status, out, err = run("validate", "--json", files["good.wat"], files["cut.wasm"], "/no/such.wasm")
    good, cut, missing = json.loads(out)
    assert (status, err) == (2, "")
    assert good["ok"] and good["counts"]["functions"] == 2 and good["seconds"] > 0
    assert (cut["ok"], cut["class"], cut["file"]) == (False, "DecodeError", files["cut.wasm"])
    assert cut["offset"] >= 8
    assert not missing["ok"] and "No such file" in missing["error"]


def test_dump_lists_functions(run: Run, files: dict[str, str]) -> None:
    status, out, _ = run("dump", files["good.wat"])
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [["1", "twice"], ["2", "helper"]]


@pytest.mark.parametrize("name", ["1", "twice", "double"])
def test_dump_shows_python_that_compiles(run: Run, files: dict[str, str], name: str) -> None:
    status, out, err = run("dump", "--python", files["good.wat"], name)
    assert (status, err) == (0, "")
    compile(out, "dumped", "exec")
    assert out.startswith("def ") and "l0 + l0" in out
    assert "fuel" in out
    assert "fuel" not in run("dump", "--no-fuel", files["good.wat"], name)[1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0", "function 0 is an import (env.log)"),
        ("77", "there is no function 77; the last one is 2"),
        ("twixe", "Did you mean twice?"),
    ],
)
def test_dump_of_what_is_not_there(run: Run, files: dict[str, str], name: str, words: str) -> None:
    status, out, err = run("dump", files["good.wat"], name)
    assert (status, out) == (2, "")
    assert words in err and err.count("\n") == 1
