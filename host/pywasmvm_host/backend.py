"""The engine under this host: the one place that names what is used of `pywasmvm`.

Everything else in this package imports the engine's names from here, so that what the host needs of an
engine can be
read in one list. `trap_reason` lives here too, because it is the only other thing that knows how an engine
fails.
"""

from __future__ import annotations

import pywasmvm
from pywasmvm import (
    CallStackExhausted,
    Config,
    DeadlineExceeded,
    Engine,
    FuncType,
    LimitError,
    LimitRow,
    Linker,
    LinkError,
    Memory,
    Module,
    ResourceLimits,
    Snapshot,
    Store,
    Trap,
    ValType,
    WasmError,
    limit_field,
)

__all__ = [
    "CallStackExhausted",
    "Config",
    "DeadlineExceeded",
    "Engine",
    "FuncType",
    "LimitError",
    "LimitRow",
    "LinkError",
    "Linker",
    "Memory",
    "Module",
    "Snapshot",
    "ResourceLimits",
    "Store",
    "Trap",
    "ValType",
    "WasmError",
    "engine_errors",
    "is_out_of_fuel",
    "limit_field",
    "trap_reason",
]

# What a run may raise because of the guest; anything else is ours or the embedder's and travels on.
ENGINE_ERROR_NAMES = (
    "Trap",
    "ExhaustionError",
    "OutOfFuel",
    "CallStackExhausted",
    "LimitError",
    "WasmException",
)

# (fragment of the engine's text, Envoy's wording of the same trap). First match wins.
REASONS = (
    ("unreachable", "RuntimeError: unreachable"),
    ("out of bounds table", "RuntimeError: table index is out of bounds"),
    ("undefined element", "RuntimeError: table index is out of bounds"),
    ("uninitialized element", "RuntimeError: function signature mismatch"),
    ("indirect call type mismatch", "RuntimeError: function signature mismatch"),
    ("out of bounds memory", "RuntimeError: memory access out of bounds"),
    ("memory fault", "RuntimeError: memory access out of bounds"),
    ("divide by zero", "RuntimeError: divide by zero"),
    ("integer overflow", "RuntimeError: divide result unrepresentable"),
    ("conversion to integer", "RuntimeError: float unrepresentable in integer range"),
    ("call stack exhausted", "RangeError: Maximum call stack size exceeded"),
    ("restricted_callback", "Error: restricted_callback"),
)


def engine_errors() -> tuple[type[Exception], ...]:
    """Return the exception classes that mean: this guest call failed."""
    found = [getattr(pywasmvm, name) for name in ENGINE_ERROR_NAMES if hasattr(pywasmvm, name)]
    return tuple(found)


def is_out_of_fuel(error: BaseException) -> bool:
    """Tell whether a guest call failed because its fuel was spent."""
    return type(error).__name__ == "OutOfFuel" or "fuel" in str(error)


def trap_reason(error: BaseException) -> str:
    """Return a trap in the words Envoy logs, so that logs of both can be compared."""
    text = str(error)
    for fragment, words in REASONS:
        if fragment in text:
            return words
    return f"RuntimeError: {text.splitlines()[0] if text else type(error).__name__}"
