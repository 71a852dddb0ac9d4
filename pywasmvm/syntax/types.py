"""Types of the spec's chapter 2.3, as small immutable objects.

A heap type is an `AbsHeapType`, a type index (int) as the module wrote it, a `Rec` (a position inside the
recursive group being closed), a `DefType` (closed, interned: equal types are one object), or `Exact` around
one of the last three. Decoder and text parser produce type indices; `valid/` closes them; everything after
validation sees `DefType` only.
Rule 1: closed types are compared by `==` on interned parts, so identity of `DefType` is equality of types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Union

__all__ = [
    "AbsHeapType",
    "ArrayType",
    "CompType",
    "DefType",
    "Exact",
    "ExternType",
    "FieldType",
    "FuncType",
    "GlobalType",
    "HeapType",
    "Limits",
    "MemType",
    "NumType",
    "PackedType",
    "Rec",
    "RecType",
    "RefType",
    "StorageType",
    "StructType",
    "SubType",
    "TableType",
    "TagType",
    "ValType",
]


class NumType(Enum):
    """Number and vector types. The value is the byte of the binary format."""

    I32 = 0x7F
    I64 = 0x7E
    F32 = 0x7D
    F64 = 0x7C
    V128 = 0x7B

    # fast: Enum's own is Python, and 50,000 locals are looked up by it.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return self.name.lower()


class PackedType(Enum):
    """Storage types of fields that are narrower than a value."""

    I8 = 0x78
    I16 = 0x77

    def __str__(self) -> str:
        return self.name.lower()


class AbsHeapType(Enum):
    """Abstract heap types. The value is the byte of the binary format."""

    EXN = 0x69
    ARRAY = 0x6A
    STRUCT = 0x6B
    I31 = 0x6C
    EQ = 0x6D
    ANY = 0x6E
    EXTERN = 0x6F
    FUNC = 0x70
    NONE = 0x71
    NOEXTERN = 0x72
    NOFUNC = 0x73
    NOEXN = 0x74

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Rec:
    """A reference to the index-th type of the recursive group it stands in."""

    index: int

    def __str__(self) -> str:
        return f"rec.{self.index}"


class Exact(NamedTuple):
    """A heap type that stands for exactly one defined type (proposal custom-descriptors)."""

    heaptype: HeapType

    def __str__(self) -> str:
        return f"(exact {self.heaptype})"


HeapType = Union[AbsHeapType, int, Rec, "DefType", Exact]


class RefType(NamedTuple):
    """A reference type."""

    nullable: bool
    heaptype: HeapType

    def __str__(self) -> str:
        if self.nullable and isinstance(self.heaptype, AbsHeapType):
            short = _SHORTHAND.get(self.heaptype, f"{self.heaptype}ref")
            return short
        null = "null " if self.nullable else ""
        return f"(ref {null}{self.heaptype})"


_SHORTHAND = {
    AbsHeapType.NONE: "nullref",
    AbsHeapType.NOFUNC: "nullfuncref",
    AbsHeapType.NOEXTERN: "nullexternref",
    AbsHeapType.NOEXN: "nullexnref",
}

ValType = NumType | RefType
StorageType = NumType | RefType | PackedType

FUNCREF = RefType(True, AbsHeapType.FUNC)
EXTERNREF = RefType(True, AbsHeapType.EXTERN)
ANYREF = RefType(True, AbsHeapType.ANY)
EQREF = RefType(True, AbsHeapType.EQ)
I31REF = RefType(True, AbsHeapType.I31)
STRUCTREF = RefType(True, AbsHeapType.STRUCT)
ARRAYREF = RefType(True, AbsHeapType.ARRAY)
EXNREF = RefType(True, AbsHeapType.EXN)


class FuncType(NamedTuple):
    """A function type: parameters and results."""

    params: tuple[ValType, ...]
    results: tuple[ValType, ...]

    def __str__(self) -> str:
        return f"[{' '.join(map(str, self.params))}] -> [{' '.join(map(str, self.results))}]"


class FieldType(NamedTuple):
    """The type of a struct field or of an array's elements."""

    storage: StorageType
    mutable: bool


class StructType(NamedTuple):
    """A structure type."""

    fields: tuple[FieldType, ...]


class ArrayType(NamedTuple):
    """An array type."""

    field: FieldType


CompType = FuncType | StructType | ArrayType


class SubType(NamedTuple):
    """A composite type with its declared supertypes (at most one in 3.0).

    describes, descriptor   the type it describes and the one that describes it (proposal custom-descriptors).
    """

    final: bool
    supers: tuple[HeapType, ...]
    comptype: CompType
    describes: HeapType | None = None
    descriptor: HeapType | None = None


class RecType(NamedTuple):
    """A group of mutually recursive types; a plain type is a group of one."""

    subtypes: tuple[SubType, ...]


class DefType:
    """The index-th type of a closed recursive group. Interned by `valid/`: one object per distinct type.

    subtype   the SubType with every heap type closed (DefType instead of indices).
    supers    the chain of supertypes from the root down to this type itself; `a <= b` is
              `len(a.supers) >= len(b.supers) and a.supers[len(b.supers) - 1] is b`.
    """

    __slots__ = ("group", "index", "subtype", "supers", "__weakref__")

    def __init__(self, group: object, index: int) -> None:
        self.group = group
        self.index = index
        self.subtype: SubType
        self.supers: tuple[DefType, ...] = ()

    @property
    def comptype(self) -> CompType:
        """Return the composite type."""
        return self.subtype.comptype

    def __str__(self) -> str:
        return f"type {self.index}"

    def __repr__(self) -> str:
        # why: not the contents, which may lead back to this very type.
        kind = type(self.comptype).__name__ if hasattr(self, "subtype") else "open"
        return f"<DefType {self.index} {kind} at {id(self):#x}>"


class Limits(NamedTuple):
    """Size limits, in pages or elements; maximum None means none was given."""

    minimum: int
    maximum: int | None = None


class MemType(NamedTuple):
    """A memory type. `page_size` differs from 65,536 only under the proposal custom-page-sizes."""

    addrtype: NumType
    limits: Limits
    shared: bool = False
    page_size: int = 65536


class TableType(NamedTuple):
    """A table type."""

    addrtype: NumType
    limits: Limits
    reftype: RefType


class GlobalType(NamedTuple):
    """A global type."""

    valtype: ValType
    mutable: bool


class TagType(NamedTuple):
    """A tag type; `type` is a type index, after validation a DefType."""

    type: HeapType


class FuncExtern(NamedTuple):
    """The external type of a function; `type` is a type index, after validation a DefType.

    exact   whether subtypes are refused (proposal custom-descriptors).
    """

    type: HeapType
    exact: bool = False


ExternType = FuncExtern | TableType | MemType | GlobalType | TagType
