"""The guests of a module: an instance in a store of its own, and those that wait for a VM to serve again.

To link and instantiate takes long beside what most plugins do. So a guest whose VM has ended in order goes
back to the state of a new one and serves the next VM: functions, translated and all, stay as they are.
Rule 1: a guest serves one VM at a time, and after it nothing of the VM reaches the guest.
Rule 2: it is used again only if its state is all that the VM could change: it did not fail, nothing runs in
        it, no limit of its store was moved, and it owns its memory and tables.
Rule 3: the first guest of a kind is made without anything for later: many processes need no second one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from . import backend
from .abi.wasi import WasiCall
from .beginning import Beginnings
from .errors import LOAD_ERRORS, AbiError, HostError
from .machine import host_function, restricted_function, wasi_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from .abi.model import HostCall
    from .scan import Import
    from .vm import Vm

__all__ = ["Guest", "Guests", "State"]

FULL = 1 << 60
MOST_IDLE = 4
_numbers = count(1)


class State(NamedTuple):
    """A state of a guest, the size of its memory then, and a number that no other state has."""

    snapshot: Any
    nbytes: int
    number: int

    @property
    def kept(self) -> int:
        """Return how many bytes it keeps."""
        return int(self.snapshot.nbytes)


class Guest:
    """An instance of a module, linked to the host calls of the VM it serves.

    kind   those that can stand in for it, None if none ever can.
    clock  the limit that says how long a call from the host may take now.
    calls  the functions it imports, by their names.
    at     the state it is in, None once it runs.
    begun  the state that it ran on from, where the next VM is likely to, too.
    """

    def __init__(self, vm: Vm, kind: Kind | None) -> None:
        self.vm: Any = vm
        self.loaded = vm.loaded
        self.limits = limits = vm.limits
        self.kind = kind
        self.clock = "deadline_start"
        # those of calls while plugins start, and those of other calls
        self._limits = (replace(limits, deadline=limits.deadline_start), limits)
        self.store = backend.Store(vm.engine, limits=self._limits[0])
        self.calls: dict[str, Callable[..., Any]] = {}
        self.at: State | None = None
        self.begun: State | None = None

    # ---- making
    def link(self) -> Any:
        """Return a linker with the host calls, which go to the VM that the guest serves."""
        linker = backend.Linker(self.vm.engine)
        for (module, name), row in self.loaded.rows.items():
            function = self.calls[row.name] = self._function(row)
            # fast: the rows say which bits of a word count, so nothing else has to convert it.
            linker.define_raw_func(module, name, _functype(row.wasm_params, row.wasm_results), function)
        return linker

    def _function(self, row: HostCall | WasiCall) -> Callable[..., Any]:
        if self.vm.capabilities and row.name not in self.vm.capabilities:
            return restricted_function(self, row)
        return wasi_function(self, row) if isinstance(row, WasiCall) else host_function(self, row)

    def instantiate(self) -> None:
        """Link and instantiate. Raise HostError if that fails."""
        linker = self.link()
        self.store.set_fuel(FULL if self.limits.fuel_start is None else self.limits.fuel_start)
        for item in self.loaded.facts.imports:
            if item.kind in ("memory", "table"):
                self._provide(linker, item)
        try:
            instance = linker.instantiate(self.store, self.loaded.compiled)
        except LOAD_ERRORS as e:
            raise HostError(
                f"Failed to create new Wasm instance: {str(e).splitlines()[0]}",
                reason="Failed to create new Wasm instance",
                advice="Its start section or segments fail: see the trap, or give it more memory",
            ) from e
        self.adopt(instance)

    def _provide(self, linker: Any, item: Import) -> None:
        import pywasmvm  # noqa: PLC0415

        for imported in self.loaded.compiled.imports:
            if (imported.module, imported.name) == (item.module, item.name):
                thing = (
                    pywasmvm.Memory(self.store, imported.type)
                    if item.kind == "memory"
                    else pywasmvm.Table(self.store, imported.type, None)
                )
                linker.define(self.store, item.module, item.name, thing)

    def adopt(self, instance: Any) -> None:
        """Take an instance of the module in the store. Raise AbiError if it exports no memory."""
        facts = self.loaded.facts
        # why: the reference host goes through the imports, then through the exports, and keeps the last
        imported = [item for item in facts.imports if item.kind == "memory"]
        memories = [e.index for e in facts.exports if e.kind == "memory"] or range(len(imported))
        if not memories:
            raise AbiError(
                "the module exports no memory (Envoy 1.40 crashes on it)",
                reason="Wasm module is missing its memory",
                advice="Export its memory under the name memory",
            )
        self.instance = instance
        self.exports = instance.exports(self.store)
        self.memory = instance.mems[memories[-1]]

    # ---- serving
    def set_clock(self, name: str) -> None:
        """Let calls from the host take as long as the limit of that name says."""
        if name == self.clock:
            return
        self.clock, store = name, self.store
        there, wanted = self._limits[name != "deadline"], self._limits[name == "deadline"]
        if store.limits is there and None not in (there.deadline, wanted.deadline):
            store.limits = wanted  # fast: Store.set_deadline makes such limits each time
        else:
            store.set_deadline(getattr(self.limits, name))

    def snapshot(self) -> State:
        """Return its state. Raise HostError if it holds what belongs to others."""
        try:
            snapshot = backend.Snapshot.take(self.store, self.instance)
        except backend.WasmError as e:
            raise HostError(str(e), advice="Start it anew instead") from e
        return State(snapshot, len(self.memory.buf), next(_numbers))

    def reset(self, state: State) -> None:
        """Go to a state of a guest of the same module, unless it is in it."""
        if self.at is not state:
            state.snapshot.reset(self.instance)
            self.at = state

    def start_from(self, state: State) -> None:
        """Go to a state, to run from there."""
        self.reset(state)
        self.at, self.begun = None, state

    def give_back(self) -> None:
        """Serve nobody; wait for the next VM if that is possible."""
        kind, self.vm = self.kind, None
        if kind is not None and kind.state is not None and len(kind.idle) < MOST_IDLE and self._is_whole():
            if self.at is None:  # why now: what the VM has written takes room until then
                self.reset(self.begun or kind.state)
            kind.idle.append(self)

    def _is_whole(self) -> bool:
        """Tell whether nothing but its state has changed since it was made, and nothing runs in it."""
        expected = self._limits[self.clock == "deadline"]
        return not self.store.nested_calls and bool(self.store.limits == expected)


class Kind:
    """Guests of a module that can stand in for one another, and what is known of new ones.

    idle        those that serve nobody.
    made        whether there has been one.
    state       the state of a new one, from the second one on.
    beginnings  what they have done as plugins started (beginning.py).
    """

    def __init__(self) -> None:
        self.idle: list[Guest] = []
        self.made = False
        self.state: State | None = None
        self.beginnings = Beginnings()


class Guests:
    """The kinds of guests of a module: by the limits, the host calls and the profile of their VMs."""

    def __init__(self) -> None:
        self.kinds: dict[Any, Kind] = {}

    def take(self, vm: Vm) -> Guest:
        """Return a guest for a VM. Raise HostError if none can be made.

        It is new, or to go to the state of a new one.
        """
        kind = self._kind(vm)
        guest = _idle(kind, vm)
        if guest is None:
            guest = Guest(vm, kind)
            guest.instantiate()
            if kind is not None:
                if kind.made and kind.state is None:
                    kind.state = guest.snapshot()
                kind.made = True
                guest.at = kind.state
        return guest

    def take_in_state(self, vm: Vm, state: State) -> Guest:
        """Return a guest for a VM, in a state of a guest of the same kind."""
        kind = self._kind(vm)
        guest = _idle(kind, vm)
        if guest is None:
            guest = Guest(vm, kind)
            guest.adopt(guest.link().restore(guest.store, state.snapshot))
        else:
            guest.start_from(state)
        return guest

    def _kind(self, vm: Vm) -> Kind | None:
        facts = vm.loaded.facts
        if facts.has_start or any(item.kind != "func" for item in facts.imports):
            return None
        return self.kinds.setdefault((vm.limits, vm.capabilities, vm.profile), Kind())


def _idle(kind: Kind | None, vm: Vm) -> Guest | None:
    """Return an idle guest, for a VM from now on."""
    if kind is None or not kind.idle:
        return None
    guest = kind.idle.pop()
    guest.vm = vm
    return guest


@cache
def _functype(params: tuple[str, ...], results: tuple[str, ...]) -> Any:
    """Return a function type; the few there are serve every VM."""
    params_and_results = ([getattr(backend.ValType, t)() for t in ts] for ts in (params, results))
    return backend.FuncType(*params_and_results)
