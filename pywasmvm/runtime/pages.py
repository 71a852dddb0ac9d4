"""The bytes of a memory at one moment, from which any number of memories can start.

They stand in a file without a name (in memory, where the system has such files), so that a memory can map
them privately: copying is then left to the system, page by page, when a page is first written to.
Rule 1: nobody can change the bytes afterwards; the file is sealed where the system can do that.
Rule 2: where there is no such file, or no room for one, the bytes are kept in Python and copied at once.
"""

from __future__ import annotations

import os
from typing import IO

__all__ = ["Pages"]

# Runs of zeros of this size are left out of the file.
CHUNK = 1 << 14
_ZEROS = bytes(CHUNK)
_SEALS = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE")


class Pages:
    """A copy of a memory's bytes.

    nbytes  the memory's size.
    stored  bytes up to the last one that is not zero, rounded up; the rest is zeros.
    kept    bytes that really take room.
    """

    __slots__ = ("_data", "_file", "kept", "nbytes", "stored")

    def __init__(self, view: memoryview) -> None:
        self.nbytes = len(view)
        places = [at for at in range(0, self.nbytes, CHUNK) if _has_bytes(view[at : at + CHUNK])]
        self.stored = min(places[-1] + CHUNK, self.nbytes) if places else 0
        self.kept = sum(min(CHUNK, self.nbytes - at) for at in places)
        self._data = b""
        self._file: IO[bytes] | None = None
        try:
            self._file = _write(view, places)
        except OSError:
            self._data = bytes(view[: self.stored])

    def fileno(self) -> int:
        """Return the descriptor of the file that holds the bytes, -1 if there is none."""
        return -1 if self._file is None else self._file.fileno()

    def copy_to(self, view: memoryview) -> None:
        """Write the stored bytes to the front of a view."""
        if self._file is None:
            view[: self.stored] = self._data
            return
        done = 0
        while done < self.stored:
            part = os.pread(self._file.fileno(), min(self.stored - done, 1 << 20), done)
            if not part:
                return  # why: the file has no bytes there, which means zeros
            view[done : done + len(part)] = part
            done += len(part)


def _has_bytes(chunk: memoryview) -> bool:
    # fast: comparing bytes is one memcmp; comparing views looks at every item.
    return not _ZEROS.startswith(chunk.tobytes())


def _write(view: memoryview, places: list[int]) -> IO[bytes]:
    """Return a file without a name that holds the chunks at these places. Raise OSError without room."""
    file = _open()
    try:
        for at in places:
            file.seek(at)
            file.write(view[at : at + CHUNK])
        file.flush()
        _seal(file.fileno())
    except OSError:
        file.close()
        raise
    return file


def _open() -> IO[bytes]:
    create = getattr(os, "memfd_create", None)
    if create is None:
        import tempfile  # why: not where it is not needed, because it loads much

        return tempfile.TemporaryFile()
    flags: int = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING  # type: ignore[attr-defined, unused-ignore]
    return os.fdopen(create("pywasmvm", flags), "r+b")


def _seal(descriptor: int) -> None:
    """Forbid any further change of a file in memory."""
    try:
        import fcntl
    except ImportError:
        return
    seals = [getattr(fcntl, name, 0) for name in _SEALS]
    if all(seals):
        try:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, sum(seals))
        except OSError:
            return  # why: a file on a disk takes no seals; nobody else has its name
