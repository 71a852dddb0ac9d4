"""What one row of the ABI tables looks like, and what is derived from it.

Rule 1: a row is written once, in hostcalls.py, callbacks.py or wasi.py; linking, import checks, error
texts, traces
and the `inspect` command all read it from there.
Rule 2: a parameter is written as "name:kind"; the kinds and their wasm types are in KINDS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

__all__ = [
    "ALL",
    "KINDS",
    "V0_1",
    "V0_2",
    "V0_2_1",
    "V_HIGRESS",
    "Callback",
    "HostCall",
    "Importable",
    "Param",
    "signature",
]

V0_1, V0_2, V0_2_1, V_HIGRESS = "0.1.0", "0.2.0", "0.2.1", "0.2.100"
ALL = (V0_1, V0_2, V0_2_1, V_HIGRESS)

# kind -> wasm types of its words, in order
KINDS: dict[str, tuple[str, ...]] = {
    "u32": ("i32",),
    "i32": ("i32",),
    "bool": ("i32",),
    "i64": ("i64",),
    "bytes": ("i32", "i32"),  # pointer, size: read before the body runs
    "lazy": ("i32", "i32"),  # pointer, size: the body reads it, after checks of its own
    "pairs": ("i32", "i32"),  # pointer, size of a serialized map
    "out_u32": ("i32",),  # pointer to a slot, written when the status is OK
    "out_u64": ("i32",),
    "out_bytes": ("i32", "i32"),  # pointer slot, size slot: the guest's allocator gives the room
    "ptr": ("i32",),  # a raw pointer, used by the WASI bodies
}


@dataclass(frozen=True)
class Param:
    """One parameter as the specification names it."""

    name: str
    kind: str

    @property
    def words(self) -> tuple[str, ...]:
        return KINDS[self.kind]


def parse_params(text: str) -> tuple[Param, ...]:
    """Read "name:kind name:kind"."""
    return tuple(Param(*item.split(":")) for item in text.split())


def signature(params: tuple[str, ...], results: tuple[str, ...]) -> str:
    """Write a function type as Envoy's error texts do: "i32 i32 -> i32"."""
    return f"{' '.join(params) or 'void'} -> {' '.join(results) or 'void'}"


class Importable:
    """What is derived from a row whose parameters are the text "name:kind name:kind"."""

    text: str
    no_result: bool
    params: tuple[Param, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", parse_params(self.text))

    @cached_property
    def wasm_params(self) -> tuple[str, ...]:
        return tuple(word for p in self.params for word in p.words)

    @property
    def wasm_results(self) -> tuple[str, ...]:
        return () if self.no_result else ("i32",)

    @property
    def signature(self) -> str:
        return signature(self.wasm_params, self.wasm_results)


@dataclass(frozen=True)
class HostCall(Importable):
    """One function the host offers to a plugin.

    lets       what importing it lets the filter do, for people.
    versions   the ABI versions in which it exists.
    first      (parameter, largest value): checked before memory is touched; larger answers BAD_ARGUMENT.
    on_root    it acts on the root context, whatever the effective context is.
    anytime    allowed while the VM initializes and inside the allocator.
    on_error   outputs are written even when the status is not OK.
    slot_first the output is set to 0 before anything is done, and must be writable.
    """

    name: str
    text: str
    lets: str
    versions: tuple[str, ...] = ALL
    module: str = "env"
    first: tuple[str, int] | None = None
    on_root: bool = False
    anytime: bool = False
    in_allocator: bool = False
    on_error: bool = False
    slot_first: bool = False
    group: str = ""
    no_result: bool = False
    params: tuple[Param, ...] = field(init=False)


@dataclass(frozen=True)
class Callback:
    """One function a plugin may export.

    default    what the host assumes when it is absent.
    phase      the lifecycle event that calls it (lifecycle.py).
    gated      subject to capability restriction.
    """

    name: str
    text: str
    result: bool
    does: str
    versions: tuple[str, ...] = ALL
    default: int = 0
    gated: bool = True
    group: str = ""
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.text.split()))

    @property
    def wasm_params(self) -> tuple[str, ...]:
        return ("i32",) * len(self.names)

    @property
    def wasm_results(self) -> tuple[str, ...]:
        return ("i32",) if self.result else ()

    @property
    def signature(self) -> str:
        return signature(self.wasm_params, self.wasm_results)
