"""The command line as a process: wrong flags, missing libraries, Ctrl-C, a closed pipe, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
EMPTY_MODULE = b"\0asm\1\0\0\0"
MANY = 400  # modules named on one command line, so that the output outgrows the buffer of a pipe's writer


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("pywasmvm: ") and "Traceback" not in text


@pytest.fixture
def module_file(tmp_path: Path) -> str:
    path = tmp_path / "empty.wasm"
    path.write_bytes(EMPTY_MODULE)
    return str(path)


@pytest.mark.parametrize("arguments", [["--version"], []])
def test_the_engine_is_named(run_cli: RunCli, arguments: list[str]) -> None:
    done = run_cli(*arguments)
    first, second, *rest = done.stdout.splitlines()
    assert rest == ([] if arguments else ["commands: pywasmvm --help"])
    assert done.returncode == 0
    assert first.startswith("pywasmvm ") and "Python" in first
    assert second.startswith(("engine: python, because ", "engine: cython, "))


def test_help_lists_every_command_and_none_is_broken(run_cli: RunCli) -> None:
    done = run_cli("--help")
    assert done.returncode == 0
    for name in ("dump", "inspect", "run", "spec", "validate", "wasm2wat", "wat2wasm"):
        assert f"\n  {name} " in done.stdout
    assert "cannot be loaded" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cache"], "which command? Try 'pywasmvm cache --help'"),
        (["--no-such-flag"], "--no-such-flag"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["validate"], "Missing argument 'FILE...'. Try 'pywasmvm validate --help'"),
        (["validate", "--frob", "x"], "--frob"),
        (["validate", "--enable", "nonsense", "x"], "nonsense"),
        (["validate", "/no/such/file.wasm"], "/no/such/file.wasm: No such file or directory"),
        (["validate", "/"], "/: Is a directory"),
    ],
)
def test_wrong_use(run_cli: RunCli, arguments: list[str], words: str) -> None:
    done = run_cli(*arguments)
    assert done.returncode == 2
    assert one_line(done.stderr), done.stderr
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("library", ["click", "rich"])
def test_a_missing_library_is_one_line(library: str) -> None:
    use = "'-h'" if library == "click" else "'validate', '/dev/null'"
    code = f"import sys; sys.modules[{library!r}] = None\nfrom pywasmvm.cli.main import main"
    if library == "rich":  # which is only needed to show something
        code += "\nfrom pywasmvm.cli import source; source.load_module = lambda *a: __import__('rich')"
    code += f"\nsys.exit(main([{use}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, one_line(done.stderr)) == (2, True), done.stderr
    assert f"needs {library}" in done.stderr
    assert "pip install 'pywasmvm[cli]'" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(run_cli: RunCli, module_file: str) -> None:
    for arguments in (["--help"], ["--version"], ["validate", *[module_file] * MANY]):
        with open("/dev/full", "w") as full:
            done = run_cli(*arguments, stdout=full)
        assert done.returncode == 2
        assert one_line(done.stderr), done.stderr
        assert "No space left" in done.stderr


def test_a_closed_pipe_is_silent(run_cli: RunCli, module_file: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = run_cli("validate", *[module_file] * MANY, stdout=closed)
    assert done.stderr == ""
    assert done.returncode == 141


def test_completion_for_a_shell(run_cli: RunCli) -> None:
    done = run_cli(
        env={"_PYWASMVM_COMPLETE": "bash_complete", "COMP_WORDS": "pywasmvm va", "COMP_CWORD": "1"}
    )
    assert done.stdout.strip() == "plain,validate"


def test_ctrl_c_is_one_line() -> None:
    command = [sys.executable, "-m", "pywasmvm", "validate", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        # More than a pipe holds: when this returns, the command has begun to read and waits for the rest.
        process.stdin.write(" " * (1 << 18))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "pywasmvm: interrupted\n"
