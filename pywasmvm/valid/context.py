"""One body under validation: the stacks, and lookups in index spaces that say officially what is missing.

Spec: chapter 3.1.1 (contexts). Rules get one of these as their first argument.
"""

from __future__ import annotations

from typing import TypeVar

from ..config import Features
from ..isa import Feature
from ..syntax.types import (
    ArrayType,
    DefType,
    Exact,
    FuncType,
    GlobalType,
    HeapType,
    MemType,
    RefType,
    StructType,
    TableType,
    ValType,
)
from .checked import CheckedModule
from .stack import TypeStack

__all__ = ["Body"]

T = TypeVar("T")


class Body(TypeStack):
    """The context of one function body or constant expression.

    local_types   of the whole frame, parameters first; empty in a constant expression.
    results       what `return` takes; None in a constant expression.
    """

    def __init__(self, checked: CheckedModule, features: Features) -> None:
        super().__init__()
        self.checked = checked
        self.features = features
        self.local_types: list[ValType] = []
        self.results: tuple[ValType, ...] | None = None

    def _find(self, space: list[T], index: int, what: str) -> T:
        if index >= len(space):
            self.fail(f"unknown {what} {index}")
        return space[index]

    # Types

    def deftype(self, typeidx: int) -> DefType:
        """Return a type of the module."""
        return self._find(self.checked.types, typeidx, "type")

    def functype(self, typeidx: int) -> FuncType:
        """Return a type that must be a function type."""
        comptype = self.deftype(typeidx).comptype
        if not isinstance(comptype, FuncType):
            self.fail(f"type mismatch: type {typeidx} is no function type")
        return comptype

    def structtype(self, typeidx: int) -> StructType:
        """Return a type that must be a structure type."""
        comptype = self.deftype(typeidx).comptype
        if not isinstance(comptype, StructType):
            self.fail(f"type mismatch: type {typeidx} is no structure type")
        return comptype

    def arraytype(self, typeidx: int) -> ArrayType:
        """Return a type that must be an array type."""
        comptype = self.deftype(typeidx).comptype
        if not isinstance(comptype, ArrayType):
            self.fail(f"type mismatch: type {typeidx} is no array type")
        return comptype

    def heaptype(self, heaptype: HeapType) -> HeapType:
        """Return a heap type, closed."""
        if isinstance(heaptype, Exact):
            return Exact(self.heaptype(heaptype.heaptype))
        return self.deftype(heaptype) if isinstance(heaptype, int) else heaptype

    def reftype(self, reftype: RefType) -> RefType:
        """Return a reference type, closed."""
        self.heaptype(reftype.heaptype)
        return self.checked.close_reftype(reftype)

    def valtype(self, valtype: ValType) -> ValType:
        """Return a value type, closed."""
        return self.reftype(valtype) if isinstance(valtype, RefType) else valtype

    def blocktype(self, blocktype: ValType | int | None) -> FuncType:
        """Return the function type a block type stands for."""
        if isinstance(blocktype, int):
            return self.functype(blocktype)
        if isinstance(blocktype, RefType):
            self.reftype(blocktype)
        return self.checked.blocktype(blocktype)

    def new_ref(self, deftype: DefType) -> RefType:
        """Return the type of a fresh object: exact where the proposal custom-descriptors is on."""
        is_exact = Feature.CUSTOM_DESCRIPTORS in self.features
        return RefType(False, Exact(deftype) if is_exact else deftype)

    def func_ref(self, funcidx: int) -> RefType:
        """Return the type of a reference to a function."""
        deftype = self.func(funcidx)
        return RefType(False, deftype) if funcidx in self.checked.inexact else self.new_ref(deftype)

    # Index spaces

    def func(self, funcidx: int) -> DefType:
        """Return the type of a function."""
        return self._find(self.checked.funcs, funcidx, "function")

    def table(self, tableidx: int) -> TableType:
        """Return the type of a table."""
        return self._find(self.checked.tables, tableidx, "table")

    def mem(self, memidx: int) -> MemType:
        """Return the type of a memory."""
        return self._find(self.checked.mems, memidx, "memory")

    def global_(self, globalidx: int) -> GlobalType:
        """Return the type of a global."""
        return self._find(self.checked.globals, globalidx, "global")

    def tag(self, tagidx: int) -> FuncType:
        """Return the function type of a tag."""
        return self.checked.functype(self._find(self.checked.tags, tagidx, "tag"))

    def elem(self, elemidx: int) -> RefType:
        """Return the type of an element segment."""
        return self._find(self.checked.elems, elemidx, "elem segment")

    def data(self, dataidx: int) -> None:
        """Check that a data segment is there."""
        if dataidx >= self.checked.n_datas:
            self.fail(f"unknown data segment {dataidx}")

    def local(self, localidx: int) -> ValType:
        """Return the type of a local."""
        return self._find(self.local_types, localidx, "local")
