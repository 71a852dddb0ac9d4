"""Expressions that stay bytes until somebody asks for their instructions.

A real module has millions of instructions and a run needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Features
from ..errors import InternalError, LimitError, ModuleError
from ..syntax.instructions import Instr
from .read_instrs import DATA_OPS, ELSE, END, IF, STRUCTURE, read_expr, read_instr
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tokens import Tokens

__all__ = ["LazyExpr", "is_closed", "read_const_expr", "uses_data"]

# Expressions of up to so many bytes are decoded without tokens.
SHORT = 16
_DATA_PREFIXES = sorted({op.prefix for op in DATA_OPS})


class LazyExpr:
    """The expression in `data[start:end]`. Equal to another one if the instructions are equal.

    `is_proven` says that it is known to be well-formed; `wrong` is the offset of the first error met in it,
    and the index of the instruction that lies there.
    """

    __slots__ = ("data", "end", "features", "is_proven", "start", "wrong")

    def __init__(self, data: bytes, start: int, end: int, features: Features) -> None:
        self.data = data
        self.start = start
        self.end = end
        self.features = features
        self.is_proven = False
        self.wrong: tuple[int | None, int] | None = None

    def instrs(self, tick: Callable[[], None] | None = None) -> list[Instr]:
        """Decode the instructions, the final `end` included. Raise DecodeError if they are malformed.

        `tick` is called every now and then, and may raise to break off.
        """
        if self.end - self.start <= SHORT:
            return self._exact(None)
        instrs = _tokens_for(self.features).scan(self.data, self.start, self.end, tick)
        return instrs if instrs is not None else self._exact(None)

    def prove(self, nesting: int | None) -> list[Instr]:
        """Return the instructions of an expression nobody has looked at yet.

        Raise DecodeError unless blocks close where they should and nothing follows; raise LimitError if they
        nest deeper than `nesting`.
        """
        instrs = _tokens_for(self.features).scan(self.data, self.start, self.end)
        if instrs is None or not is_closed(instrs, nesting):
            instrs = self._exact(nesting)
        self.is_proven = True
        return instrs

    def _exact(self, nesting: int | None) -> list[Instr]:
        reader = Reader(self.data, self.start, self.features)
        instrs: list[Instr] = []
        try:
            read_expr(reader, nesting, instrs)
            if reader.pos != self.end:
                raise reader.fail("section size mismatch: the body does not end where its size says")
        except (ModuleError, LimitError) as error:
            self.wrong = error.offset, len(instrs)
            raise
        return instrs

    def offset_of(self, index: int) -> int | None:
        """Return the byte offset of the index-th instruction."""
        reader = Reader(self.data, self.start, self.features)
        for _ in range(index):
            read_instr(reader)
        return reader.pos

    def index_at(self, offset: int) -> int:
        """Return the index of the instruction that a byte offset lies in."""
        if self.wrong is not None and self.wrong[0] == offset:
            return self.wrong[1]
        reader = Reader(self.data, self.start, self.features)
        index = 0
        while True:
            try:
                read_instr(reader)
            except ModuleError:
                return index
            if reader.pos > offset:
                return index
            index += 1

    def __eq__(self, other: object) -> bool:
        instrs = getattr(other, "instrs", None)
        if not callable(instrs):
            return NotImplemented
        return bool(self.instrs() == instrs())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<LazyExpr {self.start:#x}..{self.end:#x}>"


def is_closed(instrs: list[Instr], nesting: int | None) -> bool:
    """Return whether blocks match within `nesting` and the last instruction alone closes the expression.

    The answer False only means that the exact decoder has to look.
    """
    blocks: list[bool] = []
    deepest = 0
    for instr in instrs[:-1]:
        op = instr[0]
        if op not in STRUCTURE:
            continue
        if op is END:
            if not blocks:
                return False
            blocks.pop()
        elif op is ELSE:
            if not blocks or not blocks[-1]:
                return False
            blocks[-1] = False
        else:
            blocks.append(op is IF)
            if len(blocks) > deepest:
                deepest = len(blocks)
    return bool(instrs) and instrs[-1][0] is END and not blocks and (nesting is None or deepest <= nesting)


def _tokens_for(features: Features) -> Tokens:
    # why: making the tokens takes as long as reading a large module with compiled code, which needs none.
    from .tokens import tokens_for

    return tokens_for(features)


def read_const_expr(reader: Reader, nesting: int | None, *, is_of_many: bool = False) -> LazyExpr:
    """Read an initialiser or offset: find where it ends."""
    data, start = reader.data, reader.pos
    if not is_of_many:
        read_expr(reader, nesting)
        return LazyExpr(data, start, reader.pos, reader.features)
    # fast: nearly all are one instruction and `end`, and a Go module has tens of thousands.
    instr, pos = _tokens_for(reader.features).scan_one(data, start)
    if instr and instr[0] not in STRUCTURE and data[pos : pos + 1] == END.code.to_bytes(1, "little"):
        reader.pos = pos + 1
    else:
        read_expr(reader, nesting)
    return LazyExpr(data, start, reader.pos, reader.features)


def uses_data(expr: LazyExpr, instrs: list[Instr]) -> bool:
    """Return whether instructions name a data segment, which takes a data count section."""
    # fast: most bodies do not even contain the prefix byte.
    if all(expr.data.find(prefix, expr.start, expr.end) < 0 for prefix in _DATA_PREFIXES):
        return False
    return any(instr[0] in DATA_OPS for instr in instrs)


if END.code > 0xFF:
    raise InternalError("`end` has no one-byte opcode")
