"""A module as the decoder and the text parser deliver it: spec chapter 2.5, nothing validated yet.

Index spaces put imports first; `Module.import_count` helps. `valid.validate_module` fills `checked`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from .instructions import Expr
from .types import ExternType, FuncExtern, GlobalType, MemType, RecType, RefType, TableType, TagType, ValType

__all__ = [
    "CustomSection",
    "Data",
    "Elem",
    "Export",
    "ExternKind",
    "Func",
    "Global",
    "Import",
    "Mode",
    "Module",
    "Names",
    "Table",
]


class ExternKind(IntEnum):
    """Kinds of imports and exports, as in the binary format."""

    FUNC = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4

    def __str__(self) -> str:
        return self.name.lower()


class Mode(IntEnum):
    """Modes of data and element segments."""

    PASSIVE = 0
    ACTIVE = 1
    DECLARATIVE = 2


KIND_OF_TYPE: dict[type, ExternKind] = {
    FuncExtern: ExternKind.FUNC,
    TableType: ExternKind.TABLE,
    MemType: ExternKind.MEMORY,
    GlobalType: ExternKind.GLOBAL,
    TagType: ExternKind.TAG,
}


@dataclass(slots=True)
class Import:
    """One import."""

    module: str
    name: str
    type: ExternType

    @property
    def kind(self) -> ExternKind:
        """Return which index space it extends."""
        return KIND_OF_TYPE[type(self.type)]


@dataclass(slots=True)
class Export:
    """One export; `index` points into the index space of `kind`."""

    name: str
    kind: ExternKind
    index: int


@dataclass(slots=True)
class Func:
    """A defined function. `locals` are run-length groups (count, type), parameters not included.

    offset, size   byte range of the body in the binary (its locals included), None and 0 for text.
    """

    typeidx: int
    locals: tuple[tuple[int, ValType], ...]
    body: Expr
    offset: int | None = None
    size: int = 0


@dataclass(slots=True)
class Table:
    """A defined table; `init` is None when elements start as null."""

    type: TableType
    init: Expr | None = None


@dataclass(slots=True)
class Global:
    """A defined global."""

    type: GlobalType
    init: Expr


@dataclass(slots=True)
class Elem:
    """An element segment; `init` holds one constant expression per element.

    For the many segments that list function indices, `funcidxs` holds them and `init` is empty.
    """

    type: RefType
    init: list[Expr]
    mode: Mode
    tableidx: int = 0
    offset: Expr | None = None
    funcidxs: list[int] | None = None


@dataclass(slots=True)
class Data:
    """A data segment. `init` is a bytes-like view into the binary or bytes of its own."""

    init: bytes | memoryview
    mode: Mode
    memidx: int = 0
    offset: Expr | None = None


@dataclass(slots=True)
class CustomSection:
    """A custom section. `after` is the id of the section it followed (0 = at the start)."""

    name: str
    data: bytes
    after: int = 0
    offset: int | None = None


@dataclass(slots=True)
class Names:
    """What the name section says. Missing names are missing keys."""

    module: str | None = None
    funcs: dict[int, str] = field(default_factory=dict)
    locals: dict[int, dict[int, str]] = field(default_factory=dict)
    labels: dict[int, dict[int, str]] = field(default_factory=dict)
    types: dict[int, str] = field(default_factory=dict)
    tables: dict[int, str] = field(default_factory=dict)
    mems: dict[int, str] = field(default_factory=dict)
    globals: dict[int, str] = field(default_factory=dict)
    elems: dict[int, str] = field(default_factory=dict)
    datas: dict[int, str] = field(default_factory=dict)
    fields: dict[int, dict[int, str]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Module:
    """A module. `tags`, `mems` hold the types of defined tags and memories.

    funcs, datas of a large binary may be sequences that read an entry when it is asked for: only whoever made
                 the module itself may change them.
    data_count   the data count section's value, None if absent.
    binary       the bytes it was decoded from (None for text).
    names        filled by whoever knows names: the decoder on demand, the text parser always.
    branch_hints from the text, by function index: (index of the instruction in its body, bytes), ascending.
                 A decoded module has them in its custom section only, whose byte offsets need no resolving.
    checked      set by validation: `valid.checked.CheckedModule` with closed types and index spaces.
    """

    types: list[RecType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    funcs: list[Func] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    mems: list[MemType] = field(default_factory=list)
    tags: list[TagType] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    start: int | None = None
    elems: list[Elem] = field(default_factory=list)
    datas: list[Data] = field(default_factory=list)
    data_count: int | None = None
    customs: list[CustomSection] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    branch_hints: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    binary: bytes | None = None
    checked: Any = None

    def import_count(self, kind: ExternKind) -> int:
        """Return how many imports come before the definitions in the index space of `kind`."""
        return sum(1 for item in self.imports if item.kind is kind)

    def func_name(self, funcidx: int) -> str | None:
        """Return the function's name from the name section, else from an export, else None."""
        name = self.names.funcs.get(funcidx)
        if name is None:
            for export in self.exports:
                if export.kind is ExternKind.FUNC and export.index == funcidx:
                    return export.name
        return name

    def describe_func(self, funcidx: int) -> str:
        """Return 'function 12 "handler"' for messages."""
        name = self.func_name(funcidx)
        return f'function {funcidx} "{name}"' if name else f"function {funcidx}"
