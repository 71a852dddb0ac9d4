"""Snapshots: the state of an instance at one moment, to go on from as often as you like.

    snapshot = Snapshot.take(store, instance)
    copy = snapshot.restore(Store(engine), imports)      # another instance, in the same state
    snapshot.reset(instance)                             # the same instance, back in that state

The state is what the module itself defines: memories, globals, tables, and which segments were dropped.
Memories are shared page by page with the snapshot until somebody writes to a page (pages.py).
Rule 1: what an instance imports is not part of its state. Functions, tags and immutable globals are given
        anew at each restoring; an instance that imports anything else is refused.
Rule 2: nothing of one copy can be seen from another one or from the snapshot. Values of the host (externref)
        are the exception: copies hold the same Python object.
Rule 3: fuel, limits, data and WASI belong to stores. A copy has those of the store that it is restored in.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..syntax.module import ExternKind
from ..syntax.types import GlobalType, MemType, TableType
from .freezing import Freezer, Frozen, FrozenObject, Thawer
from .instance import Instance
from .instantiate import instantiate_frozen
from .module import Module
from .pages import Pages
from .store import Store, Storelike, check_store
from .table import Table

if TYPE_CHECKING:
    from .instance import Extern

__all__ = ["Snapshot"]


class Snapshot:
    """The state of an instance. Made by `Snapshot.take`; belongs to no store."""

    __slots__ = ("_datas", "_elems", "_globals", "_objects", "_pages", "_tables", "module")

    module: Module
    _globals: list[Frozen]
    _tables: list[list[Frozen] | array[int]]
    _elems: list[list[Frozen] | None]
    _datas: dict[int, Any]
    _objects: list[FrozenObject]
    _pages: list[Pages]

    def __init__(self) -> None:
        raise UsageError("a snapshot is taken: Snapshot.take(store, instance)")

    @classmethod
    def take(cls, store: Storelike, instance: Instance) -> Snapshot:
        """Take the state of an instance whose store is not running.

        Raise UsageError if something of it belongs to others: see the rules of this module.
        """
        _check_still(check_store(store), instance)
        _check_imports(instance)
        made = cls.__new__(cls)
        made.module = instance.module
        freezer = Freezer(instance)
        n_globals = instance.module.syntax.import_count(ExternKind.GLOBAL)
        made._globals = [
            freezer.freeze([item.raw], f"global {n_globals + i}")[0]
            for i, item in enumerate(instance.globals[n_globals:])
        ]
        made._tables = [_freeze_table(freezer, instance, i) for i in range(len(instance.tables))]
        made._elems = [
            None if elem is None else freezer.freeze(elem, f"element segment {i}")
            for i, elem in enumerate(instance.elems)
        ]
        made._datas = _segments_left(instance)
        made._objects = freezer.objects
        made._pages = [Pages(memory.buf) for memory in instance.mems]
        return made

    @property
    def nbytes(self) -> int:
        """Return how many bytes of its memories the snapshot really keeps: runs of zeros take no room."""
        return sum(pages.kept for pages in self._pages)

    def restore(self, store: Storelike, imports: Sequence[Extern] = ()) -> Instance:
        """Return a new instance in the state of the snapshot, with one item per import of the module.

        The start function does not run again. Raise LinkError if the imports do not fit, LimitError at a
        limit. The store may be one of another engine.
        """
        owner = check_store(store)
        instance = Instance.__new__(Instance)
        instance._begin(owner, self.module)
        instantiate_frozen(instance, imports, self._pages, [len(elements) for elements in self._tables])
        self._fill(instance)
        return instance

    def reset(self, instance: Instance) -> None:
        """Put an instance of the same module, in whichever store, into the state of the snapshot.

        Faster than `restore` by far: its functions stay as they are, translated and all.
        """
        _check_still(instance.store, instance)
        if instance.module.checked is not self.module.checked:
            raise UsageError("cannot reset an instance of another module")
        # safe: `take` has looked at what this very module imports
        for memory, pages in zip(instance.mems, self._pages, strict=True):
            memory.load_pages(pages)
        for table, frozen in zip(instance.tables, self._tables, strict=True):
            table.resize(len(frozen))
        self._fill(instance)

    def _fill(self, instance: Instance) -> None:
        """Give globals, tables and segments their values; functions, memories and sizes are there."""
        thaw = Thawer(instance, self._objects).thaw
        own_globals = instance.globals[len(instance.globals) - len(self._globals) :]
        for item, frozen in zip(own_globals, self._globals, strict=True):
            item.raw = thaw(frozen)
        for table, elements in zip(instance.tables, self._tables, strict=True):
            _thaw_table(thaw, instance, table, elements)
        # fast: a Go module has tens of thousands of segments, and all are dropped after its start.
        if not instance.datas:
            instance.datas[:] = [b""] * len(instance.module.syntax.datas)
        left = _segments_left(instance)
        if left == self._datas and instance.elems == self._elems == [None] * len(self._elems):
            return
        instance.elems[:] = [
            None if elem is None else [thaw(frozen) for frozen in elem] for elem in self._elems
        ]
        for i in {*left, *self._datas}:
            instance.datas[i] = self._datas.get(i, b"")
        note = getattr(instance.store.engine.backend, "note_segments", None)
        if note is not None:
            note(instance)

    def __repr__(self) -> str:
        return f"<Snapshot of {self.module!r}, {self.nbytes} bytes>"


def _segments_left(instance: Instance) -> dict[int, Any]:
    """Return the data segments that are not dropped. Instantiation has dropped the active ones."""
    datas = instance.datas
    return {i: datas[i] for i in instance.module.passive_datas if len(datas[i])}


def _freeze_table(freezer: Freezer, instance: Instance, index: int) -> Any:
    """Return a table's elements in frozen form, or as an array of indices if all are of the instance."""
    elems = instance.tables[index].elems
    indices_of = getattr(instance.store.engine.backend, "indices_of", None)
    indices = None if indices_of is None else indices_of(instance, elems)
    return freezer.freeze(elems, f"table {index}") if indices is None else indices


def _thaw_table(thaw: Callable[[Frozen], Any], instance: Instance, table: Table, frozen: Any) -> None:
    """Put frozen elements into a table of their number."""
    if not isinstance(frozen, array):
        table.elems[:] = [thaw(element) for element in frozen]
        return
    fill_elems = getattr(instance.store.engine.backend, "fill_elems", None)
    if fill_elems is not None:
        fill_elems(instance, table.elems, frozen)
        return
    funcs = instance.funcs
    table.elems[:] = [None if index < 0 else funcs[index] for index in frozen]


def _check_still(store: Store, instance: Instance) -> None:
    """Raise UsageError unless this is an instance of the store and nothing runs there."""
    if not isinstance(instance, Instance):
        raise UsageError(f"expected an Instance, got {type(instance).__name__}")
    check_store(store, instance.store, instance)
    if store.nested_calls:
        raise UsageError("this store is running: a snapshot needs it to be at rest")


def _check_imports(instance: Instance) -> None:
    """Raise UsageError if the instance imports what may change."""
    names = instance.module.syntax.imports
    for entry, imported in zip(names, instance.checked.imports, strict=True):
        what = ""
        if isinstance(imported, MemType):
            what = "memory"
        elif isinstance(imported, TableType):
            what = "table"
        elif isinstance(imported, GlobalType) and imported.mutable:
            what = "mutable global"
        if what:
            raise UsageError(
                f"a snapshot holds what a module defines itself, and this one imports "
                f"the {what} {entry.module}.{entry.name}"
            )
