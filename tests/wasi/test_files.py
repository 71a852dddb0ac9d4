"""Granted directories: what a guest can do in one, and that it cannot get out."""

from __future__ import annotations

import gc
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Store, UsageError, WasiConfig

BADF, EXIST, INVAL, ISDIR, LOOP, NOENT, NOTDIR, NOTEMPTY, PERM = 8, 20, 28, 31, 32, 44, 54, 55, 63
CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8
READ, WRITE = 2, 64
ROOT = 3

pytestmark = pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="no openat on this system")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory to grant, with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "file").write_text("0123456789")
    (root / "sub" / "inner").write_text("inner")
    return root


@pytest.fixture
def guest(make_guest: Any, tree: Path) -> Any:
    return make_guest(dirs=[(str(tree), "/data")])


@pytest.fixture
def reader(make_guest: Any, tree: Path) -> Any:
    """A guest that may only read."""
    return make_guest(dirs=[(str(tree), ".", False)])


def test_preopens_have_names(make_guest: Any, tree: Path) -> None:
    guest = make_guest(dirs=[(str(tree), "/data"), (str(tree / "sub"), "s")])
    for fd, name in ((3, b"/data"), (4, b"s")):
        stat, text = guest.room(8), guest.room(10)
        assert guest.fd_prestat_get(fd, stat) == 0
        assert struct.unpack("<II", guest.get(stat, 8)) == (0, len(name))
        assert guest.fd_prestat_dir_name(fd, text, len(name)) == 0 and guest.get(text, len(name)) == name
        assert guest.fd_prestat_dir_name(fd, text, len(name) - 1) == 37
    assert guest.fd_prestat_get(5, guest.room(8)) == BADF == guest.fd_prestat_get(1, guest.room(8))


def test_read_seek_and_tell(guest: Any) -> None:
    fd = guest.open(ROOT, "file")
    assert fd == 4 and guest.read(fd, 3) == b"012"
    where, result = guest.room(8), guest.room(4)
    assert guest.fd_tell(fd, where) == 0 and guest.u64(where) == 3
    for offset, whence, position in ((5, 0, 5), (-2 & (1 << 64) - 1, 1, 3), (-1 & (1 << 64) - 1, 2, 9)):
        assert guest.fd_seek(fd, offset, whence, where) == 0 and guest.u64(where) == position
    assert guest.read(fd, 9) == b"9" and guest.read(fd, 9) == b""
    assert guest.fd_seek(fd, 1 << 63, 0, where) == INVAL
    addr = guest.room(4)
    assert guest.fd_pread(fd, *guest.iovs((addr, 4)), 2, result) == 0 and guest.get(addr, 4) == b"2345"
    assert guest.fd_tell(fd, where) == 0 and guest.u64(where) == 10
    assert guest.fd_close(fd) == 0 and guest.fd_tell(fd, where) == BADF


def test_create_write_and_truncate(guest: Any, tree: Path) -> None:
    fd = guest.open(ROOT, "sub/new", CREAT | EXCL, READ | WRITE)
    assert guest.write(fd, b"hello") == 5
    assert guest.open(ROOT, "sub/new", CREAT | EXCL, WRITE) == -EXIST
    assert guest.fd_pwrite(fd, *guest.iovs(guest.put(b"J")), 0, guest.room(4)) == 0
    assert (tree / "sub/new").read_bytes() == b"Jello"
    assert guest.fd_filestat_set_size(fd, 2) == 0 == guest.fd_sync(fd) == guest.fd_datasync(fd)
    assert guest.fd_allocate(fd, 0, 4) == 0 == guest.fd_allocate(fd, 0, 1) == guest.fd_advise(fd, 0, 1, 0)
    assert (tree / "sub/new").read_bytes() == b"Je\0\0"
    appending = guest.open(ROOT, "sub/new", 0, WRITE, fdflags=1)
    assert guest.write(appending, b"+") == 1 and (tree / "sub/new").read_bytes() == b"Je\0\0+"
    assert guest.open(ROOT, "sub/new", TRUNC, WRITE) > 0 and (tree / "sub/new").read_bytes() == b""
    assert guest.fd_fdstat_set_flags(fd, 1) == 0
    stat = guest.room(24)
    assert guest.fd_fdstat_get(fd, stat) == 0
    assert struct.unpack("<BxH", guest.get(stat, 4)) == (4, 1)


def test_filestat(guest: Any, tree: Path) -> None:
    os.utime(tree / "file", ns=(10**18 + 1, 10**18 + 2))
    by_path, by_fd = guest.room(64), guest.room(64)
    assert guest.path_filestat_get(ROOT, 1, *guest.path("file"), by_path) == 0
    assert guest.fd_filestat_get(guest.open(ROOT, "file"), by_fd) == 0
    assert guest.get(by_path, 64) == guest.get(by_fd, 64)
    info = os.stat(tree / "file")
    dev, ino, kind, nlink, size, atim, mtim, _ctim = struct.unpack("<QQBxxxxxxxQQQQQ", guest.get(by_fd, 64))
    assert (dev, ino, kind, nlink, size) == (info.st_dev, info.st_ino, 4, 1, 10)
    assert (atim, mtim) == (10**18 + 1, 10**18 + 2)
    assert guest.path_filestat_get(ROOT, 1, *guest.path("sub"), by_path) == 0
    assert guest.get(by_path + 16, 1) == b"\3"
    assert guest.path_filestat_get(ROOT, 1, *guest.path("none"), by_path) == NOENT
    assert guest.path_filestat_set_times(ROOT, 1, *guest.path("file"), 5, 7, 1 | 4) == 0
    assert (os.stat(tree / "file").st_atime_ns, os.stat(tree / "file").st_mtime_ns) == (5, 7)
    assert guest.fd_filestat_set_times(guest.open(ROOT, "file"), 0, 9, 4) == 0
    assert (os.stat(tree / "file").st_atime_ns, os.stat(tree / "file").st_mtime_ns) == (5, 9)
    assert guest.path_filestat_set_times(ROOT, 1, *guest.path("file"), 5, 7, 1 | 2) == INVAL


def test_directories(guest: Any, tree: Path) -> None:
    assert guest.path_create_directory(ROOT, *guest.path("made/")) == 0 and (tree / "made").is_dir()
    assert guest.path_create_directory(ROOT, *guest.path("made")) == EXIST
    assert guest.path_remove_directory(ROOT, *guest.path("sub")) == NOTEMPTY
    assert guest.path_remove_directory(ROOT, *guest.path("made")) == 0 and not (tree / "made").exists()
    assert guest.path_remove_directory(ROOT, *guest.path("file")) == NOTDIR
    sub = guest.open(ROOT, "sub", DIRECTORY)
    assert guest.read(guest.open(sub, "inner"), 9) == b"inner"
    assert guest.fd_read(sub, *guest.iovs((guest.room(1), 1)), guest.room(4)) == ISDIR
    assert guest.open(ROOT, "file", DIRECTORY) == -NOTDIR
    assert guest.open(ROOT, "file/x") == -NOTDIR and guest.open(ROOT, "file/") == -NOTDIR
    assert guest.path_unlink_file(ROOT, *guest.path("file")) == 0 and not (tree / "file").exists()
    assert guest.open(guest.open(ROOT, "sub/inner"), "x") == -NOTDIR


def entries(guest: Any, fd: int, nbytes: int) -> list[tuple[str, int]]:
    """List a directory with a buffer of this size, going on as a C library does."""
    addr, result, cookie = guest.room(nbytes), guest.room(4), 0
    found: list[tuple[str, int]] = []
    while True:
        assert guest.fd_readdir(fd, addr, nbytes, cookie, result) == 0
        used, pos = guest.u32(result), 0
        data = guest.get(addr, used)
        while pos + 24 <= used:
            following, _inode, length, kind = struct.unpack_from("<QQIBxxx", data, pos)
            if pos + 24 + length > used:
                break
            found.append((data[pos + 24 : pos + 24 + length].decode(), kind))
            cookie, pos = following, pos + 24 + length
        if used < nbytes:
            return found


@pytest.mark.parametrize("nbytes", [48, 60, 4096])
def test_readdir(guest: Any, tree: Path, nbytes: int) -> None:
    os.symlink("file", tree / "ln")
    assert entries(guest, ROOT, nbytes) == [(".", 3), ("..", 3), ("file", 4), ("ln", 7), ("sub", 3)]
    (tree / "a").touch()
    assert ("a", 4) in entries(guest, ROOT, nbytes), "starting again sees new files"
    assert guest.fd_readdir(guest.open(ROOT, "file"), guest.room(9), 9, 0, guest.room(4)) == NOTDIR


def test_links_and_renames(guest: Any, tree: Path) -> None:
    assert guest.path_rename(ROOT, *guest.path("file"), ROOT, *guest.path("sub/moved")) == 0
    assert guest.path_link(ROOT, 0, *guest.path("sub/moved"), ROOT, *guest.path("hard")) == 0
    assert (tree / "hard").read_text() == "0123456789"
    assert guest.path_symlink(*guest.path("sub/moved"), ROOT, *guest.path("soft")) == 0
    addr, result = guest.room(20), guest.room(4)
    assert guest.path_readlink(ROOT, *guest.path("soft"), addr, 20, result) == 0
    assert guest.get(addr, guest.u32(result)) == b"sub/moved"
    assert guest.path_readlink(ROOT, *guest.path("soft"), addr, 3, result) == 0 and guest.u32(result) == 3
    assert guest.read(guest.open(ROOT, "soft"), 20) == b"0123456789"
    assert guest.open(ROOT, "soft", follow=0) == -LOOP
    assert guest.path_link(ROOT, 1, *guest.path("soft"), ROOT, *guest.path("x")) == INVAL


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "/etc/passwd",
        "sub/../../secret",
        "out/secret",
        "abs",
        "sub/up/secret",
        "..",
        "sub/deep/../../..",
    ],
)
def test_no_path_leads_out(guest: Any, tree: Path, path: str) -> None:
    os.symlink("..", tree / "out")
    os.symlink(tree.parent / "secret", tree / "abs")
    os.symlink("../..", tree / "sub" / "up")
    result = guest.room(64)
    assert guest.open(ROOT, path) == -PERM
    assert guest.path_filestat_get(ROOT, 1, *guest.path(path), result) == PERM
    assert guest.open(guest.open(ROOT, "sub"), "../file") == -PERM, "nor above a directory that was opened"
    new = path.replace("secret", "new") + "/new"
    assert guest.path_create_directory(ROOT, *guest.path(new)) == PERM
    assert guest.open(ROOT, new, CREAT, WRITE) == -PERM
    assert guest.path_rename(ROOT, *guest.path("file"), ROOT, *guest.path(new)) == PERM
    assert sorted(p.name for p in tree.parent.iterdir()) == ["root", "secret"]


def test_links_inside_are_followed(guest: Any, tree: Path) -> None:
    os.symlink("../file", tree / "sub" / "back")
    os.symlink("sub", tree / "dir")
    assert guest.read(guest.open(ROOT, "dir/back"), 3) == b"012"
    assert guest.read(guest.open(ROOT, "./sub/deep/../.././/file"), 3) == b"012"
    os.symlink("round", tree / "round")
    assert guest.open(ROOT, "round") == -LOOP and guest.open(ROOT, "round/x") == -LOOP
    assert guest.path_symlink(*guest.path("/etc"), ROOT, *guest.path("x")) == PERM


def test_read_only_directory(reader: Any, tree: Path) -> None:
    before = sorted(str(p) for p in tree.rglob("*"))
    assert reader.read(reader.open(ROOT, "sub/inner"), 9) == b"inner"
    path = reader.path("file")
    assert reader.open(ROOT, "new", CREAT, WRITE) == -PERM == reader.open(ROOT, "file", 0, READ | WRITE)
    assert reader.open(ROOT, "file", TRUNC) == -PERM
    assert (
        reader.path_unlink_file(ROOT, *path) == PERM == reader.path_create_directory(ROOT, *reader.path("x"))
    )
    assert reader.path_rename(ROOT, *path, ROOT, *reader.path("x")) == PERM
    assert reader.path_symlink(*path, ROOT, *reader.path("x")) == PERM
    assert reader.path_filestat_set_times(ROOT, 1, *path, 5, 7, 5) == PERM
    fd = reader.open(ROOT, "file")
    assert reader.write(fd, b"x") == -BADF and reader.fd_filestat_set_size(fd, 0) == BADF
    sub = reader.open(ROOT, "sub", DIRECTORY)
    assert reader.open(sub, "new", CREAT, WRITE) == -PERM
    assert before == sorted(str(p) for p in tree.rglob("*")) and (tree / "file").read_text() == "0123456789"


def test_odd_paths(guest: Any) -> None:
    assert guest.open(ROOT, "") == -NOENT
    assert guest.open(ROOT, "a\0b") == -INVAL
    assert guest.path_unlink_file(ROOT, *guest.put(b"\xff")) == 25
    assert guest.open(ROOT, "x" * 300) == -37


def test_numbers_are_used_again(guest: Any) -> None:
    first, second = guest.open(ROOT, "file"), guest.open(ROOT, "file")
    assert (first, second) == (4, 5)
    assert guest.fd_close(first) == 0 and guest.open(ROOT, "sub") == 4


def test_nothing_stays_open(make_guest: Any, tree: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("counts /proc/self/fd")
    before = len(os.listdir("/proc/self/fd"))
    guest = make_guest(dirs=[(str(tree), "/")])
    for path in ("sub/deep/../inner", "sub/none", "../x", "file/x", "sub/deep"):
        guest.open(ROOT, path)
    guest.store.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_forgotten_store_closes_its_files(tree: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("counts /proc/self/fd")
    before = len(os.listdir("/proc/self/fd"))
    config = WasiConfig()
    config.preopen_dir(str(tree), "/")
    store = Store()
    store.set_wasi(config)
    store.set_wasi(config)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del store
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_granting_what_is_no_directory_is_a_usage_error(tree: Path) -> None:
    with pytest.raises(UsageError, match="failed to add preopen dir"):
        WasiConfig().preopen_dir(str(tree / "file"), "/")
