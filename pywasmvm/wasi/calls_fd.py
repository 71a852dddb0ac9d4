"""Calls on open descriptors."""

from __future__ import annotations

import os
import time

from .abi import DIRENT, FDSTAT, PRESTAT, RIGHTS_ALL, Errno, Filetype, GuestMemory, WasiError
from .descriptors import Descriptor
from .world import World

__all__ = [
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "new_times",
]

# What one read may ask of the host at once.
MOST_READ = 1 << 24
# Flags of *_set_times.
_ATIM, _ATIM_NOW, _MTIM, _MTIM_NOW = 1, 2, 4, 8


def fd_write(world: World, memory: GuestMemory, fd: int, iovs: int, count: int, result: int) -> None:
    """Write buffers at the position."""
    descriptor = world.fd(fd)
    memory.write_u32(result, descriptor.write(memory.gather(iovs, count)))


def fd_pwrite(
    world: World, memory: GuestMemory, fd: int, iovs: int, count: int, offset: int, result: int
) -> None:
    """Write buffers at an offset."""
    descriptor = world.fd(fd)
    memory.write_u32(result, descriptor.pwrite(memory.gather(iovs, count), _signed_offset(offset)))


def fd_read(world: World, memory: GuestMemory, fd: int, iovs: int, count: int, result: int) -> None:
    """Read into buffers at the position."""
    descriptor, buffers = world.fd(fd), memory.iovecs(iovs, count)
    data = descriptor.read(_total(buffers))
    memory.scatter(buffers, data)
    memory.write_u32(result, len(data))


def fd_pread(
    world: World, memory: GuestMemory, fd: int, iovs: int, count: int, offset: int, result: int
) -> None:
    """Read into buffers at an offset."""
    descriptor, buffers = world.fd(fd), memory.iovecs(iovs, count)
    data = descriptor.pread(_total(buffers), _signed_offset(offset))
    memory.scatter(buffers, data)
    memory.write_u32(result, len(data))


def _total(buffers: list[memoryview]) -> int:
    return min(sum(map(len, buffers)), MOST_READ)


def _signed_offset(offset: int) -> int:
    if offset >= 1 << 63:
        raise WasiError(Errno.INVAL)
    return offset


def fd_seek(world: World, memory: GuestMemory, fd: int, offset: int, whence: int, result: int) -> None:
    """Move the position."""
    if whence > 2:
        raise WasiError(Errno.INVAL)
    delta = offset - ((offset >> 63) << 64)
    memory.write_u64(result, world.fd(fd).seek(delta, (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END)[whence]))


def fd_tell(world: World, memory: GuestMemory, fd: int, result: int) -> None:
    """Write the position."""
    memory.write_u64(result, world.fd(fd).seek(0, os.SEEK_CUR))


def fd_close(world: World, _memory: GuestMemory, fd: int) -> None:
    """Close a descriptor."""
    world.close_fd(fd)


def fd_renumber(world: World, _memory: GuestMemory, source: int, target: int) -> None:
    """Move a descriptor to the number of another one."""
    world.renumber(source, target)


def fd_sync(world: World, _memory: GuestMemory, fd: int) -> None:
    """Flush a file to its device."""
    os.fsync(world.fd(fd).host_fd())


def fd_datasync(world: World, _memory: GuestMemory, fd: int) -> None:
    """Flush the contents of a file to its device."""
    os.fsync(world.fd(fd).host_fd())


def fd_advise(world: World, _memory: GuestMemory, fd: int, _offset: int, _size: int, advice: int) -> None:
    """Take the advice on how a file will be read, and do nothing about it."""
    if advice > 5:
        raise WasiError(Errno.INVAL)
    world.fd(fd).host_fd()


def fd_allocate(world: World, _memory: GuestMemory, fd: int, offset: int, size: int) -> None:
    """Make a file at least offset + size long."""
    host = world.fd(fd).writable_fd()
    end = _signed_offset(offset) + _signed_offset(size)
    if os.fstat(host).st_size < end:
        os.ftruncate(host, end)


def fd_fdstat_get(world: World, memory: GuestMemory, fd: int, result: int) -> None:
    """Say what kind of descriptor it is and what may be done with it."""
    descriptor = world.fd(fd)
    inheriting = RIGHTS_ALL if descriptor.filetype is Filetype.DIRECTORY else 0
    memory.write(result, FDSTAT.pack(descriptor.filetype, descriptor.flags, descriptor.rights, inheriting))


def fd_fdstat_set_flags(world: World, _memory: GuestMemory, fd: int, flags: int) -> None:
    """Change the flags of a descriptor."""
    world.fd(fd).set_flags(flags)


def fd_fdstat_set_rights(world: World, _memory: GuestMemory, fd: int, base: int, _inheriting: int) -> None:
    """Give rights up; getting more is refused."""
    descriptor = world.fd(fd)
    if base & ~descriptor.rights:
        raise WasiError(76)
    descriptor.rights = base


def fd_filestat_get(world: World, memory: GuestMemory, fd: int, result: int) -> None:
    """Write what is known of an open file."""
    descriptor = world.fd(fd)
    memory.write(result, descriptor.filestat())


def fd_filestat_set_size(world: World, _memory: GuestMemory, fd: int, size: int) -> None:
    """Cut or extend a file."""
    os.ftruncate(world.fd(fd).writable_fd(), _signed_offset(size))


def fd_filestat_set_times(
    world: World, _memory: GuestMemory, fd: int, atim: int, mtim: int, flags: int
) -> None:
    """Set the times of an open file."""
    host = world.fd(fd).writable_fd()
    os.utime(host, ns=new_times(os.fstat(host), atim, mtim, flags))


def new_times(info: os.stat_result, atim: int, mtim: int, flags: int) -> tuple[int, int]:
    """Return the times of access and change that a call asks for, in nanoseconds."""
    if flags & (_ATIM | _ATIM_NOW) == _ATIM | _ATIM_NOW or flags & (_MTIM | _MTIM_NOW) == _MTIM | _MTIM_NOW:
        raise WasiError(Errno.INVAL)
    now = time.time_ns()
    access = atim if flags & _ATIM else (now if flags & _ATIM_NOW else info.st_atime_ns)
    change = mtim if flags & _MTIM else (now if flags & _MTIM_NOW else info.st_mtime_ns)
    return access, change


def _preopen(descriptor: Descriptor) -> bytes:
    if descriptor.guest_name is None:
        raise WasiError(Errno.BADF)
    return descriptor.guest_name.encode()


def fd_prestat_get(world: World, memory: GuestMemory, fd: int, result: int) -> None:
    """Say how long the name of a granted directory is."""
    memory.write(result, PRESTAT.pack(0, len(_preopen(world.fd(fd)))))


def fd_prestat_dir_name(world: World, memory: GuestMemory, fd: int, addr: int, nbytes: int) -> None:
    """Write the name of a granted directory."""
    name = _preopen(world.fd(fd))
    if nbytes < len(name):
        raise WasiError(Errno.NAMETOOLONG)
    memory.write(addr, name)


def fd_readdir(
    world: World, memory: GuestMemory, fd: int, addr: int, nbytes: int, cookie: int, result: int
) -> None:
    """Write entries of a directory from the cookie-th on, the last one cut if the buffer is full."""
    entries = world.dir(fd).entries(restart=cookie == 0)
    parts, room = [], nbytes
    for position, (name, inode, filetype) in enumerate(entries[cookie:], cookie + 1):
        if room <= 0:
            break
        text = name.encode("utf-8", "surrogateescape")
        part = DIRENT.pack(position, inode, len(text), filetype) + text
        parts.append(part[:room])
        room -= len(part)
    data = b"".join(parts)
    memory.write(addr, data)
    memory.write_u32(result, len(data))
