"""Compiled code on disk, so that a large module is translated once and not once per process.

One entry of the cache (runtime/cache.py) per module, Python version and setting.
Rule 1: only code that our own translator made of a validated module is ever written, and the key is a hash of
        the module's bytes and of the translator's own version, so an entry never fits anything else.
Rule 2: code objects are only ever read from under the cache's seal: nobody but this user can have made them.
"""

from __future__ import annotations

import atexit
import marshal
import sys
from array import array
from functools import lru_cache
from pathlib import Path
from types import CodeType

from ...runtime.cache import Cache, stamp_of

__all__ = ["KIND", "CodeCache", "Entry", "open_cache"]

KIND = "code"

# marshalled code, instruction position and debt per line, whether it makes tail calls
Entry = tuple[bytes, bytes, bytes, bool]

_unsaved: set[CodeCache] = set()


@lru_cache(maxsize=1)
def _translator_stamp() -> bytes:
    """Return a hash of everything that decides what the translator writes."""
    here = Path(__file__).parent
    return stamp_of([str(here), str(here.parent), str(here.parents[1] / "isa")], sys.version)


class CodeCache:
    """The cached functions of one module."""

    def __init__(self, cache: Cache, key: bytes) -> None:
        self.entries: dict[int, Entry] = {}
        self._cache = cache
        self._key = key
        self._read()

    def get(self, funcidx: int, filename: str) -> tuple[CodeType, array[int], array[int], bool] | None:
        """Return a function's code under this file name, its lines, debts and whether it makes tail calls."""
        entry = self.entries.get(funcidx)
        if entry is None:
            return None
        code: CodeType = marshal.loads(entry[0])  # noqa: S302 - rule 2
        lines, debts = array("i", entry[1]), array("i", entry[2])
        return code.replace(co_filename=filename), lines, debts, entry[3]

    def put(
        self, funcidx: int, code: CodeType, lines: array[int], debts: array[int], has_tail_calls: bool
    ) -> None:
        """Remember a function; `save` writes it, at the latest when Python ends."""
        self.entries[funcidx] = (marshal.dumps(code), lines.tobytes(), debts.tobytes(), has_tail_calls)
        _unsaved.add(self)

    def save(self) -> None:
        """Write the entry, keeping what other processes have added in the meantime."""
        _unsaved.discard(self)
        self._read()
        self._cache.put(KIND, self._key, marshal.dumps(self.entries))

    def _read(self) -> None:
        """Take in what is on disk; what is here already counts."""
        payload = self._cache.get(KIND, self._key)
        if payload is not None:
            known: dict[int, Entry] = marshal.loads(payload)  # noqa: S302 - rule 2
            self.entries = {**known, **self.entries}


def open_cache(cache: Cache | None, binary: bytes | None, metered: bool) -> CodeCache | None:
    """Return the cached code of a module, None if there is no cache or the module has no binary."""
    if cache is None or binary is None:
        return None
    from hashlib import sha256  # noqa: PLC0415 - why: it loads OpenSSL, 3.4 MB that only the cache needs

    digest = sha256(_translator_stamp() + bytes((metered,)))
    digest.update(binary)
    return CodeCache(cache, digest.digest())


@atexit.register
def _save_all() -> None:
    for cache in list(_unsaved):
        cache.save()
