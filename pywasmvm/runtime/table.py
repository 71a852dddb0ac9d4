"""Tables. Spec 4.2.6.

`.elems` is the list the Python engine works on; the methods that take a store are the public API.
"""

from __future__ import annotations

from typing import Any

from ..errors import LimitError, UsageError
from ..syntax import types as syntax
from .publictypes import TableType
from .store import Store, Storelike, check_store
from .values import from_raw, to_raw

__all__ = ["Table"]

# Elements that are added in one go, between two looks at the deadline.
_PIECE = 1 << 15
_MOST_ELEMENTS = {syntax.NumType.I32: (1 << 32) - 1, syntax.NumType.I64: (1 << 64) - 1}


def _refuse_total(store: Store, more: int) -> str:
    """Return why the tables of a store may not have that many more elements, an empty text if they may."""
    most = store.limits.store_table_elements
    if most is None or not more:
        return ""
    total = more + sum(len(table.elems) for table in store.tables)
    return f"store_table_elements is {most}, {total} wanted" if total > most else ""


class Table:
    """A table. `elems` holds raw references and grows in place; `tabletype`'s minimum is the current
    size; `declared` is the type it was made with."""

    __slots__ = ("__weakref__", "declared", "elems", "store", "tabletype")

    def __init__(self, store: Storelike, ty: TableType, init: Any) -> None:
        """Make a table that belongs to the embedder, filled with `init`."""
        if not isinstance(ty, TableType):
            raise UsageError(f"expected a TableType, got {type(ty).__name__}")
        owner = check_store(store)
        self._setup(owner, ty.syntax, to_raw(owner, ty.syntax.reftype, init))

    @classmethod
    def alloc(cls, store: Store, tabletype: syntax.TableType, init: Any) -> Table:
        """Make a table of a type of the module, filled with a raw reference. Raise LimitError at a limit."""
        table = cls.__new__(cls)
        table._setup(store, tabletype, init)
        return table

    def _setup(self, store: Store, tabletype: syntax.TableType, init: Any) -> None:
        minimum, most = tabletype.limits.minimum, store.limits.table_elements
        if most is not None and minimum > most:
            raise LimitError(
                f"table minimum size of {minimum} elements exceeds table limits: table_elements is {most}"
            )
        if store.most_tables is not None and store.table_count >= store.most_tables:
            count, limit = store.table_count + 1, store.most_tables
            raise LimitError(f"resource limit exceeded: table count too high at {count}, limit {limit}")
        refusal = _refuse_total(store, minimum)
        if refusal:
            raise LimitError(f"table minimum size of {minimum} elements exceeds table limits: {refusal}")
        self.store = store
        self.tabletype = self.declared = tabletype
        # A backend of compiled code brings storage of its own, which works like a list that never shrinks.
        make = getattr(store.engine.backend, "make_elems", None)
        self.elems: Any = make(store, tabletype.reftype, init, minimum) if make else [init] * minimum
        store.table_count += 1
        store.tables.add(self)

    def may_grow(self, delta: int) -> bool:
        """Tell whether neither its type nor a limit forbids that many more elements."""
        bounds = (
            _MOST_ELEMENTS[self.tabletype.addrtype],
            self.tabletype.limits.maximum,
            self.store.limits.table_elements,
        )
        fits = all(most is None or len(self.elems) + delta <= most for most in bounds)
        return fits and not _refuse_total(self.store, delta)

    def growth_units(self, delta: int) -> int:
        """Return the units of fuel that growing by `delta` elements costs: nothing if it is forbidden."""
        return delta if self.may_grow(delta) else 0

    def grow_elems(self, delta: int, init: Any) -> int:
        """Grow as table.grow does, with a raw reference. Return the old size, or -1 if it cannot."""
        old = len(self.elems)
        if not self.may_grow(delta):
            return -1
        try:
            self._extend(delta, init)
        finally:
            maximum = self.tabletype.limits.maximum
            self.tabletype = self.tabletype._replace(limits=syntax.Limits(len(self.elems), maximum))
        return old

    def resize(self, size: int) -> None:
        """Become `size` elements long, new ones null. Raise LimitError if a limit forbids it."""
        old = len(self.elems)
        if size > old and self.grow_elems(size - old, None) < 0:
            raise LimitError(f"failed to grow table by {size - old} from {old} elements")
        if size < old:
            del self.elems[size:]
            self.tabletype = self.tabletype._replace(
                limits=syntax.Limits(size, self.tabletype.limits.maximum)
            )

    def _extend(self, delta: int, init: Any) -> None:
        """Add elements in pieces. If the deadline passes, what was added stays: freeing it takes long."""
        for start in range(0, delta, _PIECE):
            self.elems.extend([init] * min(_PIECE, delta - start))
            self.store.meter.check(False)

    def type(self, store: Storelike) -> TableType:
        """Return the type it was made with; `size` says how large it is now."""
        check_store(store, self.store, self)
        return TableType.of(self.declared)

    def size(self, store: Storelike) -> int:
        """Return the number of elements."""
        check_store(store, self.store, self)
        return len(self.elems)

    def grow(self, store: Storelike, amt: int, init: Any) -> int:
        """Add elements. Return the old size; raise LimitError if it cannot grow."""
        check_store(store, self.store, self)
        if amt < 0:
            raise UsageError("cannot grow by negative amount")
        old = self.grow_elems(amt, to_raw(self.store, self.tabletype.reftype, init))
        if old < 0:
            raise LimitError(f"failed to grow table by {amt} from {len(self.elems)} elements")
        return old

    def get(self, store: Storelike, idx: int) -> Any:
        """Return an element as a Python value; None for a null and past the end."""
        check_store(store, self.store, self)
        if not 0 <= idx < len(self.elems):
            return None
        return from_raw(self.tabletype.reftype, self.elems[idx])

    def set(self, store: Storelike, idx: int, val: Any) -> None:
        """Set an element from a Python value. Raise UsageError past the end."""
        check_store(store, self.store, self)
        if not 0 <= idx < len(self.elems):
            raise UsageError(f"table index out of bounds: {idx} in a table of {len(self.elems)} elements")
        self.elems[idx] = to_raw(self.store, self.tabletype.reftype, val)

    def __repr__(self) -> str:
        return f"<Table of {len(self.elems)} {self.tabletype.reftype}>"
