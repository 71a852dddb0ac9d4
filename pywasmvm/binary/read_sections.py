"""The sections of a module, except the code section: each reader fills one field of the Module.

Spec: chapter 5.5. The readers are listed in SECTIONS in the order that the sections must have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..config import Limits
from ..isa import Feature
from ..syntax.module import Data, Elem, Export, ExternKind, Global, Import, Mode, Table
from ..syntax.types import FUNCREF, AbsHeapType, RefType
from .lazy import LazyExpr, read_const_expr
from .read_types import (
    read_externtype,
    read_globaltype,
    read_memtype,
    read_rectype,
    read_reftype,
    read_tabletype,
    read_tagtype,
)
from .reader import Reader

if TYPE_CHECKING:
    from .decoder import Decoder

__all__ = ["CODE_SECTION", "CUSTOM_SECTION", "SECTIONS", "Section", "read_data"]

CUSTOM_SECTION, CODE_SECTION = 0, 10
# A table with an initialiser starts with these bytes instead of its type.
TABLE_WITH_INIT = 0x40
ELEM_KIND_FUNC = 0x00
FUNC_NOT_NULL = RefType(False, AbsHeapType.FUNC)


def _read_type(decoder: Decoder, reader: Reader) -> None:
    decoder.module.types.append(read_rectype(reader))


def _read_import(decoder: Decoder, reader: Reader) -> None:
    module = reader.read_name()
    name = reader.read_name()
    decoder.module.imports.append(Import(module, name, read_externtype(reader)))


def _read_func(decoder: Decoder, reader: Reader) -> None:
    decoder.functypes.append(reader.read_u32())


def _read_table(decoder: Decoder, reader: Reader) -> None:
    init: LazyExpr | None = None
    if reader.peek() == TABLE_WITH_INIT:
        reader.need(Feature.FUNCTION_REFERENCES, "a table with an initialiser", reader.pos)
        reader.pos += 1
        reader.read_zero()
        tabletype = read_tabletype(reader)
        init = _read_init(decoder, reader)
    else:
        tabletype = read_tabletype(reader)
    decoder.module.tables.append(Table(tabletype, init))


def _read_mem(decoder: Decoder, reader: Reader) -> None:
    decoder.module.mems.append(read_memtype(reader))


def _read_tag(decoder: Decoder, reader: Reader) -> None:
    decoder.module.tags.append(read_tagtype(reader))


def _read_global(decoder: Decoder, reader: Reader) -> None:
    globaltype = read_globaltype(reader)
    decoder.module.globals.append(Global(globaltype, _read_init(decoder, reader)))


def _read_export(decoder: Decoder, reader: Reader) -> None:
    name = reader.read_name()
    kind = reader.read_byte()
    if kind > ExternKind.TAG:
        raise reader.fail(f"malformed export kind: {kind:#04x}", reader.pos - 1)
    decoder.module.exports.append(Export(name, ExternKind(kind), reader.read_u32()))


def _read_start(decoder: Decoder, reader: Reader) -> None:
    decoder.module.start = reader.read_u32()


def _read_data_count(decoder: Decoder, reader: Reader) -> None:
    decoder.module.data_count = reader.read_u32()


def _read_init(decoder: Decoder, reader: Reader) -> LazyExpr:
    return read_const_expr(reader, decoder.limits.nesting)


def _read_elem(decoder: Decoder, reader: Reader) -> None:
    start = reader.pos
    flags = reader.read_u32()
    if flags > 7:
        raise reader.fail("malformed elements segment kind", start)
    if flags:
        reader.need(Feature.BULK_MEMORY, "an element segment of this kind", start)
    is_passive, has_index, has_exprs = flags & 1, flags & 2, flags & 4
    mode = (Mode.DECLARATIVE if has_index else Mode.PASSIVE) if is_passive else Mode.ACTIVE
    tableidx = reader.read_u32() if has_index and not is_passive else 0
    offset = None if is_passive else _read_init(decoder, reader)
    elem = Elem(FUNCREF if has_exprs else FUNC_NOT_NULL, [], mode, tableidx, offset)
    if flags & 3 and has_exprs:
        elem.type = read_reftype(reader)
    elif flags & 3 and reader.read_byte() != ELEM_KIND_FUNC:
        raise reader.fail("malformed element kind", reader.pos - 1)
    if has_exprs:
        elem.init = [_read_init(decoder, reader) for _ in range(reader.read_u32())]
    else:
        elem.funcidxs = decoder.read_indices()
    decoder.module.elems.append(elem)


def _read_data(decoder: Decoder, reader: Reader) -> None:
    decoder.module.datas.append(read_data(reader, decoder.limits))


def read_data(reader: Reader, limits: Limits) -> Data:
    """Read one data segment."""
    start = reader.pos
    flags = reader.read_u32()
    if flags > 2:
        raise reader.fail("malformed data segment kind", start)
    if flags:
        reader.need(Feature.BULK_MEMORY, "a data segment of this kind", start)
    mode = Mode.PASSIVE if flags == 1 else Mode.ACTIVE
    memidx = reader.read_u32() if flags == 2 else 0
    offset = None if flags == 1 else read_const_expr(reader, limits.nesting, is_of_many=True)
    size = reader.read_u32()
    end = reader.pos + size
    if end > len(reader.data):
        raise reader.ended()
    init = memoryview(reader.data)[reader.pos : end]
    reader.pos = end
    return Data(init, mode, memidx, offset)


class Section(NamedTuple):
    """How to read a section: its name, the order it must come in, and a reader.

    `is_vec` says that the section is a count and items; `read` then reads one item.
    """

    name: str
    order: int
    read: Callable[[Decoder, Reader], None] | None
    is_vec: bool = True


# spec: the sections in their order, by id. The code section has no reader here: see `read_code`.
_IN_ORDER: tuple[tuple[int, str, Callable[[Decoder, Reader], None] | None, bool], ...] = (
    (1, "type", _read_type, True),
    (2, "import", _read_import, True),
    (3, "function", _read_func, True),
    (4, "table", _read_table, True),
    (5, "memory", _read_mem, True),
    (13, "tag", _read_tag, True),
    (6, "global", _read_global, True),
    (7, "export", _read_export, True),
    (8, "start", _read_start, False),
    (9, "element", _read_elem, True),
    (12, "data count", _read_data_count, False),
    (CODE_SECTION, "code", None, True),
    (11, "data", _read_data, True),
)
SECTIONS: dict[int, Section] = {
    number: Section(name, order, read, is_vec) for order, (number, name, read, is_vec) in enumerate(_IN_ORDER)
}
