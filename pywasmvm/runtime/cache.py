"""What was found out about modules, kept on disk from one process to the next.

One folder, one file per entry. Off unless `Config.cache` or the variable PYWASMVM_CACHE switches it on: "1"
for a folder in the user's cache directory, else the folder itself.
Rule 1: an entry counts only under its seal, a hash of name and content keyed with a secret that only this
        user can read. So a damaged, exchanged or planted file is as good as none, whoever put it there.
Rule 2: a folder or secret that others may write to, or a secret that others may read, is not used.
Rule 3: nothing here fails a run. What goes wrong is one line in the log "pywasmvm.cache", and a miss.
Rule 4: files appear whole or not at all, so processes may share the folder without locks.
"""

from __future__ import annotations

import os
import stat
import time
from typing import NamedTuple

__all__ = ["VARIABLE", "Cache", "CacheEntry", "folder_of", "stamp_of"]

VARIABLE = "PYWASMVM_CACHE"
MOST_BYTES = 512 << 20

_MAGIC = b"pywasmvm"
_SEAL_BYTES = 32
_HEAD_BYTES = len(_MAGIC) + _SEAL_BYTES
_SECRET = "secret"
_SECRET_BYTES = 32
_TEMPORARY = "new-"
# A temporary file of this age was left by a process that died.
_STALE_SECONDS = 3600

_said: set[str] = set()


class CacheEntry(NamedTuple):
    """One entry: what kind of thing it is, of which module, its size, when it was last used."""

    kind: str
    key: str
    nbytes: int
    used: float


def folder_of(setting: bool | str | os.PathLike[str]) -> str | None:
    """Return the folder that a value of `Config.cache` or of the variable means, None for no cache."""
    if setting in (False, "", "0"):
        return None
    if setting not in (True, "1"):
        return os.fspath(setting)  # type: ignore[arg-type]
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "pywasmvm")


def stamp_of(places: list[str], *more: str) -> bytes:
    """Return a hash that changes when a source or compiled file in these places does, or one of `more`.

    A file stands for itself by name, size and time of change: reading them all would take longer than what
    the cache saves for a small module.
    """
    from hashlib import sha256  # noqa: PLC0415 - why: it loads OpenSSL, 3.4 MB that only the cache needs

    digest = sha256("\0".join(more).encode())
    for place in places:
        for entry in sorted(_files(place), key=lambda entry: entry.name):
            found = entry.stat()
            digest.update(f"{entry.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.digest()


def _files(place: str) -> list[os.DirEntry[str]]:
    with os.scandir(place) as entries:
        return [entry for entry in entries if entry.name.endswith((".py", ".so", ".pyd"))]


class Cache:
    """The entries in one folder, made on first use.

    An entry has a kind ("valid", "code") and a key, which says everything that its content depends on.
    """

    def __init__(self, folder: str, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._known_secret: bytes | None = None

    # -- entries --------------------------------------------------------------------------------------

    def get(self, kind: str, key: bytes) -> bytes | None:
        """Return what was put under a key, None if there is nothing that can be believed."""
        secret = self._secret()
        if secret is None:
            return None
        name = _name(kind, key)
        path = os.path.join(self.folder, name)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._trouble("an entry cannot be read", error)
            return None
        content = data[_HEAD_BYTES:]
        if data[:_HEAD_BYTES] != _MAGIC + _seal(secret, name, content):
            self._trouble(f"{name} is damaged or not ours, it is made anew")
            return None
        try:
            os.utime(path)
        except OSError:
            pass  # why: then it only looks older than it is, and may be dropped too early
        return content

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        """Keep something under a key, in place of what was there, and drop what has not been used longest."""
        secret = self._secret()
        if secret is None or len(content) > self.most_bytes:
            return
        name = _name(kind, key)
        try:
            self._write(name, _MAGIC + _seal(secret, name, content) + content)
            self._trim()
        except OSError as error:
            self._trouble("an entry cannot be written", error)

    def seal(self, name: str, content: bytes) -> bytes | None:
        """Return a hash of name and content that only this user can make, None without a secret."""
        secret = self._secret()
        return None if secret is None else _seal(secret, name, content)

    # -- looking after the folder --------------------------------------------------------------------

    def entries(self) -> list[CacheEntry]:
        """Return the entries, the last used one first."""
        found = []
        for entry, status in self._scan():
            kind, mark, key = entry.partition("-")
            if mark and not entry.startswith(_TEMPORARY):
                found.append(CacheEntry(kind, key, status.st_size, status.st_mtime))
        return sorted(found, key=lambda item: item.used, reverse=True)

    def clear(self) -> int:
        """Drop every entry and the secret. Return how many entries there were."""
        count = len(self.entries())
        for name, _ in self._scan():
            if "-" in name or name == _SECRET:
                self._remove(name)
        self._known_secret = None
        return count

    def _scan(self) -> list[tuple[str, os.stat_result]]:
        found = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    try:
                        if entry.is_file(follow_symlinks=False):
                            found.append((entry.name, entry.stat(follow_symlinks=False)))
                    except FileNotFoundError:
                        continue  # why: another process was faster
        except FileNotFoundError:
            return []
        return found

    def _trim(self) -> None:
        """Drop the entries that have not been used longest, until the rest fits."""
        files = sorted(self._scan(), key=lambda item: item[1].st_mtime)
        total = sum(status.st_size for _, status in files)
        for name, status in files:
            if name.startswith(_TEMPORARY):
                if status.st_mtime < time.time() - _STALE_SECONDS:
                    self._remove(name)
            elif total > self.most_bytes and "-" in name:
                self._remove(name)
                total -= status.st_size

    def _remove(self, name: str) -> None:
        try:
            os.remove(os.path.join(self.folder, name))
        except FileNotFoundError:
            pass

    def _write(self, name: str, data: bytes) -> None:
        """Write a file in one step."""
        temporary = self._write_temporary(data)
        try:
            os.replace(temporary, os.path.join(self.folder, name))
        except OSError:
            os.remove(temporary)
            raise

    def _write_temporary(self, data: bytes) -> str:
        temporary = os.path.join(self.folder, _TEMPORARY + os.urandom(8).hex())
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        except OSError:
            os.remove(temporary)
            raise
        return temporary

    # -- the secret ------------------------------------------------------------------------------------

    def _secret(self) -> bytes | None:
        """Return the secret, made on first use; None if this folder cannot be used."""
        if self._known_secret is None:
            try:
                self._known_secret = self._open()
            except OSError as error:
                self._trouble("it cannot be used", error)
        return self._known_secret or None

    def _open(self) -> bytes:
        """Make what is missing. Return the secret, or no bytes if others have a hand in it."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        if not _is_ours(os.stat(self.folder), stat.S_IWGRP | stat.S_IWOTH):
            self._trouble("it is not used, because others may write to it")
            return b""
        path = os.path.join(self.folder, _SECRET)
        if not os.path.exists(path):
            self._make_secret(path)
        with open(path, "rb") as file:
            if not _is_ours(os.fstat(file.fileno()), stat.S_IRWXG | stat.S_IRWXO):
                self._trouble("it is not used, because others may read its secret")
                return b""
            secret = file.read()
        if len(secret) != _SECRET_BYTES:
            self._trouble("it is not used, because its secret is damaged: clear it")
            return b""
        return secret

    def _make_secret(self, path: str) -> None:
        temporary = self._write_temporary(os.urandom(_SECRET_BYTES))
        try:
            # why: unlike a replacement this leaves the secret of a process that was faster alone.
            os.link(temporary, path)
        except FileExistsError:
            pass
        except (OSError, AttributeError):
            os.replace(temporary, path)  # why: a file system without links
            return
        os.remove(temporary)

    def _trouble(self, what: str, error: OSError | None = None) -> None:
        """Say once a process what is wrong with this folder."""
        line = f"the cache {self.folder}: {what}"
        if line in _said:
            return
        _said.add(line)
        import logging  # why: rarely needed, and not cheap to load

        logging.getLogger("pywasmvm.cache").warning(
            "%s%s", line, f": {error.strerror or error}" if error else ""
        )


def _name(kind: str, key: bytes) -> str:
    return f"{kind}-{key.hex()}"


def _seal(secret: bytes, name: str, content: bytes) -> bytes:
    from hashlib import blake2b  # noqa: PLC0415

    digest = blake2b(key=secret, digest_size=_SEAL_BYTES)
    digest.update(name.encode() + b"\0")
    digest.update(content)
    return digest.digest()


def _is_ours(found: os.stat_result, forbidden: int) -> bool:
    """Tell whether a file is this user's and gives nobody else these rights."""
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & forbidden)
