"""What plugins do as they start, done again without running it.

`_initialize` of a Go plugin is millions of instructions, the same in every VM, and so is what it makes of its
configuration. Where that costs more than it takes to keep it, it is noted (retelling.py) together with the
state of the guest afterwards. The next time the host calls are made again, with all their effects: log lines,
random numbers drawn, metrics, records. If each of them reads and writes the very same, that state is the
guest's; if one does not (other random numbers, another time), everything is taken back and the guest runs.
Rule 1: only host calls whose effects can be taken back, or done twice, are told again (REPEATABLE); any other
        one, and it runs.
Rule 2: whoever watches host calls as they happen, or restricts them, gets the real ones.
Rule 3: a guest goes to its state when it is first needed there (Away). Many VMs are only started.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from .guestmem import GuestMemory
from .retelling import Differs, Notes, Told, Turn

if TYPE_CHECKING:
    from .guest import State
    from .vm import Vm

__all__ = ["Away", "Beginnings", "begin"]

REPEATABLE = frozenset(
    """
    fd_write environ_sizes_get environ_get args_sizes_get args_get clock_time_get clock_res_get random_get
    fd_fdstat_get fd_fdstat_set_flags fd_prestat_get fd_prestat_dir_name poll_oneoff proxy_log pthread_equal
    emscripten_notify_memory_growth proxy_get_buffer_bytes proxy_get_buffer_status proxy_get_configuration
    proxy_get_property proxy_get_status proxy_get_log_level proxy_get_current_time_nanoseconds
    proxy_get_shared_data proxy_set_shared_data proxy_define_metric proxy_set_tick_period_milliseconds
    """.split()
)
FOREIGN = "proxy_call_foreign_function"
REPEATABLE_FOREIGN = frozenset({b"get_log_level", b"compress", b"uncompress"})
# Of all that is kept for a kind of guests: places, states, bytes of them, and states of one place. A state
# takes a file descriptor, too.
MOST_PLACES, MOST_STATES, MOST_BYTES, MOST_AT_A_PLACE = 64, 32, 1 << 26, 8
# What it takes to keep a state, in fuel: a snapshot looks at each byte of memory. Less than the second is not
# worth the trouble.
FUEL_PER_BYTE = 0.25
LEAST_FUEL = 50_000
FAILURE = ("failed", "failure", "failure_error")

# The number of the state that something begins in, 0 for that of a new guest, and what it is.
Place = tuple[Any, ...]


@dataclass(frozen=True)
class Beginning:
    """The turns of a beginning, and the guest's state afterwards."""

    turns: list[Turn]
    state: State


def _repeatable(turns: list[Turn]) -> bool:
    """Tell whether turns may be told again."""
    steps = [step for turn in turns for step in turn.all_steps()]
    return all(
        step.name in REPEATABLE or (step.name == FOREIGN and step.first_read() in REPEATABLE_FOREIGN)
        for step in steps
    )


@dataclass
class _Known:
    """What is known of a place: the fuel spent on it since one was kept, and the beginnings kept."""

    spent: float = 0
    kept: list[Beginning] = field(default_factory=list)


class Beginnings:
    """The beginnings that are kept for a kind of guests: those that were used last."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, _Known] = OrderedDict()

    def at(self, place: Place) -> list[Beginning]:
        """Return those of a place."""
        known = self._places.get(place)
        if known is None:
            return []
        self._places.move_to_end(place)
        return known.kept

    def is_worth_keeping(self, place: Place, nbytes: int) -> bool:
        """Tell whether running it has cost as much already as to keep one more, with so much memory."""
        known = self._places.get(place)
        return known is not None and known.spent >= nbytes * FUEL_PER_BYTE

    def ran(self, place: Place, fuel: int) -> None:
        """Be told what running it has cost."""
        if fuel >= LEAST_FUEL:
            self._places.setdefault(place, _Known()).spent += fuel
            self._forget_oldest()

    def keep(self, place: Place, beginning: Beginning | None) -> None:
        """Keep one; None says that none ever can be kept."""
        known = self._places.setdefault(place, _Known())
        if beginning is None:
            known.spent = -math.inf
            return
        known.spent = 0
        known.kept.append(beginning)
        del known.kept[:-MOST_AT_A_PLACE]
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        kept = [beginning.state.kept for beginning in self.all()]
        while len(self._places) > MOST_PLACES or len(kept) > MOST_STATES or sum(kept) > MOST_BYTES:
            _, known = self._places.popitem(last=False)
            del kept[: len(known.kept)]

    def all(self) -> list[Beginning]:
        """Return all that are kept."""
        return [beginning for known in self._places.values() for beginning in known.kept]


class Away(GuestMemory):
    """The memory of a VM whose guest is not in the VM's state yet. It goes there when anything needs it."""

    def __init__(self, vm: Vm, state: State) -> None:
        super().__init__(None, vm.store, vm.memory.count)
        self.vm, self.state = vm, state
        self._memory, self._functions = vm.memory, dict(vm.functions)
        self._standing = {name: partial(self._call, name) for name in self._functions}
        vm.functions.update(self._standing)
        vm.memory = self

    @property
    def nbytes(self) -> int:
        return self.state.nbytes

    def arrive(self) -> GuestMemory:
        vm = self.vm
        if vm.memory is self:
            vm.memory = self._memory
            for name, function in self._functions.items():
                if vm.functions[name] is self._standing[name]:
                    vm.functions[name] = function
            vm.guest.start_from(self.state)
        return self._memory

    def _call(self, name: str, store: Any, *args: int) -> Any:
        self.arrive()
        return self._functions[name](store, *args)

    def peek(self, addr: int, size: int) -> bytes:
        return self.arrive().peek(addr, size)

    def write(self, addr: int, data: bytes) -> None:
        self.arrive().write(addr, data)


class _Undo:
    """What is needed to take back host calls that can be told again; doing the others twice does no harm."""

    def __init__(self, vm: Vm) -> None:
        world = self.world = vm.world
        self.lengths = [(items, len(items)) for items in world.recorded()]
        self.drawn = world.random.getstate()
        self.things: list[tuple[Any, str, Any]] = [
            *((vm, name, copy(getattr(vm, name))) for name in ("recent", "hazards", "_said", "metric_ids")),
            *((vm, name, getattr(vm, name)) for name in ("moment", "spent", *FAILURE)),
            *((context, "spent", context.spent) for context in vm.contexts.values()),
            (world, "shared", copy(world.shared)),
        ]

    def back(self) -> None:
        """Take them back."""
        for items, length in self.lengths:
            del items[length:]
        self.world.random.setstate(self.drawn)
        for thing, name, value in self.things:
            setattr(thing, name, value)


def begin(vm: Vm, what: tuple[Any, ...], run: Callable[[], str]) -> str:
    """Let `run` call the exports that something begins with, or stand in for them with what is known.

    `what` tells it from other beginnings. Return what `run` does: why it failed, or the empty text.
    """
    kind, away = vm.guest.kind, vm.memory if isinstance(vm.memory, Away) else None
    if kind is None or vm.world.host_call_observers or vm.capabilities or vm.scarce:
        return run()
    if away is None and (kind.state is not None or vm.roots):
        return run()  # the guest is in no state that is known
    known, number = kind.beginnings, 0 if away is None or away.state is kind.state else away.state.number
    place = (number, *what)
    if away is not None:
        if any(_again(away, beginning, run) for beginning in known.at(place)):
            return ""
        if known.is_worth_keeping(place, away.nbytes):
            return _noted(away, known, place, run)
    before = vm.spent
    reason = run()
    known.ran(place, vm.spent - before)
    return reason


def _again(away: Away, beginning: Beginning, run: Callable[[], str]) -> bool:
    """Do again what a beginning did. False, with nothing changed, if the host answers otherwise now."""
    vm = away.vm
    undo, functions = _Undo(vm), vm.functions
    told = Told(vm, beginning.turns, away.nbytes)
    vm.memory, vm.functions = told, {name: partial(told.turn, name) for name in functions}
    try:
        same = not run() and not vm.failed and told.is_over()
    except Differs:
        same = False
    finally:
        vm.memory, vm.functions = away, functions
    if same:
        away.state = beginning.state
    else:
        undo.back()
    return same


def _noted(away: Away, known: Beginnings, place: Place, run: Callable[[], str]) -> str:
    """Run a beginning, and keep what it does if that can be told again."""
    vm = away.vm
    away.arrive()
    notes = Notes(vm)
    notes.begin()
    try:
        reason = run()
    finally:
        notes.end()
    if reason or vm.failed:
        return reason
    guest, beginning = vm.guest, None
    if notes.are_whole() and _repeatable(notes.turns):
        guest.at = guest.snapshot()
        beginning = Beginning(notes.turns, guest.at)
        Away(vm, beginning.state)
    known.keep(place, beginning)
    return reason
