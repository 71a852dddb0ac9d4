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
    TrapKind,
    ValType,
    WasmError,
    WasmException,
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

# Envoy's engine says of a trap: "RuntimeError: " and one of these.
REASONS = {
    TrapKind.UNREACHABLE: "unreachable",
    TrapKind.DIVIDE_BY_ZERO: "divide by zero",
    TrapKind.INTEGER_OVERFLOW: "divide result unrepresentable",
    TrapKind.INVALID_CONVERSION: "float unrepresentable in integer range",
    TrapKind.MEMORY_OUT_OF_BOUNDS: "memory access out of bounds",
    TrapKind.TABLE_OUT_OF_BOUNDS: "table index is out of bounds",
    TrapKind.UNDEFINED_ELEMENT: "table index is out of bounds",
    TrapKind.UNINITIALIZED_ELEMENT: "function signature mismatch",
    TrapKind.INDIRECT_CALL_TYPE_MISMATCH: "function signature mismatch",
    TrapKind.NULL_REFERENCE: "dereferencing a null pointer",
    TrapKind.NULL_FUNCTION_REFERENCE: "dereferencing a null pointer",
    TrapKind.NULL_STRUCTURE_REFERENCE: "dereferencing a null pointer",
    TrapKind.NULL_ARRAY_REFERENCE: "dereferencing a null pointer",
    TrapKind.NULL_I31_REFERENCE: "dereferencing a null pointer",
    TrapKind.NULL_EXCEPTION_REFERENCE: "rethrowing null value",
    TrapKind.ARRAY_OUT_OF_BOUNDS: "array element access out of bounds",
    TrapKind.CAST_FAILURE: "illegal cast",
}
# It tells apart by the instruction what the standard gives one name: first bytes of the instructions.
# why: the Python engine knows the place of a trap by its translation's line only, and keeps the first words.
REMAINDERS = {TrapKind.DIVIDE_BY_ZERO: (0x6F, 0x70, 0x81, 0x82)}  # i32.rem_s, i32.rem_u, i64.rem_s, ...
TRUNCATIONS = {TrapKind.INTEGER_OVERFLOW: (0xA8, 0xA9, 0xAA, 0xAB, 0xAE, 0xAF, 0xB0, 0xB1)}


def engine_errors() -> tuple[type[Exception], ...]:
    """Return the exception classes that mean: this guest call failed."""
    found = [getattr(pywasmvm, name) for name in ENGINE_ERROR_NAMES if hasattr(pywasmvm, name)]
    return tuple(found)


def is_out_of_fuel(error: BaseException) -> bool:
    """Tell whether a guest call failed because its fuel was spent."""
    return type(error).__name__ == "OutOfFuel" or "fuel" in str(error)


def trap_reason(error: BaseException, code: bytes) -> str:
    """Return a trap in the words Envoy logs, so that logs of both can be compared. `code` is the module."""
    text = str(error)
    if isinstance(error, CallStackExhausted):
        return "RangeError: Maximum call stack size exceeded"
    if isinstance(error, WasmException):
        return "#<Exception>"
    if isinstance(error, Trap) and error.kind in REASONS:
        return f"RuntimeError: {_special_reason(error, code) or REASONS[error.kind]}"
    if "restricted_callback" in text:
        return "Error: restricted_callback"
    return f"RuntimeError: {text.splitlines()[0] if text else type(error).__name__}"


def _special_reason(error: Trap, code: bytes) -> str:
    offset = error.frames[0].offset if error.frames else None
    first = code[offset] if offset else 0
    for cases, words in (
        (REMAINDERS, "remainder by zero"),
        (TRUNCATIONS, REASONS[TrapKind.INVALID_CONVERSION]),
    ):
        if first in cases.get(error.kind, ()):
            return words
    return ""
