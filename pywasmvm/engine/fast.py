"""The compiled engine as the runtime sees it: the adapter to `_fast`.

Rule 1: if `_fast` is not built, making the backend raises UnsupportedError; "auto" takes the Python engine.
Rule 2: what the compiled engine cannot run is refused by name, never run wrongly.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from ..binary.names import named_frame
from ..errors import Frame, UnsupportedError
from ..runtime.frames import note_frames
from ..runtime.func import Func
from ..runtime.globals import Global
from ..runtime.meter import Meter, MeterRules
from ..runtime.refs import I31, ExceptionRef
from ..syntax.instructions import Expr
from ..syntax.types import ValType
from .fast_const import evaluate
from .fast_ops import Planner
from .fast_refs import FastHeap, wrap

__all__ = ["FastBackend", "make_backend"]

# A trap's frames are for reading: of a runaway recursion the innermost ones say it all.
MOST_FRAMES = 200


class FastGlobal(Global):
    """A global whose value stands where compiled code reaches it."""

    __slots__ = ("cell",)

    cell: Any

    @property
    def raw(self) -> Any:
        """The raw value."""
        return self.cell.raw

    @raw.setter
    def raw(self, value: Any) -> None:
        try:
            cell = self.cell
        except AttributeError:
            backend: Any = self.store.engine.backend
            cell = self.cell = backend.make_cell(self.store, self.globaltype.valtype)
        cell.raw = value


def _how_built() -> str:
    """Return which compiler built the engine, and how one handler gets to the next."""
    from .._fast.buildinfo import how_built

    return how_built()


@cache
def _classes(core: Any, tank: Any) -> tuple[type[Func], type[MeterRules]]:
    """Return Func and Meter with what makes them fast; for whoever reads their names they are the same."""
    func_class = type("Func", (core.QuickFunc, Func), {"__slots__": (), "__doc__": Func.__doc__})
    meter_class = type("Meter", (tank.Tank, MeterRules), {"__slots__": (), "__doc__": Meter.__doc__})
    return func_class, meter_class


class FastBackend:
    """Runs guests by translating each function to threaded code on its first call."""

    name = "cython"
    # why: asked once in a while, for `--version`, so not imported with the rest.
    how_built = staticmethod(_how_built)
    global_class = FastGlobal

    def __init__(self, engine: Any, core: Any, storage: Any, modinfo: Any, tank: Any) -> None:
        self.engine = engine
        self._core = core
        self._storage = storage
        self._modinfo = modinfo
        self.func_class, self._meter_class = _classes(core, tank)

    def machine(self, store: Any) -> Any:
        """Return what runs the guests of a store."""
        found = getattr(store, "machine", None)
        if found is None:
            meter = self._meter_class()
            for name in Meter.__slots__:
                setattr(meter, name, getattr(store.meter, name))
            store.meter = meter
            tell = partial(note_frames, self)
            found = store.machine = self._core.Machine(store, I31, ExceptionRef, wrap, tell)
            store.heap = FastHeap(found, store.limits.gc_heap_bytes, meter.foresee)
        return found

    def make_elems(self, store: Any, reftype: ValType, init: Any, count: int) -> Any:
        """Return the storage of a table."""
        return self._storage.Elems(self.machine(store), reftype, init, count)

    def make_cell(self, store: Any, valtype: ValType) -> Any:
        """Return the storage of a global."""
        return self._storage.Cell(self.machine(store), valtype)

    def indices_of(self, instance: Any, elems: Any) -> Any:
        """Return the functions in a table as indices of the instance, None if they are not all its own."""
        return elems.indices(instance.code)

    def fill_elems(self, instance: Any, elems: Any, indices: Any) -> None:
        """Put the instance's functions of these indices into a table of that size."""
        elems.fill(instance.code, indices)

    def note_segments(self, instance: Any) -> None:
        """Take note that the instance's segments have been replaced."""
        instance.code.note_segments()

    def bind(self, instance: Any) -> None:
        """Make the compiled side of the instance and of the functions it defines."""
        checked = instance.checked
        info = checked.codes.get(self)
        if info is None:
            info = self._modinfo.ModInfo(checked, self.engine.features, self.engine.limits)
            checked.codes[self] = info
        # why: first of all, since it gives the store its meter.
        machine = self.machine(instance.store)
        planner = Planner(instance, self._storage.Plan)
        planner.free = not self.engine.config.metering
        instance.code = machine.bind(instance, info, planner)

    def give_code(self, func: Any) -> None:
        """Give a function of an instance what the edge calls: somebody wants it for the first time."""
        self.machine(func.store).give_code(func)

    def evaluate(self, instance: Any, expr: Expr, valtype: ValType) -> Any:
        """Return the raw value of a constant expression."""
        return evaluate(instance, expr)

    def frames(self, exc: BaseException) -> tuple[Frame, ...]:
        """Return the guest frames an exception passed, innermost first."""
        found: list[Any] = getattr(exc, "_wasm_frames", [])
        return tuple(
            named_frame(checked.module, funcidx, offset) for checked, funcidx, offset in found[:MOST_FRAMES]
        )


def make_backend(engine: Any) -> FastBackend:
    """Return the compiled engine for an Engine. Raise UnsupportedError if it is not built."""
    try:
        from .._fast import core, modinfo, storage, tank
    except ImportError as error:
        raise UnsupportedError(f"the compiled engine is not built: {error}") from error
    return FastBackend(engine, core, storage, modinfo, tank)
