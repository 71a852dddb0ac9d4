"""The store: what lives and dies together, its fuel and its limits. Spec 4.2.3.

Rule 1: everything made in a store stays in it; `check_store` is the one place that refuses a stranger.
Rule 2: whatever a run may use up is counted here or in `Meter`, never in an engine.
"""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

from ..config import Limits
from ..errors import CallStackExhausted, LimitError, OutOfFuel, UsageError
from . import depth
from .engine import Engine
from .frames import note_frames
from .refs import GcHeap

if TYPE_CHECKING:
    from .caller import Caller
    from .memory import Memory
    from .table import Table

__all__ = ["UNLIMITED_FUEL", "Meter", "Store", "Storelike", "check_store"]

# Fits a signed 64-bit register with room for a block that overdraws.
UNLIMITED_FUEL = 1 << 62
# What an interrupt takes out of the tank, so that the next block finds it empty; within 64 bits, too.
_INTERRUPT_DEBT = 3 << 61
_SURELY_IN_DEBT = -(1 << 60)

MOST_NESTED_CALLS = 200


class Meter:
    """The fuel tank. Generated code does `S.fuel -= cost; if S.fuel < 0: S.empty(cost)`.

    fuel     units at hand; UNLIMITED_FUEL and below when nothing was set.
    reserve  units that come to hand when `fuel` is used up.
    filled   units put in so far, so that consumed = filled - remaining.
    portion  the most that is at hand at a time, None for everything. The Python engine sets it: small numbers
             are faster, and a loop that keeps the fuel in a local comes by here once a portion.
    refill   called with the cost that could not be paid; returns units to add, 0 for none.
    """

    __slots__ = ("filled", "fuel", "interrupted", "limited", "portion", "refill", "reserve")

    def __init__(self) -> None:
        self.fuel = UNLIMITED_FUEL
        self.reserve = 0
        self.filled = UNLIMITED_FUEL
        self.portion: int | None = None
        self.limited = False
        self.interrupted = False
        self.refill: Callable[[int], int] | None = None

    @property
    def remaining(self) -> int:
        """Return the units left, also while an interrupt is pending."""
        return self.fuel + self.reserve + (_INTERRUPT_DEBT if self.fuel < _SURELY_IN_DEBT else 0)

    @property
    def consumed(self) -> int:
        """Return the units used since the store was made."""
        return self.filled - self.remaining

    def set_fuel(self, fuel: int) -> None:
        """Replace what is in the tank."""
        self.add(fuel - self.remaining)
        self.limited = True

    def add(self, units: int) -> None:
        """Put units in (or take them out) without changing what counts as consumed."""
        self.fuel += units
        self.filled += units
        self._share()

    def set_portion(self, portion: int | None) -> None:
        """Set the most that is at hand at a time."""
        self.portion = portion
        self._share()

    def _share(self, least: int = 0) -> None:
        """Divide what there is between `fuel` and `reserve`, `least` at hand if there is so much."""
        if self.interrupted:
            return
        total = self.fuel + self.reserve
        self.fuel = total if self.portion is None else min(total, max(self.portion, least))
        self.reserve = total - self.fuel

    def gather(self, need: int) -> None:
        """Bring `need` units to hand, or all there are. Nobody is charged, nothing is refilled."""
        self._share(need)

    def interrupt(self) -> None:
        """Make the next block stop. May be called from another thread or a signal handler.

        A thread that is just writing `fuel` back can lose this, so whoever interrupts repeats it: the epoch
        ticks on. In return nothing is asked of the loop.
        """
        self.interrupted = True
        if self.fuel >= _SURELY_IN_DEBT:
            self.fuel -= _INTERRUPT_DEBT

    def empty(self, cost: int) -> None:
        """Deal with an overdrawn tank: put `cost` back, then raise, or charge it if a refill allows it."""
        self.fuel += cost
        if self.interrupted:
            self.interrupted = False
            # why: a loop that wrote its own count back has wiped the debt out; nothing is owed then.
            self.fuel += _INTERRUPT_DEBT if self.fuel < _SURELY_IN_DEBT else 0
            raise LimitError("epoch deadline reached: the guest was interrupted")
        if self.refill is not None and self.remaining < cost:
            self.add(self.refill(cost))
        self._share(cost)
        if self.fuel < cost:
            raise OutOfFuel(f"all fuel consumed: {cost} units needed, {self.fuel} left", fuel_needed=cost)
        self.fuel -= cost


class Activity:
    """A call from outside into a store, as a context: counts the nesting, makes room on the stack."""

    __slots__ = ("store",)

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> None:
        store = self.store
        if store.closed:
            raise UsageError("this store is closed")
        if store.nested_calls:
            if store.nested_calls >= MOST_NESTED_CALLS:
                # why: each level of guest, host, guest costs native stack, which Python may not count.
                raise CallStackExhausted(
                    f"call stack exhausted: {MOST_NESTED_CALLS} nested calls from host to guest"
                )
        else:
            store.check_epoch()
            depth.raise_limit(store.limits.call_depth)
        store.nested_calls += 1

    def __exit__(self, _kind: object, exc: BaseException | None, _traceback: object) -> None:
        store = self.store
        store.nested_calls -= 1
        if not store.nested_calls:
            depth.lower_limit(store.limits.call_depth)
        if exc is not None and not isinstance(exc, RecursionError):
            note_frames(store.engine.loaded_backend, exc)


class Store:
    """Everything a set of instances share. Not to be used from two threads at once."""

    def __init__(
        self, engine: Engine | None = None, data: Any = None, *, limits: Limits | None = None
    ) -> None:
        """Make an empty store. `limits` replace those of the engine for what is made and run here."""
        if engine is None:
            engine = Engine()
        elif not isinstance(engine, Engine):
            raise UsageError(f"expected an Engine, got {type(engine).__name__}")
        self.engine = engine
        self.limits: Limits = limits or engine.limits
        self.meter = Meter()
        self.heap = GcHeap(self.limits.gc_heap_bytes)
        self.wasi: Any = None
        self.closed = False
        self.most_memories: int | None = None
        self.most_tables: int | None = None
        self.instance_count = 0
        self.table_count = 0
        self.memory_count = 0
        self.memories: weakref.WeakSet[Memory] = weakref.WeakSet()
        self.tables: weakref.WeakSet[Table] = weakref.WeakSet()
        self.nested_calls = 0
        self.activity = Activity(self)
        self.epoch_deadline: int | None = None
        self.machine: Any = None  # the backend's own
        self._data = data
        self._wasi_config: Any = None
        if engine.config.consume_fuel:
            self.meter.set_fuel(0)
        elif self.limits.fuel is not None:
            engine.check_metered("a limit on fuel")
            self.meter.set_fuel(self.limits.fuel)
        engine.adopt(self)

    def data(self) -> Any:
        """Return the embedder's own value, as given to the constructor."""
        return self._data

    def set_fuel(self, fuel: int) -> None:
        """Set the fuel that is left. Without it (and without a limit in the Config) a store has no bound.

        Raise UsageError if the engine does not meter.
        """
        self._check_open()
        self.engine.check_metered("fuel")
        if not isinstance(fuel, int) or not 0 <= fuel < UNLIMITED_FUEL:
            raise UsageError(f"fuel is a number of units from 0 to 2**62 - 1, got {fuel!r}")
        self.meter.set_fuel(fuel)

    def get_fuel(self) -> int:
        """Return the fuel that is left. Raise UsageError if none was ever set: then there is no bound."""
        self._check_open()
        if not self.meter.limited:
            raise UsageError("fuel was never set on this store: call set_fuel first, or read fuel_consumed")
        return max(self.meter.remaining, 0)

    @property
    def fuel_consumed(self) -> int:
        """Return the units of fuel that this store's guests have used so far, set or not (0 if unmetered)."""
        return self.meter.consumed

    def set_epoch_deadline(self, ticks_after_current: int) -> None:
        """Interrupt the guest with a LimitError when the engine's epoch has moved on by so many ticks."""
        self._check_open()
        self.engine.check_metered("an epoch deadline")
        self.epoch_deadline = self.engine.epoch + ticks_after_current

    def check_epoch(self) -> None:
        """Interrupt the guest if the deadline has passed. Called by the engine on each tick."""
        if self.epoch_deadline is not None and self.engine.epoch >= self.epoch_deadline:
            self.meter.interrupt()

    def set_limits(
        self,
        memory_size: int = -1,
        table_elements: int = -1,
        instances: int = -1,
        tables: int = -1,
        memories: int = -1,
    ) -> None:
        """Bound what this store may hold; a negative number leaves that bound as it is.

        memory_size is in bytes per memory, table_elements per table, the rest are counts. They hold for what
        is made or grown from now on.
        """
        self._check_open()
        changes: dict[str, int] = {}
        if memory_size >= 0:
            changes["memory_bytes"] = memory_size
        if table_elements >= 0:
            changes["table_elements"] = table_elements
        if instances >= 0:
            changes["instances"] = instances
        self.limits = dataclasses.replace(self.limits, **changes)
        if tables >= 0:
            self.most_tables = tables
        if memories >= 0:
            self.most_memories = memories

    def exhausted(self) -> CallStackExhausted:
        """Return the error for a guest whose calls nest too deeply or hold too much."""
        depth, nbytes = self.limits.call_depth, self.limits.value_stack_bytes
        return CallStackExhausted(
            f"call stack exhausted: more than {depth} calls are nested (call_depth), "
            f"or they hold more than {nbytes} bytes (value_stack_bytes)"
        )

    def set_wasi(self, wasi: Any) -> None:
        """Give the guests of this store a WASI world; it starts when the first WASI call needs it."""
        self._check_open()
        if self.wasi is not None:
            self.wasi.close()
        self.wasi = wasi.build(self)

    def gc(self) -> None:
        """Free unreachable guest objects now."""
        gc.collect()
        if self.machine is not None:
            self.machine.collect()

    @property
    def memory_nbytes(self) -> int:
        """Return the bytes in all memories of this store."""
        return sum(memory.vmem.nbytes for memory in self.memories)

    def close(self) -> None:
        """Let go of the memories; using anything of this store afterwards raises UsageError."""
        if self.closed:
            return
        if self.nested_calls:
            raise UsageError("this store is running: it cannot be closed from inside a call")
        self.closed = True
        for memory in list(self.memories):
            memory.close()
        if self.wasi is not None:
            self.wasi.close()

    def __enter__(self) -> Store:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self.closed:
            raise UsageError("this store is closed")


Storelike = Union[Store, "Caller"]


def check_store(storelike: object, owner: Store | None = None, what: object = None) -> Store:
    """Return the open store meant by a Store or a Caller. Raise UsageError if it is not `owner`."""
    store = storelike if isinstance(storelike, Store) else getattr(storelike, "store", None)
    if not isinstance(store, Store):
        raise UsageError(f"expected a Store, got {type(storelike).__name__}")
    if store.closed:
        raise UsageError("this store is closed")
    if owner is not None and owner is not store:
        raise UsageError(f"this {type(what).__name__} belongs to another store")
    return store
