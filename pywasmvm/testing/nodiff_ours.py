"""This package's engines as a side of a no-diff run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import (
    CallStackExhausted,
    ExhaustionError,
    InternalError,
    LinkError,
    ModuleError,
    OutOfFuel,
    Trap,
    WasmException,
)
from ..runtime.engine import Engine
from ..runtime.func import Func
from ..runtime.globals import Global
from ..runtime.instance import Instance
from ..runtime.memory import Memory
from ..runtime.module import Module
from ..runtime.refs import I31, ArrayRef, ExceptionRef, ExternRef, FuncRef, StructRef
from ..runtime.settings import Config
from ..runtime.store import Store
from ..runtime.table import Table
from ..syntax.types import AbsHeapType, ArrayType, FuncType, NumType, PackedType, RefType, StructType
from .nodiff_outcome import End, Outcome
from .nodiff_recipes import Recipe
from .nodiff_sides import DEPTH, LIMITS, SHOWN_ELEMENTS

__all__ = ["OurSide"]

_ENDS: tuple[tuple[type[Exception], End], ...] = (
    (OutOfFuel, End.OUT_OF_FUEL),
    (CallStackExhausted, End.STACK),
    (ExhaustionError, End.LIMIT),
    (LinkError, End.UNLINKABLE),
    (ModuleError, End.REFUSED),
)


class _RefusedGrowth:
    """Adds up what growths ask for that memories and tables refuse, while it is entered as a context."""

    def __init__(self) -> None:
        self.units = 0

    def __enter__(self) -> None:
        self.units = 0
        self._saved = (Memory.grow_pages, Table.grow_elems)
        grow_pages, grow_elems = self._saved

        def pages(memory: Memory, delta: int) -> int:
            return self._seen(grow_pages(memory, delta), delta)

        def elems(table: Table, delta: int, init: Any) -> int:
            return self._seen(grow_elems(table, delta, init), delta)

        # why: the engines' one way to grow anything, so nobody needs to keep a count just for these runs.
        setattr(Memory, "grow_pages", pages)  # noqa: B010
        setattr(Table, "grow_elems", elems)  # noqa: B010

    def _seen(self, old: int, delta: int) -> int:
        if old < 0:
            self.units += delta
        return old

    def __exit__(self, *exc_info: object) -> None:
        grow_pages, grow_elems = self._saved
        setattr(Memory, "grow_pages", grow_pages)  # noqa: B010
        setattr(Table, "grow_elems", grow_elems)  # noqa: B010


class OurSide:
    """One of our engines."""

    def __init__(self, engine: str, recipe: Recipe) -> None:
        config = Config()
        config.engine = engine
        config.consume_fuel = True
        for proposal in recipe.proposals:
            setattr(config, proposal, True)
        self.name = engine
        self.engine = Engine(config)
        self.modules: list[tuple[Module, int]] = []
        self.store: Store | None = None
        self.exports: list[list[Any]] = []
        self.refused = _RefusedGrowth()

    def load(self, wasm: bytes, n_imports: int) -> Outcome:
        """Decode and validate a module with that many imports."""
        return self._guard(lambda: self.modules.append((Module(self.engine, wasm), n_imports)))

    def instantiate(self, tank: int) -> Outcome:
        """Instantiate the stub and the module in a fresh store."""
        self._close()
        self.store = store = Store(self.engine)
        store.set_limits(**LIMITS)
        self.exports = []

        def run() -> None:
            offered: list[Any] = []
            for module, n_imports in self.modules:
                instance = Instance(store, module, offered[:n_imports])
                offered = list(instance.exports(store).by_index)
                self.exports.append(offered)

        return self._metered(run, tank)

    def call(self, position: int, functype: FuncType, args: Sequence[Any], tank: int) -> Outcome:
        """Call the export at a position of the last module; `functype` is its type."""
        func: Func = self.exports[-1][position]
        raws = [_raw(arg) for arg in args]

        def run() -> tuple[Any, ...]:
            return tuple(_plain(raw, t) for raw, t in zip(func.invoke(raws), functype.results, strict=True))

        return self._metered(run, tank)

    def state(self) -> dict[str, Any]:
        """Return what can be seen of all exports, by module and position."""
        found = {}
        for number, items in enumerate(self.exports):
            for position, item in enumerate(items):
                found[f"{'stub' if number == 0 else 'module'} export {position}"] = _seen(item)
        return found

    def reset(self) -> None:
        """Forget the modules."""
        self._close()
        self.modules = []
        self.exports = []

    def _close(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None

    def _metered(self, run: Callable[[], Any], tank: int) -> Outcome:
        store = self.store
        if store is None:
            raise InternalError("nothing is instantiated")
        store.set_fuel(tank)
        with self.refused:
            outcome = self._guard(run)
        return replace(outcome, fuel=tank - store.get_fuel(), refused=self.refused.units)

    def _guard(self, run: Callable[[], Any]) -> Outcome:
        try:
            return Outcome(End.RETURNED, run() or ())
        except Trap as trap:
            return Outcome(End.TRAPPED, kinds=frozenset({trap.kind}), text=str(trap))
        except WasmException as thrown:
            types = _params(thrown.tag)
            return Outcome(End.THROWN, tuple(_plain(v, t) for v, t in zip(thrown.values, types, strict=True)))
        except Exception as error:  # noqa: BLE001
            # why: whatever else an engine fails with is a difference to report, and the run goes on.
            for cls, end in _ENDS:
                if isinstance(error, cls):
                    return Outcome(end, text=str(error))
            return Outcome(End.BROKEN, text=f"{type(error).__name__}: {error}")


def _params(tag: Any) -> tuple[Any, ...]:
    comptype = tag.deftype.comptype
    return comptype.params if isinstance(comptype, FuncType) else ()


def _raw(arg: Any) -> Any:
    """Return the raw value of an argument given as plain data."""
    if isinstance(arg, int):
        return arg
    if arg == "null":
        return None
    return ExternRef("argument") if arg == "extern" else I31(arg[1])


def _seen(item: Any) -> Any:
    if isinstance(item, Memory):
        return bytes(item.buf)
    if isinstance(item, Global):
        return _plain(item.raw, item.globaltype.valtype)
    if isinstance(item, Table):
        return tuple(_plain(elem, item.tabletype.reftype) for elem in item.elems)
    return None


def _plain(raw: Any, storage: Any, depth: int = 0) -> Any:
    """Return a raw value as plain data: numbers as bits, references by what they are and hold."""
    if isinstance(storage, (NumType, PackedType)):
        return raw
    if raw is None:
        return "null"
    if isinstance(raw, FuncRef):
        return "func"
    if isinstance(raw, ExceptionRef):
        return "exn"
    if isinstance(storage, RefType) and storage.heaptype in (AbsHeapType.EXTERN, AbsHeapType.NOEXTERN):
        return "extern"
    if isinstance(raw, I31):
        return ("i31", raw.bits)
    if isinstance(raw, StructRef):
        return ("struct", *_fields(raw, depth))
    if isinstance(raw, ArrayRef):
        return ("array", len(raw), *_elements(raw, depth))
    return "host"


def _fields(ref: StructRef, depth: int) -> list[Any]:
    comptype = ref.deftype.comptype
    if depth >= DEPTH or not isinstance(comptype, StructType):
        return []
    types = [field.storage for field in comptype.fields]
    return [_plain(v, t, depth + 1) for v, t in zip(ref.fields, types, strict=True)]


def _elements(ref: ArrayRef, depth: int) -> list[Any]:
    comptype = ref.deftype.comptype
    if depth >= DEPTH or not isinstance(comptype, ArrayType):
        return []
    return [_plain(v, comptype.field.storage, depth + 1) for v in list(ref.elems[:SHOWN_ELEMENTS])]
