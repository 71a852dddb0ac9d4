"""Instances: a module made live in a store. Spec 4.2.11. How one is made stands in `instantiate.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..syntax.module import ExternKind
from .func import Func
from .globals import Global
from .instantiate import instantiate
from .memory import Memory
from .module import Module
from .store import Store, Storelike, check_store
from .table import Table
from .tag import Tag

if TYPE_CHECKING:
    from ..valid.checked import CheckedModule

__all__ = ["Extern", "Instance", "InstanceExports"]

Extern = Func | Table | Memory | Global | Tag


class Instance:
    """A live module.

    checked   what validation found out about the module: closed types, exports.
    funcs, tables, mems, globals, tags   whole index spaces of runtime objects, imports first.
    elems     element segments as lists of raw references, None once dropped.
    datas     data segments as bytes-like objects, empty once dropped.
    """

    __slots__ = (
        "__weakref__",
        "_exports",
        "checked",
        "code",
        "datas",
        "elems",
        "funcs",
        "globals",
        "mems",
        "module",
        "store",
        "tables",
        "tags",
    )

    def __init__(self, store: Storelike, module: Module, imports: Sequence[Extern] = ()) -> None:
        """Instantiate `module` with one item per import, in the order of its imports.

        Raises LinkError if they do not fit (then nothing was changed), LimitError at a limit, Trap if a
        segment or the start function traps (then what was written before stays).
        """
        if not isinstance(module, Module):
            raise UsageError(f"expected a Module, got {type(module).__name__}")
        self._begin(check_store(store), module)
        self.store.call(instantiate, (self, imports))

    def _begin(self, store: Store, module: Module) -> None:
        """Become an instance of `module` with nothing in it yet."""
        self.store = store
        self.module = module
        self.checked: CheckedModule = module.checked
        self.funcs: list[Func] = []
        self.tables: list[Table] = []
        self.mems: list[Memory] = []
        self.globals: list[Global] = []
        self.tags: list[Tag] = []
        self.elems: list[list[Any] | None] = []
        self.datas: list[Any] = []
        self.code: Any = None  # the backend's own: translated functions and the like
        self._exports: InstanceExports | None = None

    def exports(self, store: Storelike) -> InstanceExports:
        """Return the exports, by name and by position."""
        check_store(store, self.store, self)
        if self._exports is None:
            self._exports = InstanceExports(self)
        return self._exports

    def export(self, name: str) -> Extern | None:
        """Return one export, None if there is none of that name."""
        found = self.checked.exports.get(name)
        return None if found is None else self.item(*found)

    def item(self, kind: ExternKind, index: int) -> Extern:
        """Return an item of an index space."""
        spaces: dict[ExternKind, Sequence[Extern]] = {
            ExternKind.FUNC: self.funcs,
            ExternKind.TABLE: self.tables,
            ExternKind.MEMORY: self.mems,
            ExternKind.GLOBAL: self.globals,
            ExternKind.TAG: self.tags,
        }
        return spaces[kind][index]

    def __repr__(self) -> str:
        return f"<Instance of {self.module!r}>"


class InstanceExports(Mapping[str, Extern]):
    """The exports of an instance: a mapping by name, which also takes positions."""

    def __init__(self, instance: Instance) -> None:
        self._items = {name: instance.item(*place) for name, place in instance.checked.exports.items()}
        self.by_index: Sequence[Extern] = tuple(self._items.values())

    def __getitem__(self, key: str | int) -> Any:
        return self.by_index[key] if isinstance(key, int) else self._items[key]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __repr__(self) -> str:
        return f"<InstanceExports {', '.join(self._items)}>"
