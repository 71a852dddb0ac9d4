"""Module to bytes: the one shortest encoding, so that equal modules give equal bytes.

Spec: chapter 5.5. Nothing is checked: an invalid module is encoded as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import UsageError
from ..isa import BY_NAME
from ..syntax.instructions import Expr, Instr, InstrList
from ..syntax.module import CustomSection, Data, Elem, Export, Func, Global, Import, Mode, Module, Table
from ..syntax.types import FUNCREF, ValType
from .decoder import MAGIC, VERSION
from .encode_instrs import encode_expr
from .encode_types import (
    encode_externtype,
    encode_globaltype,
    encode_memtype,
    encode_name,
    encode_rectype,
    encode_reftype,
    encode_tabletype,
    encode_tagtype,
    encode_valtype,
    encode_vec,
)
from .hints import branch_hint_section
from .leb import encode_unsigned
from .names import NAME_SECTION, encode_names
from .read_instrs import DATA_OPS
from .read_sections import CUSTOM_SECTION, ELEM_KIND_FUNC, FUNC_NOT_NULL, SECTIONS, TABLE_WITH_INIT

__all__ = ["encode_module"]

_REF_FUNC, _END = BY_NAME["ref.func"], BY_NAME["end"]


def encode_module(module: Module, *, names: bool = False) -> bytes:
    """Return the module in the binary format.

    With `names`, add a name section made from `module.names` unless the module carries one already.
    """
    sections = dict(_sections(module))
    out = [MAGIC, VERSION]
    customs = list(module.customs)
    hints = branch_hint_section(module)
    if hints is not None:
        customs.append(hints)
    if names and not any(custom.name == NAME_SECTION for custom in customs):
        content = encode_names(module.names)
        if content:
            customs.append(CustomSection(NAME_SECTION, content, after=list(SECTIONS)[-1]))
    for number in (CUSTOM_SECTION, *SECTIONS):
        content = sections.get(number, b"")
        if content:
            out.append(_section(number, content))
        out += [_custom(custom) for custom in customs if custom.after == number]
    return b"".join(out)


def _section(number: int, content: bytes) -> bytes:
    return bytes([number]) + encode_unsigned(len(content)) + content


def _custom(custom: CustomSection) -> bytes:
    return _section(CUSTOM_SECTION, encode_name(custom.name) + bytes(custom.data))


def _sections(module: Module) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each section that is not empty."""
    items: tuple[tuple[int, list[bytes]], ...] = (
        (1, [encode_rectype(rectype) for rectype in module.types]),
        (2, [_import(item) for item in module.imports]),
        (3, [encode_unsigned(func.typeidx) for func in module.funcs]),
        (4, [_table(table) for table in module.tables]),
        (5, [encode_memtype(memtype) for memtype in module.mems]),
        (13, [encode_tagtype(tagtype) for tagtype in module.tags]),
        (6, [_global(item) for item in module.globals]),
        (7, [_export(export) for export in module.exports]),
        (9, [encode_elem(elem) for elem in module.elems]),
        (10, [_code(func) for func in module.funcs]),
        (11, [_data(data) for data in module.datas]),
    )
    for number, parts in items:
        if parts:
            yield number, encode_unsigned(len(parts)) + b"".join(parts)
    if module.start is not None:
        yield 8, encode_unsigned(module.start)
    if module.data_count is not None or any(_uses_data(func) for func in module.funcs):
        yield 12, encode_unsigned(len(module.datas))


def _uses_data(func: Func) -> bool:
    return any(instr[0] in DATA_OPS for instr in func.body.instrs())


def _import(item: Import) -> bytes:
    return encode_name(item.module) + encode_name(item.name) + encode_externtype(item.type)


def _table(table: Table) -> bytes:
    if table.init is None:
        return encode_tabletype(table.type)
    return bytes([TABLE_WITH_INIT, 0]) + encode_tabletype(table.type) + encode_expr(table.init)


def _global(item: Global) -> bytes:
    return encode_globaltype(item.type) + encode_expr(item.init)


def _export(export: Export) -> bytes:
    return encode_name(export.name) + bytes([export.kind]) + encode_unsigned(export.index)


def _code(func: Func) -> bytes:
    body = encode_vec(func.locals, _local) + encode_expr(func.body)
    return encode_unsigned(len(body)) + body


def _local(group: tuple[int, ValType]) -> bytes:
    return encode_unsigned(group[0]) + encode_valtype(group[1])


def _offset(expr: Expr | None) -> bytes:
    if expr is None:
        raise UsageError("an active segment has no offset")
    return encode_expr(expr)


def encode_elem(elem: Elem) -> bytes:
    """Return an element segment in the form with the smallest number that can say it."""
    init: list[Expr] = elem.init
    has_exprs = elem.funcidxs is None
    if elem.funcidxs is not None and elem.type != FUNC_NOT_NULL:
        # why: the forms that list functions cannot name another type, so they are spelled out.
        init = [InstrList(_ref_func(funcidx)) for funcidx in elem.funcidxs]
        has_exprs = True
    is_plain = (
        elem.mode is Mode.ACTIVE
        and elem.tableidx == 0
        and elem.type == (FUNCREF if has_exprs else FUNC_NOT_NULL)
    )
    flags = 4 if has_exprs else 0
    out = b""
    if elem.mode is not Mode.ACTIVE:
        flags |= 1 if elem.mode is Mode.PASSIVE else 3
    elif is_plain:
        out = _offset(elem.offset)
    else:
        flags |= 2
        out = encode_unsigned(elem.tableidx) + _offset(elem.offset)
    if flags & 3:
        out += encode_reftype(elem.type) if has_exprs else bytes([ELEM_KIND_FUNC])
    if has_exprs:
        return bytes([flags]) + out + encode_vec(init, encode_expr)
    return bytes([flags]) + out + encode_vec(elem.funcidxs or [], encode_unsigned)


def _ref_func(funcidx: int) -> list[Instr]:
    return [(_REF_FUNC, funcidx), (_END,)]


def _data(data: Data) -> bytes:
    content = encode_unsigned(len(data.init)) + bytes(data.init)
    if data.mode is Mode.PASSIVE:
        return b"\1" + content
    if data.memidx == 0:
        return b"\0" + _offset(data.offset) + content
    return b"\2" + encode_unsigned(data.memidx) + _offset(data.offset) + content
