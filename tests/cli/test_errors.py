"""Every way a command can end: one line on stderr, the right exit status, never a traceback."""

from __future__ import annotations

import errno

import pytest

from pywasmvm import errors
from pywasmvm.cli.errors import CommandError, guarded, loading
from pywasmvm.isa.model import TrapKind


class ForeignError(errors.WasmError):
    """An error from a package built on ours, with a status of its own."""

    exit_status = 9


def chained(cause: Exception) -> Exception:
    error = errors.WasmError("the plugin failed")
    error.__cause__ = cause
    return error


ENDINGS = [
    (errors.Trap(TrapKind.DIVIDE_BY_ZERO), 1, "pywasmvm: integer divide by zero\n"),
    (errors.OutOfFuel(), 1, "pywasmvm: all fuel consumed\n"),
    (errors.CallStackExhausted("call stack exhausted"), 1, "pywasmvm: call stack exhausted\n"),
    (errors.WasmException(None), 1, "pywasmvm: uncaught exception\n"),
    (errors.UsageError("no function\nof that name"), 2, "pywasmvm: no function of that name\n"),
    (errors.DecodeError("unexpected end", offset=16), 3, "pywasmvm: unexpected end (at offset 0x10)\n"),
    (errors.ValidationError("type mismatch"), 3, "pywasmvm: type mismatch\n"),
    (errors.UnsupportedError("threads"), 3, "pywasmvm: threads\n"),
    (errors.LinkError("unknown import"), 3, "pywasmvm: unknown import\n"),
    (ForeignError("odd"), 9, "pywasmvm: odd\n"),
    (chained(errors.DecodeError("bad")), 3, "pywasmvm: the plugin failed\n"),
    (chained(errors.Trap(TrapKind.UNREACHABLE)), 1, "pywasmvm: the plugin failed\n"),
    (CommandError("no such thing"), 2, "pywasmvm: no such thing\n"),
    (CommandError("refused", 3), 3, "pywasmvm: refused\n"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.wasm"), 2, None),
    (PermissionError(errno.EACCES, "Permission denied", "a.wasm"), 2, None),
    (OSError(errno.ENOSPC, "No space left on device"), 2, None),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
    (KeyboardInterrupt(), 130, "pywasmvm: interrupted\n"),
    (MemoryError(), 1, "pywasmvm: out of memory\n"),
    (errors.InternalError("impossible"), 70, None),
    (KeyError("bug"), 70, None),
]


@pytest.mark.parametrize(("error", "status", "said"), ENDINGS, ids=lambda v: type(v).__name__)
def test_an_exception_becomes_a_line(
    error: BaseException,
    status: int,
    said: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYWASMVM_TRACEBACK", raising=False)

    def work() -> int:
        raise error

    assert guarded(work) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    if said is None:
        assert captured.err.count("\n") == 1
        assert captured.err.startswith("pywasmvm: ")
    else:
        assert captured.err == said


def test_a_traceback_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWASMVM_TRACEBACK", "1")

    def work() -> int:
        raise errors.LinkError("unknown import")

    with pytest.raises(errors.LinkError):
        guarded(work)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            errors.DecodeError("unexpected end", offset=3),
            "f.wasm: malformed: unexpected end (at offset 0x3). ",
        ),
        (errors.ValidationError("type mismatch", where="function 1"), "f.wasm: invalid: type mismatch (in "),
        (errors.LimitError("module_bytes"), "f.wasm: over a limit: module_bytes. Raise"),
    ],
)
def test_a_refused_module_is_named(error: errors.WasmError, line: str) -> None:
    with pytest.raises(CommandError) as caught, loading("f.wasm"):
        raise error
    assert str(caught.value).startswith(line)
    assert caught.value.status == 3


def test_the_result_of_the_work_is_the_status() -> None:
    assert guarded(lambda: None) == 0
    assert guarded(lambda: 3) == 3
