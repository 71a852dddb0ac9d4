"""A `Module` back to text: spec chapter 6 read backwards.

Rule 1: the text reads back to an equal module, in a stable order: types, imports, definitions by kind,
        exports, start, segments, custom sections. Names become identifiers; nothing is abbreviated that
        loses information.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import UnsupportedError
from ..syntax.instructions import Expr
from ..syntax.module import Data, Elem, ExternKind, Mode, Module
from ..syntax.types import (
    AbsHeapType,
    ArrayType,
    CompType,
    ExternType,
    FieldType,
    FuncExtern,
    FuncType,
    GlobalType,
    Limits,
    MemType,
    NumType,
    RecType,
    RefType,
    SubType,
    TableType,
    ValType,
)
from .keywords import EXTERN_WORDS, SECTIONS
from .literals import string_text
from .printcode import CodePrinter
from .printnames import SpaceNames, identifier_text

__all__ = ["Printer", "print_module"]

_WORDS = dict(zip(ExternKind, EXTERN_WORDS, strict=True))
_SECTION_WORDS = {number: word for word, number in reversed(SECTIONS.items()) if word != "last"}
_FUNC = RefType(False, AbsHeapType.FUNC)
_CHUNK = 64  # bytes of a data string per line
_MAX_LOCALS = 1_000_000


class Printer(CodePrinter):
    """Writes the fields of one module."""

    def __init__(self, module: Module, *, raw_names: bool = False) -> None:
        """Prepare identifiers from `module.names`; `raw_names` keeps a name section as bytes, too."""
        super().__init__(module.names)
        self.module = module
        self.raw_names = raw_names
        self.subtypes: list[SubType] = [sub for group in module.types for sub in group.subtypes]
        self._next: dict[str, int] = {}
        self._first_func = module.import_count(ExternKind.FUNC)

    def text(self) -> str:
        """Return the whole module."""
        name = self.module.names.module
        head = "(module"
        if name is not None:
            head += f" {identifier_text(name)}" if name else ' (@name "")'
        lines = [head, *(f"  {line}" for line in self.field_lines())]
        return "\n".join(lines) + ")\n"

    def field_lines(self) -> Iterator[str]:
        """Yield the lines of all fields, not yet indented."""
        module = self.module
        yield from self._types()
        for entry in module.imports:
            names = f"{string_text(entry.module)} {string_text(entry.name)}"
            word = _WORDS[entry.kind]
            if isinstance(entry.type, FuncExtern):
                wanted = self._func_import(entry.type)
            else:
                wanted = self._define(word) + self._externtype(entry.type)
            yield f"(import {names} ({word}{wanted}))"
        for at in range(len(module.funcs)):
            yield from self.func_lines(at)
        for table in module.tables:
            init = f" {self._expr(table.init, folded=False)}" if table.init is not None else ""
            yield f"(table{self._define('table')}{self._externtype(table.type)}{init})"
        for memtype in module.mems:
            yield f"(memory{self._define('memory')}{self._externtype(memtype)})"
        for tagtype in module.tags:
            yield f"(tag{self._define('tag')}{self.typeuse(tagtype.type)})"
        for item in module.globals:
            value = self._expr(item.init, folded=False)
            yield f"(global{self._define('global')}{self._externtype(item.type)} {value})"
        for export in module.exports:
            word = _WORDS[export.kind]
            used = self.spaces[EXTERN_WORDS[word]].use(export.index)
            yield f"(export {string_text(export.name)} ({word} {used}))"
        if module.start is not None:
            yield f"(start {self.spaces['funcs'].use(module.start)})"
        for at, elem in enumerate(module.elems):
            yield self._elem(at, elem)
        for at, data in enumerate(module.datas):
            yield from self._data(at, data)
        yield from self._customs()

    def _func_import(self, extern: FuncExtern) -> str:
        """Return identifier and type of an imported function; inline only to name parameters."""
        names = self.module.names.locals.get(self._next.get("funcs", 0), {})
        text = self._define("func")
        used = self.typeuse(extern.type)
        if names and isinstance(extern.type, int) and extern.type < len(self.subtypes):
            comptype = self.subtypes[extern.type].comptype
            if isinstance(comptype, FuncType):
                used += self.functype(comptype, SpaceNames(names))
        return text + (f" (exact{used})" if extern.exact else used)

    def _define(self, word: str) -> str:
        key = EXTERN_WORDS[word]
        index = self._next.get(key, 0)
        self._next[key] = index + 1
        return self.spaces[key].define(index)

    def _expr(self, expr: Expr, *, folded: bool) -> str:
        return self.expr(expr.instrs(), folded=folded)

    # -- types

    def _types(self) -> Iterator[str]:
        typeidx = 0
        for group in self.module.types:
            if len(group.subtypes) != 1:
                yield "(rec"
            yield from self._group(group, typeidx)
            if len(group.subtypes) != 1:
                yield ")"
            typeidx += len(group.subtypes)

    def _group(self, group: RecType, first: int) -> Iterator[str]:
        indent = "" if len(group.subtypes) == 1 else "  "
        for typeidx, sub in enumerate(group.subtypes, first):
            text = self._comptype(sub.comptype, typeidx)
            for word, other in (("descriptor", sub.descriptor), ("describes", sub.describes)):
                text = text if other is None else f"({word} {self.heaptype(other)}) {text}"
            if sub.supers or not sub.final:
                supers = "".join(f" {self.heaptype(super_)}" for super_ in sub.supers)
                text = f"(sub{' final' if sub.final else ''}{supers} {text})"
            yield f"{indent}(type{self.spaces['types'].define(typeidx)} {text})"

    def _comptype(self, comptype: CompType, typeidx: int) -> str:
        if isinstance(comptype, FuncType):
            return f"(func{self.functype(comptype)})"
        if isinstance(comptype, ArrayType):
            return f"(array {self._fieldtype(comptype.field)})"
        names = self.fields.get(typeidx, SpaceNames({}))
        fields = (f" (field{names.binder(at)} {self._fieldtype(f)})" for at, f in enumerate(comptype.fields))
        return f"(struct{''.join(fields)})"

    def _fieldtype(self, fieldtype: FieldType) -> str:
        text = self.storage(fieldtype.storage)
        return f"(mut {text})" if fieldtype.mutable else text

    def _externtype(self, t: ExternType) -> str:
        if isinstance(t, TableType):
            return f"{_limits(t.addrtype, t.limits)} {self.storage(t.reftype)}"
        if isinstance(t, MemType):
            page = f" (pagesize {t.page_size:#x})" if t.page_size != 65536 else ""
            return f"{_limits(t.addrtype, t.limits)}{' shared' if t.shared else ''}{page}"
        if isinstance(t, GlobalType):
            text = self.storage(t.valtype)
            return f" (mut {text})" if t.mutable else f" {text}"
        return self.typeuse(t.type)

    # -- functions

    def func_lines(self, at: int) -> Iterator[str]:
        """Yield the lines of the at-th defined function."""
        module, func = self.module, self.module.funcs[at]
        funcidx = self._first_func + at
        self.locals = names = SpaceNames(module.names.locals.get(funcidx, {}))
        comptype = self.subtypes[func.typeidx].comptype if func.typeidx < len(self.subtypes) else None
        signature, count = "", 0
        if isinstance(comptype, FuncType):
            signature, count = self.functype(comptype, names), len(comptype.params)
        yield f"(func{self.spaces['funcs'].define(funcidx)}{self.typeuse(func.typeidx)}{signature}"
        yield from self._locals(func.locals, names, count)
        hints = dict(module.branch_hints.get(funcidx, ()))
        labels = module.names.labels.get(funcidx, {})
        yield from self.lines(func.body.instrs(), labels, hints, 1)
        yield ")"

    def _locals(
        self, groups: tuple[tuple[int, ValType], ...], names: SpaceNames, count: int
    ) -> Iterator[str]:
        if sum(number for number, _ in groups) > _MAX_LOCALS:
            raise UnsupportedError("too many locals to print")
        for number, valtype in groups:
            text = self.storage(valtype)
            if any(at in names for at in range(count, count + number)):
                for at in range(count, count + number):
                    yield f"  (local{names.binder(at)} {text})"
            else:
                yield f"  (local{f' {text}' * number})"
            count += number

    # -- segments

    def _elem(self, at: int, elem: Elem) -> str:
        text = f"(elem{self.spaces['elems'].define(at)}"
        if elem.mode is Mode.DECLARATIVE:
            text += " declare"
        if elem.offset is not None:
            table = f" (table {self.spaces['tables'].use(elem.tableidx)})" if elem.tableidx else ""
            text += f"{table} (offset {self._expr(elem.offset, folded=True)})"
        if elem.funcidxs is not None:
            return " ".join([f"{text} func", *map(self.spaces["funcs"].use, elem.funcidxs)]) + ")"
        items = "".join(f" (item {self._expr(expr, folded=False)})" for expr in elem.init)
        return f"{text} {self.storage(elem.type)}{items})"

    def _data(self, at: int, data: Data) -> Iterator[str]:
        text = f"(data{self.spaces['datas'].define(at)}"
        if data.offset is not None:
            memory = f" (memory {self.spaces['mems'].use(data.memidx)})" if data.memidx else ""
            text += f"{memory} (offset {self._expr(data.offset, folded=True)})"
        yield from _strings(text, bytes(data.init))

    def _customs(self) -> Iterator[str]:
        for section in self.module.customs:
            if section.name == "name" and not self.raw_names:
                continue
            where = f"(after {_SECTION_WORDS[section.after]})" if section.after else "(before first)"
            yield from _strings(f"(@custom {string_text(section.name)} {where}", bytes(section.data))


def _strings(head: str, data: bytes) -> Iterator[str]:
    """Yield the lines of a field that ends with strings."""
    if len(data) <= _CHUNK:
        yield f"{head} {string_text(data)})"
        return
    yield head
    for start in range(0, len(data), _CHUNK):
        last = start + _CHUNK >= len(data)
        yield f"  {string_text(data[start : start + _CHUNK])}{')' if last else ''}"


def _limits(addrtype: NumType, limits: Limits) -> str:
    text = " i64" if addrtype is NumType.I64 else ""
    maximum = "" if limits.maximum is None else f" {limits.maximum}"
    return f"{text} {limits.minimum}{maximum}"


def print_module(module: Module, *, raw_names: bool = False) -> str:
    """Return the text of a module. Identifiers come from `module.names`.

    `raw_names` also writes a custom section "name" as bytes, for modules whose name section says what
    identifiers cannot. Raises DecodeError if a lazy body turns out to be malformed.
    """
    return Printer(module, raw_names=raw_names).text()
