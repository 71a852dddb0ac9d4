"""What a guest does in a call of an export, noted and told again.

What a guest does is a function of its state, its arguments, its fuel and what the host answers. So a call is
known by its host calls in order, each with every byte it read from the guest's memory and wrote there, and by
what was called in them: the allocator. To tell it again is to make the same host calls, with all their
effects, and to see that each reads, writes and answers the very same. Then the call's result, fuel and state
are the same, too.
Rule 1: in the place of the guest's memory stands one that gives what was read then, and refuses to be
        written to in another way.
Rule 2: whatever is not as it was, a failure included, is told to the caller by `Differs`; the caller knows
        how to take back what the host calls did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import RUN_ERRORS
from .guestmem import GuestMemory

if TYPE_CHECKING:
    from .trapreport import Seen
    from .vm import Vm

__all__ = ["Differs", "Notes", "Step", "Told", "Turn"]

# What notes hold at most: host calls, and bytes read and written.
MOST_STEPS, MOST_BYTES = 1_000, 1 << 20

# A read or write of the guest's memory: which, where, and its bytes.
Access = tuple[str, int, bytes]


class Differs(Exception):  # noqa: N818 - why: no error, and never leaves beginning.py
    """Something is not as it was."""


@dataclass(frozen=True)
class Step:
    """A host call: its name, its words, what it did to memory, the turns within it, and its answer."""

    name: str
    words: tuple[int, ...]
    done: list[Access | Turn]
    status: int | None

    def first_read(self) -> bytes:
        """Return what it read first: the name, of one that has one."""
        return next((done[2] for done in self.done if isinstance(done, tuple)), b"")


@dataclass(frozen=True)
class Turn:
    """A call of an export: its host calls, its fuel, its result, and the size of memory after it."""

    name: str
    args: tuple[int, ...]
    steps: list[Step]
    fuel: int
    result: int | None
    nbytes: int

    def all_steps(self) -> Iterator[Step]:
        """Return its host calls and those of the turns within them."""
        for step in self.steps:
            yield step
            for done in step.done:
                if isinstance(done, Turn):
                    yield from done.all_steps()


class _NotedMemory(GuestMemory):
    """Memory whose accesses are noted."""

    def __init__(self, memory: GuestMemory, notes: Notes) -> None:
        super().__init__(memory.memory, memory.store, memory.count)
        self.notes = notes

    def read(self, addr: int, size: int) -> bytes:
        data = super().read(addr, size)
        self.notes.access("read", addr, data)
        return data

    def write(self, addr: int, data: bytes) -> None:
        super().write(addr, data)
        self.notes.access("write", addr, bytes(data))


class _NotedCalls(deque["Seen"]):
    """The last host calls, as a trap's report shows them; each is noted when it ends."""

    def __init__(self, recent: deque[Seen], notes: Notes) -> None:
        super().__init__(recent, recent.maxlen)
        self.notes = notes

    def append(self, seen: Seen) -> None:
        super().append(seen)
        self.notes.step(*seen)


class Notes:
    """The turns of a VM from `begin` to `end`."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.turns: list[Turn] = []
        self._n_steps = self._nbytes = 0
        # of each turn that is under way: its host calls, and what has been done since the last one ended
        self._open: list[tuple[list[Step], list[Access | Turn]]] = []

    def begin(self) -> None:
        vm = self.vm
        self._whole = dict(vm.functions), vm.memory
        for name, function in vm.functions.items():
            vm.functions[name] = partial(self._turn, name, function)
        vm.memory, vm.recent = _NotedMemory(vm.memory, self), _NotedCalls(vm.recent, self)

    def end(self) -> None:
        vm = self.vm
        vm.functions, vm.memory = self._whole
        vm.recent = deque(vm.recent, vm.recent.maxlen)

    def are_whole(self) -> bool:
        """Tell whether all that was done is in them. They do not grow for ever."""
        return self._n_steps <= MOST_STEPS and self._nbytes <= MOST_BYTES

    def _turn(self, name: str, function: Any, store: Any, *args: int) -> Any:
        before = store.meter.remaining
        self._open.append(([], []))
        try:
            result = function(store, *args)
        finally:
            steps, _ = self._open.pop()
        turn = Turn(name, args, steps, before - store.meter.remaining, result, self.vm.memory.nbytes)
        (self._open[-1][1] if self._open else self.turns).append(turn)
        return result

    def access(self, what: str, addr: int, data: bytes) -> None:
        """Note an access by the host call at hand."""
        self._nbytes += len(data)
        if self.are_whole():
            self._open[-1][1].append((what, addr, data))

    def step(self, row: Any, words: tuple[int, ...], status: int | None) -> None:
        """Note the end of the host call at hand."""
        self._n_steps += 1
        if self.are_whole():
            steps, done = self._open[-1]
            steps.append(Step(row.name, words, done.copy(), status))
            done.clear()


class Told(GuestMemory):
    """The memory of a VM whose turns are told. It has the size that it had then."""

    def __init__(self, vm: Vm, turns: list[Turn], nbytes: int) -> None:
        super().__init__(None, vm.store, vm.memory.count)
        self.calls = vm.guest.calls
        self._size = nbytes
        self._due: list[Iterator[Access | Turn]] = [iter(turns)]

    @property
    def nbytes(self) -> int:
        return self._size

    def is_over(self) -> bool:
        """Tell whether all has been told."""
        return next(self._due[0], None) is None

    def turn(self, name: str, store: Any, *args: int) -> int | None:
        """Stand in for an export: make its host calls, take its fuel, give its result. Raise Differs."""
        turn = next(self._due[-1], None)
        if not isinstance(turn, Turn) or (turn.name, turn.args) != (name, args):
            raise Differs
        left = store.meter.remaining - turn.fuel
        if left < 0:
            raise Differs
        for step in turn.steps:
            self._due.append(iter(step.done))
            try:
                status = self.calls[step.name](*step.words)
            except RUN_ERRORS:
                raise Differs from None
            if status != step.status or next(self._due.pop(), None) is not None:
                raise Differs
        store.set_fuel(left)
        self._size = turn.nbytes
        return turn.result

    def _access(self, what: str, addr: int, nbytes: int) -> bytes:
        due = next(self._due[-1], None)
        if not isinstance(due, tuple) or (due[0], due[1], len(due[2])) != (what, addr, nbytes):
            raise Differs
        self.count(nbytes)
        return due[2]

    def read(self, addr: int, size: int) -> bytes:
        return self._access("read", addr, size & 0xFFFFFFFF)

    def peek(self, addr: int, size: int) -> bytes:
        raise Differs

    def write(self, addr: int, data: bytes) -> None:
        if self._access("write", addr, len(data)) != data:
            raise Differs
