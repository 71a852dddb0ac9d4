"""Instructions back to text: plain form, one a line, indented by nesting.

Rule 1: it mirrors `immediates`: a writer for each shape of immediates, the rest in the order of the binary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..isa import BY_NAME, OPS
from ..isa.model import Imm, Op
from ..syntax.instructions import CastTarget, Catch, Instr, MemArg
from ..syntax.types import Exact, FuncType, HeapType, RefType, StorageType
from .immediates import INDEX_SPACES
from .keywords import ROWS_BY_TEXT, twin_rows
from .literals import float_text, string_text
from .printnames import SpaceNames, identifier_text

__all__ = ["CodePrinter"]

_SPACES = ("types", "funcs", "tables", "mems", "globals", "tags", "elems", "datas")
_BLOCKS = frozenset(op for op in OPS if op.imms[:1] == (Imm.BLOCKTYPE,))
_END, _ELSE = BY_NAME["end"], BY_NAME["else"]
_MAX_INDENT = 25  # levels; deeper code is not more readable for it, and its size would be quadratic
_HINT = "(@metadata.code.branch_hint {}) "


class CodePrinter:
    """Knows the identifiers of a module; writes types and instructions."""

    def __init__(self, names: Any) -> None:
        self.spaces = {key: SpaceNames(getattr(names, key)) for key in _SPACES}
        self.fields = {typeidx: SpaceNames(found) for typeidx, found in names.fields.items()}
        self.locals = SpaceNames({})
        self.labels: list[str] = []

    # -- types

    def heaptype(self, heaptype: HeapType) -> str:
        """Return the text of a heap type."""
        if isinstance(heaptype, Exact):
            return f"(exact {self.heaptype(heaptype.heaptype)})"
        return self.spaces["types"].use(heaptype) if isinstance(heaptype, int) else str(heaptype)

    def storage(self, t: StorageType) -> str:
        """Return the text of a storage or value type."""
        if isinstance(t, RefType) and isinstance(t.heaptype, (int, Exact)):
            return f"(ref {'null ' if t.nullable else ''}{self.heaptype(t.heaptype)})"
        return str(t)

    def functype(self, functype: FuncType, names: SpaceNames | None = None) -> str:
        """Return ` (param ...) (result ...)`, parameters one by one if any has an identifier."""
        text = ""
        if names is not None and any(at in names for at in range(len(functype.params))):
            for at, t in enumerate(functype.params):
                text += f" (param{names.binder(at)} {self.storage(t)})"
        elif functype.params:
            text = f" (param {' '.join(map(self.storage, functype.params))})"
        if functype.results:
            text += f" (result {' '.join(map(self.storage, functype.results))})"
        return text

    def typeuse(self, typeidx: HeapType) -> str:
        """Return ` (type x)`."""
        return f" (type {self.heaptype(typeidx)})"

    # -- bodies

    def lines(
        self, instrs: list[Instr], labels: dict[int, str], hints: dict[int, bytes], indent: int
    ) -> Iterator[str]:
        """Yield the lines of a body, without its last `end`."""
        depth, opened = indent, 0
        self.labels = []
        for index, instr in enumerate(instrs[:-1]):
            op = instr[0]
            hint = _HINT.format(string_text(hints[index])) if index in hints else ""
            if op is _END or op is _ELSE:
                yield "  " * min(depth - 1, _MAX_INDENT) + op.text
                if op is _END:
                    depth -= 1
                    self.labels.pop()
                continue
            text = hint + self.instr(instr, labels.get(opened, ""))
            yield "  " * min(depth, _MAX_INDENT) + text
            if op in _BLOCKS:
                # why: clauses of try_table are written before its own label is in scope, so it enters here.
                self.labels.append(labels.get(opened, ""))
                opened += 1
                depth += 1

    def expr(self, instrs: list[Instr], *, folded: bool) -> str:
        """Return a constant expression in one line; `folded` wants each instruction in parentheses."""
        texts = [self.instr(instr) for instr in instrs[:-1]]
        if folded and len(texts) == 1:
            return f"({texts[0]})"
        return " ".join(texts)

    def instr(self, instr: Instr, label: str = "") -> str:
        """Return the text of one instruction."""
        op: Op = instr[0]
        if op in _BLOCKS:
            return self._block(instr, label)
        if not op.imms:
            return op.text
        written: str = _WRITERS[op](self, op, *instr[1:])
        return f"{op.text} {written}" if written else op.text

    def _block(self, instr: Instr, label: str) -> str:
        op, blocktype = instr[:2]
        text: str = op.text + (f" {identifier_text(label)}" if label else f" (;@{len(self.labels) + 1};)")
        if isinstance(blocktype, int):
            text += self.typeuse(blocktype)
        elif blocktype is not None:
            text += f" (result {self.storage(blocktype)})"
        for catch in instr[2] if len(instr) > 2 else ():
            text += f" {self._catch(catch)}"
        return text

    def _catch(self, catch: Catch) -> str:
        tag = "" if catch.tagidx is None else f" {self.spaces['tags'].use(catch.tagidx)}"
        return f"({catch.kind.name.lower()}{tag} {self.label(catch.labelidx)})"

    def label(self, labelidx: int) -> str:
        """Return a label's identifier if an inner block does not hide it, else its number."""
        if labelidx < len(self.labels):
            name = self.labels[-1 - labelidx]
            if name and name not in self.labels[len(self.labels) - labelidx :]:
                return identifier_text(name)
        return str(labelidx)

    def single(self, kind: Imm, value: Any) -> str:
        """Return one immediate that is written by itself."""
        key = INDEX_SPACES.get(kind)
        return self.spaces[key].use(value) if key is not None else _SINGLE[kind](self, value)


def _signed(width: int, _printer: CodePrinter, value: int) -> str:
    return str(value - (1 << width) if value >> width - 1 else value)


def _float(width: int, _printer: CodePrinter, bits: int) -> str:
    return float_text(bits, width)


def _v128(_printer: CodePrinter, value: int) -> str:
    return "i32x4 " + " ".join(f"{value >> at & 0xFFFFFFFF:#010x}" for at in (0, 32, 64, 96))


def _cast(printer: CodePrinter, cast: CastTarget) -> str:
    return f"{printer.label(cast.labelidx)} {printer.storage(cast.source)} {printer.storage(cast.target)}"


_SINGLE: dict[Imm, Callable[[CodePrinter, Any], str]] = {
    Imm.LABELIDX: CodePrinter.label,
    Imm.LABELIDX_VEC: lambda printer, labels: " ".join(map(printer.label, labels)),
    Imm.LOCALIDX: lambda printer, index: printer.locals.use(index),
    Imm.U32: lambda printer, value: str(value),
    Imm.LANEIDX: lambda printer, value: str(value),
    Imm.LANEIDX_16: lambda printer, lanes: " ".join(map(str, lanes)),
    Imm.I32: partial(_signed, 32),
    Imm.I64: partial(_signed, 64),
    Imm.F32: partial(_float, 32),
    Imm.F64: partial(_float, 64),
    Imm.V128: _v128,
    Imm.HEAPTYPE: CodePrinter.heaptype,
    Imm.CAST: _cast,
    Imm.ORDER: lambda printer, value: "",
    Imm.VALTYPE_VEC: lambda printer, types: f"(result{''.join(f' {printer.storage(t)}' for t in types)})",
}

_Writer = Callable[..., str]


def _in_order(printer: CodePrinter, op: Op, *values: Any) -> str:
    texts = map(printer.single, op.imms, values)
    return " ".join(text for text in texts if text)


def _omit_zeros(printer: CodePrinter, op: Op, *values: Any) -> str:
    """Write table or memory indices only if one of them is not 0."""
    return _in_order(printer, op, *values) if any(values) else ""


def _segment(printer: CodePrinter, op: Op, segment: int, target: int) -> str:
    text = printer.single(op.imms[0], segment)
    return f"{printer.single(op.imms[1], target)} {text}" if target else text


def _call_indirect(printer: CodePrinter, op: Op, typeidx: int, tableidx: int) -> str:
    table = printer.spaces["tables"].use(tableidx) if tableidx else ""
    return (table + printer.typeuse(typeidx)).strip()


def _struct_field(printer: CodePrinter, op: Op, typeidx: int, fieldidx: int) -> str:
    fields = printer.fields.get(typeidx)
    field = fields.use(fieldidx) if fields else str(fieldidx)
    return f"{printer.spaces['types'].use(typeidx)} {field}"


def _access(printer: CodePrinter, op: Op, memarg: MemArg, lane: int | None = None) -> str:
    parts = [printer.spaces["mems"].use(memarg.memidx)] if memarg.memidx else []
    if memarg.offset:
        parts.append(f"offset={memarg.offset}")
    if memarg.align != op.align:
        parts.append(f"align={1 << memarg.align}")
    if lane is not None:
        parts.append(str(lane))
    return " ".join(parts)


def _twin(nullable: bool, printer: CodePrinter, op: Op, heaptype: HeapType) -> str:
    return printer.storage(RefType(nullable, heaptype))


_BY_SHAPE: dict[tuple[Imm, ...], _Writer] = {
    (Imm.TABLEIDX,): _omit_zeros,
    (Imm.MEMIDX,): _omit_zeros,
    (Imm.TABLEIDX, Imm.TABLEIDX): _omit_zeros,
    (Imm.MEMIDX, Imm.MEMIDX): _omit_zeros,
    (Imm.ELEMIDX, Imm.TABLEIDX): _segment,
    (Imm.DATAIDX, Imm.MEMIDX): _segment,
    (Imm.TYPEIDX, Imm.TABLEIDX): _call_indirect,
    (Imm.TYPEIDX, Imm.FIELDIDX): _struct_field,
    (Imm.MEMARG,): _access,
    (Imm.MEMARG, Imm.LANEIDX): _access,
}


def _writer(op: Op) -> _Writer:
    rows = ROWS_BY_TEXT[op.text]
    if twin_rows(rows):
        return partial(_twin, op is rows[1])
    return _BY_SHAPE.get(op.imms, _in_order)


_WRITERS: dict[Op, _Writer] = {op: _writer(op) for op in OPS if op.imms and op not in _BLOCKS}
