"""Numbers and layouts of WASI preview1, and the way to and from guest memory.

Rule 1: every access to guest memory goes through `GuestMemory`; out of its bounds is errno FAULT, never a
        Python error.
"""

from __future__ import annotations

import errno as host_errno
import os
import stat
import struct
from enum import IntEnum

__all__ = [
    "EVENT",
    "FDSTAT",
    "FILESTAT",
    "SUBSCRIPTION",
    "Errno",
    "Fdflag",
    "Filetype",
    "GuestMemory",
    "Oflag",
    "WasiError",
    "errno_of",
    "filetype_of_mode",
]

_ERRNO_NAMES = (
    "SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD "
    "CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ "
    "INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET "
    "NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN "
    "NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO "
    "PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV NOTCAPABLE"
).split()


class Errno(IntEnum):
    """The error numbers that are named in this package; any other is looked up by the host's name for it."""

    SUCCESS = 0
    BADF = 8
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    IO = 29
    ISDIR = 31
    LOOP = 32
    NAMETOOLONG = 37
    NOENT = 44
    NOTDIR = 54
    NOTSOCK = 57
    NOTSUP = 58
    PERM = 63
    RANGE = 68
    SPIPE = 70


_NUMBER_OF_HOST = {
    getattr(host_errno, f"E{name}"): number
    for number, name in enumerate(_ERRNO_NAMES)
    if hasattr(host_errno, f"E{name}")
}


def errno_of(error: OSError) -> int:
    """Return the number that stands for an error of the host's system; IO for what has none."""
    return _NUMBER_OF_HOST.get(error.errno or 0, int(Errno.IO))


class WasiError(Exception):
    """A call failed with an error number, which becomes its result."""

    def __init__(self, number: int) -> None:
        self.number = int(number)
        super().__init__(f"WASI errno {self.number}")


class Filetype(IntEnum):
    """Kinds of files."""

    UNKNOWN = 0
    BLOCK_DEVICE = 1
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4
    SOCKET_STREAM = 6
    SYMBOLIC_LINK = 7


_FILETYPES = (
    (stat.S_ISREG, Filetype.REGULAR_FILE),
    (stat.S_ISDIR, Filetype.DIRECTORY),
    (stat.S_ISLNK, Filetype.SYMBOLIC_LINK),
    (stat.S_ISCHR, Filetype.CHARACTER_DEVICE),
    (stat.S_ISBLK, Filetype.BLOCK_DEVICE),
    (stat.S_ISSOCK, Filetype.SOCKET_STREAM),
)


def filetype_of_mode(mode: int) -> Filetype:
    """Return the kind of file of a mode as in `os.stat`."""
    return next((filetype for test, filetype in _FILETYPES if test(mode)), Filetype.UNKNOWN)


class Oflag(IntEnum):
    """Flags of path_open."""

    CREAT = 1
    DIRECTORY = 2
    EXCL = 4
    TRUNC = 8


class Fdflag(IntEnum):
    """Flags of an open file."""

    APPEND = 1
    DSYNC = 2
    NONBLOCK = 4
    RSYNC = 8
    SYNC = 16


# Bits of `rights` that this package looks at; ALL is what files and directories report.
RIGHT_FD_READ = 1 << 1
RIGHT_FD_WRITE = 1 << 6
RIGHTS_ALL = (1 << 30) - 1

FDSTAT = struct.Struct("<BxHxxxxQQ")  # filetype, flags, rights, inheriting rights
FILESTAT = struct.Struct("<QQBxxxxxxxQQQQQ")  # dev, ino, filetype, nlink, size, atim, mtim, ctim
PRESTAT = struct.Struct("<BxxxI")  # 0 = directory, length of its name
DIRENT = struct.Struct("<QQIBxxx")  # cookie of the next, inode, length of the name, filetype
SUBSCRIPTION = struct.Struct(
    "<QBxxxxxxxIxxxxQQHxxxxxx"
)  # userdata, tag, clock or fd, timeout, precision, flags
EVENT = struct.Struct("<QHBxxxxxQHxxxxxx")  # userdata, errno, tag, nbytes, flags

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_U64_MASK = (1 << 64) - 1
_IOVEC = struct.Struct("<II")


def filestat(info: os.stat_result) -> bytes:
    """Return the guest's layout of what `os.stat` says."""
    times = [ns & _U64_MASK for ns in (info.st_atime_ns, info.st_mtime_ns, info.st_ctime_ns)]
    filetype = filetype_of_mode(info.st_mode)
    return FILESTAT.pack(info.st_dev & _U64_MASK, info.st_ino, filetype, info.st_nlink, info.st_size, *times)


class GuestMemory:
    """The caller's memory during one call. Raises WasiError(FAULT) outside of it."""

    __slots__ = ("buf",)

    def __init__(self, buf: memoryview) -> None:
        self.buf = buf

    def slice(self, addr: int, nbytes: int) -> memoryview:
        """Return a writable view of a range."""
        if addr + nbytes > len(self.buf):
            raise WasiError(Errno.FAULT)
        return self.buf[addr : addr + nbytes]

    def write(self, addr: int, data: bytes | memoryview) -> None:
        """Write bytes."""
        self.slice(addr, len(data))[:] = data

    def read_text(self, addr: int, nbytes: int) -> str:
        """Return a string. Raise WasiError(ILSEQ) if it is not UTF-8, INVAL if it holds a NUL."""
        try:
            text = str(self.slice(addr, nbytes), "utf-8")
        except UnicodeDecodeError:
            raise WasiError(Errno.ILSEQ) from None
        if "\0" in text:
            raise WasiError(Errno.INVAL)
        return text

    def write_u32(self, addr: int, value: int) -> None:
        """Write four bytes."""
        _U32.pack_into(self.slice(addr, 4), 0, value)

    def write_u64(self, addr: int, value: int) -> None:
        """Write eight bytes."""
        _U64.pack_into(self.slice(addr, 8), 0, value & _U64_MASK)

    def iovecs(self, addr: int, count: int) -> list[memoryview]:
        """Return the buffers that an array of (address, length) names."""
        table = self.slice(addr, count * _IOVEC.size)
        return [self.slice(start, nbytes) for start, nbytes in _IOVEC.iter_unpack(table)]

    def gather(self, addr: int, count: int) -> bytes:
        """Return the bytes of such an array of buffers, joined."""
        return b"".join(self.iovecs(addr, count))

    def scatter(self, buffers: list[memoryview], data: bytes) -> None:
        """Spread bytes over buffers that hold at least as many."""
        done = 0
        for buffer in buffers:
            part = data[done : done + len(buffer)]
            buffer[: len(part)] = part
            done += len(part)

    def write_strings(self, pointers: int, text: int, strings: list[bytes]) -> None:
        """Write NUL-terminated strings one after the other, and an array of their addresses."""
        for string in strings:
            self.write_u32(pointers, text)
            self.write(text, string + b"\0")
            pointers += 4
            text += len(string) + 1
