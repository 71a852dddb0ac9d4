"""Types in the text format: spec chapter 6.4.

Identifiers of all index spaces are bound before any type is read, so forward references need no second look.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config import Features
from ..isa.model import Feature
from ..syntax.types import (
    ArrayType,
    CompType,
    Exact,
    FieldType,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    NumType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    ValType,
)
from .cursor import U32, U64, Cursor
from .keywords import HEAPTYPES, PACKED, VALTYPES
from .lexer import Tokens
from .spaces import Space, TypeTable

__all__ = ["TypeParser", "TypeUse"]

_SPACES = {
    "types": "type",
    "funcs": "function",
    "tables": "table",
    "mems": "memory",
    "globals": "global",
    "tags": "tag",
    "elems": "elem segment",
    "datas": "data segment",
}


class TypeUse(NamedTuple):
    """A type use: its index, the identifiers of its inline parameters, and the type if known already."""

    typeidx: int
    param_names: list[str | None]
    functype: FuncType | None


class TypeParser(Cursor):
    """Reads types; owns the module's index spaces and type table."""

    def __init__(self, tokens: Tokens, features: Features, pos: int = 0) -> None:
        super().__init__(tokens, features, pos)
        self.spaces = {key: Space(what) for key, what in _SPACES.items()}
        self.types = TypeTable()
        self.field_spaces: dict[int, Space] = {}

    # -- indices

    def index(self, space: Space) -> int:
        """Read an index or identifier of this space. A number is not compared with the size of the space."""
        token = self.toks[self.pos]
        if token[:1] == "$":
            start = self.pos
            name = self.optional_id()
            found = space.ids.get(name or "")
            if found is None:
                self.fail(f"unknown {space.what}: {token}", start)
            return found
        return self.natural(U32, "i32")

    def at_index(self) -> bool:
        """Tell whether an index or identifier is next."""
        return self.toks[self.pos][:1] == "$" or self.at_natural()

    def optional_index(self, space: Space) -> int:
        """Read an index if one is next, else return 0."""
        return self.index(space) if self.at_index() else 0

    def bind(self, space: Space, name: str | None, at: int) -> int:
        """Append an entry to a space and return its index. Raise DecodeError if its identifier is taken."""
        if not space.bind(name):
            self.fail(f"duplicate {space.what}: ${name}", at)
        return space.count - 1

    # -- value types

    def heaptype(self) -> HeapType:
        """Read a heap type."""
        found = HEAPTYPES.get(self.toks[self.pos])
        if found is not None:
            self.pos += 1
            return found
        if not self.sees("exact"):
            return self.index(self.spaces["types"])
        self.need(Feature.CUSTOM_DESCRIPTORS)
        self.pos += 2
        exact = Exact(self.index(self.spaces["types"]))
        self.expect(")")
        return exact

    def reftype(self) -> RefType:
        """Read a reference type."""
        found = VALTYPES.get(self.toks[self.pos])
        if isinstance(found, RefType):
            self.pos += 1
            return found
        if not self.opens("ref"):
            self.unexpected()
        result = RefType(self.accept("null"), self.heaptype())
        self.expect(")")
        return result

    def valtype(self) -> ValType:
        """Read a value type."""
        found = VALTYPES.get(self.toks[self.pos])
        if found is None:
            return self.reftype()
        self.pos += 1
        return found

    def at_valtype(self) -> bool:
        """Tell whether a value type is next."""
        return self.toks[self.pos] in VALTYPES or self.sees("ref")

    # -- composite types

    def _valtypes(self, word: str, names: list[str | None] | None) -> list[ValType]:
        """Read `(word valtype*)*`, or `(word $id valtype)` where `names` collects the identifiers."""
        found: list[ValType] = []
        while self.opens(word):
            if names is not None and self.toks[self.pos][:1] == "$":
                names.append(self.optional_id())
                self.note_name("locals", len(names) - 1)
                found.append(self.valtype())
                self.expect(")")
                continue
            while not self.accept(")"):
                found.append(self.valtype())
                if names is not None:
                    names.append(None)
        return found

    def note_name(self, key: str, index: int) -> None:
        """Take a `(@name "...")` that stands here; it overrides the identifier in the name section."""
        if self.tokens.notes:
            self.take_name(key, index)

    def take_name(self, key: str, index: int) -> None:
        """Do what `note_name` says; overridden by who knows annotations."""

    def functype(self, names: list[str | None] | None = None) -> FuncType:
        """Read parameters and results; `names` gets one entry per parameter if identifiers are allowed."""
        params = self._valtypes("param", names)
        return FuncType(tuple(params), tuple(self._valtypes("result", None)))

    def storagetype(self) -> StorageType:
        """Read a storage type."""
        packed = PACKED.get(self.toks[self.pos])
        if packed is not None:
            self.pos += 1
            return packed
        return self.valtype()

    def fieldtype(self) -> FieldType:
        """Read a field type."""
        if self.opens("mut"):
            storage = self.storagetype()
            self.expect(")")
            return FieldType(storage, True)
        return FieldType(self.storagetype(), False)

    def structtype(self, typeidx: int) -> StructType:
        """Read the fields of a structure and bind their identifiers."""
        space = self.field_spaces[typeidx] = Space("field")
        fields: list[FieldType] = []
        while self.opens("field"):
            at = self.pos
            if self.toks[at][:1] == "$":
                self.bind(space, self.optional_id(), at)
                self.note_name(f"fields{typeidx}", space.count - 1)
                fields.append(self.fieldtype())
                self.expect(")")
                continue
            while not self.accept(")"):
                self.bind(space, None, at)
                fields.append(self.fieldtype())
        return StructType(tuple(fields))

    def comptype(self, typeidx: int) -> CompType:
        """Read a composite type in its parentheses."""
        result: CompType
        if self.opens("func"):
            result = self.functype([])
        elif self.opens("struct"):
            result = self.structtype(typeidx)
        elif self.opens("array"):
            result = ArrayType(self.fieldtype())
        else:
            self.pos += self.toks[self.pos] == "("
            self.unexpected()
        self.expect(")")
        return result

    def subtype(self, typeidx: int) -> SubType:
        """Read what stands in a type definition behind its identifier."""
        if not self.opens("sub"):
            return self._described(typeidx, True, ())
        final = self.accept("final")
        supers: list[HeapType] = []
        while self.toks[self.pos] != "(":
            supers.append(self.index(self.spaces["types"]))
        result = self._described(typeidx, final, tuple(supers))
        self.expect(")")
        return result

    def _described(self, typeidx: int, final: bool, supers: tuple[HeapType, ...]) -> SubType:
        """Read a composite type and what the proposal custom-descriptors puts in front of it."""
        describes = self._type_clause("describes")
        descriptor = self._type_clause("descriptor")
        return SubType(final, supers, self.comptype(typeidx), describes, descriptor)

    def _type_clause(self, word: str) -> HeapType | None:
        if not self.sees(word):
            return None
        self.need(Feature.CUSTOM_DESCRIPTORS)
        self.pos += 2
        typeidx = self.index(self.spaces["types"])
        self.expect(")")
        return typeidx

    # -- type uses

    def typeuse(self, *, named: bool = True) -> TypeUse:
        """Read a type use; an inline type must agree with the explicit one."""
        names: list[str | None] = []
        at = self.pos
        if not self.opens("type"):
            functype = self.functype(names if named else None)
            return TypeUse(self.types.plain_function(functype), names, functype)
        typeidx = self.index(self.spaces["types"])
        self.expect(")")
        inline = self.functype(names if named else None)
        known = self.types.comptype(typeidx)
        if inline.params or inline.results:
            if known is None:
                self.fail(f"unknown type: {typeidx}", at)
            if inline != known:
                if self.sees("param"):  # parameters behind results: the form is wrong before the type is
                    self.unexpected(self.pos + 1)
                self.fail(f"inline function type: does not match type {typeidx}", at)
        return TypeUse(typeidx, names, known if isinstance(known, FuncType) else None)

    # -- external types

    def addrtype(self) -> NumType:
        """Read an optional address type."""
        if self.accept("i64"):
            return NumType.I64
        self.accept("i32")
        return NumType.I32

    def limits(self) -> Limits:
        """Read limits; the validator compares them with what is allowed."""
        # spec: limits are u64 since memory64; before, they were u32, whatever the validator thought of them.
        most, width = (U64, "i64") if Feature.MEMORY64 in self.features else (U32, "i32")
        minimum = self.natural(most, width)
        return Limits(minimum, self.natural(most, width) if self.at_natural() else None)

    def pagesize(self) -> int:
        """Read an optional custom page size."""
        if not self.sees("pagesize"):
            return 65536
        self.need(Feature.CUSTOM_PAGE_SIZES)
        self.pos += 2
        size = self.natural(U64, "i64")
        if size < 1 or size & size - 1:
            self.fail(f"invalid custom page size: {size}", self.pos - 1)
        self.expect(")")
        return size

    def memtype(self, addrtype: NumType) -> MemType:
        """Read a memory type behind its address type."""
        limits = self.limits()
        shared = self.toks[self.pos] == "shared"
        if shared:
            self.need(Feature.THREADS)
            self.pos += 1
        return MemType(addrtype, limits, shared, self.pagesize())

    def tabletype(self, addrtype: NumType) -> TableType:
        """Read a table type behind its address type."""
        return TableType(addrtype, self.limits(), self.reftype())

    def globaltype(self) -> GlobalType:
        """Read a global type."""
        if self.opens("mut"):
            valtype = self.valtype()
            self.expect(")")
            return GlobalType(valtype, True)
        return GlobalType(self.valtype(), False)
