"""Instructions as data: a tuple `(op, *immediates)` with the row of the table first.

Which immediates follow, and as what Python values, is said by `op.imms` (see `isa.model.Imm`). Structured
instructions are flat: `block`, `loop`, `if`, `try_table` open, `else` divides, `end` closes, and the last
instruction of an expression is its `end`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from .types import RefType

__all__ = ["Catch", "CatchKind", "CastTarget", "Expr", "Instr", "InstrList", "MemArg"]

# (Op, immediate, ...); a plain tuple because millions of them are made.
Instr = tuple[Any, ...]


class MemArg(NamedTuple):
    """The immediate of loads, stores and atomics. `align` is the exponent, `offset` in bytes."""

    align: int
    offset: int
    memidx: int = 0


class CastTarget(NamedTuple):
    """The immediates of br_on_cast and br_on_cast_fail."""

    labelidx: int
    source: RefType
    target: RefType


class CatchKind(IntEnum):
    """Kinds of catch clause, as in the binary format."""

    CATCH = 0
    CATCH_REF = 1
    CATCH_ALL = 2
    CATCH_ALL_REF = 3


class Catch(NamedTuple):
    """One clause of try_table; `tagidx` is None for the catch_all kinds."""

    kind: CatchKind
    tagidx: int | None
    labelidx: int


class Expr(Protocol):
    """A sequence of instructions that ends with `end`.

    The decoder gives a lazy one that holds bytes and decodes on each call (real modules have millions of
    instructions, of which a run needs few); the text parser gives an `InstrList`.
    """

    def instrs(self, tick: Callable[[], None] | None = None) -> list[Instr]:
        """Return the instructions, the final `end` included. Raise DecodeError if they are malformed.

        `tick` is called every now and then where that takes long, and may raise to break off.
        """

    def offset_of(self, index: int) -> int | None:
        """Return the byte offset in the binary of the index-th instruction, None if there is no binary."""


class InstrList:
    """An expression that was built in memory."""

    __slots__ = ("_instrs",)

    def __init__(self, instrs: list[Instr]) -> None:
        self._instrs = instrs

    def instrs(self, tick: Callable[[], None] | None = None) -> list[Instr]:
        """Return the instructions, the final `end` included."""
        return self._instrs

    def offset_of(self, index: int) -> int | None:
        """Return None: there is no binary."""
        return None
