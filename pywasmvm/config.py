"""Frozen settings: which features are on, and every limit with its default.

The public, mutable `Config` (named as in the wasmtime package) lives in `runtime/`; it produces these.
"""

from __future__ import annotations

from dataclasses import dataclass

from .isa.model import PROPOSALS, Feature

__all__ = ["DEFAULT_FEATURES", "Features", "Limits"]

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
class Limits:
    """Bounds on what a module may be and on what a run may use. None means unlimited.

    Load time: module_bytes, functions, locals (per function, parameters included), body_bytes, nesting (of
    blocks), arity (parameters or results of a type), fields (of a structure), subtyping_depth (supertypes
    above a type).
    Run time: fuel (per store, None = not metered), memory_bytes (per memory), store_memory_bytes,
    table_elements (per table), gc_heap_bytes, call_depth (frames), value_stack_bytes, instances.
    """

    module_bytes: int | None = 256 << 20
    functions: int | None = 1_000_000
    locals: int | None = 50_000
    body_bytes: int | None = 8 << 20
    nesting: int | None = 20_000
    arity: int | None = 1_000
    fields: int | None = 10_000
    subtyping_depth: int | None = 63
    fuel: int | None = None
    memory_bytes: int | None = 1 << 30
    store_memory_bytes: int | None = 4 << 30
    table_elements: int | None = 10_000_000
    gc_heap_bytes: int | None = 1 << 30
    call_depth: int = 10_000
    value_stack_bytes: int = 64 << 20
    instances: int | None = 10_000
