"""Types of the binary format.

Spec: chapter 5.3. Type indices are read and not looked up; closing them is the validator's business.
"""

from __future__ import annotations

from ..isa import Feature
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
    PackedType,
    RecType,
    RefType,
    StorageType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
)
from .reader import Reader

__all__ = [
    "read_blocktype",
    "read_externtype",
    "read_globaltype",
    "read_heaptype",
    "read_memtype",
    "read_rectype",
    "read_reftype",
    "read_tabletype",
    "read_tagtype",
    "read_valtype",
]

FUNC_FORM, STRUCT_FORM, ARRAY_FORM = 0x60, 0x5F, 0x5E
SUB, SUB_FINAL, REC = 0x50, 0x4F, 0x4E
REF, REF_NULL = 0x64, 0x63
EXACT, DESCRIPTOR, DESCRIBES, EXACT_FUNC = 0x62, 0x4D, 0x4C, 0x20  # proposal custom-descriptors
EMPTY_BLOCK = 0x40

# Bits of the flags in front of limits.
HAS_MAX, SHARED, ADDR_64, HAS_PAGE_SIZE = 0x01, 0x02, 0x04, 0x08

_ABSTRACT: dict[int, AbsHeapType] = {heaptype.value: heaptype for heaptype in AbsHeapType}
_VALTYPES: dict[int, ValType] = {numtype.value: numtype for numtype in NumType}
_VALTYPES.update((heaptype.value, RefType(True, heaptype)) for heaptype in AbsHeapType)
_PACKED: dict[int, PackedType] = {packed.value: packed for packed in PackedType}

# Which step of the standard brought a type that is a single byte (what is not here came with the MVP).
_FEATURE: dict[int, Feature] = {heaptype.value: Feature.GC for heaptype in AbsHeapType}
_FEATURE[NumType.V128.value] = Feature.SIMD
_FEATURE[AbsHeapType.EXTERN.value] = _FEATURE[AbsHeapType.FUNC.value] = Feature.REFERENCE_TYPES
_FEATURE[AbsHeapType.EXN.value] = _FEATURE[AbsHeapType.NOEXN.value] = Feature.EXCEPTIONS


def read_heaptype(reader: Reader, complaint: str = "malformed heap type") -> HeapType:
    """Read a heap type: abstract, a type index, or exact; `complaint` is for one that is exact twice."""
    offset = reader.pos
    abstract = _ABSTRACT.get(reader.peek())
    if abstract is not None:
        reader.pos += 1
        feature = _FEATURE[abstract.value]
        if feature not in reader.features:
            reader.need(feature, f"heap type {abstract}", offset)
        return abstract
    if reader.peek() == EXACT and Feature.CUSTOM_DESCRIPTORS in reader.features:
        reader.pos += 1
        if reader.peek() == EXACT:
            raise reader.fail(complaint)
        return Exact(reader.read_u32())
    typeidx = reader.read_s33()
    if typeidx < 0:
        raise reader.fail("malformed heap type", offset)
    return typeidx


def _read_type(reader: Reader, complaint: str) -> ValType:
    """Read a value type; `complaint` is the message if the byte is none."""
    offset = reader.pos
    byte = reader.read_byte()
    valtype = _VALTYPES.get(byte)
    if valtype is not None:
        feature = _FEATURE.get(byte)
        if feature is not None and feature not in reader.features:
            reader.need(feature, f"type {valtype}", offset)
        return valtype
    if byte in (REF, REF_NULL):
        reader.need(Feature.FUNCTION_REFERENCES, "a typed reference", offset)
        return RefType(byte == REF_NULL, read_heaptype(reader, complaint))
    raise reader.fail(complaint, offset)


def read_valtype(reader: Reader) -> ValType:
    """Read a value type."""
    return _read_type(reader, "malformed value type")


def read_reftype(reader: Reader) -> RefType:
    """Read a reference type."""
    offset = reader.pos
    if reader.peek() == AbsHeapType.FUNC.value:  # why: tables of functions are older than reference types
        reader.pos += 1
        return RefType(True, AbsHeapType.FUNC)
    valtype = _read_type(reader, "malformed reference type")
    if not isinstance(valtype, RefType):
        raise reader.fail("malformed reference type", offset)
    return valtype


def read_blocktype(reader: Reader) -> ValType | int | None:
    """Read a block type: None (empty), a result type, or a type index."""
    offset = reader.pos
    byte = reader.peek()
    if byte == EMPTY_BLOCK:
        reader.pos += 1
        return None
    if 0x40 < byte < 0x80:
        return _read_type(reader, "malformed block type")
    typeidx = reader.read_s33()
    if typeidx < 0:
        raise reader.fail("malformed block type", offset)
    reader.need(Feature.MULTI_VALUE, "a block type that is an index", offset)
    return typeidx


# Composite and recursive types


def read_functype(reader: Reader) -> FuncType:
    """Read parameters and results."""
    params = tuple(reader.read_vec(read_valtype))
    return FuncType(params, tuple(reader.read_vec(read_valtype)))


def _read_fieldtype(reader: Reader) -> FieldType:
    packed = _PACKED.get(reader.peek())
    storage: StorageType
    if packed is None:
        storage = _read_type(reader, "malformed storage type")
    else:
        reader.pos += 1
        storage = packed
    return FieldType(storage, _read_mutability(reader))


def _read_mutability(reader: Reader) -> bool:
    byte = reader.read_byte()
    if byte > 1:
        raise reader.fail("malformed mutability", reader.pos - 1)
    return byte == 1


def _read_comptype(reader: Reader) -> CompType:
    offset = reader.pos
    form = reader.read_s7()
    if form == FUNC_FORM:
        return read_functype(reader)
    if form not in (STRUCT_FORM, ARRAY_FORM):
        raise reader.fail("malformed definition type", offset)
    reader.need(Feature.GC, "a struct or array type", offset)
    if form == STRUCT_FORM:
        return StructType(tuple(reader.read_vec(_read_fieldtype)))
    return ArrayType(_read_fieldtype(reader))


def _read_subtype(reader: Reader) -> SubType:
    form = reader.peek()
    if form not in (SUB, SUB_FINAL):
        return _read_described(reader, True, ())
    reader.need(Feature.GC, "a declared subtype", reader.pos)
    reader.pos += 1
    supers = tuple(reader.read_vec(Reader.read_u32))
    return _read_described(reader, form == SUB_FINAL, supers)


def _read_described(reader: Reader, final: bool, supers: tuple[HeapType, ...]) -> SubType:
    """Read a composite type and what the proposal custom-descriptors puts in front of it."""
    if Feature.CUSTOM_DESCRIPTORS not in reader.features:
        return SubType(final, supers, _read_comptype(reader))
    clauses: list[int | None] = []
    for form in (DESCRIBES, DESCRIPTOR):
        found = reader.peek() == form
        reader.pos += found
        clauses.append(reader.read_u32() if found else None)
    return SubType(final, supers, _read_comptype(reader), *clauses)


def read_rectype(reader: Reader) -> RecType:
    """Read one entry of the type section: a group, or a type that is a group of its own."""
    if reader.peek() != REC:
        return RecType((_read_subtype(reader),))
    reader.need(Feature.GC, "a recursive group", reader.pos)
    reader.pos += 1
    return RecType(tuple(reader.read_vec(_read_subtype)))


# External types


def _read_flags(reader: Reader, allowed: int) -> int:
    """Read the byte in front of limits. `allowed` are the bits that exist here."""
    offset = reader.pos
    flags = reader.read_byte()
    if flags & ~allowed:
        raise reader.fail(f"malformed limits flags: {flags:#04x}", offset)
    if flags & ADDR_64:
        reader.need(Feature.MEMORY64, "an address type of 64 bits", offset)
    if flags & SHARED:
        reader.need(Feature.THREADS, "a shared memory", offset)
    return flags


def _read_limits(reader: Reader, flags: int) -> Limits:
    minimum = reader.read_u64()
    return Limits(minimum, reader.read_u64() if flags & HAS_MAX else None)


def _addrtype(flags: int) -> NumType:
    return NumType.I64 if flags & ADDR_64 else NumType.I32


def read_memtype(reader: Reader) -> MemType:
    """Read a memory type."""
    allowed = HAS_MAX | SHARED | ADDR_64
    if Feature.CUSTOM_PAGE_SIZES in reader.features:
        # why: not UnsupportedError when it is off; the official suite calls the flag malformed then.
        allowed |= HAS_PAGE_SIZE
    flags = _read_flags(reader, allowed)
    limits = _read_limits(reader, flags)
    page_size = 65536
    if flags & HAS_PAGE_SIZE:
        offset = reader.pos
        exponent = reader.read_u32()
        if exponent > 64:
            raise reader.fail(f"invalid custom page size: 2**{exponent}", offset)
        page_size = 1 << exponent
    return MemType(_addrtype(flags), limits, bool(flags & SHARED), page_size)


def read_tabletype(reader: Reader) -> TableType:
    """Read a table type."""
    reftype = read_reftype(reader)
    flags = _read_flags(reader, HAS_MAX | ADDR_64)
    return TableType(_addrtype(flags), _read_limits(reader, flags), reftype)


def read_globaltype(reader: Reader) -> GlobalType:
    """Read a global type."""
    valtype = read_valtype(reader)
    return GlobalType(valtype, _read_mutability(reader))


def read_tagtype(reader: Reader) -> TagType:
    """Read a tag type."""
    reader.need(Feature.EXCEPTIONS, "a tag", reader.pos)
    reader.read_zero()
    return TagType(reader.read_u32())


def read_externtype(reader: Reader) -> ExternType:
    """Read the kind and type of an import."""
    offset = reader.pos
    kind = reader.read_byte()
    if kind == 0:
        return FuncExtern(reader.read_u32())
    if kind == 1:
        return read_tabletype(reader)
    if kind == 2:
        return read_memtype(reader)
    if kind == 3:
        return read_globaltype(reader)
    if kind == 4:
        return read_tagtype(reader)
    if kind == EXACT_FUNC and Feature.CUSTOM_DESCRIPTORS in reader.features:
        return FuncExtern(reader.read_u32(), exact=True)
    raise reader.fail(f"malformed import kind: {kind:#04x}", offset)
