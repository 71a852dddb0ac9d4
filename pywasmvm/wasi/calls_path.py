"""Calls on paths below a granted directory."""

from __future__ import annotations

import os

from .abi import RIGHT_FD_READ, RIGHT_FD_WRITE, Errno, GuestMemory, WasiError, filestat
from .calls_fd import new_times
from .world import World

__all__ = [
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
]

_FOLLOW = 1


def path_open(
    world: World,
    memory: GuestMemory,
    fd: int,
    lookup: int,
    path: int,
    nbytes: int,
    oflags: int,
    rights: int,
    _inheriting: int,
    fdflags: int,
    result: int,
) -> None:
    """Open or make a file."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    write, read = bool(rights & RIGHT_FD_WRITE), bool(rights & RIGHT_FD_READ)
    memory.slice(result, 4)
    opened = directory.open(name, bool(lookup & _FOLLOW), oflags, fdflags, write, read)
    memory.write_u32(result, world.add(opened))


def path_create_directory(world: World, memory: GuestMemory, fd: int, path: int, nbytes: int) -> None:
    """Make a directory."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    directory.check_mutable()
    with directory.walk(name.rstrip("/") or name, follow=False) as (parent, last):
        os.mkdir(last, dir_fd=parent)


def path_remove_directory(world: World, memory: GuestMemory, fd: int, path: int, nbytes: int) -> None:
    """Remove an empty directory."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    directory.check_mutable()
    with directory.walk(name.rstrip("/") or name, follow=False) as (parent, last):
        os.rmdir(last, dir_fd=parent)


def path_unlink_file(world: World, memory: GuestMemory, fd: int, path: int, nbytes: int) -> None:
    """Remove a file."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    directory.check_mutable()
    with directory.walk(name, follow=False) as (parent, last):
        os.unlink(last, dir_fd=parent)


def path_filestat_get(
    world: World, memory: GuestMemory, fd: int, lookup: int, path: int, nbytes: int, result: int
) -> None:
    """Write what is known of a file."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    with directory.walk(name, bool(lookup & _FOLLOW)) as (parent, last):
        memory.write(result, filestat(os.stat(last, dir_fd=parent, follow_symlinks=False)))


def path_filestat_set_times(
    world: World,
    memory: GuestMemory,
    fd: int,
    lookup: int,
    path: int,
    nbytes: int,
    atim: int,
    mtim: int,
    flags: int,
) -> None:
    """Set the times of a file."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    directory.check_mutable()
    with directory.walk(name, bool(lookup & _FOLLOW)) as (parent, last):
        info = os.stat(last, dir_fd=parent, follow_symlinks=False)
        os.utime(last, ns=new_times(info, atim, mtim, flags), dir_fd=parent, follow_symlinks=False)


def path_link(
    world: World,
    memory: GuestMemory,
    fd: int,
    lookup: int,
    path: int,
    nbytes: int,
    new_fd: int,
    new_path: int,
    new_nbytes: int,
) -> None:
    """Give a file a second name."""
    if lookup & _FOLLOW:
        raise WasiError(Errno.INVAL)
    source, name = world.dir(fd), memory.read_text(path, nbytes)
    target, new_name = world.dir(new_fd), memory.read_text(new_path, new_nbytes)
    source.check_mutable()
    target.check_mutable()
    with (
        source.walk(name, follow=False) as (parent, last),
        target.walk(new_name, follow=False) as (into, new),
    ):
        os.link(last, new, src_dir_fd=parent, dst_dir_fd=into, follow_symlinks=False)


def path_rename(
    world: World,
    memory: GuestMemory,
    fd: int,
    path: int,
    nbytes: int,
    new_fd: int,
    new_path: int,
    new_nbytes: int,
) -> None:
    """Move a file or directory."""
    source, name = world.dir(fd), memory.read_text(path, nbytes)
    target, new_name = world.dir(new_fd), memory.read_text(new_path, new_nbytes)
    source.check_mutable()
    target.check_mutable()
    with (
        source.walk(name, follow=False) as (parent, last),
        target.walk(new_name, follow=False) as (into, new),
    ):
        os.rename(last, new, src_dir_fd=parent, dst_dir_fd=into)


def path_symlink(
    world: World, memory: GuestMemory, text: int, text_nbytes: int, fd: int, path: int, nbytes: int
) -> None:
    """Make a symbolic link; an absolute one is refused, because no walk would follow it."""
    link = memory.read_text(text, text_nbytes)
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    directory.check_mutable()
    if link.startswith("/"):
        raise WasiError(Errno.PERM)
    with directory.walk(name, follow=False) as (parent, last):
        os.symlink(link, last, dir_fd=parent)


def path_readlink(
    world: World, memory: GuestMemory, fd: int, path: int, nbytes: int, addr: int, size: int, result: int
) -> None:
    """Write where a symbolic link leads, cut if the buffer is too small."""
    directory, name = world.dir(fd), memory.read_text(path, nbytes)
    with directory.walk(name, follow=False) as (parent, last):
        target = os.readlink(last, dir_fd=parent).encode("utf-8", "surrogateescape")
    memory.write(addr, target[:size])
    memory.write_u32(result, min(len(target), size))
