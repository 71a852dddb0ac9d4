"""Instantiation. Spec 4.7.2 (instantiation) and 4.7.1 (allocation).

Order of effects: everything that can refuse the module comes first and changes nothing; then allocation; then
element segments, data segments and the start function, each of which may trap and leaves what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..binary import DataItems
from ..errors import LimitError, Trap
from ..isa import BY_NAME
from ..isa.model import TrapKind
from ..syntax.instructions import Expr
from ..syntax.module import Data, Elem, Mode
from ..syntax.types import RefType, ValType
from .func import Func
from .globals import Global
from .image import constant_address
from .imports import check_imports
from .memory import Memory
from .pages import Pages
from .table import Table
from .tag import Tag

if TYPE_CHECKING:
    from .instance import Instance

__all__ = ["constant", "instantiate", "instantiate_frozen"]

_I32_CONST = BY_NAME["i32.const"]
_I64_CONST = BY_NAME["i64.const"]
_F32_CONST = BY_NAME["f32.const"]
_F64_CONST = BY_NAME["f64.const"]
_V128_CONST = BY_NAME["v128.const"]
_GLOBAL_GET = BY_NAME["global.get"]
_REF_FUNC = BY_NAME["ref.func"]
_REF_NULL = BY_NAME["ref.null"]
_CONSTS = frozenset({_I32_CONST, _I64_CONST, _F32_CONST, _F64_CONST, _V128_CONST})


def instantiate(instance: Instance, imports: Sequence[Any]) -> None:
    """Fill a new instance."""
    check_imports(instance.store, instance.module, imports)
    _check_count(instance)
    _import_items(instance, imports)
    _alloc_sizes(instance)
    _alloc_funcs(instance)
    _alloc_values(instance)
    instance.store.instance_count += 1
    _run_elems(instance)
    _run_datas(instance)
    start = instance.module.syntax.start
    if start is not None:
        instance.funcs[start].invoke()


def instantiate_frozen(
    instance: Instance, imports: Sequence[Any], pages: Sequence[Pages], table_sizes: Sequence[int]
) -> None:
    """Fill a new instance but for the values of globals, tables and segments: the snapshot has those."""
    check_imports(instance.store, instance.module, imports)
    _check_count(instance)
    _import_items(instance, imports)
    _alloc_sizes(instance)
    for memory, content in zip(instance.mems, pages, strict=True):
        memory.load_pages(content)
    for table, size in zip(instance.tables, table_sizes, strict=True):
        table.resize(size)
    _alloc_funcs(instance)
    for globaltype in instance.checked.globals[len(instance.globals) :]:
        empty = None if isinstance(globaltype.valtype, RefType) else 0
        instance.globals.append(Global.alloc(instance.store, globaltype, empty))
    instance.store.instance_count += 1


def _check_count(instance: Instance) -> None:
    store = instance.store
    most = store.limits.instances
    if most is not None and store.instance_count >= most:
        raise LimitError(
            f"resource limit exceeded: instance count too high at {store.instance_count + 1}, limit {most}"
        )


_SPACES: dict[type, str] = {Table: "tables", Memory: "mems", Tag: "tags"}


def _import_items(instance: Instance, imports: Sequence[Any]) -> None:
    for item in imports:
        # why: of functions and globals a backend may have a class of its own.
        if isinstance(item, Func):
            instance.funcs.append(item.bound_to(instance))
        else:
            getattr(instance, _SPACES.get(type(item), "globals")).append(item)


def _alloc_sizes(instance: Instance) -> None:
    """Make memories, tags and tables: what limits may refuse."""
    store, checked = instance.store, instance.checked
    for memtype in checked.mems[len(instance.mems) :]:
        instance.mems.append(Memory.alloc(store, memtype))
    for deftype in checked.tags[len(instance.tags) :]:
        instance.tags.append(Tag.alloc(store, deftype))
    for tabletype in checked.tables[len(instance.tables) :]:
        instance.tables.append(Table.alloc(store, tabletype, None))


def _alloc_funcs(instance: Instance) -> None:
    n_imported = len(instance.funcs)
    deftypes = instance.checked.funcs
    backend = instance.store.engine.backend
    # why: a backend may have a class of its own.
    alloc = getattr(backend, "func_class", Func).alloc
    instance.funcs.extend([alloc(instance, deftypes[i], i) for i in range(n_imported, len(deftypes))])
    backend.bind(instance)


def _alloc_values(instance: Instance) -> None:
    """Evaluate what globals, tables and segments start with, in the order of the spec."""
    store, checked, module = instance.store, instance.checked, instance.module.syntax
    n_imported = len(instance.globals)
    for globaltype, definition in zip(checked.globals[n_imported:], module.globals, strict=True):
        raw = constant(instance, definition.init, globaltype.valtype)
        instance.globals.append(Global.alloc(store, globaltype, raw))
    n_imported = len(instance.tables) - len(module.tables)
    for table, table_definition in zip(instance.tables[n_imported:], module.tables, strict=True):
        if table_definition.init is not None:
            raw = constant(instance, table_definition.init, table.tabletype.reftype)
            table.elems[:] = [raw] * len(table.elems)
    for elem, reftype in zip(module.elems, checked.elems, strict=True):
        instance.elems.append(_segment(instance, elem, reftype))
    instance.datas = _inits(module.datas)


def _inits(datas: Sequence[Data]) -> list[Any]:
    """Return the bytes of the data segments; those that `_run_datas` drops in any case need none."""
    if not isinstance(datas, DataItems):
        return [data.init for data in datas]
    inits: list[Any] = [b""] * len(datas)
    for i in datas.others:
        inits[i] = datas[i].init
    return inits


def _segment(instance: Instance, elem: Elem, reftype: ValType) -> list[Any]:
    if elem.funcidxs is not None:
        funcs = instance.funcs
        return [funcs[funcidx] for funcidx in elem.funcidxs]
    return [constant(instance, expr, reftype) for expr in elem.init]


def constant(instance: Instance, expr: Expr, valtype: ValType) -> Any:
    """Return the raw value of a constant expression; longer ones are the backend's business."""
    instrs = expr.instrs()
    if len(instrs) == 2:
        first = instrs[0]
        op = first[0]
        if op in _CONSTS:
            return first[1]
        if op is _GLOBAL_GET:
            return instance.globals[first[1]].raw
        if op is _REF_FUNC:
            return instance.funcs[first[1]]
        if op is _REF_NULL:
            return None
    return instance.store.engine.backend.evaluate(instance, expr, valtype)


def _run_elems(instance: Instance) -> None:
    for i, elem in enumerate(instance.module.syntax.elems):
        if elem.mode is Mode.ACTIVE:
            _copy_elem(instance, i, elem)
        if elem.mode is not Mode.PASSIVE:
            instance.elems[i] = None


def _copy_elem(instance: Instance, index: int, elem: Elem) -> None:
    table = instance.tables[elem.tableidx]
    start = _offset(instance, elem, table.tabletype.addrtype)
    values = instance.elems[index] or []
    if start + len(values) > len(table.elems):
        detail = f"element segment {index} of {len(values)} at {start} in a table of {len(table.elems)}"
        raise Trap(TrapKind.TABLE_OUT_OF_BOUNDS, detail)
    table.elems[start : start + len(values)] = values


def _run_datas(instance: Instance) -> None:
    image = instance.module.image
    if image is not None and image.end <= len(instance.mems[0].buf):
        # safe: an image is only made for a memory that this very instantiation has allocated.
        instance.mems[0].buf[image.addr : image.end] = image.block
        instance.datas = list(image.datas)
        return
    datas = instance.module.syntax.datas
    if isinstance(datas, DataItems):
        _run_in_bulk(instance, datas)
        return
    for i, data in enumerate(datas):
        _run_data(instance, i, data)


def _run_in_bulk(instance: Instance, datas: DataItems) -> None:
    """Run the segments in their order, those at constant addresses in one go."""
    index = 0
    for other in (*datas.others, len(datas)):
        if index < other:
            index = datas.place(index, other, instance.mems[0].buf)
        if index < len(datas):
            try:
                _run_data(instance, index, datas[index])
            except Trap:
                # spec: what comes after a trap is not dropped; functions in foreign tables may use it.
                instance.datas[index:] = [data.init for data in datas[index:]]
                raise
        index = other + 1


def _run_data(instance: Instance, i: int, data: Data) -> None:
    if data.mode is not Mode.ACTIVE:
        return
    memory = instance.mems[data.memidx]
    addr = _offset(instance, data, memory.memtype.addrtype)
    buf, init = memory.buf, data.init
    end = addr + len(init)
    if end > len(buf):
        detail = f"data segment {i} of {len(init)} bytes at {addr} in a memory of {len(buf)}"
        raise Trap(TrapKind.MEMORY_OUT_OF_BOUNDS, detail)
    buf[addr:end] = init
    instance.datas[i] = b""


def _offset(instance: Instance, segment: Data | Elem, addrtype: ValType) -> int:
    addr = constant_address(segment.offset)
    if addr is None:
        addr = constant(instance, segment.offset, addrtype)  # type: ignore[arg-type]
    return addr
