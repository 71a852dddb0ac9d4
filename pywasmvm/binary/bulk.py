"""Sections with many entries, kept as numbers: where each entry starts. An entry is read when asked for.

A Go module has tens of thousands of data segments, and a run looks at them once. Finding the entries of such
a section is left to a `Bulk`, which is compiled; without one the decoder makes every entry an object.
Rule 1: a Bulk stops at an entry it does not like, and that entry is then read by the decoder. So what is
        wrong, and how that is said, does not depend on whether there is a Bulk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from ..syntax.module import Data, Func

if TYPE_CHECKING:
    from .read_code import Code

__all__ = ["Bulk", "BulkChecker", "CodeItems", "DataItems", "FuncItems", "Items"]

T = TypeVar("T")
Numbers = Sequence[int]


class BulkChecker(Protocol):
    """Validates the bodies of one module."""

    def accepted(self, first: int) -> tuple[int, bool]:
        """Validate bodies from `first` on. Return the first not accepted, and whether it was refused.

        One that was not refused was not reached.
        """


class Bulk(Protocol):
    """What a compiled reader offers; made for one set of features and limits."""

    def indices(self, data: bytes, pos: int, count: int) -> tuple[Numbers, int]:
        """Read up to `count` numbers. Return them and the offset behind them."""

    def codes(self, data: bytes, pos: int, count: int) -> tuple[Numbers, int]:
        """Find up to `count` entries of the code section. Return their offsets and the offset behind them."""

    def datas(self, data: bytes, pos: int, count: int) -> tuple[Sequence[Numbers], int]:
        """Find up to `count` data segments. Return what `DataItems` keeps, and the offset behind them."""

    def suspect(self, data: bytes, starts: Numbers, first: int, data_too: bool) -> int:
        """Return the index of the first body from `first` on that may be malformed, or how many there are.

        With `data_too` a body that names a data segment is as suspect as one that is malformed.
        """

    def checker(self, checked: Any, starts: Numbers, typeidxs: Numbers, operands: int) -> BulkChecker:
        """Return what validates the bodies of a module, whose stacks hold at most so many operands."""

    def place(
        self,
        data: bytes,
        addrs: Numbers,
        inits: Numbers,
        sizes: Numbers,
        first: int,
        last: int,
        buffer: memoryview,
    ) -> int:
        """Copy data segments into a memory. Return the index of the first that does not fit, or `last`."""


class Items(Sequence[T], Generic[T]):
    """The entries of a section, read by `read` from the offsets in `starts`. Equal to any equal sequence."""

    __slots__ = ("_read", "starts")

    def __init__(self, read: Callable[[int, int], T], starts: Numbers) -> None:
        self._read = read
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        return self._read(index, self.starts[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._read, range(len(self)), self.starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"


class CodeItems(Items["Code"]):
    """The entries of the code section."""

    __slots__ = ("binary", "bulk")

    def __init__(self, read: Callable[[int, int], Code], starts: Numbers, binary: bytes, bulk: Bulk) -> None:
        super().__init__(read, starts)
        self.binary = binary
        self.bulk = bulk

    def suspects(self, *, data_too: bool = False) -> Iterator[int]:
        """Yield the indices of bodies that may be malformed, or may name a data segment."""
        index = 0
        while (index := self.bulk.suspect(self.binary, self.starts, index, data_too)) < len(self):
            yield index
            index += 1


class FuncItems(Items[Func]):
    """The defined functions: their types' indices and the entries of the code section."""

    __slots__ = ("codes", "typeidxs")

    def __init__(self, typeidxs: Numbers, codes: CodeItems) -> None:
        super().__init__(self._make, codes.starts)
        self.typeidxs = typeidxs
        self.codes = codes

    def _make(self, index: int, start: int) -> Func:
        code = self.codes[index]
        return Func(self.typeidxs[index], code.locals, code.body, code.offset, code.size)

    def checker(self, checked: Any, operands: int) -> BulkChecker:
        """Return what validates the bodies, whose stacks may hold so many operands."""
        return self.codes.bulk.checker(checked, self.starts, self.typeidxs, operands)


class DataItems(Items[Data]):
    """The data segments.

    addrs, inits, sizes   by segment: its address, and the place of its bytes in the binary.
    others                the segments that are not active at a constant address in memory 0; `addrs` says
                          nothing of them.
    """

    __slots__ = ("addrs", "binary", "bulk", "inits", "others", "sizes")

    def __init__(
        self, read: Callable[[int, int], Data], found: Sequence[Numbers], binary: bytes, bulk: Bulk
    ) -> None:
        starts, self.addrs, self.inits, self.sizes, self.others = found
        super().__init__(read, starts)
        self.binary = binary
        self.bulk = bulk

    def place(self, first: int, last: int, buffer: memoryview) -> int:
        """Copy the segments from `first` to before `last`, none of them among `others`, into memory 0.

        Return the index of the first that does not fit, or `last`.
        """
        return self.bulk.place(self.binary, self.addrs, self.inits, self.sizes, first, last, buffer)
