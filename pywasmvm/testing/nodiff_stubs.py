"""What a random module imports, as a second module: both engines link the same bytes.

The stub repeats the module's types, so imports of recursive types match too. Its i-th export is the i-th
import; one more export, the last, is the log of calls: a global into which every imported function mixes
its number and its numeric arguments.
Rule 1: stub functions return corner values and nulls; where a type has no value we can make, they trap.
"""

from __future__ import annotations

from typing import Any

from ..isa import BY_NAME
from ..syntax.instructions import Instr, InstrList
from ..syntax.module import Export, ExternKind, Func, Global, Module, Table
from ..syntax.types import (
    AbsHeapType,
    ArrayType,
    FuncExtern,
    FuncType,
    GlobalType,
    MemType,
    NumType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)
from .nodiff_values import CORNERS

__all__ = ["NoValue", "stub_module"]

_I64 = NumType.I64
_CONSTS = {t: BY_NAME[f"{t}.const"] for t in NumType}
_LOG = 0  # the log's index in the stub's global space

# How a numeric argument becomes an i64 to mix into the log.
_TO_I64: dict[NumType, tuple[tuple[Any, ...], ...]] = {
    NumType.I32: ((BY_NAME["i64.extend_i32_u"],),),
    NumType.I64: (),
    NumType.F32: ((BY_NAME["i32.reinterpret_f32"],), (BY_NAME["i64.extend_i32_u"],)),
    NumType.F64: ((BY_NAME["i64.reinterpret_f64"],),),
    NumType.V128: ((BY_NAME["i64x2.extract_lane"], 1),),
}


class NoValue(Exception):
    """A type without a value that a stub could make."""


class _Builder:
    def __init__(self, module: Module) -> None:
        self.source = module
        self.subtypes = [subtype for group in module.types for subtype in group.subtypes]
        log = Global(GlobalType(_I64, True), _expr([(_CONSTS[_I64], 0)]))
        self.stub = Module(types=list(module.types), globals=[log])
        self.by_type: dict[int, int] = {}

    def build(self) -> Module:
        """Return the stub module."""
        for number, entry in enumerate(self.source.imports):
            kind, index = self._define(number, entry.type)
            self.stub.exports.append(Export(str(number), kind, index))
        self.stub.exports.append(Export("log", ExternKind.GLOBAL, _LOG))
        return self.stub

    def _define(self, number: int, wanted: object) -> tuple[ExternKind, int]:
        stub = self.stub
        if isinstance(wanted, FuncExtern):
            return ExternKind.FUNC, self._func(number, _index(wanted.type))
        if isinstance(wanted, MemType):
            stub.mems.append(wanted)
            return ExternKind.MEMORY, len(stub.mems) - 1
        if isinstance(wanted, TagType):
            stub.tags.append(wanted)
            return ExternKind.TAG, len(stub.tags) - 1
        if isinstance(wanted, GlobalType):
            stub.globals.append(Global(wanted, _expr(self.value(wanted.valtype, number))))
            return ExternKind.GLOBAL, len(stub.globals) - 1
        if not isinstance(wanted, TableType):
            raise NoValue
        init = None if wanted.reftype.nullable else _expr(self.value(wanted.reftype, number))
        stub.tables.append(Table(wanted, init))
        return ExternKind.TABLE, len(stub.tables) - 1

    def _func(self, number: int, typeidx: int) -> int:
        functype = self._comptype(typeidx)
        if not isinstance(functype, FuncType):
            raise NoValue
        body = self._log_call(number, functype)
        try:
            for position, valtype in enumerate(functype.results):
                body += self.value(valtype, number + position)
        except NoValue:
            body.append((BY_NAME["unreachable"],))
        self.stub.funcs.append(Func(typeidx, (), _expr(body)))
        return len(self.stub.funcs) - 1

    def _log_call(self, number: int, functype: FuncType) -> list[Instr]:
        """Return code for: log = rotl(log, 7) ^ number, then the same with each numeric argument."""
        values: list[list[Instr]] = [[(_CONSTS[_I64], number + 1)]]
        for position, valtype in enumerate(functype.params):
            if isinstance(valtype, NumType):
                values.append([(BY_NAME["local.get"], position), *_TO_I64[valtype]])
        code: list[Instr] = []
        for value in values:
            code += [(BY_NAME["global.get"], _LOG), (_CONSTS[_I64], 7), (BY_NAME["i64.rotl"],), *value]
            code += [(BY_NAME["i64.xor"],), (BY_NAME["global.set"], _LOG)]
        return code

    def _comptype(self, typeidx: int) -> object:
        subtype: SubType = self.subtypes[typeidx]
        return subtype.comptype

    def value(self, valtype: ValType, number: int) -> list[Instr]:
        """Return constant code for a value of a type. Raise NoValue where there is none."""
        if isinstance(valtype, NumType):
            corners = CORNERS[valtype]
            return [(_CONSTS[valtype], corners[number % len(corners)])]
        heaptype = valtype.heaptype
        if valtype.nullable:
            return [(BY_NAME["ref.null"], heaptype)]
        if isinstance(heaptype, AbsHeapType):
            return self._abstract(heaptype, number)
        return self._concrete(_index(heaptype))

    def _abstract(self, heaptype: AbsHeapType, number: int) -> list[Instr]:
        i31: list[Instr] = [(_CONSTS[NumType.I32], number), (BY_NAME["ref.i31"],)]
        if heaptype in (AbsHeapType.I31, AbsHeapType.EQ, AbsHeapType.ANY):
            return i31
        if heaptype is AbsHeapType.EXTERN:
            return [*i31, (BY_NAME["extern.convert_any"],)]
        wanted = {AbsHeapType.FUNC: FuncType, AbsHeapType.STRUCT: StructType, AbsHeapType.ARRAY: ArrayType}
        for typeidx, subtype in enumerate(self.subtypes):
            if heaptype in wanted and isinstance(subtype.comptype, wanted[heaptype]):
                return self._concrete(typeidx)
        raise NoValue

    def _concrete(self, typeidx: int) -> list[Instr]:
        comptype = self._comptype(typeidx)
        if isinstance(comptype, FuncType):
            if typeidx not in self.by_type:
                self.by_type[typeidx] = len(self.stub.funcs)
                self.stub.funcs.append(Func(typeidx, (), _expr([(BY_NAME["unreachable"],)])))
            return [(BY_NAME["ref.func"], self.by_type[typeidx])]
        storages = (
            [f.storage for f in comptype.fields] if isinstance(comptype, StructType) else [_element(comptype)]
        )
        if not all(_defaultable(storage) for storage in storages):
            raise NoValue
        if isinstance(comptype, StructType):
            return [(BY_NAME["struct.new_default"], typeidx)]
        return [(_CONSTS[NumType.I32], 3), (BY_NAME["array.new_default"], typeidx)]


def _element(comptype: object) -> StorageType:
    if not isinstance(comptype, ArrayType):
        raise NoValue
    return comptype.field.storage


def _defaultable(storage: StorageType) -> bool:
    return not isinstance(storage, RefType) or storage.nullable


def _index(heaptype: object) -> int:
    if not isinstance(heaptype, int):
        raise NoValue
    return heaptype


def _expr(code: list[Instr]) -> InstrList:
    return InstrList([*code, (BY_NAME["end"],)])


def stub_module(module: Module) -> Module:
    """Return a module whose exports are what `module` imports. Raise NoValue if one cannot be made."""
    return _Builder(module).build()
