"""Frozen settings: which features are on, and every limit with its default.

The public, mutable `Config` (named as in the wasmtime package) lives in `runtime/`; it produces these.
Rule 1: a limit is written once, as a field of `Limits` (or of a subclass); options, configuration keys, the
        page docs/limits.md and the tests read `Limits.table()`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any

from .isa.model import PROPOSALS, Feature

__all__ = ["DEFAULT_FEATURES", "Features", "LimitRow", "Limits", "limit_field"]

PAGE_SIZE = 65536
DEFAULT_FEATURES = frozenset(Feature) - PROPOSALS


@dataclass(frozen=True)
class Features:
    """The set of features that decoder, text parser and validator accept. Default: all of WebAssembly 3.0."""

    enabled: frozenset[Feature] = DEFAULT_FEATURES

    def __contains__(self, feature: object) -> bool:
        return feature in self.enabled

    def with_(self, *features: Feature) -> Features:
        """Return a copy with more features on."""
        return Features(self.enabled | frozenset(features))

    def without(self, *features: Feature) -> Features:
        """Return a copy with features off."""
        return Features(self.enabled - frozenset(features))


@dataclass(frozen=True)
class LimitRow:
    """One limit.

    unit     "bytes", "seconds", "fuel" or "count".
    default  None is unlimited.
    scope    what it is counted over: a module, a memory, a store, a call ...
    ends     what reaching it does: the name of the error, or in words what the guest sees.
    words    what stands in the message, so that the limit can be told from the others.
    where    the file that enforces it.
    """

    name: str
    unit: str
    default: float | None
    scope: str
    ends: str
    words: str
    where: str
    says: str


def limit_field(
    default: float | None, unit: str, scope: str, ends: str, words: str, where: str, says: str
) -> Any:
    """Return the field of one limit, for classes like `Limits`; see `LimitRow`."""
    row = {"unit": unit, "scope": scope, "ends": ends, "words": words, "where": where, "says": says}
    return field(default=default, metadata=row)


@dataclass(frozen=True)
class Limits:
    """Bounds on what a module may be and on what a run may use. None means unlimited."""

    # -- what a module may be
    module_bytes: int | None = limit_field(
        256 << 20, "bytes", "module", "LimitError", "bytes of a module", "pywasmvm/binary/decoder.py",
        "size of the binary",
    )  # fmt: skip
    entries: int | None = limit_field(
        1_000_000, "count", "section", "LimitError", "entries of a section", "pywasmvm/binary/decoder.py",
        "entries of any section but those of functions and code",
    )  # fmt: skip
    functions: int | None = limit_field(
        1_000_000, "count", "module", "LimitError", "functions of a module", "pywasmvm/binary/decoder.py",
        "functions, the imported ones included",
    )  # fmt: skip
    locals: int | None = limit_field(
        50_000, "count", "function", "LimitError", "locals of a function", "pywasmvm/binary/read_code.py",
        "locals of a function, its parameters included",
    )  # fmt: skip
    body_bytes: int | None = limit_field(
        8 << 20, "bytes", "function", "LimitError", "bytes of a function body",
        "pywasmvm/binary/read_code.py", "code of one function",
    )  # fmt: skip
    nesting: int | None = limit_field(
        20_000, "count", "function", "LimitError", "nesting of blocks", "pywasmvm/binary/read_instrs.py",
        "blocks inside each other",
    )  # fmt: skip
    arity: int | None = limit_field(
        1_000, "count", "type", "LimitError", "parameters or results of a type",
        "pywasmvm/valid/definitions.py", "parameters, and results, of a function type",
    )  # fmt: skip
    fields: int | None = limit_field(
        10_000, "count", "type", "LimitError", "fields of a type", "pywasmvm/valid/definitions.py",
        "fields of a structure type",
    )  # fmt: skip
    subtyping_depth: int | None = limit_field(
        63, "count", "type", "LimitError", "supertypes above a type", "pywasmvm/valid/interning.py",
        "supertypes above a type",
    )  # fmt: skip
    # -- what a run may use
    fuel: int | None = limit_field(
        None, "fuel", "store", "OutOfFuel", "all fuel consumed", "pywasmvm/runtime/store.py",
        "units of work a store may spend; refilled by set_fuel",
    )  # fmt: skip
    memory_bytes: int | None = limit_field(
        1 << 30, "bytes", "memory", "memory.grow gives -1; LimitError when the module starts with more",
        "memory_bytes", "pywasmvm/runtime/memory.py", "size of one linear memory",
    )  # fmt: skip
    store_memory_bytes: int | None = limit_field(
        4 << 30, "bytes", "store", "memory.grow gives -1; LimitError when the module starts with more",
        "store_memory_bytes", "pywasmvm/runtime/memory.py", "size of all linear memories together",
    )  # fmt: skip
    table_elements: int | None = limit_field(
        10_000_000, "count", "table", "table.grow gives -1; LimitError when the module starts with more",
        "table_elements", "pywasmvm/runtime/table.py", "elements of one table",
    )  # fmt: skip
    store_table_elements: int | None = limit_field(
        20_000_000, "count", "store", "table.grow gives -1; LimitError when the module starts with more",
        "store_table_elements", "pywasmvm/runtime/table.py", "elements of all tables together",
    )  # fmt: skip
    gc_heap_bytes: int | None = limit_field(
        1 << 30, "bytes", "store", "LimitError", "gc_heap_bytes", "pywasmvm/runtime/refs.py",
        "structures, arrays and kept exceptions",
    )  # fmt: skip
    call_depth: int = limit_field(
        10_000, "count", "store", "CallStackExhausted", "call_depth", "pywasmvm/runtime/store.py",
        "calls inside each other",
    )  # fmt: skip
    value_stack_bytes: int = limit_field(
        64 << 20, "bytes", "store", "CallStackExhausted", "value_stack_bytes", "pywasmvm/runtime/store.py",
        "locals and operands of all active calls",
    )  # fmt: skip
    instances: int | None = limit_field(
        10_000, "count", "store", "LimitError", "instance count too high", "pywasmvm/runtime/instantiate.py",
        "instances ever made in a store",
    )  # fmt: skip
    deadline: float | None = limit_field(
        None, "seconds", "call from outside", "DeadlineExceeded", "deadline exceeded",
        "pywasmvm/runtime/meter.py", "time a call may take, the start function's included",
    )  # fmt: skip

    @classmethod
    def table(cls) -> tuple[LimitRow, ...]:
        """Return the row of every limit, in order."""
        rows: list[dict[str, Any]] = [
            {"name": f.name, "default": f.default, **f.metadata} for f in dataclass_fields(cls)
        ]
        return tuple(LimitRow(**row) for row in rows)
