"""Module fields: spec chapter 6.6, with all abbreviations.

A module is read in three passes over its fields: bind every identifier; read the types; read the rest in
order. So each reference is resolved at once, and types that type uses imply come behind the explicit ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..isa import BY_NAME
from ..isa.model import Feature
from ..syntax.instructions import Expr, InstrList
from ..syntax.module import Data, Elem, Export, ExternKind, Func, Global, Import, Mode, Module, Table
from ..syntax.types import (
    FUNCREF,
    AbsHeapType,
    ExternType,
    FuncExtern,
    Limits,
    MemType,
    RefType,
    SubType,
    TableType,
    TagType,
    ValType,
)
from .annotations import AnnotationParser
from .bodies import BodyParser
from .keywords import EXTERN_WORDS
from .spaces import Space

__all__ = ["FieldParser"]

_FUNC = RefType(False, AbsHeapType.FUNC)
_KINDS = {word: kind for kind, word in zip(ExternKind, EXTERN_WORDS, strict=True)}
_DATA_SPACES = {"elem": "elems", "data": "datas"}
_INLINE_SEGMENTS = {"table": ("elem", "elems"), "memory": ("data", "datas")}


class FieldParser(AnnotationParser, BodyParser):
    """Reads the fields of one module into a `Module`."""

    _read_counts: dict[str, int]

    def fields(self, name: str | None) -> Module:
        """Read fields up to the closing parenthesis or the end of the text, which stays."""
        self.module = module = Module()
        self._read_counts = {}
        self.start_annotations()
        module.names.module = self.annotated("module").get(0, name)
        starts = self._bind_all()
        end = self.pos
        self._read_types(starts)
        for start, word in starts:
            if word not in ("type", "rec"):
                self.pos = start + 2
                _FIELDS[word](self)
                self.expect(")")
        self.pos = end
        module.types = self.types.groups
        self.finish_annotations([start for start, _ in starts])
        return module

    # -- first pass: identifiers

    def _bind_all(self) -> list[tuple[int, str]]:
        starts = []
        defined = ""
        while self.toks[self.pos] == "(":
            start, word = self.pos, self.toks[self.pos + 1]
            if word not in _FIELDS:
                self.unexpected(start + 1)
            self.skip_group()
            end, self.pos = self.pos, start + 2
            imported = self._bind_field(word, end)
            if imported and defined:
                self.fail(f"import after {defined}", start + 1)
            if word in EXTERN_WORDS and not imported:
                defined = "function" if word == "func" else word
            self.pos = end
            starts.append((start, word))
        return starts

    def _bind_field(self, word: str, end: int) -> bool:
        """Bind the identifiers of one field; return whether it is an import."""
        if word == "type":
            self._bind_in("types")
        elif word == "rec":
            while self.sees("type"):
                at = self.pos
                self.skip_group()
                after, self.pos = self.pos, at + 2
                self._bind_in("types")
                self.pos = after
        elif word == "import":
            inner = self.pos + 2
            kind = self.toks[inner + 1]
            if self.toks[inner] == "(" and kind in EXTERN_WORDS:
                self.pos = inner + 2
                self._bind_in(EXTERN_WORDS[kind])
            return True
        elif word in EXTERN_WORDS:
            self._bind_in(EXTERN_WORDS[word])
            while self.sees("export"):
                self.skip_group()
            segment = _INLINE_SEGMENTS.get(word)
            if segment and segment[0] in self.toks[self.pos : end]:
                self.spaces[segment[1]].bind(None)
            return self.sees("import")
        elif word in _DATA_SPACES:
            self._bind_in(_DATA_SPACES[word])
        return False

    def _bind_in(self, key: str) -> None:
        at = self.pos
        self.note_name(key, self.bind(self.spaces[key], self.optional_id(), at))

    # -- second pass: types

    def _read_types(self, starts: list[tuple[int, str]]) -> None:
        for start, word in starts:
            self.pos = start + 2
            if word == "type":
                self.types.add_group([self._typedef()])
            elif word == "rec":
                subtypes: list[SubType] = []
                while self.opens("type"):
                    subtypes.append(self._typedef(len(subtypes)))
                    self.expect(")")
                self.types.add_group(subtypes)
            else:
                continue
            self.expect(")")

    def _typedef(self, ahead: int = 0) -> SubType:
        self.optional_id()
        return self.subtype(len(self.types.subtypes) + ahead)

    # -- third pass

    def _inline_exports(self, word: str, index: int) -> None:
        while self.opens("export"):
            self.module.exports.append(Export(self.name(), _KINDS[word], index))
            self.expect(")")

    def _header(self, word: str) -> tuple[int, tuple[str, str] | None]:
        """Read identifier, inline exports and inline import; return the index and the import's names."""
        self.optional_id()
        index = self._next_index(word)
        self._inline_exports(word, index)
        if not self.opens("import"):
            return index, None
        names = self.name(), self.name()
        self.expect(")")
        return index, names

    def _next_index(self, word: str) -> int:
        key = EXTERN_WORDS[word]
        index = self._read_counts.get(key, 0)
        self._read_counts[key] = index + 1
        return index

    def _import(self) -> None:
        module, name = self.name(), self.name()
        self.expect("(")
        word = self.toks[self.pos]
        if word not in EXTERN_WORDS:
            self.unexpected()
        self.pos += 1
        self.optional_id()
        index = self._next_index(word)
        self.module.imports.append(Import(module, name, self._externtype(word, index)))
        self.expect(")")

    def _externtype(self, word: str, index: int) -> ExternType:
        """Read the type of an import, behind the identifier."""
        if word == "func":
            return self._func_import(index)
        if word == "tag":
            return TagType(self.typeuse().typeidx)
        if word == "global":
            return self.globaltype()
        addrtype = self.addrtype()
        return self.tabletype(addrtype) if word == "table" else self.memtype(addrtype)

    def _func_import(self, funcidx: int) -> FuncExtern:
        self.annotated("locals")
        exact = self.sees("exact")
        if exact:
            self.need(Feature.CUSTOM_DESCRIPTORS)
            self.pos += 2
        use = self.typeuse()
        if exact:
            self.expect(")")
        self._name_locals(funcidx, Space("local"), use.param_names)
        return FuncExtern(use.typeidx, exact)

    def _func(self) -> None:
        funcidx, imported = self._header("func")
        if imported:
            self.module.imports.append(Import(*imported, self._func_import(funcidx)))
            return
        self.annotated("locals")
        at = self.pos
        use = self.typeuse()
        self.locals = space = Space("local")
        names: list[str | None] = list(use.param_names)
        if not names and use.functype is not None:
            names = [None] * len(use.functype.params)
        for name in names:
            self.bind(space, name, at)
        groups = self._locals(space)
        self.labels, self.label_names, self.label_count = [], {}, 0
        self.enter_function(funcidx)
        body = self.expression()
        self.leave_function(body.instrs())
        self.module.funcs.append(Func(use.typeidx, groups, body))
        self._name_locals(funcidx, space, ())
        if self.label_names:
            self.module.names.labels[funcidx] = self.label_names

    def _locals(self, space: Space) -> tuple[tuple[int, ValType], ...]:
        groups: list[tuple[int, ValType]] = []
        while self.opens("local"):
            at = self.pos
            single = self.toks[at][:1] == "$"
            while single or not self.accept(")"):
                self.bind(space, self.optional_id() if single else None, at)
                self.note_name("locals", space.count - 1)
                valtype = self.valtype()
                if groups and groups[-1][1] == valtype:
                    groups[-1] = (groups[-1][0] + 1, valtype)
                else:
                    groups.append((1, valtype))
                if single:
                    self.expect(")")
                    break
        return tuple(groups)

    def _name_locals(self, funcidx: int, space: Space, params: Iterable[str | None]) -> None:
        for name in params:
            self.bind(space, name, self.pos)
        names = {**space.names, **self.annotated("locals")}
        if names:
            self.module.names.locals[funcidx] = dict(sorted(names.items()))

    def _table(self) -> None:
        index, imported = self._header("table")
        addrtype = self.addrtype()
        if imported:
            self.module.imports.append(Import(*imported, self.tabletype(addrtype)))
            return
        if self.at_natural():
            tabletype = self.tabletype(addrtype)
            init = None if self.toks[self.pos] == ")" else self.expression()
            self.module.tables.append(Table(tabletype, init))
            return
        reftype = self.reftype()
        if not self.opens("elem"):
            self.unexpected()
        offset = _expr(f"{addrtype}.const", 0)
        if self.at_index() or self.toks[self.pos] == ")":
            funcidxs = self._indices()
            if reftype == FUNCREF:
                elem = Elem(_FUNC, [], Mode.ACTIVE, index, offset, funcidxs)
            else:
                # why: a segment that lists functions is of type (ref func), which such a table may not take.
                elem = Elem(reftype, [_expr("ref.func", x) for x in funcidxs], Mode.ACTIVE, index, offset)
            size = len(funcidxs)
        else:
            exprs = self._elem_exprs()
            elem = Elem(reftype, exprs, Mode.ACTIVE, index, offset)
            size = len(exprs)
        self.expect(")")
        self.module.tables.append(Table(TableType(addrtype, Limits(size, size), reftype)))
        self.module.elems.append(elem)

    def _memory(self) -> None:
        index, imported = self._header("memory")
        addrtype = self.addrtype()
        if imported:
            self.module.imports.append(Import(*imported, self.memtype(addrtype)))
            return
        if self.at_natural():
            self.module.mems.append(self.memtype(addrtype))
            return
        page = self.pagesize()
        if not self.opens("data"):
            self.unexpected()
        data = self.strings()
        self.expect(")")
        npages = -(-len(data) // page)
        self.module.mems.append(MemType(addrtype, Limits(npages, npages), page_size=page))
        self.module.datas.append(Data(data, Mode.ACTIVE, index, _expr(f"{addrtype}.const", 0)))

    def _global(self) -> None:
        _, imported = self._header("global")
        globaltype = self.globaltype()
        if imported:
            self.module.imports.append(Import(*imported, globaltype))
        else:
            self.module.globals.append(Global(globaltype, self.expression()))

    def _tag(self) -> None:
        _, imported = self._header("tag")
        tagtype = TagType(self.typeuse().typeidx)
        if imported:
            self.module.imports.append(Import(*imported, tagtype))
        else:
            self.module.tags.append(tagtype)

    def _export(self) -> None:
        name = self.name()
        self.expect("(")
        word = self.toks[self.pos]
        if word not in EXTERN_WORDS:
            self.unexpected()
        self.pos += 1
        self.module.exports.append(Export(name, _KINDS[word], self.index(self.spaces[EXTERN_WORDS[word]])))
        self.expect(")")

    def _start(self) -> None:
        if self.module.start is not None:
            self.fail("multiple start sections", self.pos - 1)
        self.module.start = self.index(self.spaces["funcs"])

    def _target(self, word: str) -> int | None:
        """Read `(table x)` or `(memory x)`, or the bare index of older texts; None if there is none."""
        space = self.spaces[EXTERN_WORDS[word]]
        if self.opens(word):
            index = self.index(space)
            self.expect(")")
            return index
        return self.index(space) if self.at_natural() else None

    def _offset(self) -> Expr:
        if self.opens("offset"):
            expr = self.expression()
            self.expect(")")
            return expr
        return self.folded_expression()

    def _elem(self) -> None:
        self.optional_id()
        if self.accept("declare"):
            self.module.elems.append(self._elem_list(Mode.DECLARATIVE, 0, None, bare=False))
            return
        worded = self.sees("table")
        table = self._target("table")
        if table is None and not (self.toks[self.pos] == "(" and not self.sees("ref")):
            self.module.elems.append(self._elem_list(Mode.PASSIVE, 0, None, bare=False))
            return
        offset = self._offset()
        self.module.elems.append(self._elem_list(Mode.ACTIVE, table or 0, offset, bare=not worded))

    def _elem_list(self, mode: Mode, table: int, offset: Expr | None, *, bare: bool) -> Elem:
        if self.accept("func") or bare and not self.at_valtype():
            return Elem(_FUNC, [], mode, table, offset, self._indices())
        reftype = self.reftype()
        return Elem(reftype, self._elem_exprs(), mode, table, offset)

    def _indices(self) -> list[int]:
        found = []
        space = self.spaces["funcs"]
        while self.at_index():
            found.append(self.index(space))
        return found

    def _elem_exprs(self) -> list[Expr]:
        found: list[Expr] = []
        while self.toks[self.pos] == "(":
            if self.opens("item"):
                found.append(self.expression())
                self.expect(")")
            else:
                found.append(self.folded_expression())
        return found

    def _data(self) -> None:
        self.optional_id()
        memidx = self._target("memory")
        if memidx is None and self.toks[self.pos] != "(":
            self.module.datas.append(Data(self.strings(), Mode.PASSIVE))
            return
        offset = self._offset()
        self.module.datas.append(Data(self.strings(), Mode.ACTIVE, memidx or 0, offset))


def _expr(name: str, value: int) -> InstrList:
    """Return the constant expression of one instruction."""
    return InstrList([(BY_NAME[name], value), (BY_NAME["end"],)])


def _done(parser: FieldParser) -> None:
    """Stand for types, which the second pass has read."""


_FIELDS: dict[str, Callable[[FieldParser], None]] = {
    "type": _done,
    "rec": _done,
    "import": FieldParser._import,
    "func": FieldParser._func,
    "table": FieldParser._table,
    "memory": FieldParser._memory,
    "global": FieldParser._global,
    "tag": FieldParser._tag,
    "export": FieldParser._export,
    "start": FieldParser._start,
    "elem": FieldParser._elem,
    "data": FieldParser._data,
}
