"""What validation knows about a module: closed types and whole index spaces.

Everything after validation reads types from here and never looks at type indices again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import InternalError
from ..syntax.module import ExternKind, Func, Module
from ..syntax.types import (
    DefType,
    Exact,
    ExternType,
    FuncExtern,
    FuncType,
    GlobalType,
    HeapType,
    MemType,
    RefType,
    TableType,
    TagType,
    ValType,
)

__all__ = ["CheckedModule"]

_EMPTY = FuncType((), ())


@dataclass(eq=False)
class CheckedModule:
    """A validated module. Index spaces put imports first.

    declared   functions that may be named by ref.func inside bodies.
    inexact    imported functions that may turn out to be of a subtype (proposal custom-descriptors).
    imports    the types of the imports, closed: FuncExtern and TagType hold DefTypes.
    codes      what engines have made of the module, by engine; it stands here so that it goes with either.
    """

    module: Module
    types: list[DefType] = field(default_factory=list)
    funcs: list[DefType] = field(default_factory=list)
    tables: list[TableType] = field(default_factory=list)
    mems: list[MemType] = field(default_factory=list)
    globals: list[GlobalType] = field(default_factory=list)
    tags: list[DefType] = field(default_factory=list)
    elems: list[RefType] = field(default_factory=list)
    n_datas: int = 0
    imports: list[ExternType] = field(default_factory=list)
    exports: dict[str, tuple[ExternKind, int]] = field(default_factory=dict)
    declared: set[int] = field(default_factory=set)
    inexact: set[int] = field(default_factory=set)
    codes: WeakKeyDictionary[Any, Any] = field(default_factory=WeakKeyDictionary, repr=False)
    _reftypes: dict[RefType, RefType] = field(default_factory=dict, repr=False)

    def close_heaptype(self, heaptype: HeapType) -> HeapType:
        """Return the heap type, its type index (which must be in bounds) replaced by the DefType."""
        if isinstance(heaptype, Exact):
            return Exact(self.close_heaptype(heaptype.heaptype))
        return self.types[heaptype] if isinstance(heaptype, int) else heaptype

    def close_reftype(self, reftype: RefType) -> RefType:
        """Return the reference type, closed."""
        closed = self._reftypes.get(reftype)
        if closed is None:
            closed = RefType(reftype.nullable, self.close_heaptype(reftype.heaptype))
            self._reftypes[reftype] = closed
        return closed

    def close_valtype(self, valtype: ValType) -> ValType:
        """Return the value type, closed."""
        return self.close_reftype(valtype) if isinstance(valtype, RefType) else valtype

    def blocktype(self, blocktype: ValType | int | None) -> FuncType:
        """Return the function type that a block type stands for."""
        if blocktype is None:
            return _EMPTY
        if isinstance(blocktype, int):
            return self.functype(self.types[blocktype])
        return FuncType((), (self.close_valtype(blocktype),))

    def functype(self, deftype: DefType) -> FuncType:
        """Return the function type of a DefType that is known to be one."""
        comptype = deftype.comptype
        if not isinstance(comptype, FuncType):
            raise InternalError(f"{deftype} is no function type")
        return comptype

    def local_types(self, func: Func) -> list[ValType]:
        """Return the types of a defined function's locals, parameters first."""
        types = list(self.functype(self.types[func.typeidx]).params)
        for count, valtype in func.locals:
            types += [self.close_valtype(valtype)] * count
        return types

    def export_type(self, name: str) -> ExternType:
        """Return the type of an export, as declared."""
        kind, index = self.exports[name]
        if kind is ExternKind.FUNC:
            return FuncExtern(self.funcs[index])
        if kind is ExternKind.TAG:
            return TagType(self.tags[index])
        spaces = {
            ExternKind.TABLE: self.tables,
            ExternKind.MEMORY: self.mems,
            ExternKind.GLOBAL: self.globals,
        }
        found: ExternType = spaces[kind][index]  # type: ignore[index]
        return found
