"""`wat2wasm` and `wasm2wat`: files, standard input and output, refusals with a place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAT = '(module $m (func $f (export "f") (param $x i32) (result i32) (local.get $x)))'


def test_there_and_back(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "a.wat"
    source.write_text(WAT, "utf-8")
    assert run_cli("wat2wasm", str(source)).returncode == 0
    binary = tmp_path / "a.wasm"
    assert binary.read_bytes()[:4] == b"\0asm"
    printed = run_cli("wasm2wat", str(binary))
    assert printed.returncode == 0
    assert "(func $f" in printed.stdout
    assert "local.get $x" in printed.stdout
    again = tmp_path / "b.wat"
    assert run_cli("wasm2wat", str(binary), "-o", str(again)).returncode == 0
    assert again.read_text("utf-8") == printed.stdout
    assert run_cli("wat2wasm", str(again), "-o", str(tmp_path / "c.wasm")).returncode == 0
    assert (tmp_path / "c.wasm").read_bytes() == binary.read_bytes()


def test_standard_input_and_output(project_root: Path) -> None:
    command = [sys.executable, "-m", "pywasmvm"]
    settings: dict[str, Any] = {"capture_output": True, "timeout": 60, "cwd": project_root}
    binary = subprocess.run([*command, "wat2wasm", "-"], input=WAT.encode(), **settings)
    assert binary.stdout[:4] == b"\0asm"
    text = subprocess.run([*command, "wasm2wat", "-"], input=binary.stdout, **settings)
    assert text.stdout.startswith(b"(module $m")


def test_a_name_section_that_text_cannot_say_is_kept(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    binary = b"\0asm\x01\0\0\0" + bytes([0, 7]) + b"\x04name" + bytes([99, 0])
    (tmp_path / "a.wasm").write_bytes(binary)
    assert run_cli("wasm2wat", str(tmp_path / "a.wasm"), "-o", str(tmp_path / "a.wat")).returncode == 0
    assert run_cli("wat2wasm", str(tmp_path / "a.wat"), "-o", str(tmp_path / "b.wasm")).returncode == 0
    assert (tmp_path / "b.wasm").read_bytes() == binary


def test_a_name_section_in_long_form_is_still_names(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    types = bytes([1, 0x84, 0x00, 1, 0x60, 0, 0])
    names = bytes([0, 0x8D, 0x00]) + b"\x04name" + bytes([0x00, 0x83, 0x80, 0x80, 0x00, 2]) + b"ab"
    (tmp_path / "a.wasm").write_bytes(b"\0asm\x01\0\0\0" + types + names)
    done = run_cli("wasm2wat", str(tmp_path / "a.wasm"))
    assert done.stdout.startswith("(module $ab")
    assert "@custom" not in done.stdout


def test_mistakes_name_file_line_and_column(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.wat").write_text("(module\n  (func i32.ad))", "utf-8")
    done = run_cli("wat2wasm", str(tmp_path / "bad.wat"))
    assert done.returncode == 3
    assert "bad.wat" in done.stderr
    assert "unknown operator i32.ad" in done.stderr
    assert "line 2, column 9" in done.stderr
    (tmp_path / "bad.wasm").write_bytes(b"\0asm\x02\0\0\0")
    assert run_cli("wasm2wat", str(tmp_path / "bad.wasm")).returncode == 3
