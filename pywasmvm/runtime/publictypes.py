"""The types of the public API, named and shaped as in the wasmtime package, over the closed ones of `syntax`.

Each class wraps one closed type in `.syntax` (`FuncType` also has the interned `.deftype`); `X.of(closed)`
wraps, so nothing is translated back and forth. Spec 2.3 has the types themselves.
Note: `Limits` here is the pair min/max of a type; the limits on resources are `config.Limits`, which the
public API calls `ResourceLimits`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..errors import UsageError
from ..syntax import types as closed
from ..syntax.types import DefType, NumType, RefType
from .deftypes import intern_functype

__all__ = [
    "AnyExternType",
    "ExportType",
    "FuncType",
    "GlobalType",
    "ImportType",
    "Limits",
    "MemoryType",
    "TableType",
    "TagType",
    "ValType",
    "check_functype",
    "wrap_externtype",
]


class ValType:
    """The type of a value. Made by `ValType.i32()` and so on, and `ValType.ref(...)` for other references."""

    __slots__ = ("syntax",)

    syntax: closed.ValType

    def __init__(self) -> None:
        raise UsageError("cannot construct directly: use ValType.i32() and its like")

    @classmethod
    def of(cls, valtype: closed.ValType) -> ValType:
        """Wrap a closed type."""
        wrapped = cls.__new__(cls)
        wrapped.syntax = valtype
        return wrapped

    @classmethod
    def i32(cls) -> ValType:
        """Return i32."""
        return cls.of(NumType.I32)

    @classmethod
    def i64(cls) -> ValType:
        """Return i64."""
        return cls.of(NumType.I64)

    @classmethod
    def f32(cls) -> ValType:
        """Return f32."""
        return cls.of(NumType.F32)

    @classmethod
    def f64(cls) -> ValType:
        """Return f64."""
        return cls.of(NumType.F64)

    @classmethod
    def v128(cls) -> ValType:
        """Return v128; its Python value is an unsigned int of 128 bits, lane 0 lowest."""
        return cls.of(NumType.V128)

    @classmethod
    def externref(cls) -> ValType:
        """Return externref."""
        return cls.of(closed.EXTERNREF)

    @classmethod
    def funcref(cls) -> ValType:
        """Return funcref."""
        return cls.of(closed.FUNCREF)

    @classmethod
    def ref(cls, heaptype: closed.AbsHeapType | DefType | str, nullable: bool = True) -> ValType:
        """Return any reference type; an abstract heap type may go by its name, as in `ValType.ref("any")`."""
        if isinstance(heaptype, str):
            found: closed.AbsHeapType | None = getattr(closed.AbsHeapType, heaptype.upper(), None)
            if found is None:
                raise UsageError(f"unknown heap type {heaptype!r}")
            return cls.of(RefType(nullable, found))
        return cls.of(RefType(nullable, heaptype))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValType) and other.syntax == self.syntax

    def __hash__(self) -> int:
        return hash(self.syntax)

    def __str__(self) -> str:
        return str(self.syntax)

    __repr__ = __str__


def _valtypes(types: Iterable[ValType]) -> tuple[closed.ValType, ...]:
    found = tuple(types)
    for t in found:
        if not isinstance(t, ValType):
            raise UsageError(f"expected a ValType, got {type(t).__name__}")
    return tuple(t.syntax for t in found)


class FuncType:
    """The type of a function."""

    __slots__ = ("deftype",)

    deftype: DefType

    def __init__(self, params: Iterable[ValType], results: Iterable[ValType]) -> None:
        self.deftype = intern_functype(_valtypes(params), _valtypes(results))

    @classmethod
    def of(cls, deftype: DefType) -> FuncType:
        """Wrap a closed function type."""
        wrapped = cls.__new__(cls)
        wrapped.deftype = deftype
        return wrapped

    @property
    def syntax(self) -> closed.FuncType:
        """Return the parameters and results as closed types."""
        return functype_of(self.deftype)

    @property
    def params(self) -> list[ValType]:
        """Return the types of the parameters."""
        return [ValType.of(t) for t in self.syntax.params]

    @property
    def results(self) -> list[ValType]:
        """Return the types of the results."""
        return [ValType.of(t) for t in self.syntax.results]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FuncType) and other.deftype is self.deftype

    def __hash__(self) -> int:
        return hash(self.deftype)

    def __str__(self) -> str:
        return f"func {self.syntax}"

    def __repr__(self) -> str:
        return f"FuncType({self.params!r}, {self.results!r})"


def functype_of(deftype: DefType) -> closed.FuncType:
    """Return the function type behind a closed type."""
    comptype = deftype.comptype
    if not isinstance(comptype, closed.FuncType):
        raise UsageError(f"expected a function type, got {comptype}")
    return comptype


def check_functype(ty: FuncType) -> DefType:
    """Return the closed type of what an embedder gave as a function type."""
    if not isinstance(ty, FuncType):
        raise UsageError(f"expected a FuncType, got {type(ty).__name__}")
    return ty.deftype


class Limits:
    """The bounds on a size: `min`, and `max` or None."""

    __slots__ = ("max", "min")

    def __init__(self, min: int, max: int | None = None) -> None:
        self.min = min
        self.max = max

    @classmethod
    def of(cls, limits: closed.Limits) -> Limits:
        """Wrap."""
        return cls(limits.minimum, limits.maximum)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and (other.min, other.max) == (self.min, self.max)

    def __hash__(self) -> int:
        return hash((self.min, self.max))

    def __repr__(self) -> str:
        return f"Limits({self.min}, {self.max})"


W = TypeVar("W", bound="_Wrapper")


class _Wrapper:
    """What the types that wrap one named tuple of `syntax` have in common."""

    __slots__ = ("syntax",)

    syntax: Any

    @classmethod
    def of(cls: type[W], syntax: Any) -> W:
        """Wrap a closed type."""
        wrapped = cls.__new__(cls)
        wrapped.syntax = syntax
        return wrapped

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.syntax == self.syntax

    def __hash__(self) -> int:
        return hash(self.syntax)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


def _check_limits(limits: object, most: int, what: str) -> closed.Limits:
    if not isinstance(limits, Limits):
        raise UsageError(f"expected Limits, got {type(limits).__name__}")
    if not 0 <= limits.min <= most:
        raise UsageError(f"minimum size too large: {limits.min} {what}, at most {most}")
    if limits.max is not None and not limits.min <= limits.max <= most:
        raise UsageError(
            f"maximum size {limits.max} is not between the minimum {limits.min} and {most} {what}"
        )
    return closed.Limits(limits.min, limits.max)


class MemoryType(_Wrapper):
    """The type of a memory, sizes in pages."""

    __slots__ = ()

    syntax: closed.MemType

    def __init__(
        self, limits: Limits, is_64: bool = False, shared: bool = False, page_size_log2: int = 16
    ) -> None:
        if page_size_log2 not in (0, 16):
            raise UsageError(f"page_size_log2 must be 16 or 0, got {page_size_log2}")
        addrtype = NumType.I64 if is_64 else NumType.I32
        checked = _check_limits(limits, 1 << ((64 if is_64 else 32) - page_size_log2), "pages")
        self.syntax = closed.MemType(addrtype, checked, shared, 1 << page_size_log2)

    @property
    def limits(self) -> Limits:
        """Return the bounds in pages."""
        return Limits.of(self.syntax.limits)

    @property
    def is_64(self) -> bool:
        """Tell whether addresses are i64."""
        return self.syntax.addrtype is NumType.I64

    @property
    def is_shared(self) -> bool:
        """Tell whether it is shared between threads."""
        return self.syntax.shared

    @property
    def page_size(self) -> int:
        """Return the size of a page in bytes."""
        return self.syntax.page_size

    @property
    def page_size_log2(self) -> int:
        """Return the size of a page as a power of two."""
        return self.syntax.page_size.bit_length() - 1

    def __str__(self) -> str:
        shared = " shared" if self.syntax.shared else ""
        return f"memory {_sizes(self.syntax.addrtype, self.syntax.limits)}{shared}"


class TableType(_Wrapper):
    """The type of a table, sizes in elements."""

    __slots__ = ()

    syntax: closed.TableType

    def __init__(self, valtype: ValType, limits: Limits) -> None:
        (reftype,) = _valtypes([valtype])
        if not isinstance(reftype, RefType):
            raise UsageError(f"a table holds references, not {reftype}")
        self.syntax = closed.TableType(NumType.I32, _check_limits(limits, (1 << 32) - 1, "elements"), reftype)

    @property
    def element(self) -> ValType:
        """Return the type of the elements."""
        return ValType.of(self.syntax.reftype)

    @property
    def limits(self) -> Limits:
        """Return the bounds in elements."""
        return Limits.of(self.syntax.limits)

    def __str__(self) -> str:
        return f"table {_sizes(self.syntax.addrtype, self.syntax.limits)} {self.syntax.reftype}"


def _sizes(addrtype: NumType, limits: closed.Limits) -> str:
    maximum = "" if limits.maximum is None else f" {limits.maximum}"
    return f"{'i64 ' if addrtype is NumType.I64 else ''}{limits.minimum}{maximum}"


class GlobalType(_Wrapper):
    """The type of a global."""

    __slots__ = ()

    syntax: closed.GlobalType

    def __init__(self, valtype: ValType, mutable: bool) -> None:
        self.syntax = closed.GlobalType(_valtypes([valtype])[0], bool(mutable))

    @property
    def content(self) -> ValType:
        """Return the type of the value."""
        return ValType.of(self.syntax.valtype)

    @property
    def mutable(self) -> bool:
        """Tell whether it can be set."""
        return self.syntax.mutable

    def __str__(self) -> str:
        return f"global {f'(mut {self.syntax.valtype})' if self.syntax.mutable else self.syntax.valtype}"


class TagType:
    """The type of a tag."""

    __slots__ = ("functype",)

    def __init__(self, functype: FuncType) -> None:
        if not isinstance(functype, FuncType):
            raise UsageError(f"expected a FuncType, got {type(functype).__name__}")
        self.functype = functype

    @classmethod
    def of(cls, deftype: DefType) -> TagType:
        """Wrap the closed function type of a tag."""
        return cls(FuncType.of(deftype))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagType) and other.functype == self.functype

    def __hash__(self) -> int:
        return hash(self.functype)

    def __str__(self) -> str:
        return f"tag {self.functype.syntax}"


AnyExternType = FuncType | TableType | MemoryType | GlobalType | TagType


def wrap_externtype(externtype: closed.ExternType) -> AnyExternType:
    """Wrap the closed type of an import or export."""
    if isinstance(externtype, closed.FuncExtern):
        return FuncType.of(_closed(externtype.type))
    if isinstance(externtype, closed.TagType):
        return TagType.of(_closed(externtype.type))
    wrapped: AnyExternType = _WRAPPERS[type(externtype)].of(externtype)
    return wrapped


_WRAPPERS: dict[type, Any] = {
    closed.TableType: TableType,
    closed.MemType: MemoryType,
    closed.GlobalType: GlobalType,
}


def _closed(heaptype: closed.HeapType) -> DefType:
    if not isinstance(heaptype, DefType):
        raise UsageError(f"type {heaptype} is not closed: validate the module first")
    return heaptype


class ImportType:
    """One import of a module: `module`, `name` and `type`."""

    __slots__ = ("module", "name", "type")

    def __init__(self, module: str, name: str, type: AnyExternType) -> None:  # noqa: A002
        self.module = module
        self.name = name
        self.type = type

    def __repr__(self) -> str:
        return f"<ImportType {self.module}.{self.name}: {self.type}>"


class ExportType:
    """One export of a module: `name` and `type`."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: AnyExternType) -> None:  # noqa: A002
        self.name = name
        self.type = type

    def __repr__(self) -> str:
        return f"<ExportType {self.name}: {self.type}>"
