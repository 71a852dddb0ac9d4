"""Compiled code on disk, so that a large module is translated once and not once per process.

One file per module, engine, Python version and setting. Off unless PYWASMVM_CODE_CACHE names a folder ("1":
a folder in the user's own cache directory) or `PythonBackend.cache_dir` is set.
Rule 1: only code that our own translator made of a validated module is ever written, and the file's name is
a hash of
        the module's bytes and of the translator's own sources, so a file never fits anything else.
Rule 2: a file that is damaged, unreadable or not ours is as good as none. Nothing here can fail a run.
Rule 3: whoever can write to the folder can run code as the user, as with Python's own __pycache__: it is
made for the
        user alone, and a folder that others may write to is not used.
"""

from __future__ import annotations

import atexit
import hashlib
import marshal
import os
import stat
import sys
import tempfile
from array import array
from functools import lru_cache
from pathlib import Path
from types import CodeType

__all__ = ["CodeCache", "Entry", "cache_dir_from_environment", "open_cache"]

VARIABLE = "PYWASMVM_CODE_CACHE"
_DIGEST_BYTES = 32

# marshalled code, instruction position and debt per line, whether it makes tail calls
Entry = tuple[bytes, bytes, bytes, bool]

_unsaved: set[CodeCache] = set()


def cache_dir_from_environment() -> Path | None:
    """Return the folder that the environment names, None if the cache is off."""
    named = os.environ.get(VARIABLE, "")
    if named in ("", "0"):
        return None
    if named != "1":
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pywasmvm"


@lru_cache(maxsize=1)
def _translator_digest() -> bytes:
    """Return a hash of everything that decides what the translator writes."""
    here = Path(__file__).parent
    sources = [
        *sorted(here.glob("*.py")),
        here.parent / "fuel.py",
        *sorted((here.parents[1] / "isa").glob("*.py")),
    ]
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.digest()


class CodeCache:
    """The cached functions of one module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[int, Entry] = _read(path)

    def get(self, funcidx: int, filename: str) -> tuple[CodeType, array[int], array[int], bool] | None:
        """Return a function's code under this file name, its lines, debts and whether it makes tail calls."""
        entry = self.entries.get(funcidx)
        if entry is None:
            return None
        code: CodeType = marshal.loads(entry[0])  # noqa: S302 - rule 3
        lines, debts = array("i", entry[1]), array("i", entry[2])
        return code.replace(co_filename=filename), lines, debts, entry[3]

    def put(
        self, funcidx: int, code: CodeType, lines: array[int], debts: array[int], has_tail_calls: bool
    ) -> None:
        """Remember a function; `save` writes it, at the latest when Python ends."""
        self.entries[funcidx] = (marshal.dumps(code), lines.tobytes(), debts.tobytes(), has_tail_calls)
        _unsaved.add(self)

    def save(self) -> None:
        """Write the file in one step, keeping what other processes have added in the meantime."""
        _unsaved.discard(self)
        merged = {**_read(self.path), **self.entries}
        payload = marshal.dumps(merged)
        try:
            handle, temporary = tempfile.mkstemp(dir=self.path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, self.path)
        except OSError:
            return


def _read(path: Path) -> dict[int, Entry]:
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        return {}
    entries: dict[int, Entry] = marshal.loads(payload)  # noqa: S302 - rule 3
    return entries


def _usable(folder: Path) -> bool:
    """Make the folder if need be; tell whether it is ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def open_cache(folder: Path | None, binary: bytes | None, metered: bool) -> CodeCache | None:
    """Return the cache of a module, None if there is no folder to use or the module has no binary."""
    if folder is None or binary is None or not _usable(folder):
        return None
    digest = hashlib.sha256(_translator_digest() + bytes((metered,)))
    digest.update(binary)
    return CodeCache(folder / f"{digest.hexdigest()}.code")


@atexit.register
def _save_all() -> None:
    for cache in list(_unsaved):
        cache.save()
