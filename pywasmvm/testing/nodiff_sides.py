"""What both sides of a no-diff run have in common: the protocol and the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..syntax.types import FuncType
from .nodiff_outcome import Outcome

__all__ = ["DEPTH", "LIMITS", "SHOWN_ELEMENTS", "STACK_BYTES", "TANK", "Side"]

# Units of fuel per step. A call costs two at least, so no run nests deeper than our limit of 10,000 frames.
TANK = 15_000
# Bounds of every store, far above what the recipes' modules may declare.
LIMITS = {"memory_size": 64 << 20, "table_elements": 100_000}
# why: deep recursion is to end for want of fuel, not of stack; who runs this needs a thread with room for it.
STACK_BYTES = 96 << 20
# How far references are followed when values are compared.
DEPTH = 2
SHOWN_ELEMENTS = 8


class Side(Protocol):
    """An engine in a no-diff run. Modules are loaded in order: the stub of the imports, then the module."""

    name: str

    def load(self, wasm: bytes, n_imports: int) -> Outcome:
        """Decode and validate a module with that many imports."""

    def instantiate(self, tank: int) -> Outcome:
        """Instantiate what was loaded, each with the exports of the one before, in a fresh store."""

    def call(self, position: int, functype: FuncType, args: Sequence[Any], tank: int) -> Outcome:
        """Call the export at a position of the last module; `functype` is its type, closed."""

    def state(self) -> dict[str, Any]:
        """Return what can be seen of all exports, as plain data."""

    def reset(self) -> None:
        """Forget the modules and the store."""
