"""Types to bytes, in the shortest spelling: what `read_types` reads.

Spec: chapter 5.3. Only types as a decoder or the text parser makes them can be written: closed types have no
indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import UsageError
from ..syntax.types import (
    AbsHeapType,
    ArrayType,
    CompType,
    Exact,
    ExternType,
    FieldType,
    FuncExtern,
    FuncType,
    GlobalType,
    HeapType,
    Limits,
    MemType,
    NumType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)
from .leb import encode_signed, encode_unsigned
from .read_types import (
    ADDR_64,
    ARRAY_FORM,
    DESCRIBES,
    DESCRIPTOR,
    EMPTY_BLOCK,
    EXACT,
    EXACT_FUNC,
    FUNC_FORM,
    HAS_MAX,
    HAS_PAGE_SIZE,
    REC,
    REF,
    REF_NULL,
    SHARED,
    STRUCT_FORM,
    SUB,
    SUB_FINAL,
)

__all__ = [
    "encode_blocktype",
    "encode_externtype",
    "encode_globaltype",
    "encode_heaptype",
    "encode_memtype",
    "encode_name",
    "encode_rectype",
    "encode_reftype",
    "encode_tabletype",
    "encode_tagtype",
    "encode_valtype",
    "encode_vec",
]

T = TypeVar("T")
DEFAULT_PAGE_SIZE = 65536


def encode_vec(items: Sequence[T], encode: Callable[[T], bytes]) -> bytes:
    """Return a count and the items."""
    return encode_unsigned(len(items)) + b"".join(map(encode, items))


def encode_name(name: str) -> bytes:
    """Return a length and UTF-8 text."""
    text = name.encode("utf-8")
    return encode_unsigned(len(text)) + text


def _index(heaptype: HeapType) -> int:
    if not isinstance(heaptype, int):
        raise UsageError(f"type {heaptype} has no index in this module")
    return heaptype


def encode_heaptype(heaptype: HeapType) -> bytes:
    """Return a heap type."""
    if isinstance(heaptype, AbsHeapType):
        return bytes([heaptype.value])
    if isinstance(heaptype, Exact):
        return bytes([EXACT]) + encode_signed(_index(heaptype.heaptype))
    return encode_signed(_index(heaptype))


def encode_reftype(reftype: RefType) -> bytes:
    """Return a reference type."""
    if reftype.nullable and isinstance(reftype.heaptype, AbsHeapType):
        return bytes([reftype.heaptype.value])
    return bytes([REF_NULL if reftype.nullable else REF]) + encode_heaptype(reftype.heaptype)


def encode_valtype(valtype: ValType) -> bytes:
    """Return a value type."""
    return encode_reftype(valtype) if isinstance(valtype, RefType) else bytes([valtype.value])


def encode_blocktype(blocktype: ValType | int | None) -> bytes:
    """Return a block type."""
    if blocktype is None:
        return bytes([EMPTY_BLOCK])
    return encode_signed(blocktype) if isinstance(blocktype, int) else encode_valtype(blocktype)


def _storage(storage: StorageType) -> bytes:
    return encode_reftype(storage) if isinstance(storage, RefType) else bytes([storage.value])


def _field(field: FieldType) -> bytes:
    return _storage(field.storage) + bytes([field.mutable])


def _comptype(comptype: CompType) -> bytes:
    if isinstance(comptype, FuncType):
        params = encode_vec(comptype.params, encode_valtype)
        return bytes([FUNC_FORM]) + params + encode_vec(comptype.results, encode_valtype)
    if isinstance(comptype, StructType):
        return bytes([STRUCT_FORM]) + encode_vec(comptype.fields, _field)
    if not isinstance(comptype, ArrayType):
        raise UsageError(f"{comptype!r} is no composite type")
    return bytes([ARRAY_FORM]) + _field(comptype.field)


def _subtype(subtype: SubType) -> bytes:
    body = _comptype(subtype.comptype)
    for form, other in ((DESCRIPTOR, subtype.descriptor), (DESCRIBES, subtype.describes)):
        if other is not None:
            body = bytes([form]) + encode_unsigned(_index(other)) + body
    if subtype.final and not subtype.supers:
        return body
    supers = encode_vec(subtype.supers, lambda heaptype: encode_unsigned(_index(heaptype)))
    return bytes([SUB_FINAL if subtype.final else SUB]) + supers + body


def encode_rectype(rectype: RecType) -> bytes:
    """Return one entry of the type section; a group of one needs no brackets."""
    if len(rectype.subtypes) == 1:
        return _subtype(rectype.subtypes[0])
    return bytes([REC]) + encode_vec(rectype.subtypes, _subtype)


def _limits(limits: Limits, addrtype: NumType, flags: int = 0) -> bytes:
    if addrtype is NumType.I64:
        flags |= ADDR_64
    if limits.maximum is None:
        return bytes([flags]) + encode_unsigned(limits.minimum)
    return bytes([flags | HAS_MAX]) + encode_unsigned(limits.minimum) + encode_unsigned(limits.maximum)


def encode_memtype(memtype: MemType) -> bytes:
    """Return a memory type."""
    flags = SHARED if memtype.shared else 0
    if memtype.page_size == DEFAULT_PAGE_SIZE:
        return _limits(memtype.limits, memtype.addrtype, flags)
    exponent = memtype.page_size.bit_length() - 1
    return _limits(memtype.limits, memtype.addrtype, flags | HAS_PAGE_SIZE) + encode_unsigned(exponent)


def encode_tabletype(tabletype: TableType) -> bytes:
    """Return a table type."""
    return encode_reftype(tabletype.reftype) + _limits(tabletype.limits, tabletype.addrtype)


def encode_globaltype(globaltype: GlobalType) -> bytes:
    """Return a global type."""
    return encode_valtype(globaltype.valtype) + bytes([globaltype.mutable])


def encode_tagtype(tagtype: TagType) -> bytes:
    """Return a tag type."""
    return b"\0" + encode_unsigned(_index(tagtype.type))


def _funcextern(extern: FuncExtern) -> bytes:
    return encode_unsigned(_index(extern.type))


# Kind byte and encoder of each external type.
_EXTERNS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    FuncExtern: (0, _funcextern),
    TableType: (1, encode_tabletype),
    MemType: (2, encode_memtype),
    GlobalType: (3, encode_globaltype),
    TagType: (4, encode_tagtype),
}


def encode_externtype(externtype: ExternType) -> bytes:
    """Return the kind and type of an import."""
    kind, encode = _EXTERNS[type(externtype)]
    if isinstance(externtype, FuncExtern) and externtype.exact:
        kind = EXACT_FUNC
    return bytes([kind]) + encode(externtype)
