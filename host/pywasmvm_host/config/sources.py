"""Where module code may come from, and what the user granted.

Rule 1: nothing is fetched unless `Grants.remote` names the URL; the value is a local file or image layout,
or the http(s) address to download from. Rule 2: what arrives from a remote source is held against its
sha256.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .checked import bad, join
from .unpack import MAX_BYTES, image_digest, unpack_bytes, unpack_path

__all__ = ["Grants", "check_sha256", "envoy_code", "istio_code"]

TIMEOUT_S = 30


@dataclass(frozen=True)
class Grants:
    """What a configuration may reach outside of itself.

    base         the folder that relative file names start from.
    remote       URL -> local file, image layout, or http(s) address to download it from.
    environment  the host's environment variables that may be read.
    """

    base: Path = field(default_factory=Path)
    remote: Mapping[str, str | Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def envoy_code(code: dict[str, Any] | None, grants: Grants, path: str) -> bytes | Path:
    """Return what an AsyncDataSource names. Envoy unpacks nothing, so neither does this."""
    if not code:
        raise bad(path, "needs local or remote")
    if "local" in code:
        return _data_source(code["local"], grants, join(path, "local"))
    return _remote(code["remote"], grants, join(path, "remote"))


def _data_source(source: dict[str, Any], grants: Grants, path: str) -> bytes | Path:
    if "filename" in source:
        return _local_file(source["filename"], grants, join(path, "filename"))
    if "inline_bytes" in source:
        data: bytes = source["inline_bytes"]
        return _plain(data, join(path, "inline_bytes"))
    if "inline_string" in source:
        return _plain(source["inline_string"].encode(), join(path, "inline_string"))
    if "environment_variable" in source:
        name, where = source["environment_variable"], join(path, "environment_variable")
        if name not in grants.environment:
            raise bad(where, f"the variable {name} is not set, or was not granted")
        return _plain(grants.environment[name].encode("utf-8", "surrogateescape"), where)
    raise bad(path, "needs one of filename, inline_bytes, inline_string, environment_variable")


def _local_file(name: str, grants: Grants, path: str) -> Path:
    file = grants.base / name
    if not file.is_file():
        raise bad(path, f"no such file: {file}")
    with file.open("rb") as f:
        _plain(f.read(262), path)
    return file


def _plain(data: bytes, path: str) -> bytes:
    """Refuse packed code where Envoy takes only a plain module; anything else is the loader's business."""
    if data[:2] == b"\x1f\x8b" or data[257:262] == b"ustar":
        kind = "gzip" if data[:2] == b"\x1f\x8b" else "a tar"
        raise bad(path, f"is {kind}; Envoy takes only a plain module here: unpack it first")
    return data


def _remote(source: dict[str, Any], grants: Grants, path: str) -> bytes:
    uri = (source.get("http_uri") or {}).get("uri", "")
    if not uri:
        raise bad(join(path, "http_uri.uri"), "is needed")
    wanted = str(source.get("sha256", "")).lower()
    if len(wanted) != 64:
        raise bad(join(path, "sha256"), "is needed: 64 hex digits")
    data = _granted_bytes(uri, grants, join(path, "http_uri.uri"))
    got = hashlib.sha256(data).hexdigest()
    if got != wanted:
        raise bad(join(path, "sha256"), f"is {wanted}, but what came from {uri} has {got}")
    return data


def _grant(url: str, grants: Grants, path: str) -> str | Path:
    if url not in grants.remote:
        raise bad(path, f"{url} is remote, and nothing is fetched unasked; grant it a file: {url}=FILE")
    return grants.remote[url]


def _granted_bytes(url: str, grants: Grants, path: str) -> bytes:
    granted = _grant(url, grants, path)
    if str(granted).startswith(("http://", "https://")):
        return _download(str(granted), path)
    try:
        return Path(granted).read_bytes()
    except OSError as e:
        raise bad(path, f"cannot read {granted}: {e.strerror or e}") from e


def _download(url: str, path: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read(MAX_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as e:
        raise bad(path, f"cannot fetch {url}: {e}") from e
    if len(data) > MAX_BYTES:
        raise bad(path, f"{url} is larger than {MAX_BYTES} bytes")
    return data


def istio_code(url: str, sha256: str, grants: Grants, path: str) -> bytes:
    """Return the module a WasmPlugin's url names, unpacked as Istio's agent does.

    A `sha256` is held against the image's manifest or, for plain downloads, the module or what it came in.
    """
    if not url:
        raise bad(join(path, "url"), "is needed")
    where = join(path, "url")
    scheme = url.partition("://")[0] if "://" in url else "oci"
    pinned = url.rpartition("@sha256:")[2] if "@sha256:" in url else ""
    if pinned and sha256 and pinned != sha256:
        raise bad(join(path, "sha256"), f"is {sha256}, but the url says {pinned}")
    if scheme == "file":
        file: str | Path = grants.base / urllib.parse.unquote(url[len("file://") :])
    elif scheme in ("oci", "http", "https"):
        file = _grant(url, grants, where)
    else:
        raise bad(where, f"the scheme {scheme} is none of oci, file, http, https")
    wanted = sha256 or pinned
    if str(file).startswith(("http://", "https://")):
        raw = _download(str(file), where)
        module, digests = unpack_bytes(raw, url), {hashlib.sha256(raw).hexdigest()}
    else:
        local = Path(file)
        if not local.exists():
            raise bad(where, f"no such file: {local}")
        module = unpack_path(local)
        digests = {image_digest(local)}
        if local.is_file():
            digests.add(hashlib.sha256(local.read_bytes()).hexdigest())
    digests.add(hashlib.sha256(module).hexdigest())
    if wanted and wanted.lower() not in digests:
        raise bad(join(path, "sha256"), f"is {wanted}, but {url} has {hashlib.sha256(module).hexdigest()}")
    return module


def check_sha256(value: str, path: str) -> str:
    """Refuse a sha256 that is not 64 hex digits."""
    if value and (len(value) != 64 or not set(value.lower()) <= set("0123456789abcdef")):
        raise ConfigError(f"{path}: want 64 hex digits, not {value!r}")
    return value.lower()
