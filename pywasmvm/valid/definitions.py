"""Everything of a module but its bodies: types, imports, definitions, segments, exports.

Spec: chapters 3.2 and 3.5. Index spaces are filled in the order in which later parts may refer to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..binary import DataItems, FuncItems
from ..config import Features, Limits
from ..errors import LimitError, ValidationError
from ..isa import Feature
from ..syntax.instructions import Expr
from ..syntax.module import Data, Elem, ExternKind, Module, Table
from ..syntax.types import (
    FUNCREF,
    CompType,
    DefType,
    ExternType,
    FuncExtern,
    FuncType,
    GlobalType,
    HeapType,
    MemType,
    NumType,
    RefType,
    StructType,
    TableType,
    TagType,
    ValType,
)
from .body import BodyValidator
from .checked import CheckedModule
from .interning import close_group
from .match import is_defaultable, match_reftype
from .sizes import memtype_fault, tabletype_fault

__all__ = ["Definitions"]


class Definitions:
    """Fills a CheckedModule. `_at` is what is being looked at, for messages."""

    def __init__(self, module: Module, features: Features, limits: Limits) -> None:
        self.module = module
        self._limits = limits
        self.checked = CheckedModule(module)
        self._features = features
        self._at: tuple[str, int] = ("", -1)
        self._scope = BodyValidator(self.checked, features)

    def place(self) -> str:
        """Return what was being looked at, in words."""
        what, index = self._at
        return what if index < 0 else f"{what} {index}"

    def validate(self) -> None:
        """Run all checks."""
        self._types()
        self._imports()
        self._funcs()
        for tagtype in self.module.tags:
            self._at = ("tag", len(self.checked.tags))
            self.checked.tags.append(self._tag(tagtype.type))
        for memtype in self.module.mems:
            self._add_mem(memtype)
        # spec: initialisers of tables see imported globals only, so tables come before the globals of the
        # module.
        for table in self.module.tables:
            self._table(table)
        self._globals()
        self._segments()
        self._exports()
        self._start()
        self._at = ("", -1)

    def _fail(self, message: str) -> ValidationError:
        return ValidationError(message)

    def _const(self, expr: Expr, want: ValType) -> None:
        """Check a constant expression."""
        validator = BodyValidator(self.checked, self._features)
        try:
            validator.validate_const(want, expr.instrs())
        except ValidationError as error:
            raise ValidationError(error.message, offset=expr.offset_of(max(validator.index, 0))) from None

    # Types

    def _types(self) -> None:
        types = self.checked.types
        for rectype in self.module.types:
            self._at = ("type", len(types))
            for deftype in close_group(rectype, types, self._limits.subtyping_depth):
                types.append(deftype)
                comptype = deftype.comptype
                self._check_size(comptype)
                if isinstance(comptype, FuncType) and len(comptype.results) > 1:
                    self._need(Feature.MULTI_VALUE, "invalid result arity")

    def _check_size(self, comptype: CompType) -> None:
        if isinstance(comptype, FuncType):
            size, limit, what = max(map(len, comptype)), self._limits.arity, "parameters or results of a type"
        elif isinstance(comptype, StructType):
            size, limit, what = len(comptype.fields), self._limits.fields, "fields of a type"
        else:
            return
        if limit is not None and size > limit:
            raise LimitError(f"{what}: {size} is over the limit of {limit}")

    def _need(self, feature: Feature, complaint: str) -> None:
        if feature not in self._features:
            raise self._fail(f"{complaint}: needs the feature {feature.value}")

    def _funcs(self) -> None:
        found = self.module.funcs
        funcs = self.checked.funcs
        typeidxs = found.typeidxs if isinstance(found, FuncItems) else [func.typeidx for func in found]
        known: dict[int, DefType] = {}
        for typeidx in typeidxs:
            deftype = known.get(typeidx)
            if deftype is None:
                self._at = ("function", len(funcs))
                deftype = known[typeidx] = self._func(typeidx)
            funcs.append(deftype)

    def _func(self, typeidx: HeapType) -> DefType:
        """Return the type of a function."""
        deftype = self._deftype(typeidx)
        if not isinstance(deftype.comptype, FuncType):
            raise self._fail(f"type mismatch: type {typeidx} is no function type")
        return deftype

    def _deftype(self, typeidx: HeapType) -> DefType:
        if isinstance(typeidx, DefType):
            return typeidx
        if not isinstance(typeidx, int) or typeidx >= len(self.checked.types):
            raise self._fail(f"unknown type {typeidx}")
        return self.checked.types[typeidx]

    def _tag(self, typeidx: HeapType) -> DefType:
        deftype = self._func(typeidx)
        if self.checked.functype(deftype).results:
            raise self._fail("non-empty tag result type")
        return deftype

    def _tabletype(self, tabletype: TableType) -> TableType:
        fault = tabletype_fault(tabletype)
        if fault is not None:
            raise self._fail(fault)
        return TableType(tabletype.addrtype, tabletype.limits, self._scope.reftype(tabletype.reftype))

    def _globaltype(self, globaltype: GlobalType) -> GlobalType:
        return GlobalType(self._scope.valtype(globaltype.valtype), globaltype.mutable)

    # Imports and definitions

    def _imports(self) -> None:
        checked = self.checked
        for index, item in enumerate(self.module.imports):
            self._at = ("import", index)
            checked.imports.append(self._import(item.type))

    def _import(self, externtype: ExternType) -> ExternType:
        """Add an import to its index space and return its type, closed."""
        checked = self.checked
        if isinstance(externtype, FuncExtern):
            if not externtype.exact:
                checked.inexact.add(len(checked.funcs))
            checked.funcs.append(self._func(externtype.type))
            return FuncExtern(checked.funcs[-1], externtype.exact)
        if isinstance(externtype, TagType):
            checked.tags.append(self._tag(externtype.type))
            return TagType(checked.tags[-1])
        if isinstance(externtype, MemType):
            self._add_mem(externtype)
            return externtype
        if isinstance(externtype, TableType):
            self._add_table(self._tabletype(externtype))
            return checked.tables[-1]
        checked.globals.append(self._globaltype(externtype))
        return checked.globals[-1]

    def _add_mem(self, memtype: MemType) -> None:
        self._at = ("memory", len(self.checked.mems))
        fault = memtype_fault(memtype)
        if fault is not None:
            raise self._fail(fault)
        if self.checked.mems:
            self._need(Feature.MULTI_MEMORY, "multiple memories")
        self.checked.mems.append(memtype)

    def _add_table(self, tabletype: TableType) -> None:
        if self.checked.tables:
            self._need(Feature.REFERENCE_TYPES, "multiple tables")
        self.checked.tables.append(tabletype)

    def _table(self, table: Table) -> None:
        self._at = ("table", len(self.checked.tables))
        tabletype = self._tabletype(table.type)
        if table.init is not None:
            self._const(table.init, tabletype.reftype)
        elif not is_defaultable(tabletype.reftype):
            raise self._fail(f"type mismatch: elements of type {tabletype.reftype} have no default value")
        self._add_table(tabletype)

    def _globals(self) -> None:
        globals_ = self.checked.globals
        # spec: an initialiser sees the globals before its own; without GC only the imported ones.
        sees_all = Feature.GC in self._features
        new: list[GlobalType] = []
        for item in self.module.globals:
            self._at = ("global", len(globals_) + len(new))
            globaltype = self._globaltype(item.type)
            self._const(item.init, globaltype.valtype)
            (globals_ if sees_all else new).append(globaltype)
        globals_ += new

    # Segments

    def _segments(self) -> None:
        self.checked.n_datas = len(self.module.datas)
        for index, elem in enumerate(self.module.elems):
            self._at = ("element segment", index)
            self.checked.elems.append(self._elem(elem))
        datas = self.module.datas
        for index in self._datas_to_check(datas):
            self._at = ("data segment", index)
            self._data(datas[index])

    def _datas_to_check(self, datas: Sequence[Data]) -> Sequence[int]:
        """Return the indices of the segments that need a look."""
        mems = self.checked.mems
        # safe: all others start with a constant i32 and go to this very memory.
        if isinstance(datas, DataItems) and mems and mems[0].addrtype is NumType.I32:
            return datas.others
        return range(len(datas))

    def _elem(self, elem: Elem) -> RefType:
        reftype = self._scope.reftype(elem.type)
        for init in elem.init:
            self._const(init, reftype)
        if elem.funcidxs is not None:
            self._elem_funcs(elem.funcidxs, reftype)
        if elem.offset is not None:
            table = self._scope.table(elem.tableidx)
            if not match_reftype(reftype, table.reftype):
                raise self._fail(
                    f"type mismatch: elements of type {reftype} do not match table of {table.reftype}"
                )
            self._const(elem.offset, table.addrtype)
        return reftype

    def _elem_funcs(self, funcidxs: list[int], reftype: RefType) -> None:
        if funcidxs and max(funcidxs) >= len(self.checked.funcs):
            raise self._fail(f"unknown function {max(funcidxs)}")
        if funcidxs and not match_reftype(RefType(False, FUNCREF.heaptype), reftype):
            for funcidx in funcidxs:
                if not match_reftype(self._scope.func_ref(funcidx), reftype):
                    raise self._fail(f"type mismatch: function {funcidx} does not match {reftype}")
        self.checked.declared.update(funcidxs)

    def _data(self, data: Data) -> None:
        if data.offset is not None:
            self._const(data.offset, self._scope.mem(data.memidx).addrtype)

    # Exports and start

    def _exports(self) -> None:
        checked = self.checked
        spaces: dict[ExternKind, tuple[str, int]] = {
            ExternKind.FUNC: ("function", len(checked.funcs)),
            ExternKind.TABLE: ("table", len(checked.tables)),
            ExternKind.MEMORY: ("memory", len(checked.mems)),
            ExternKind.GLOBAL: ("global", len(checked.globals)),
            ExternKind.TAG: ("tag", len(checked.tags)),
        }
        for index, export in enumerate(self.module.exports):
            self._at = ("export", index)
            what, size = spaces[export.kind]
            if export.index >= size:
                raise self._fail(f"unknown {what} {export.index}")
            if export.name in checked.exports:
                raise self._fail(f'duplicate export name "{export.name}"')
            checked.exports[export.name] = (export.kind, export.index)
            if export.kind is ExternKind.FUNC:
                checked.declared.add(export.index)

    def _start(self) -> None:
        if self.module.start is None:
            return
        self._at = ("start", -1)
        functype = self.checked.functype(self._scope.func(self.module.start))
        if functype.params or functype.results:
            raise self._fail(f"start function: must have type [] -> [], not {functype}")
