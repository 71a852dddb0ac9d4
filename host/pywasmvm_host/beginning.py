"""What a VM does before its first callback, done again without running it.

`_initialize` of a Go plugin is millions of instructions, the same in every VM. What a guest does is a
function of its state, its fuel and what the host answers. So once its host calls are noted, with every byte
they read and wrote, and its state afterwards is kept. The next time the host calls are made again, in the
same order and with all their effects: log lines, random numbers drawn, records. If each of them reads and
writes the very same, the state is put in place; if one does not (other random numbers, another time),
everything is taken back and the guest runs.
Rule 1: only host calls whose effects can be taken back are noted (REPEATABLE); any other one, and it runs.
Rule 2: whoever watches host calls as they happen, or restricts them, gets the real ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .guest import MOST_BEGINNINGS
from .guestmem import GuestMemory

if TYPE_CHECKING:
    from .guest import Guest
    from .vm import Vm

__all__ = ["begin"]

REPEATABLE = frozenset(
    """
    fd_write environ_sizes_get environ_get args_sizes_get args_get clock_time_get clock_res_get random_get
    fd_fdstat_get fd_fdstat_set_flags fd_prestat_get fd_prestat_dir_name poll_oneoff proxy_log pthread_equal
    emscripten_notify_memory_growth
    """.split()
)
MOST_CALLS = 1_000
MOST_BYTES = 1 << 20

# A read or write of the guest's memory: which, where, and its bytes.
Access = tuple[str, int, bytes]


class _Differs(Exception):  # noqa: N818 - why: no error, and never leaves this file
    """A host call answers otherwise than it did."""


@dataclass(frozen=True)
class _Step:
    """A host call: its name, its words, what it did to memory, and its answer."""

    name: str
    words: tuple[int, ...]
    accesses: list[Access]
    status: int | None


@dataclass(frozen=True)
class Beginning:
    """What an export did: its host calls, the fuel it took, and the guest's state afterwards.

    nbytes  the size of its memory before.
    """

    steps: list[_Step]
    fuel: int
    state: Any
    nbytes: int


class _NotedMemory(GuestMemory):
    """Memory whose accesses are noted, together with how many host calls had ended before."""

    def __init__(self, memory: GuestMemory, ended: Callable[[], int]) -> None:
        super().__init__(memory.memory, memory.store, memory.count)
        self.accesses: list[tuple[int, Access]] = []
        self.nbytes_noted = 0
        self.ended = ended

    def _note(self, what: str, addr: int, data: bytes) -> None:
        self.nbytes_noted += len(data)
        self.accesses.append((self.ended(), (what, addr, data)))

    def read(self, addr: int, size: int) -> bytes:
        data = super().read(addr, size)
        self._note("read", addr, data)
        return data

    def write(self, addr: int, data: bytes) -> None:
        super().write(addr, data)
        self._note("write", addr, bytes(data))


class _ToldMemory(GuestMemory):
    """Memory that is not there: reads give what they gave, and writes must be what they were."""

    def __init__(self, memory: GuestMemory, nbytes: int) -> None:
        super().__init__(memory.memory, memory.store, memory.count)
        self.accesses: Iterator[Access] = iter(())
        self.nbytes_told = nbytes

    @property
    def nbytes(self) -> int:
        return self.nbytes_told

    def _next(self, what: str, addr: int, nbytes: int) -> bytes:
        expected = next(self.accesses, ("", 0, b""))
        if (what, addr, nbytes) != (expected[0], expected[1], len(expected[2])):
            raise _Differs
        self.count(nbytes)
        return expected[2]

    def read(self, addr: int, size: int) -> bytes:
        return self._next("read", addr, size & 0xFFFFFFFF)

    def write(self, addr: int, data: bytes) -> None:
        if self._next("write", addr, len(data)) != data:
            raise _Differs


def begin(vm: Vm, calls: list[tuple[str, tuple[int, ...]]]) -> None:
    """Call the exports that a plugin begins with, or do again what they did in another VM."""
    guest = vm.guest
    kind = guest.kind
    state = None if kind is None else kind.state
    watched = vm.world.host_call_observers or vm.capabilities or vm.scarce
    if kind is not None and state is not None and len(calls) == 1 and not watched:
        name, known = calls[0][0], kind.beginnings
        if any(_again(vm, name, beginning) for beginning in known):
            return
        guest.start_from(state)
        if len(known) < MOST_BEGINNINGS:
            made = _noted(vm, name)
            if made is not None:
                known.append(made)
                guest.begun = made.state
            return
    elif state is not None:
        guest.start_from(state)
    for name, args in calls:
        vm.call(None, name, *args)


def _noted(vm: Vm, name: str) -> Beginning | None:
    """Call an export and note what it does. None if that cannot be done again."""
    real, recent, n_records = vm.memory, vm.recent, len(vm.world.records)
    nbytes = real.nbytes
    noted = _NotedMemory(real, lambda: len(calls))
    calls: deque[Any] = deque()
    vm.memory, vm.recent = noted, calls
    try:
        vm.call(None, name)
    finally:
        vm.memory, vm.recent = real, recent
        recent.extend(calls)
    records = vm.world.records[n_records:]
    names = [row.name for row, _, _ in calls]
    if vm.failed or len(records) != 1 or records[0].host_calls != names or not REPEATABLE.issuperset(names):
        return None
    if len(calls) > MOST_CALLS or noted.nbytes_noted > MOST_BYTES:
        return None
    by_call: dict[int, list[Access]] = {}
    for index, access in noted.accesses:
        by_call.setdefault(index, []).append(access)
    steps = [
        _Step(row.name, words, by_call.get(i, []), status) for i, (row, words, status) in enumerate(calls)
    ]
    return Beginning(steps, records[0].fuel or 0, vm.guest.snapshot(), nbytes)


def _again(vm: Vm, name: str, beginning: Beginning) -> bool:
    """Do again what an export did. False, with nothing changed, if the host answers otherwise now."""
    world, whole, real = vm.world, vm.functions[name], vm.memory
    lists: list[list[Any]] = [world.records, world.trace, world.logs, world.host_log]
    lengths = [len(items) for items in lists]
    drawn, recent, moment = world.random.getstate(), vm.recent.copy(), vm.moment
    vm.functions[name] = partial(_repeat, vm, beginning, real)
    vm.memory = _ToldMemory(real, beginning.nbytes)
    try:
        vm.call(None, name)
        return True
    except _Differs:
        for items, length in zip(lists, lengths, strict=True):
            del items[length:]
        world.random.setstate(drawn)
        vm.recent, vm.moment = recent, moment
        return False
    finally:
        vm.functions[name], vm.memory = whole, real


def _repeat(vm: Vm, beginning: Beginning, real: GuestMemory, store: Any) -> None:
    """Stand in for the export: make its host calls, take its fuel, put its state in place."""
    guest: Guest = vm.guest
    told: Any = vm.memory
    if store.get_fuel() < beginning.fuel:
        raise _Differs
    for step in beginning.steps:
        told.accesses = iter(step.accesses)
        if guest.calls[step.name](*step.words) != step.status or next(told.accesses, None) is not None:
            raise _Differs
    store.set_fuel(store.get_fuel() - beginning.fuel)
    guest.start_from(beginning.state)
    vm.memory = real
