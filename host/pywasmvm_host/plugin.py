"""What an embedder says about one plugin, and the keys that decide which plugins share a VM.

A `Plugin` is data: nothing here loads or runs anything. Field names follow
envoy.extensions.wasm.v3.PluginConfig.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import ConfigError, HostError
from .limits import Limits

__all__ = ["WASM_FILTER", "FailurePolicy", "Key", "Plugin", "config_bytes"]

WASM_FILTER = "envoy.filters.http.wasm"


# What must be equal for two plugins to share something. Envoy takes the hash of these joined.
Key = tuple[bytes, ...]


class FailurePolicy(Enum):
    """What happens to streams when the plugin's VM has failed.

    OPEN_ALWAYS is the deprecated flag `fail_open: true`, which also lets the failing stream pass.
    """

    FAIL_CLOSED = "FAIL_CLOSED"
    FAIL_OPEN = "FAIL_OPEN"
    FAIL_RELOAD = "FAIL_RELOAD"
    OPEN_ALWAYS = "fail_open"

    @property
    def opens(self) -> bool:
        return self in (FailurePolicy.FAIL_OPEN, FailurePolicy.OPEN_ALWAYS)


def config_bytes(value: Any) -> bytes:
    """Turn a configuration into the bytes a plugin sees: text and bytes as they are, the rest as JSON."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode("utf-8")


@dataclass(frozen=True)
class Plugin:
    """One plugin of a chain.

    wasm          the module: bytes, or a path to it.
    capabilities  names of host calls and callbacks it may use; empty means all.
    environment   what WASI shows it as environment.
    kind          "http", "network", "access_log" (told of every finished stream) or "service" (no traffic).
    filter_name   what the proxy's configuration calls the filter; routes disable it by this name.
    limits        what it may use, instead of the host's; plugins that share a VM must agree.
    patch_abi     accept a Higress marker (0.2.100) as 0.2.1.
    """

    wasm: bytes | str | Path
    name: str = ""
    root_id: str = ""
    vm_id: str = ""
    configuration: Any = None
    vm_configuration: Any = None
    failure_policy: FailurePolicy = FailurePolicy.FAIL_CLOSED
    reload_base_ms: int = 1000
    capabilities: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    allow_on_headers_stop_iteration: bool = False
    kind: str = "http"
    patch_abi: bool = False
    singleton: bool = True
    filter_name: str = WASM_FILTER
    limits: Limits | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("http", "network", "service", "access_log"):
            raise ConfigError(
                f"plugin {self.name or '(no name)'}: "
                f"kind {self.kind!r} is none of http, network, service, access_log"
            )
        policy = self.failure_policy
        if isinstance(policy, str):
            object.__setattr__(self, "failure_policy", FailurePolicy(policy))
        object.__setattr__(self, "capabilities", frozenset(self.capabilities))

    @property
    def configuration_bytes(self) -> bytes:
        return config_bytes(self.configuration)

    @property
    def vm_configuration_bytes(self) -> bytes:
        return config_bytes(self.vm_configuration)

    @property
    def label(self) -> str:
        """What error texts call it: the file, if there is one, and the name where it adds something."""
        if isinstance(self.wasm, (bytes, bytearray, memoryview)):
            return f"plugin {self.name or self.root_id or '(no name)'}"
        known = self.name in ("", Path(self.wasm).stem)
        return f"{self.wasm}" if known else f"{self.wasm} (plugin {self.name})"

    def read(self) -> bytes:
        """Return the module's bytes."""
        if isinstance(self.wasm, bytes | bytearray | memoryview):
            return bytes(self.wasm)
        try:
            return Path(self.wasm).read_bytes()
        except OSError as e:
            raise self._unreadable(e) from e

    def mark(self) -> Any:
        """Return what tells whether the bytes are those of before, without reading a file for it."""
        if isinstance(self.wasm, bytes | bytearray | memoryview):
            return bytes(self.wasm)
        try:
            seen = os.stat(self.wasm)  # fast: each start asks several times, and a Path would be made anew
        except OSError as e:
            raise self._unreadable(e) from e
        return str(self.wasm), seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns

    def _unreadable(self, error: OSError) -> HostError:
        return HostError(
            f"cannot read {self.wasm!s}: {error.strerror or error}",
            reason="Failed to load Wasm code",
            plugin=self.name,
            advice="Does the file exist, and may you read it?",
        )

    def vm_key(self, code: bytes) -> Key:
        """Return the key under which plugins share a VM: vm_id, VM configuration and code."""
        return b"||".join([self.vm_id.encode(), self.vm_configuration_bytes, b""]), code

    def key(self) -> Key:
        """Return the key under which plugins share a root context inside a VM."""
        return (b"||".join([self.root_id.encode(), self.configuration_bytes, self.name.encode()]),)
