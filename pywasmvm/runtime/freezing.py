"""References taken out of one instance, to be put into another one of the same module.

A number stays what it is. A function becomes its index, an object of the garbage-collected heap a copy of its
fields; values of the host are the host's own and are handed on as they are.
Rule 1: objects that refer to one another do so again in each copy, and never to the original.
Rule 2: what belongs to another instance cannot be taken out; it is refused, naming the place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from .func import Func
from .refs import ArrayRef, ExceptionRef, StructRef

if TYPE_CHECKING:
    from .instance import Instance

__all__ = ["Freezer", "Frozen", "FrozenObject", "Thawer"]


class FuncAt(NamedTuple):
    """The function of this index in the instance."""

    funcidx: int


class ObjectAt(NamedTuple):
    """The object of this number among those frozen."""

    number: int


class FrozenObject(NamedTuple):
    """A struct, array or exception: its class, its type or the index of its tag, its frozen values.

    `descriptor` is the frozen descriptor of a struct that has one.
    """

    cls: type
    what: Any
    values: Any
    descriptor: Any = None


Frozen = Any


class Freezer:
    """Takes references out of an instance. `objects` are the frozen objects found on the way."""

    def __init__(self, instance: Instance) -> None:
        self.objects: list[FrozenObject] = []
        self._instance = instance
        self._imported = {
            id(func): i for i, func in enumerate(instance.funcs) if func.instance is not instance
        }
        self._tags = {id(tag): i for i, tag in enumerate(instance.tags)}
        self._numbers: dict[Any, int] = {}
        self._found: list[Any] = []

    def freeze(self, raws: Iterable[Any], place: str) -> list[Frozen]:
        """Return raw values in frozen form. Raise UsageError for what belongs to another instance."""
        frozen = [self._one(raw, place) for raw in raws]
        # why: a list and not recursion, because a linked list of the guest's may be a million objects long.
        while len(self.objects) < len(self._found):
            self.objects.append(self._object(self._found[len(self.objects)], place))
        return frozen

    def _one(self, raw: Any, place: str) -> Frozen:
        if isinstance(raw, Func):
            return self._func(raw, place)
        if not isinstance(raw, (StructRef, ArrayRef, ExceptionRef)):
            return raw
        number = self._numbers.get(raw)
        if number is None:
            number = self._numbers[raw] = len(self._found)
            self._found.append(raw)
        return ObjectAt(number)

    def _func(self, func: Func, place: str) -> FuncAt:
        if func.instance is self._instance and func.funcidx is not None:
            return FuncAt(func.funcidx)
        index = self._imported.get(id(func))
        if index is None:
            raise UsageError(f"cannot take a snapshot: {place} refers to a function of another instance")
        return FuncAt(index)

    def _object(self, found: Any, place: str) -> FrozenObject:
        if isinstance(found, ExceptionRef):
            tagidx = self._tags.get(id(found.tag))
            if tagidx is None:
                raise UsageError(f"cannot take a snapshot: {place} refers to a tag of another instance")
            return FrozenObject(ExceptionRef, tagidx, [self._one(v, place) for v in found.values])
        if isinstance(found, ArrayRef):
            elems = found.elems
            if isinstance(elems, (bytes, bytearray)):
                return FrozenObject(ArrayRef, found.deftype, bytes(elems))
            return FrozenObject(ArrayRef, found.deftype, [self._one(value, place) for value in elems])
        descriptor = self._one(found.descriptor, place)
        return FrozenObject(StructRef, found.deftype, [self._one(v, place) for v in found.fields], descriptor)


class Thawer:
    """Puts frozen values into an instance of the same module."""

    def __init__(self, instance: Instance, objects: list[FrozenObject]) -> None:
        self._instance = instance
        self._made = [self._empty(item) for item in objects]
        for made, item in zip(self._made, objects, strict=True):
            self._fill(made, item)

    def thaw(self, frozen: Frozen) -> Any:
        """Return the raw value."""
        kind = type(frozen)
        if kind is FuncAt:
            return self._instance.funcs[frozen.funcidx]
        if kind is ObjectAt:
            return self._made[frozen.number]
        return frozen

    def _empty(self, item: FrozenObject) -> Any:
        """Return the object with nothing in it yet: what it refers to may not be made."""
        heap = self._instance.store.heap
        values: Any = item.values
        if not isinstance(values, bytes):
            values = [None if type(v) in (ObjectAt, FuncAt) else v for v in values]
        if item.cls is ExceptionRef:
            return heap.new_exception(self._instance.tags[item.what], tuple(values))
        if item.cls is ArrayRef:
            return heap.new_array(item.what, bytearray(values) if isinstance(values, bytes) else values)
        return heap.new_struct(item.what, values)

    def _fill(self, made: Any, item: FrozenObject) -> None:
        if item.cls is ExceptionRef:
            made.values = tuple(map(self.thaw, item.values))
        elif item.cls is StructRef:
            made.fields[:] = map(self.thaw, item.values)
            made.descriptor = self.thaw(item.descriptor)
        elif not isinstance(item.values, bytes):
            made.elems[:] = map(self.thaw, item.values)
