"""References as Python objects, and the account of the garbage-collected heap.

None is the null of every type and a `Func` is a function reference; the rest stands here. Spec 4.2.1 (values)
and 4.2.12 (aggregates).
Rule 1: identity of an object is identity of the reference (ref.eq), except that i31 compares by value.
Rule 2: fields and elements hold raw values; packed ones are unsigned ints of their own width.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, Any

from ..errors import LimitError
from ..syntax.types import ArrayType, DefType, NumType, PackedType, StorageType

if TYPE_CHECKING:
    from .store import Store
    from .tag import Tag

__all__ = [
    "ArrayRef",
    "ExceptionRef",
    "ExternRef",
    "FuncRef",
    "GcHeap",
    "I31",
    "StructRef",
    "exception_nbytes",
]

OBJECT_HEADER_BYTES = 16
_STORAGE_BYTES: dict[object, int] = {
    PackedType.I8: 1,
    PackedType.I16: 2,
    NumType.I32: 4,
    NumType.F32: 4,
    NumType.V128: 16,
}


def storage_nbytes(storage: StorageType) -> int:
    """Return what a field of this type is charged: its own width, 8 for references and 64-bit numbers."""
    return _STORAGE_BYTES.get(storage, 8)


class FuncRef:
    """What every function reference has; `func.Func` is the only one."""

    __slots__ = ("deftype", "store")

    deftype: DefType
    store: Store


class I31:
    """An i31 reference. `bits` are its 31 bits, unsigned."""

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits & 0x7FFFFFFF

    @property
    def value(self) -> int:
        """Return the number it stands for, signed."""
        return self.bits - ((self.bits & 0x40000000) << 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, I31) and other.bits == self.bits

    def __hash__(self) -> int:
        return hash((I31, self.bits))

    def __repr__(self) -> str:
        return f"I31({self.value})"


class ExternRef:
    """A host value inside the guest: what externref carries, and anyref after any.convert_extern."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"ExternRef({self.value!r})"


class _GcRef:
    """A struct or array. Gives its bytes back to the heap's account when Python frees it."""

    __slots__ = ("__weakref__", "_heap", "_nbytes", "deftype")

    def __init__(self, deftype: DefType, heap: GcHeap, nbytes: int) -> None:
        self.deftype = deftype
        self._heap = heap
        self._nbytes = nbytes

    def __del__(self) -> None:
        self._heap.used -= self._nbytes


class StructRef(_GcRef):
    """A structure: `fields` holds raw values. Made by `GcHeap.new_struct`.

    descriptor   the structure that describes it, None for most (proposal custom-descriptors).
    """

    __slots__ = ("descriptor", "fields")

    def __init__(
        self, deftype: DefType, fields: list[Any], heap: GcHeap, nbytes: int, descriptor: StructRef | None
    ) -> None:
        super().__init__(deftype, heap, nbytes)
        self.fields = fields
        self.descriptor = descriptor

    def __repr__(self) -> str:
        return f"<StructRef {self.fields!r}>"


class ArrayRef(_GcRef):
    """An array: `elems` is a list of raw values. Made by `GcHeap.new_array`."""

    __slots__ = ("elems",)

    def __init__(self, deftype: DefType, elems: Any, heap: GcHeap, nbytes: int) -> None:
        super().__init__(deftype, heap, nbytes)
        self.elems = elems

    def __len__(self) -> int:
        return len(self.elems)

    def __repr__(self) -> str:
        return f"<ArrayRef of {len(self.elems)}>"


def exception_nbytes(values: tuple[Any, ...]) -> int:
    """Return what an exception with these values is charged."""
    return OBJECT_HEADER_BYTES + 8 * len(values)


class ExceptionRef:
    """A thrown exception: its tag and the raw values thrown. One a guest holds is on its heap's account."""

    __slots__ = ("_account", "tag", "values")

    def __init__(self, tag: Tag, values: tuple[Any, ...], heap: GcHeap | None = None) -> None:
        self.tag = tag
        self.values = values
        nbytes = exception_nbytes(values)
        if heap is not None:
            heap.charge(nbytes)
        self._account = heap, nbytes

    def __del__(self) -> None:
        heap, nbytes = getattr(self, "_account", (None, 0))
        if heap is not None:
            heap.used -= nbytes


class GcHeap:
    """The account of a store's objects. `used` and `limit` in bytes, limit None is unlimited.

    foresee  raises if there is less time than this before the deadline (Meter.foresee); `collecting` is how
             long Python's collector took the last time, which nothing can interrupt.
    """

    __slots__ = ("collecting", "foresee", "limit", "used")

    def __init__(self, limit: int | None, foresee: Callable[[float], None] = lambda seconds: None) -> None:
        self.limit = limit
        self.used = 0
        self.foresee = foresee
        self.collecting = 0.0

    def new_struct(
        self, deftype: DefType, fields: list[Any], descriptor: StructRef | None = None
    ) -> StructRef:
        """Make a structure of these raw fields. Raise LimitError if the heap is full."""
        nbytes = OBJECT_HEADER_BYTES + 8 * len(fields)
        self.charge(nbytes)
        return StructRef(deftype, fields, self, nbytes, descriptor)

    def new_array(self, deftype: DefType, elems: Any) -> ArrayRef:
        """Make an array of these raw elements. Raise LimitError if the heap is full."""
        nbytes = self.array_nbytes(deftype, len(elems))
        self.charge(nbytes)
        return ArrayRef(deftype, elems, self, nbytes)

    def new_exception(self, tag: Tag, values: tuple[Any, ...]) -> ExceptionRef:
        """Make a reference to an exception of raw values."""
        return ExceptionRef(tag, values, self)

    def array_nbytes(self, deftype: DefType, length: int) -> int:
        """Return what an array of this type and length is charged."""
        comptype = deftype.comptype
        width = storage_nbytes(comptype.field.storage) if isinstance(comptype, ArrayType) else 8
        return OBJECT_HEADER_BYTES + width * length

    def check_room(self, nbytes: int) -> None:
        """Raise LimitError if `nbytes` more do not fit. Call it before building a large list."""
        if self.limit is not None and self.used + nbytes > self.limit:
            if nbytes <= self.limit:
                self._collect()  # why: cycles among guest objects are freed by Python's collector only
            if self.used + nbytes > self.limit:
                raise LimitError(
                    f"gc_heap_bytes limit reached: {self.limit}, {self.used} bytes used, {nbytes} wanted"
                )

    def _collect(self) -> None:
        # why: forgotten bit by bit, since one over cold memory says little; and the thread's time, since one
        # that waited for the processor says nothing of the next.
        self.collecting *= 0.9
        self.foresee(self.collecting)
        began = thread_time()
        gc.collect()
        self.collecting = thread_time() - began

    def charge(self, nbytes: int) -> None:
        """Add to the account. Raise LimitError if it would pass the limit."""
        self.check_room(nbytes)
        self.used += nbytes
