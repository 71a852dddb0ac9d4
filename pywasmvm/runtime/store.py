"""The store: what lives and dies together, and its limits. Spec 4.2.3.

Rule 1: everything made in a store stays in it; `check_store` is the one place that refuses a stranger.
Rule 2: whatever a run may use up is counted here or in `meter.py`, never in an engine.
"""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Union

from ..config import Limits
from ..errors import CallStackExhausted, UsageError
from . import depth
from .engine import Engine
from .frames import note_frames
from .meter import UNLIMITED_FUEL, Meter, MeterRules
from .refs import GcHeap

if TYPE_CHECKING:
    from .caller import Caller
    from .memory import Memory
    from .table import Table

__all__ = ["Store", "Storelike", "check_store"]

MOST_NESTED_CALLS = 200
# Seconds that no deadline needs to be longer than.
_ANY_TIME = 1e9


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
        self.meter: MeterRules = Meter()
        self.heap = GcHeap(self.limits.gc_heap_bytes, self.meter.foresee)
        self.wasi: Any = None
        self.closed = False
        self.most_memories: int | None = None
        self.most_tables: int | None = None
        self.instance_count = 0
        self.table_count = 0
        self.memory_count = 0
        self.memories: weakref.WeakSet[Memory] = weakref.WeakSet()
        self.tables: weakref.WeakSet[Table] = weakref.WeakSet()
        self.epoch_deadline: int | None = None
        self.runs: list[Any] = []  # those that have begun and are not done, see run.py
        self.machine: Any = None  # the backend's own
        self._data = data
        self._wasi_config: Any = None
        if engine.config.consume_fuel:
            self.meter.set_fuel(0)
        elif self.limits.fuel is not None:
            engine.check_metered("a limit on fuel")
            self.meter.set_fuel(self.limits.fuel)
        if self.limits.deadline is not None:
            engine.check_metered("a deadline")
        self._arm()
        engine.adopt(self)

    @property
    def nested_calls(self) -> int:
        """Return how many calls from the host to a guest are nested."""
        return self.meter.calls

    def _arm(self) -> None:
        """Note whether a call from outside has anything to begin with."""
        self.meter.armed = self.closed or self.epoch_deadline is not None or self.limits.deadline is not None

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
        self._arm()

    def check_epoch(self) -> None:
        """Interrupt the guest if the deadline has passed. Called by the engine on each tick."""
        if self.epoch_deadline is not None and self.engine.epoch >= self.epoch_deadline:
            self.meter.interrupt()

    def set_deadline(self, seconds: float | None) -> None:
        """Let each call from outside of the guest take so long, None for any time.

        Instantiation is such a call. A call that is under way has `seconds` from now. Past the deadline it
        ends with DeadlineExceeded; what the guest has done until then stays, and the store stays usable.
        """
        self._check_open()
        self.engine.check_metered("a deadline")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float))):
            raise UsageError(f"a deadline is a number of seconds or None, got {seconds!r}")
        if seconds is not None and not 0 < seconds < _ANY_TIME:
            raise UsageError(f"a deadline is a positive number of seconds, got {seconds!r}")
        self.limits = dataclasses.replace(self.limits, deadline=seconds)
        self._arm()
        if self.nested_calls:
            self.meter.start_clock(seconds)

    def call(self, work: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Do what runs guest code: count the nesting, start the clock, make room on Python's stack."""
        before = self.meter.calls
        try:
            self._enter()
            return work(*args)
        except RecursionError:
            pass
        except BaseException as exc:
            note_frames(self.engine.loaded_backend, exc)
            raise
        finally:
            # why: first of all and without a call, since a signal handler may raise at any call.
            self.meter.calls = before
            if not before:
                self.meter.stop_clock()
                depth.lower_limit(self.limits.call_depth)
        # why: outside of the handler, so that thousands of dead frames do not hang on the exception.
        raise self.exhausted()

    def _enter(self) -> None:
        if self.closed:
            raise UsageError("this store is closed")
        if not self.meter.calls:
            self.begin_call()
            depth.raise_limit(self.limits.call_depth)
        elif self.meter.calls >= MOST_NESTED_CALLS:
            # why: each level of guest, host, guest costs native stack, which Python may not count.
            raise CallStackExhausted(
                f"call stack exhausted: {MOST_NESTED_CALLS} nested calls from host to guest"
            )
        self.meter.calls += 1

    def begin_call(self) -> None:
        """Start the clock of a call from outside. Needless if the meter is neither armed nor a run's."""
        if self.epoch_deadline is not None:
            self.check_epoch()
        deadline = self.limits.deadline
        if deadline is not None or self.meter.pause is not None:
            self.meter.start_clock(deadline)

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
        self._arm()
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
