"""Objects of the compiled engine's heap as the host sees them: the classes of runtime/refs.py, over a hold.

Rule 1: the host has one handle per object as long as it keeps it, so identity is identity of the reference.
Rule 2: a handle keeps its object. A value of the host that an object holds and that leads back to a handle of
that object is a circle no collector sees whole; it goes with the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import InternalError
from ..runtime.refs import ArrayRef, ExceptionRef, GcHeap, StructRef
from ..syntax.types import DefType

__all__ = ["FastHeap", "wrap"]


class Values:
    """Fields or elements: a sequence of raw values that writes through."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self.held[i] for i in range(*key.indices(len(self.held)))]
        return self.held[key + len(self.held) if key < 0 else key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, slice):
            self.held[key + len(self.held) if key < 0 else key] = value
            return
        places, values = range(*key.indices(len(self.held))), list(value)
        if len(places) != len(values):
            raise ValueError("an object keeps its size")
        for place, item in zip(places, values, strict=True):
            self.held[place] = item

    def __iter__(self) -> Iterator[Any]:
        return (self.held[i] for i in range(len(self.held)))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (list, tuple, Values)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


class Holder:
    """A handle: what has a hold on an object."""

    __slots__ = ()

    held: Any

    def __init__(self, held: Any) -> None:
        self.held = held


class Data(Holder):
    """A handle on a structure or an array."""

    __slots__ = ()

    def __del__(self) -> None:
        """Do nothing: the heap keeps its account when it collects."""

    @property
    def deftype(self) -> DefType:
        """The closed type."""
        found: DefType = self.held.owner
        return found


class FastStruct(Data, StructRef):  # type: ignore[override]
    """A structure of the compiled engine's heap."""

    __slots__ = ("held",)

    @property
    def fields(self) -> Any:  # type: ignore[override]
        """The raw fields."""
        return Values(self.held)

    @property
    def descriptor(self) -> Any:
        """The structure that describes it, None for most."""
        return self.held.descriptor

    @descriptor.setter
    def descriptor(self, value: Any) -> None:
        self.held.descriptor = value


class FastArray(Data, ArrayRef):  # type: ignore[override]
    """An array of the compiled engine's heap."""

    __slots__ = ("held",)

    @property
    def elems(self) -> Any:
        """The raw elements."""
        return Values(self.held)


class FastException(Holder, ExceptionRef):
    """An exception of the compiled engine's heap."""

    __slots__ = ("__weakref__", "held")

    @property
    def tag(self) -> Any:  # type: ignore[override]
        """The tag."""
        return self.held.owner

    @property
    def values(self) -> tuple[Any, ...]:
        """The raw values thrown."""
        return tuple(self.held[i] for i in range(len(self.held)))

    @values.setter
    def values(self, values: tuple[Any, ...]) -> None:
        for i, raw in enumerate(values):
            self.held[i] = raw


_CLASSES = {1: FastStruct, 2: FastArray, 3: FastException}


def wrap(held: Any) -> Any:
    """Return the handle of an object."""
    return _CLASSES[held.kind](held)


class FastHeap(GcHeap):
    """The account of a heap that keeps it itself."""

    __slots__ = ("machine",)

    def __init__(self, machine: Any, limit: int | None, foresee: Callable[[float], None]) -> None:
        self.machine = machine
        self.limit, self.foresee, self.collecting = limit, foresee, 0.0

    @property
    def used(self) -> int:  # type: ignore[override]
        """What the objects are charged, in bytes."""
        found: int = self.machine.heap_used
        return found

    def new_struct(self, deftype: DefType, fields: Any, descriptor: Any = None) -> StructRef:
        """Make a structure of these raw fields. Raise LimitError if the heap is full."""
        made: StructRef = self.machine.new_struct(deftype, fields, descriptor)
        return made

    def new_array(self, deftype: DefType, elems: Any) -> ArrayRef:
        """Make an array of these raw elements. Raise LimitError if the heap is full."""
        made: ArrayRef = self.machine.new_array(deftype, elems)
        return made

    def new_exception(self, tag: Any, values: tuple[Any, ...]) -> ExceptionRef:
        """Make a reference to an exception of raw values. Raise LimitError if the heap is full."""
        made: ExceptionRef = self.machine.new_exception(tag, values)
        return made

    def _collect(self) -> None:
        super()._collect()
        self.machine.collect()

    def charge(self, nbytes: int) -> None:
        """Refuse: objects are charged when they are made."""
        raise InternalError("the compiled engine's heap charges by itself")
