"""The one place that turns an exception into a line on stderr and an exit status.

Rule 1: a user never sees a traceback unless PYWASMVM_TRACEBACK=1.
Rule 2: commands raise; they do not print errors and call sys.exit themselves.
Rule 3: standard library and our error tree only: this must work when click is missing.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from ..errors import (
    DecodeError,
    InternalError,
    LimitError,
    LinkError,
    ModuleError,
    UnsupportedError,
    UsageError,
    ValidationError,
    WasmError,
)

__all__ = [
    "CLI_LIBRARIES",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_PIPE",
    "EXIT_REFUSED",
    "EXIT_TRAP",
    "EXIT_USAGE",
    "CommandError",
    "describe",
    "exit_status",
    "guarded",
    "loading",
    "need_library",
    "refusal",
    "say",
]

EXIT_OK = 0
EXIT_TRAP = 1  # the guest ran and failed: a trap, a limit, an uncaught exception
EXIT_USAGE = 2  # the command line is wrong, or a file cannot be read or written
EXIT_REFUSED = 3  # a module is malformed, invalid, unsupported or cannot be linked
EXIT_INTERNAL = 70  # our fault
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_PIPE = 141  # 128 + SIGPIPE: the reader of our output went away, which is no error

CLI_LIBRARIES = ("click", "rich")

# The first class that fits counts.
STATUS_OF: tuple[tuple[type[WasmError], int], ...] = (
    (ModuleError, EXIT_REFUSED),
    (LinkError, EXIT_REFUSED),
    (UsageError, EXIT_USAGE),
    (InternalError, EXIT_INTERNAL),
)

# What a refused module is called, and what its owner can do.
REFUSALS: tuple[tuple[type[WasmError], str, str], ...] = (
    (UnsupportedError, "unsupported", "If that is a proposal, switch it on with --enable"),
    (
        DecodeError,
        "malformed",
        "Is the file complete, and a core module of WebAssembly? Build or fetch it again",
    ),
    (ValidationError, "invalid", "It breaks a typing rule: mend what wrote it, and build it again"),
    (LinkError, "cannot be linked", "Provide what it imports, or run it where that exists"),
    (LimitError, "over a limit", "Raise the limit if you trust the module"),
)


class CommandError(Exception):
    """A command's own verdict: the line to print and the status to end with."""

    def __init__(self, line: str, status: int = EXIT_USAGE) -> None:
        self.status = status
        super().__init__(line)


def say(line: str) -> None:
    """Write one line to stderr. Line breaks inside it become spaces; a closed stderr is not our problem."""
    try:
        print("pywasmvm:", " ".join(line.split()), file=sys.stderr, flush=True)
    except OSError:
        pass


def exit_status(error: WasmError) -> int:
    """Return the status that `error` ends a command with.

    A class outside our tree's branches may carry its own `exit_status`; one that only wraps another error
    (`raise ... from trap`) takes the status of its cause.
    """
    for cls, status in STATUS_OF:
        if isinstance(error, cls):
            return status
    own = getattr(error, "exit_status", None)
    if isinstance(own, int):
        return own
    return exit_status(error.__cause__) if isinstance(error.__cause__, WasmError) else EXIT_TRAP


@contextmanager
def loading(path: str) -> Iterator[None]:
    """Around the reading of a module: name the file in whatever is wrong with it, and refuse it."""
    try:
        yield
    except (UsageError, InternalError):
        raise
    except WasmError as error:
        # why: not exit_status(): a limit passed while loading means a module refused, not a run that failed.
        raise CommandError(f"{path}: {refusal(error)}", EXIT_REFUSED) from error


def refusal(error: WasmError) -> str:
    """Return what is wrong with a module, where, and what to do about it."""
    for cls, kind, advice in REFUSALS:
        if isinstance(error, cls):
            return f"{kind}: {error}. {advice}"
    return str(error)


def need_library(name: str) -> str:
    """Return the line about a library that the extra `cli` would have brought."""
    return f"the command line needs {name}, which is not installed: pip install 'pywasmvm[cli]'"


def describe(error: BaseException) -> tuple[str, int]:
    """Return the line for `error` ("" to stay silent) and the exit status."""
    if isinstance(error, CommandError):
        return str(error), error.status
    if isinstance(error, InternalError):
        return f"internal error, please report it: {error} (PYWASMVM_TRACEBACK=1 shows where)", EXIT_INTERNAL
    if isinstance(error, WasmError):
        return str(error), exit_status(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", EXIT_INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return "", EXIT_PIPE
    if isinstance(error, OSError):
        return _describe_oserror(error), EXIT_USAGE
    if isinstance(error, ModuleNotFoundError) and error.name in CLI_LIBRARIES:
        return need_library(error.name), EXIT_USAGE
    if isinstance(error, MemoryError):
        return "out of memory", EXIT_TRAP
    kind = type(error).__name__
    return (
        f"internal error, please report it: {kind}: {error} (PYWASMVM_TRACEBACK=1 shows where)",
        EXIT_INTERNAL,
    )


def _describe_oserror(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.ENOSPC and error.filename is None:
        return f"cannot write the output: {text}"
    return f"{error.filename}: {text}" if error.filename is not None else text


class _Guard:
    """Around everything a command does; what leaves the block becomes `status`."""

    status = EXIT_OK

    def __enter__(self) -> _Guard:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> bool:
        if error is None or isinstance(error, (SystemExit, GeneratorExit)):
            return False
        if os.environ.get("PYWASMVM_TRACEBACK") == "1":
            return False
        line, self.status = describe(error)
        if isinstance(error, OSError):
            _drop_stdout()
        if line:
            say(line)
        return True


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain a second time."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)


def guarded(work: Callable[[], int | None]) -> int:
    """Do `work` and return the exit status: its own result, or that of the exception it ended with."""
    guard = _Guard()
    with guard:
        guard.status = work() or EXIT_OK
        sys.stdout.flush()
    return guard.status
