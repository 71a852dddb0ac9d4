"""Getting a module out of what it is shipped in: gzip, tar, OCI image layouts. Nothing is written to disk.

The three image layouts are those Istio accepts: a Docker image and an OCI image whose last layer is a tar
with `plugin.wasm`, and an OCI artifact with a layer of media type
application/vnd.module.wasm.content.layer.v1+wasm. Every blob is held against its digest, and sizes are
bounded before anything is read whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import ConfigError

__all__ = ["MAX_BYTES", "image_digest", "unpack_bytes", "unpack_path"]

MAX_BYTES = 256 << 20
MAGIC = b"\0asm"
WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
Blobs = Callable[[str], bytes]


def unpack_path(path: Path) -> bytes:
    """Return the module in a file or image layout directory. Raises ConfigError."""
    if path.is_dir():
        return _image(_directory(path), str(path))[0]
    return unpack_bytes(_read(path), str(path))


def image_digest(path: Path) -> str:
    """Return the hex digest of the image manifest in a layout directory or tar, "" for anything else."""
    if path.is_dir():
        return _image(_directory(path), str(path))[1]
    members = _members(_gunzip(_read(path), str(path)), str(path))
    return _image(_from_tar(members, str(path)), str(path))[1] if "index.json" in members else ""


def unpack_bytes(data: bytes, what: str) -> bytes:
    """Return the module in bytes that are a module, gzip, a tar or a tarred image layout."""
    data = _gunzip(data, what)
    if data[:4] == MAGIC:
        return data
    members = _members(data, what)
    if "index.json" in members:
        return _image(_from_tar(members, what), what)[0]
    names = [n for n in members if n.rpartition("/")[2] == "plugin.wasm"]
    names = names or [n for n in members if n.endswith(".wasm")]
    if not names:
        raise ConfigError(f"{what}: {'no .wasm file in it' if members else 'neither wasm, gzip nor tar'}")
    module = members[names[0]]()
    if module[:4] != MAGIC:
        raise ConfigError(f"{what}: {names[0]} in it is no WebAssembly module")
    return module


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"cannot read {path}: {e.strerror or e}") from e


def _gunzip(data: bytes, what: str) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(io.BytesIO(data)) as f:
            out = f.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as e:
        raise ConfigError(f"{what}: broken gzip: {e}") from e
    if len(out) > MAX_BYTES:
        raise ConfigError(f"{what}: unpacks to more than {MAX_BYTES} bytes")
    return out


def _members(data: bytes, what: str) -> dict[str, Callable[[], bytes]]:
    """Return the regular files of a tar, each as a function that reads it; {} if it is no tar."""
    try:
        archive = tarfile.open(fileobj=io.BytesIO(data), mode="r:")
        entries = [m for m in archive.getmembers() if m.isfile()]
    except tarfile.TarError:
        return {}

    def read(entry: tarfile.TarInfo) -> bytes:
        source = archive.extractfile(entry)
        if source is None or entry.size > MAX_BYTES:
            raise ConfigError(f"{what}: cannot take {entry.name} out of it")
        return source.read()

    return {m.name.removeprefix("./"): lambda m=m: read(m) for m in entries}  # type: ignore[misc]


def _directory(path: Path) -> Blobs:
    def blob(name: str) -> bytes:
        if not (path / name).is_file():
            raise ConfigError(f"{path}: no {name}: not an OCI image layout")
        return _read(path / name)

    return blob


def _from_tar(members: dict[str, Callable[[], bytes]], what: str) -> Blobs:
    def blob(name: str) -> bytes:
        if name not in members:
            raise ConfigError(f"{what}: the image lacks {name}")
        return members[name]()

    return blob


def _json(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as e:
        raise ConfigError(f"{what}: broken JSON: {e}") from e
    if not isinstance(value, dict):
        raise ConfigError(f"{what}: want a JSON object")
    return value


def _by_digest(blob: Blobs, descriptor: Any, what: str) -> bytes:
    digest = descriptor.get("digest", "") if isinstance(descriptor, dict) else ""
    algorithm, _, wanted = str(digest).partition(":")
    if algorithm != "sha256" or len(wanted) != 64 or not set(wanted) <= set("0123456789abcdef"):
        raise ConfigError(f"{what}: bad digest {digest!r} in the image")
    data = blob(f"blobs/sha256/{wanted}")
    got = hashlib.sha256(data).hexdigest()
    if got != wanted:
        raise ConfigError(f"{what}: blob sha256:{wanted} has the digest {got}")
    return data


def _image(blob: Blobs, what: str) -> tuple[bytes, str]:
    """Return the module of an image layout and the hex digest of its manifest."""
    index = _json(blob("index.json"), f"{what}: index.json")
    for _ in range(4):  # an index may point to another one
        entries = index.get("manifests") or []
        if not isinstance(entries, list) or not entries:
            raise ConfigError(f"{what}: index.json names no manifest")
        data = _by_digest(blob, entries[0], what)
        manifest = _json(data, f"{what}: manifest")
        if "layers" in manifest:
            return _layers(blob, manifest["layers"], what), hashlib.sha256(data).hexdigest()
        index = manifest
    raise ConfigError(f"{what}: index within index, too deep")


def _layers(blob: Blobs, layers: Any, what: str) -> bytes:
    if not isinstance(layers, list) or not all(isinstance(x, dict) for x in layers) or not layers:
        raise ConfigError(f"{what}: the image has no layers")
    raw = [x for x in layers if x.get("mediaType") == WASM_LAYER]
    data = _by_digest(blob, (raw or layers)[-1], what)
    if raw:
        if data[:4] != MAGIC:
            raise ConfigError(f"{what}: its layer of type {WASM_LAYER} is no WebAssembly module")
        return data
    return unpack_bytes(data, f"{what}: last layer")
