"""`WasiConfig`: what a guest may see and do, named as in the wasmtime package.

Rule 1: what is not granted here does not exist for the guest.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import UsageError
from .descriptors import Descriptor, Directory, Input, Output

if TYPE_CHECKING:
    from ..runtime.store import Store
    from .world import World

__all__ = ["WasiConfig"]

Path = str | bytes | PathLike[Any]
Write = Callable[[bytes], int | None]


def _setter(check: Callable[[Any, Any], None]) -> property:
    """Make an attribute that can only be set, as in the package we follow."""
    return property(fset=check, doc=check.__doc__)


class WasiConfig:
    """The world of a store's WASI guests. Set it up, then `store.set_wasi(config)`.

    Beyond the wasmtime package: `realtime_ns`, `monotonic_ns` (callables that return nanoseconds), `sleep_ns`
    (called with how long) and `random_bytes` (called with how many) replace the system's, to make a run
    repeatable; `stdin_bytes` is a stdin from memory.
    """

    def __init__(self) -> None:
        self._argv: list[bytes] = []
        self._env: list[bytes] = []
        self._stdio: list[Callable[[], Descriptor]] = [
            lambda: Input(None),
            lambda: Output(_discard),
            lambda: Output(_discard),
        ]
        self._preopens: list[tuple[str, str, bool]] = []
        self.realtime_ns: Callable[[], int] = time.time_ns
        self.monotonic_ns: Callable[[], int] = time.monotonic_ns
        self.sleep_ns: Callable[[int], None] = lambda duration: time.sleep(duration / 1e9)
        self.random_bytes: Callable[[int], bytes] = os.urandom

    @_setter
    def argv(self, argv: list[str]) -> None:
        """The arguments, the program's name first."""
        self._argv = [_string(arg, "argv") for arg in argv]

    def inherit_argv(self) -> None:
        """Pass this process's arguments on."""
        self._argv = [_string(arg, "argv") for arg in sys.argv]

    @_setter
    def env(self, pairs: Iterable[Iterable[str]]) -> None:
        """The environment, as pairs of name and value."""
        found = []
        for name, value in pairs:
            if not name or "=" in name:
                raise UsageError(f"env: {name!r} is no name of a variable")
            found.append(_string(f"{name}={value}", "env"))
        self._env = found

    def inherit_env(self) -> None:
        """Pass this process's environment on."""
        self._env = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]

    @_setter
    def stdin_file(self, path: Path) -> None:
        """A file to read stdin from. It must exist."""
        file = _open(path, "rb", "stdin_file")
        self._stdio[0] = lambda: Input(file)

    @_setter
    def stdin_bytes(self, data: bytes) -> None:
        """What stdin holds."""
        import io

        held = bytes(data)
        self._stdio[0] = lambda: Input(io.BytesIO(held))

    def inherit_stdin(self) -> None:
        """Read this process's stdin."""
        self._stdio[0] = lambda: Input(sys.stdin.buffer)

    @_setter
    def stdout_file(self, path: Path) -> None:
        """A file to write stdout to; made, or emptied if it is there."""
        self._stdio[1] = _to_file(path, "stdout_file")

    @_setter
    def stdout_custom(self, callback: Write) -> None:
        """A callable to hand the bytes of stdout to; it may return how many it took."""
        self._stdio[1] = lambda: Output(callback)

    def inherit_stdout(self) -> None:
        """Write to this process's stdout."""
        self._stdio[1] = lambda: Output(_to_stream("stdout"))

    @_setter
    def stderr_file(self, path: Path) -> None:
        """A file to write stderr to; made, or emptied if it is there."""
        self._stdio[2] = _to_file(path, "stderr_file")

    @_setter
    def stderr_custom(self, callback: Write) -> None:
        """A callable to hand the bytes of stderr to; it may return how many it took."""
        self._stdio[2] = lambda: Output(callback)

    def inherit_stderr(self) -> None:
        """Write to this process's stderr."""
        self._stdio[2] = lambda: Output(_to_stream("stderr"))

    def preopen_dir(self, path: str, guest_path: str, fs_mutable: bool = True) -> None:
        """Grant the directory `path` under the name `guest_path`; no path of it leads outside."""
        if os.open not in os.supports_dir_fd:
            raise UsageError("preopen_dir: this system cannot open files relative to a directory")
        if not os.path.isdir(path):
            raise UsageError(f"failed to add preopen dir: {path!r} is no directory")
        self._preopens.append((os.fspath(path), guest_path, fs_mutable))

    def build(self, store: Store) -> World:
        """Make the world for a store. Called by `Store.set_wasi`."""
        from .world import World

        preopens = [Directory.preopened(path, guest, mutable) for path, guest, mutable in self._preopens]
        descriptors: list[Descriptor] = [make() for make in self._stdio]
        return World(self, self._argv, self._env, [*descriptors, *preopens])


def _discard(_data: bytes) -> None:
    return None


def _string(text: str, what: str) -> bytes:
    if not isinstance(text, str):
        raise UsageError(f"{what}: expected str, got {type(text).__name__}")
    if "\0" in text:
        raise UsageError(f"{what}: {text!r} holds a NUL character")
    return text.encode("utf-8", "surrogateescape")


def _open(path: Path, mode: str, what: str) -> BinaryIO:
    try:
        file: BinaryIO = open(path, mode, buffering=0)  # type: ignore[assignment]  # noqa: SIM115 - lives on
    except OSError as exc:
        raise UsageError(f"failed to set {what}: {exc}") from exc
    return file


def _to_file(path: Path, what: str) -> Callable[[], Output]:
    file = _open(path, "wb", what)
    return lambda: Output(file.write)


def _to_stream(name: str) -> Write:
    def write(data: bytes) -> None:
        # why: looked up on each call, because pytest and others replace sys.stdout.
        stream = getattr(sys, name)
        binary = getattr(stream, "buffer", None)
        if binary is None:
            stream.write(data.decode("utf-8", "replace"))
        else:
            stream.flush()
            binary.write(data)
        stream.flush()

    return write
