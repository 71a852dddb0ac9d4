"""How immediates are written: one reader for each shape of immediates that a row of the table can have.

Rule 1: a shape without a reader of its own is read in the order of the binary, kind by kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..config import Features
from ..errors import InternalError
from ..isa import OPS
from ..isa.model import Imm, Op
from ..syntax.instructions import CastTarget, Instr, MemArg
from ..syntax.types import ValType
from .cursor import U32, U64
from .keywords import LANE_SHAPES, ROWS_BY_TEXT
from .lexer import Tokens
from .literals import float_bits, int_bits, is_nat, is_number, nat_value
from .spaces import Space
from .typeparser import TypeParser

__all__ = ["READERS", "ImmediateParser", "Reader"]

Reader = Callable[[Any, Op], Instr]


class ImmediateParser(TypeParser):
    """Reads immediates; knows the locals and labels in scope."""

    def __init__(self, tokens: Tokens, features: Features, pos: int = 0) -> None:
        super().__init__(tokens, features, pos)
        self.locals = Space("local")
        self.labels: list[str | None] = []
        self._label_heights: dict[str, list[int]] = {}
        self.label_names: dict[int, str] = {}
        self.label_count = 0
        self.pending_hint: bytes | None = None
        self._constants: dict[tuple[str, str], int] = {}
        self._memargs: dict[tuple[str, str, int], MemArg] = {}

    def hint_here(self, pos: int) -> None:
        """Take a code annotation before the next instruction; overridden by who knows annotations."""

    def attach_hint(self, instr: Instr) -> None:
        """Tie the pending code annotation to its instruction; overridden likewise."""

    # -- labels

    def enter_label(self, name: str | None) -> None:
        """Enter a block."""
        if name is not None:
            self._label_heights.setdefault(name, []).append(len(self.labels))
            self.label_names[self.label_count] = name
        self.labels.append(name)
        self.label_count += 1

    def leave_label(self) -> None:
        """Leave the innermost block."""
        name = self.labels.pop()
        if name is not None:
            self._label_heights[name].pop()

    def label(self) -> int:
        """Read a label; 0 is the innermost block."""
        token = self.toks[self.pos]
        if token[:1] != "$":
            return self.natural(U32, "i32")
        at = self.pos
        heights = self._label_heights.get(self.optional_id() or "")
        if not heights:
            self.fail(f"unknown label: {token}", at)
        return len(self.labels) - 1 - heights[-1]

    # -- numbers

    def constant(self, kind: Imm) -> int:
        """Read a constant as an unsigned int or bits."""
        token = self.toks[self.pos]
        key = (kind.value, token)
        value = self._constants.get(key)
        if value is None:
            width = 32 if kind in (Imm.I32, Imm.F32) else 64
            try:
                value = int_bits(token, width) if kind in (Imm.I32, Imm.I64) else float_bits(token, width)
            except OverflowError:
                self.fail(f"constant out of range: {token}")
            if value is None:
                self.unexpected()
            self._constants[key] = value
        self.pos += 1
        return value

    def numbers(self) -> list[str]:
        """Read all number tokens that follow."""
        start = self.pos
        while is_number(self.toks[self.pos]):
            self.pos += 1
        if self.toks[self.pos] not in ("(", ")"):
            message = self.tokens.error_at(self.pos, frozenset(ROWS_BY_TEXT))
            if not message.startswith("unexpected token"):
                self.fail(message)
        return self.toks[start : self.pos]

    def v128(self) -> int:
        """Read the shape and lanes of a v128 constant."""
        shape = LANE_SHAPES.get(self.toks[self.pos])
        if shape is None:
            self.unexpected()
        self.pos += 1
        start = self.pos
        lanes, width, floats = shape
        toks = self.toks[start : start + lanes]
        if not all(map(is_number, toks)) or is_number(self.toks[start + lanes]):
            self.numbers()
            self.fail(f"wrong number of lane literals: expected {lanes}", start)
        result = 0
        for lane, token in enumerate(toks):
            try:
                bits = float_bits(token, width) if floats else int_bits(token, width)
            except OverflowError:
                self.fail(f"constant out of range: {token}", start + lane)
            if bits is None:
                self.unexpected(start + lane)
            result |= bits << lane * width
        self.pos = start + lanes
        return result

    def lane(self) -> int:
        """Read a lane index."""
        return self.natural(255, "i8")

    def shuffle(self) -> bytes:
        """Read the sixteen lanes of a shuffle."""
        start = self.pos
        found = self.numbers()
        if len(found) != 16:
            self.fail(f"invalid lane length: expected 16 lanes, got {len(found)}", start)
        for at, token in enumerate(found):
            value = nat_value(token)
            if value is None or value > 255:
                self.fail(f"i8 constant out of range: {token}", start + at)
        return bytes(nat_value(token) or 0 for token in found)

    # -- memory

    def memarg(self, natural_align: int) -> MemArg:
        """Read `offset=` and `align=`, both optional, without a memory index."""
        toks, pos = self.toks, self.pos
        offset_token = toks[pos] if toks[pos][:7] == "offset=" else ""
        pos += bool(offset_token)
        align_token = toks[pos] if toks[pos][:6] == "align=" else ""
        key = (offset_token, align_token, natural_align)
        found = self._memargs.get(key)
        if found is None:
            offset = self._memarg_value(offset_token[7:], 0) if offset_token else 0
            self.pos += bool(offset_token)
            align = natural_align
            if align_token:
                size = self._memarg_value(align_token[6:], 1)
                if size < 1 or size & size - 1:
                    self.fail(f"alignment must be a power of two: {size}")
                align = size.bit_length() - 1
            found = self._memargs[key] = MemArg(align, offset)
        self.pos = pos + bool(align_token)
        return found

    def _memarg_value(self, text: str, least: int) -> int:
        value = nat_value(text)
        if value is None:
            self.unexpected()
        if value > U64:
            self.fail(f"{'offset' if not least else 'alignment'} out of range: {text}")
        return value

    def memory_access(self, op: Op, *, lane: bool) -> MemArg:
        """Read an optional memory index and a memarg. With a lane behind it, one lone number is the lane."""
        toks, pos = self.toks, self.pos
        token = toks[pos]
        indexed = token[:1] == "$" or is_nat(token)
        if indexed and lane and token[:1] != "$":
            following = toks[pos + 1]
            indexed = following[:7] == "offset=" or following[:6] == "align=" or is_nat(following)
        memidx = self.index(self.spaces["mems"]) if indexed else 0
        memarg = self.memarg(op.align)
        return memarg._replace(memidx=memidx) if memidx else memarg

    # -- types

    def cast(self) -> CastTarget:
        """Read the label and the two types of a branch on a cast."""
        return CastTarget(self.label(), self.reftype(), self.reftype())

    def result_types(self) -> tuple[ValType, ...] | None:
        """Read `(result t*)*`, None if there is not even an empty one."""
        if not self.sees("result"):
            return None
        return self.functype(None).results

    def single(self, kind: Imm) -> Any:
        """Read one immediate of a kind that says by itself how it is written."""
        key = INDEX_SPACES.get(kind)
        if key is not None:
            return self.index(self.spaces[key])
        return _SINGLE[kind](self)


INDEX_SPACES: dict[Imm, str] = {
    Imm.FUNCIDX: "funcs",
    Imm.TYPEIDX: "types",
    Imm.TABLEIDX: "tables",
    Imm.MEMIDX: "mems",
    Imm.TAGIDX: "tags",
    Imm.GLOBALIDX: "globals",
    Imm.DATAIDX: "datas",
    Imm.ELEMIDX: "elems",
}

_SINGLE: dict[Imm, Callable[[ImmediateParser], Any]] = {
    Imm.LABELIDX: ImmediateParser.label,
    Imm.LOCALIDX: lambda self: self.index(self.locals),
    Imm.U32: lambda self: self.natural(U32, "i32"),
    Imm.LANEIDX: ImmediateParser.lane,
    Imm.LANEIDX_16: ImmediateParser.shuffle,
    Imm.V128: ImmediateParser.v128,
    Imm.I32: lambda self: self.constant(Imm.I32),
    Imm.I64: lambda self: self.constant(Imm.I64),
    Imm.F32: lambda self: self.constant(Imm.F32),
    Imm.F64: lambda self: self.constant(Imm.F64),
    Imm.HEAPTYPE: ImmediateParser.heaptype,
    Imm.CAST: ImmediateParser.cast,
    Imm.ORDER: lambda self: 0,
}


def _in_order(kinds: tuple[Imm, ...], self: ImmediateParser, op: Op) -> Instr:
    return (op, *map(self.single, kinds))


def _local(self: ImmediateParser, op: Op) -> Instr:
    token = self.toks[self.pos]
    found = self.locals.ids.get(token[1:]) if token[:1] == "$" else None
    if found is None:
        return (op, self.index(self.locals))
    self.pos += 1
    return (op, found)


def _branch(self: ImmediateParser, op: Op) -> Instr:
    instr = (op, self.label())
    if self.pending_hint is not None:
        self.attach_hint(instr)
    return instr


def _optional(key: str, self: ImmediateParser, op: Op) -> Instr:
    return (op, self.optional_index(self.spaces[key]))


def _optional_pair(key: str, self: ImmediateParser, op: Op) -> Instr:
    """Read both indices or none: the destination and the source of a copy."""
    if not self.at_index():
        return (op, 0, 0)
    space = self.spaces[key]
    return (op, self.index(space), self.index(space))


def _segment(segments: str, targets: str, self: ImmediateParser, op: Op) -> Instr:
    """Read the optional table or memory before the segment; the binary has them the other way round."""
    following = self.toks[self.pos + 1]
    target = self.index(self.spaces[targets]) if following[:1] == "$" or is_nat(following) else 0
    return (op, self.index(self.spaces[segments]), target)


def _call_indirect(self: ImmediateParser, op: Op) -> Instr:
    table = self.optional_index(self.spaces["tables"])
    return (op, self.typeuse(named=False).typeidx, table)


def _labels(self: ImmediateParser, op: Op) -> Instr:
    found = [self.label()]
    while self.at_index():
        found.append(self.label())
    return (op, tuple(found[:-1]), found[-1])


def _struct_field(self: ImmediateParser, op: Op) -> Instr:
    typeidx = self.index(self.spaces["types"])
    return (op, typeidx, self.index(self.field_spaces.get(typeidx) or Space("field")))


def _access(self: ImmediateParser, op: Op) -> Instr:
    return (op, self.memory_access(op, lane=False))


def _lane_access(self: ImmediateParser, op: Op) -> Instr:
    memarg = self.memory_access(op, lane=True)
    return (op, memarg, self.lane())


def _select(self: ImmediateParser, op: Op) -> Instr:
    types = self.result_types()
    if types is None:
        return (op,)
    return (ROWS_BY_TEXT[op.text][1], types)


def _nullable_twin(self: ImmediateParser, op: Op) -> Instr:
    reftype = self.reftype()
    return (ROWS_BY_TEXT[op.text][1] if reftype.nullable else op, reftype.heaptype)


# By shape of the immediates; (HEAPTYPE, HEAPTYPE) stands for rows in a nullable and a plain form.
READERS: dict[tuple[Imm, ...], Reader] = {
    (Imm.LOCALIDX,): _local,
    (Imm.LABELIDX,): _branch,
    (Imm.TABLEIDX,): partial(_optional, "tables"),
    (Imm.MEMIDX,): partial(_optional, "mems"),
    (Imm.TABLEIDX, Imm.TABLEIDX): partial(_optional_pair, "tables"),
    (Imm.MEMIDX, Imm.MEMIDX): partial(_optional_pair, "mems"),
    (Imm.ELEMIDX, Imm.TABLEIDX): partial(_segment, "elems", "tables"),
    (Imm.DATAIDX, Imm.MEMIDX): partial(_segment, "datas", "mems"),
    (Imm.TYPEIDX, Imm.TABLEIDX): _call_indirect,
    (Imm.LABELIDX_VEC, Imm.LABELIDX): _labels,
    (Imm.TYPEIDX, Imm.FIELDIDX): _struct_field,
    (Imm.MEMARG,): _access,
    (Imm.MEMARG, Imm.LANEIDX): _lane_access,
    (Imm.VALTYPE_VEC,): _select,
    (Imm.HEAPTYPE, Imm.HEAPTYPE): _nullable_twin,
}


def _complete() -> None:
    """Give every other shape of the table the reader in binary order; a kind nobody reads is our mistake."""
    for op in OPS:
        if not op.imms or op.imms in READERS or op.imms[0] is Imm.BLOCKTYPE:
            continue
        if any(kind not in _SINGLE and kind not in INDEX_SPACES for kind in op.imms):
            raise InternalError(f"the text parser cannot read the immediates of {op.name}")
        READERS[op.imms] = partial(_in_order, op.imms)


_complete()
