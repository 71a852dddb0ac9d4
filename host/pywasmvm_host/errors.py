"""Errors of the Proxy-Wasm host, below the engine's own tree.

HostError      something about hosting went wrong; the text says what, where and what to do.
AbiError       the plugin speaks no ABI version we know, or breaks the one it named.
ConfigError    the embedder's description of plugins or world is inconsistent.
PluginFailed   a plugin trapped or refused to start; `__cause__` is the Trap, if there was one.
"""

from __future__ import annotations

from .backend import WasmError

__all__ = ["AbiError", "BadMemory", "ConfigError", "HostError", "PluginFailed", "RestrictedCall"]


class HostError(WasmError):
    """The host could not do what it was asked; the message is one line for a person."""

    def __init__(self, message: str, *, reason: str = "", plugin: str = "") -> None:
        super().__init__(message)
        self.text = message
        self.reason = reason or message
        self.plugin = plugin

    def __str__(self) -> str:
        return self.text


class AbiError(HostError):
    """The module is no Proxy-Wasm plugin of a version this host offers."""


class ConfigError(HostError):
    """The configuration is inconsistent; nothing was started."""


class PluginFailed(HostError):
    """The plugin trapped, or said no to its configuration."""


class BadMemory(Exception):
    """A guest pointer and size lie outside linear memory. Never leaves the host call machinery."""


class RestrictedCall(Exception):
    """A host call that is not allowed at this moment; traps the guest, as Envoy does."""
