"""Index spaces with their identifiers, and the type section while it is collected: spec chapters 6.1, 6.4.

A type use without `(type ...)` means the first plain function type of that shape, which is added behind the
explicit types if there is none.
"""

from __future__ import annotations

from ..syntax.types import CompType, FuncType, RecType, SubType

__all__ = ["Space", "TypeTable"]


class Space:
    """One index space: how many entries it has and which have identifiers."""

    __slots__ = ("count", "ids", "names", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.count = 0
        self.ids: dict[str, int] = {}
        self.names: dict[int, str] = {}

    def bind(self, name: str | None) -> bool:
        """Append an entry; return False if its identifier is taken."""
        index = self.count
        self.count += 1
        if name is None:
            return True
        self.names[index] = name
        return self.ids.setdefault(name, index) == index


class TypeTable:
    """The types of a module: the explicit ones, then those that type uses imply."""

    def __init__(self) -> None:
        self.groups: list[RecType] = []
        self.subtypes: list[SubType] = []
        self._plain: dict[FuncType, int] = {}

    def add_group(self, subtypes: list[SubType]) -> None:
        """Append one recursive group."""
        first = len(self.subtypes)
        self.groups.append(RecType(tuple(subtypes)))
        self.subtypes += subtypes
        if len(subtypes) == 1:
            only = subtypes[0]
            if only.final and not only.supers and isinstance(only.comptype, FuncType):
                self._plain.setdefault(only.comptype, first)

    def comptype(self, typeidx: int) -> CompType | None:
        """Return the composite type, None if there is no such type (yet)."""
        return self.subtypes[typeidx].comptype if typeidx < len(self.subtypes) else None

    def plain_function(self, functype: FuncType) -> int:
        """Return the index of the plain type of this shape; add it if need be."""
        found = self._plain.get(functype)
        if found is None:
            found = len(self.subtypes)
            self.add_group([SubType(True, (), functype)])
        return found
