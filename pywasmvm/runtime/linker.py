"""The Linker: names to items, so that modules find their imports by name.

Not part of the spec; shaped as in the wasmtime package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import LinkError, Trap, UsageError
from ..syntax.module import ExternKind
from ..syntax.types import DefType, FuncExtern, GlobalType, RefType
from . import wiring
from .engine import Engine
from .func import Func
from .globals import Global
from .imports import unknown_import
from .instance import Extern, Instance
from .module import Module
from .pointer import Pointer
from .publictypes import FuncType, check_functype, functype_of
from .store import Store, Storelike, check_store

if TYPE_CHECKING:
    from ..syntax.types import ExternType
    from .snapshot import Snapshot

__all__ = ["InstancePre", "Linker"]


class _HostFunc:
    """A function without a store: `place` makes it a Func of each store that instantiates with it."""

    __slots__ = ("place",)

    def __init__(self, place: Callable[[Store], Func]) -> None:
        self.place = place

    @classmethod
    def raw(cls, deftype: DefType, func: Callable[..., Any], access_caller: bool = False) -> _HostFunc:
        """Return one on raw values."""
        return cls(lambda store: Func.host(store, deftype, func, access_caller=access_caller))


class _Command:
    """A function of a module that is instantiated anew for every call, as WASI commands want it."""

    __slots__ = ("linker", "module", "name")

    def __init__(self, linker: Linker, module: Module, name: str) -> None:
        self.linker = linker
        self.module = module
        self.name = name

    def place(self, store: Store) -> Func:
        """Return it as a function of `store`."""
        kind, index = self.module.checked.exports[self.name]
        if kind is not ExternKind.FUNC:
            raise UsageError(f"export {self.name!r} of a command is a {kind}, not a function")

        def code(*raws: Any) -> Any:
            instance = self.linker.instantiate(store, self.module)
            return instance.funcs[index].code(*raws)

        return Func.host(store, self.module.checked.funcs[index], code)


_Item = Extern | _HostFunc | _Command


class Linker:
    """Names of modules and fields, with what they stand for.

    allow_shadowing   whether a name may be defined again; the later definition then counts.
    """

    allow_shadowing = False

    def __init__(self, engine: Engine) -> None:
        if not isinstance(engine, Engine):
            raise UsageError(f"expected an Engine, got {type(engine).__name__}")
        self.engine = engine
        self._items: dict[tuple[str, str], _Item] = {}

    def define(self, store: Storelike, module: str, name: str, item: Extern) -> None:
        """Define one item of a store under a name."""
        check_store(store, getattr(item, "store", None), item)
        self._put(module, name, item)

    def define_func(
        self, module: str, name: str, ty: FuncType, func: Callable[..., Any], access_caller: bool = False
    ) -> None:
        """Define a host function for any store; it takes and gives Python values."""
        check_functype(ty)
        self._put(module, name, _HostFunc(lambda store: Func(store, ty, func, access_caller)))

    def define_pointer(self, module: str, name: str, ty: FuncType, pointer: Any, keep: Any = None) -> None:
        """Define a C function for any store; see `Func.from_pointer`."""
        Pointer(check_functype(ty), pointer, keep)  # whatever is wrong with it is told now
        self._put(module, name, _HostFunc(lambda store: Func.from_pointer(store, ty, pointer, keep)))

    def define_raw_func(
        self, module: str, name: str, ty: FuncType, func: Callable[..., Any], access_caller: bool = False
    ) -> None:
        """Define a host function for any store on raw values: unsigned ints, floats as bits."""
        self._put(module, name, _HostFunc.raw(check_functype(ty), func, access_caller))

    def define_instance(self, store: Storelike, name: str, instance: Instance) -> None:
        """Define every export of an instance under the module name given."""
        if not isinstance(instance, Instance):
            raise UsageError(f"expected an Instance, got {type(instance).__name__}")
        for field, item in instance.exports(store).items():
            self._put(name, field, item)

    def define_module(self, store: Storelike, name: str, module: Module) -> None:
        """Define the exports of a module that is instantiated here.

        A WASI command (it exports `_start`) is instantiated for each call of an export; a reactor once,
        now, and its `_initialize` is called.
        """
        owner = check_store(store)
        if not isinstance(module, Module):
            raise UsageError(f"expected a Module, got {type(module).__name__}")
        if "_start" in module.checked.exports:
            for field, (kind, _index) in module.checked.exports.items():
                if kind is ExternKind.FUNC:
                    self._put(name, field, _Command(self, module, field))
            self._put(name, "", _Command(self, module, "_start"))
            return
        instance = self.instantiate(owner, module)
        initialize = instance.export("_initialize")
        if isinstance(initialize, Func):
            initialize(owner)
        self.define_instance(owner, name, instance)

    def define_wasi(self) -> None:
        """Define the functions of WASI preview1; a store gets its WASI world by `set_wasi`."""
        wiring.load(wiring.HOST_MODULES, "wasi")(self)

    def define_unknown_imports_as_traps(self, module: Module) -> None:
        """Define each function import of `module` that has no definition yet as one that traps."""
        for entry, wanted in zip(module.syntax.imports, module.checked.imports, strict=True):
            if isinstance(wanted, FuncExtern) and (entry.module, entry.name) not in self._items:
                code = _trapping(entry.module, entry.name)
                self._items[entry.module, entry.name] = _HostFunc.raw(_deftype(wanted.type), code)

    def define_unknown_imports_as_default_values(self, store: Storelike, module: Module) -> None:
        """Define the function and global imports of `module` that are not yet: as zeros and nulls."""
        owner = check_store(store)
        for entry, wanted in zip(module.syntax.imports, module.checked.imports, strict=True):
            if (entry.module, entry.name) not in self._items:
                item = _default_item(owner, wanted)
                if item is not None:
                    self._items[entry.module, entry.name] = item

    def instantiate(self, store: Storelike, module: Module) -> Instance:
        """Instantiate a module with what is defined here. Raise LinkError if an import does not fit."""
        owner = check_store(store)
        if not isinstance(module, Module):
            raise UsageError(f"expected a Module, got {type(module).__name__}")
        return Instance(owner, module, self._resolve(owner, self._find(module)))

    def restore(self, store: Storelike, snapshot: Snapshot) -> Instance:
        """Restore a snapshot with what is defined here. Raise LinkError if an import does not fit."""
        owner = check_store(store)
        return snapshot.restore(owner, self._resolve(owner, self._find(snapshot.module)))

    def instantiate_pre(self, module: Module) -> InstancePre:
        """Look the imports up now, to instantiate later."""
        return InstancePre(self, module, self._find(module))

    def get(self, store: Storelike, module: str, name: str) -> Extern:
        """Return what is defined under a name. Raise LinkError if nothing is."""
        found = self._items.get((module, name))
        if found is None:
            raise LinkError(f"item not defined in linker: {module}.{name}")
        return self._resolve(check_store(store), [found])[0]

    def get_default(self, store: Storelike, name: str) -> Func:
        """Return the function a module stands for: its export "", else `_start`, else a no-op."""
        for field in ("", "_start"):
            item = self._items.get((name, field))
            if item is not None:
                (found,) = self._resolve(check_store(store), [item])
                if isinstance(found, Func):
                    return found
        if not any(module == name for module, _field in self._items):
            raise LinkError(f"module {name!r} is not defined in linker")
        return Func(store, FuncType([], []), lambda: None)

    def _put(self, module: str, name: str, item: _Item) -> None:
        if not self.allow_shadowing and (module, name) in self._items:
            raise UsageError(f"import of `{module}::{name}` defined twice")
        self._items[module, name] = item

    def _find(self, module: Module) -> list[_Item]:
        found = []
        for entry, wanted in zip(module.syntax.imports, module.checked.imports, strict=True):
            item = self._items.get((entry.module, entry.name))
            if item is None:
                raise unknown_import(entry.module, entry.name, wanted)
            found.append(item)
        return found

    def _resolve(self, store: Store, items: list[_Item]) -> list[Extern]:
        return [item.place(store) if isinstance(item, (_HostFunc, _Command)) else item for item in items]


class InstancePre:
    """A module with its imports looked up."""

    def __init__(self, linker: Linker, module: Module, items: list[_Item]) -> None:
        self.module = module
        self._linker = linker
        self._items = items

    def instantiate(self, store: Storelike) -> Instance:
        """Instantiate it in a store."""
        owner = check_store(store)
        return Instance(owner, self.module, self._linker._resolve(owner, self._items))


def _deftype(heaptype: object) -> DefType:
    if not isinstance(heaptype, DefType):
        raise UsageError("the module is not validated")
    return heaptype


def _trapping(module: str, name: str) -> Callable[..., Any]:
    def code(*_raws: Any) -> Any:
        raise Trap(f"unknown import: `{module}::{name}` has not been defined")

    return code


def _default_item(store: Store, wanted: ExternType) -> _Item | None:
    """Return a function or global that gives zeros and nulls, None for what has no such default."""
    if isinstance(wanted, GlobalType):
        return Global.alloc(store, wanted, None if isinstance(wanted.valtype, RefType) else 0)
    if not isinstance(wanted, FuncExtern):
        return None
    results = functype_of(_deftype(wanted.type)).results
    values = tuple(None if isinstance(t, RefType) else 0 for t in results)
    result = values if len(values) > 1 else (values[0] if values else None)
    return _HostFunc.raw(_deftype(wanted.type), lambda *_raws: result)
