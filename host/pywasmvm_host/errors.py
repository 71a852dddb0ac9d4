"""Errors of the Proxy-Wasm host, below the engine's own tree.

HostError      something about hosting went wrong; the text says what, where and what to do.
AbiError       the plugin speaks no ABI version we know, or breaks the one it named.
ConfigError    the embedder's description of plugins or world is inconsistent.
PluginFailed   a plugin trapped or refused to start; `__cause__` is the Trap, if there was one.
"""

from __future__ import annotations

from .backend import Trap, WasmError, engine_errors

__all__ = [
    "LOAD_ERRORS",
    "RUN_ERRORS",
    "AbiError",
    "Answered",
    "BadMemory",
    "BadPairs",
    "ConfigError",
    "HostError",
    "OverLimit",
    "PluginFailed",
    "RestrictedCall",
]


class HostError(WasmError):
    """The host could not do what it was asked; `str()` of it is one line for a person.

    text     what is wrong.
    advice   what its owner can do about it.
    source   where: the file, or the plugin's name.
    reason   the words in which Envoy logs the same failure.
    """

    exit_status = 3  # of the command line: a module or configuration was refused

    def __init__(
        self, message: str, *, reason: str = "", plugin: str = "", advice: str = "", source: str = ""
    ) -> None:
        super().__init__(message)
        self.text = message
        self.reason = reason or message
        self.plugin = plugin
        self.advice = advice
        self.source = source

    def __str__(self) -> str:
        where = f"{self.source}: " if self.source else ""
        return f"{where}{self.text}. {self.advice}" if self.advice else where + self.text

    def at(self, source: str, plugin: str = "") -> HostError:
        """Return the same error with its place."""
        return type(self)(
            self.text, reason=self.reason, plugin=plugin, advice=self.advice, source=self.source or source
        )


class AbiError(HostError):
    """The module is no Proxy-Wasm plugin of a version this host offers."""


class ConfigError(HostError):
    """The configuration is inconsistent; nothing was started."""


class PluginFailed(HostError):
    """The plugin trapped, or said no to its configuration."""


class BadMemory(Exception):
    """A guest pointer and size lie outside linear memory. Never leaves the host call machinery."""


class BadPairs(Exception):
    """A header list is malformed, and the profile minds. Never leaves the host call machinery."""


class OverLimit(Exception):
    """A host call would pass the limit `name`. Never leaves the host call machinery."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Answered(Exception):
    """A host call is answered before it is made (faults.py). Never leaves the host call machinery."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class RestrictedCall(Trap):
    """A host call that is not allowed at this moment; traps the guest, as Envoy does."""


# What a guest that runs may raise, and what loading and instantiating it may raise.
RUN_ERRORS: tuple[type[Exception], ...] = engine_errors()
LOAD_ERRORS: tuple[type[Exception], ...] = (WasmError, *RUN_ERRORS)
