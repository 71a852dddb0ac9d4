"""What a guest's file descriptors stand for: standard streams, files and directories.

A descriptor answers every call; what it cannot do raises WasiError or OSError, which `functions.py` turns
into an errno.
Rule 1: a path is walked one component at a time, never handed to the system whole, so that neither `..` nor a
        symbolic link leads out of a granted directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .abi import (
    FILESTAT,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
    Errno,
    Fdflag,
    Filetype,
    Oflag,
    WasiError,
    filestat,
    filetype_of_mode,
)

__all__ = ["Descriptor", "Directory", "File", "Input", "Output"]

MOST_LINKS = 40


class Descriptor:
    """An open descriptor. `rights` and `flags` are what fd_fdstat_get says; `guest_name` names a preopen."""

    filetype = Filetype.UNKNOWN
    rights = 0
    flags = 0
    guest_name: str | None = None

    def read(self, nbytes: int) -> bytes:
        """Read up to `nbytes` at the position."""
        raise WasiError(Errno.BADF)

    def write(self, data: bytes) -> int:
        """Write at the position and return how much was written."""
        raise WasiError(Errno.BADF)

    def pread(self, nbytes: int, offset: int) -> bytes:
        """Read at an offset."""
        raise WasiError(Errno.SPIPE)

    def pwrite(self, data: bytes, offset: int) -> int:
        """Write at an offset."""
        raise WasiError(Errno.SPIPE)

    def seek(self, offset: int, whence: int) -> int:
        """Move the position and return it."""
        raise WasiError(Errno.SPIPE)

    def filestat(self) -> bytes:
        """Return what is known of the file, in the guest's layout."""
        return FILESTAT.pack(0, 0, self.filetype, 1, 0, 0, 0, 0)

    def host_fd(self) -> int:
        """Return the system's number of a file or directory."""
        raise WasiError(Errno.BADF)

    def set_flags(self, flags: int) -> None:
        """Change the flags."""
        raise WasiError(Errno.NOTSUP)

    def writable_fd(self) -> int:
        """Return the system's number of a file that may be changed."""
        raise WasiError(Errno.BADF)

    def directory(self) -> Directory:
        """Return itself if it is a directory."""
        raise WasiError(Errno.NOTDIR)

    def close(self) -> None:
        """Give the file back."""


class Input(Descriptor):
    """A stream to read from; None is an empty one."""

    filetype = Filetype.CHARACTER_DEVICE
    rights = RIGHT_FD_READ

    def __init__(self, stream: BinaryIO | None) -> None:
        self.stream = stream

    def read(self, nbytes: int) -> bytes:
        """Read what there is, at most `nbytes`."""
        if self.stream is None:
            return b""
        read = getattr(self.stream, "read1", self.stream.read)
        data: bytes | None = read(nbytes)
        return data or b""


class Output(Descriptor):
    """A stream to write to: a callable that takes bytes."""

    filetype = Filetype.CHARACTER_DEVICE
    rights = RIGHT_FD_WRITE

    def __init__(self, callback: Callable[[bytes], int | None]) -> None:
        self.callback = callback

    def write(self, data: bytes) -> int:
        """Hand the bytes on; None from the callable means that it took them all."""
        taken = self.callback(data)
        if taken is None:
            return len(data)
        if taken < 0:
            raise WasiError(Errno.IO)
        return taken


class File(Descriptor):
    """An open file of the system. `is_mutable` is False below a read-only directory."""

    def __init__(self, fd: int, flags: int, is_mutable: bool) -> None:
        self._fd = fd
        self.flags = flags
        self.is_mutable = is_mutable
        self.filetype = filetype_of_mode(os.fstat(fd).st_mode)
        self.rights = RIGHTS_ALL if is_mutable else RIGHTS_ALL & ~RIGHT_FD_WRITE

    def read(self, nbytes: int) -> bytes:
        """Read at the position."""
        return os.read(self._fd, nbytes)

    def write(self, data: bytes) -> int:
        """Write at the position."""
        return os.write(self.writable_fd(), data)

    def pread(self, nbytes: int, offset: int) -> bytes:
        """Read at an offset."""
        return os.pread(self._fd, nbytes, offset)

    def pwrite(self, data: bytes, offset: int) -> int:
        """Write at an offset."""
        return os.pwrite(self.writable_fd(), data, offset)

    def seek(self, offset: int, whence: int) -> int:
        """Move the position."""
        return os.lseek(self._fd, offset, whence)

    def filestat(self) -> bytes:
        """Return what the system knows of the file."""
        return filestat(os.fstat(self._fd))

    def host_fd(self) -> int:
        """Return the system's number."""
        return self._fd

    def writable_fd(self) -> int:
        """Return the system's number, refuse below a read-only directory."""
        if not self.is_mutable:
            raise WasiError(Errno.BADF)
        return self._fd

    def set_flags(self, flags: int) -> None:
        """Switch appending; the other flags are only remembered."""
        import fcntl

        host = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        host = host | os.O_APPEND if flags & Fdflag.APPEND else host & ~os.O_APPEND
        fcntl.fcntl(self._fd, fcntl.F_SETFL, host)
        self.flags = flags

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Directory(Descriptor):
    """An open directory, granted or found below a granted one."""

    filetype = Filetype.DIRECTORY
    rights = RIGHTS_ALL

    def __init__(self, fd: int, is_mutable: bool, guest_name: str | None = None) -> None:
        self._fd = fd
        self.is_mutable = is_mutable
        self.guest_name = guest_name
        self.listing: list[tuple[str, int, int]] | None = None

    @classmethod
    def preopened(cls, path: str, guest_name: str, is_mutable: bool) -> Directory:
        """Open a directory to grant."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY), is_mutable, guest_name)

    def read(self, nbytes: int) -> bytes:
        """Refuse: it is a directory."""
        raise WasiError(Errno.ISDIR)

    def filestat(self) -> bytes:
        """Return what the system knows of the directory."""
        return filestat(os.fstat(self._fd))

    def host_fd(self) -> int:
        """Return the system's number."""
        return self._fd

    def directory(self) -> Directory:
        """Return itself."""
        return self

    def check_mutable(self) -> None:
        """Raise WasiError(PERM) if nothing may change below it."""
        if not self.is_mutable:
            raise WasiError(Errno.PERM)

    def close(self) -> None:
        """Close the directory."""
        os.close(self._fd)

    def entries(self, restart: bool) -> list[tuple[str, int, int]]:
        """Return (name, inode, filetype) of what is in it, `.` and `..` first; read anew on a restart."""
        if restart or self.listing is None:
            own = os.fstat(self._fd).st_ino
            found = [(".", own, int(Filetype.DIRECTORY)), ("..", own, int(Filetype.DIRECTORY))]
            with os.scandir(self._fd) as scan:
                for entry in sorted(scan, key=lambda item: item.name):
                    mode = entry.stat(follow_symlinks=False).st_mode
                    found.append((entry.name, entry.inode(), int(filetype_of_mode(mode))))
            self.listing = found
        return self.listing

    @contextmanager
    def walk(self, path: str, follow: bool) -> Iterator[tuple[int, str]]:
        """Yield (directory, name) for a path: the last component is looked up there without following links.

        With `follow`, a link at the end is followed first. Raises WasiError(PERM) if the path leads out.
        """
        walker = _Walker(self._fd)
        try:
            yield walker.run(path, follow)
        finally:
            walker.close()

    def open(self, path: str, follow: bool, oflags: int, fdflags: int, write: bool, read: bool) -> Descriptor:
        """Open a file or directory below this one."""
        if (write or oflags & (Oflag.CREAT | Oflag.TRUNC)) and not self.is_mutable:
            raise WasiError(Errno.PERM)
        flags = os.O_RDWR if write and read else (os.O_WRONLY if write else os.O_RDONLY)
        for bit, host in _OPEN_FLAGS:
            flags |= host if oflags & bit else 0
        flags |= os.O_APPEND if fdflags & Fdflag.APPEND else 0
        with self.walk(path, follow) as (parent, name):
            if not oflags & (Oflag.CREAT | Oflag.DIRECTORY) and _is_directory(parent, name):
                flags = os.O_RDONLY | os.O_DIRECTORY
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o666, dir_fd=parent)
        if filetype_of_mode(os.fstat(fd).st_mode) is Filetype.DIRECTORY:
            return Directory(fd, self.is_mutable)
        return File(fd, fdflags, self.is_mutable)


_OPEN_FLAGS = (
    (Oflag.CREAT, os.O_CREAT),
    (Oflag.DIRECTORY, getattr(os, "O_DIRECTORY", 0)),
    (Oflag.EXCL, os.O_EXCL),
    (Oflag.TRUNC, os.O_TRUNC),
)


def _is_directory(parent: int, name: str) -> bool:
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return filetype_of_mode(mode) is Filetype.DIRECTORY


class _Walker:
    """One walk along a path below a directory. Holds the directories it has opened, the granted one first."""

    def __init__(self, root: int) -> None:
        self.dirs = [root]
        self.links = 0

    def run(self, path: str, follow: bool) -> tuple[int, str]:
        """Return the directory and name that the path ends at."""
        if not path:
            raise WasiError(Errno.NOENT)
        todo = self._split(path)
        while True:
            name = todo.pop(0)
            if name == "..":
                self._up()
                name = "."
            if name == ".":
                if not todo:
                    return self.dirs[-1], "."
                continue
            if (todo or follow) and (link := self._link(name)) is not None:
                todo = self._split(link) + todo
            elif todo:
                self.dirs.append(self._enter(name))
            else:
                return self.dirs[-1], name

    def close(self) -> None:
        """Close what was opened on the way."""
        while len(self.dirs) > 1:
            os.close(self.dirs.pop())

    def _split(self, path: str) -> list[str]:
        if path.startswith("/"):
            raise WasiError(Errno.PERM)
        parts = [part for part in path.split("/") if part]
        # spec: a trailing slash names a directory
        return [*parts, "."] if path.endswith("/") else parts

    def _up(self) -> None:
        if len(self.dirs) == 1:
            raise WasiError(Errno.PERM)
        os.close(self.dirs.pop())

    def _enter(self, name: str) -> int:
        return os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.dirs[-1]
        )

    def _link(self, name: str) -> str | None:
        """Return where a symbolic link leads, None if the name is none."""
        try:
            target = os.readlink(name, dir_fd=self.dirs[-1])
        except OSError:
            return None  # no link, or not there: the next step says which
        self.links += 1
        if self.links > MOST_LINKS:
            raise WasiError(Errno.LOOP)
        return target
