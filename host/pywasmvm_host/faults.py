"""Faults on purpose: what a host does when an allocator fails, a host call refuses, memory or fuel runs out.

    with injected(host, HostCallAnswers(2, Status.INTERNAL_FAILURE)) as injection:
        exchange = host.request(HttpRequest())
    assert leftovers(host) == NOTHING

Rule 1: a fault goes the way a real one would go: the guest sees the status, the null pointer or the refused
        growth; traps and empty tanks are those of the engine, and the failure policy decides what follows.
Rule 2: where no fault is injected nothing is asked and nothing costs: what is replaced is put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from .backend import Trap, is_out_of_fuel
from .budget import Budget
from .context import RootContext
from .errors import Answered
from .host import Host
from .limits import Limits
from .vm import Vm

__all__ = [
    "NOTHING",
    "AllocatorFails",
    "Fault",
    "FuelRunsOut",
    "GuestTraps",
    "HostCallAnswers",
    "Injection",
    "Leftovers",
    "MemoryCap",
    "fuel_points",
    "injected",
    "leftovers",
]

PAGE = 1 << 16


@dataclass(frozen=True)
class AllocatorFails:
    """The guest's allocator, at its `call`-th call from now on, gives null, or traps."""

    call: int = 1
    traps: bool = False


@dataclass(frozen=True)
class HostCallAnswers:
    """The `call`-th host call from now on (of that name, if one is given) is not made but gives `status`."""

    call: int
    status: int
    name: str = ""


@dataclass(frozen=True)
class MemoryCap:
    """Linear memory cannot grow beyond so many pages."""

    pages: int


@dataclass(frozen=True)
class FuelRunsOut:
    """Each call of a callback gets so much fuel and no more."""

    callback: str
    fuel: int


@dataclass(frozen=True)
class GuestTraps:
    """The guest traps at its `step`-th step from now on, and at each one after it.

    A step is a host call of Proxy-Wasm about to be made, or the end of a function that the host called.
    Between two steps nobody can see from outside where the guest stopped: so its ways to fail are a list.
    """

    step: int


Fault = AllocatorFails | HostCallAnswers | MemoryCap | FuelRunsOut | GuestTraps


@dataclass
class Injection:
    """A fault at work.

    calls  the allocator's calls, host calls or steps so far.
    hits   how often the fault struck; a refused growth and an empty tank are counted when it is taken out.
    """

    fault: Fault
    calls: int = 0
    hits: int = 0

    def due(self, call: int) -> bool:
        """Count a call; tell whether it is the one that fails."""
        self.calls += 1
        hit = self.calls == call
        self.hits += hit
        return hit


@contextmanager
def injected(host: Host, fault: Fault, plugin: str = "") -> Iterator[Injection]:
    """Let a fault happen in the VMs that now serve the traffic, or only in that of the plugin named.

    A VM that replaces a failed one is without it.
    """
    injection = Injection(fault)
    vms = {id(h.vm): h.vm for h in host.handles if plugin in ("", h.plugin.name)}
    undo = [_inject(vm, fault, injection) for vm in vms.values()]
    try:
        yield injection
    finally:
        for put_back in undo:
            put_back()


def _inject(vm: Vm, fault: Fault, injection: Injection) -> Callable[[], None]:
    """Put a fault into one VM; return what takes it out again."""
    vm.memory.arrive()
    if isinstance(fault, AllocatorFails):
        return _break_allocator(vm, fault, injection)
    if isinstance(fault, HostCallAnswers):
        return _answer_host_call(vm, fault, injection)
    if isinstance(fault, GuestTraps):
        return _trap_guest(vm, fault, injection)
    if isinstance(fault, MemoryCap):
        return _cap_memory(vm, fault, injection)
    return _make_scarce(vm, fault, injection)


def _cap_memory(vm: Vm, fault: MemoryCap, injection: Injection) -> Callable[[], None]:
    limits, memory = vm.store.limits, vm.memory.memory
    refused = memory.refused
    vm.store.set_limits(memory_size=fault.pages * PAGE)

    def put_back() -> None:
        vm.store.limits = limits
        injection.hits += memory.refused - refused

    return put_back


def _make_scarce(vm: Vm, fault: FuelRunsOut, injection: Injection) -> Callable[[], None]:
    failed = vm.failed
    vm.scarce[fault.callback] = fault.fuel

    def put_back() -> None:
        vm.scarce.clear()
        error = None if failed else vm.failure_error
        injection.hits += error is not None and is_out_of_fuel(error)

    return put_back


def _break_allocator(vm: Vm, fault: AllocatorFails, injection: Injection) -> Callable[[], None]:
    whole = vm.functions[vm.allocator]

    def broken(store: Any, *args: int) -> Any:
        if not injection.due(fault.call):
            return whole(store, *args)
        if fault.traps:
            raise Trap("injected: the allocator traps")
        return 0

    vm.functions[vm.allocator] = broken
    return lambda: vm.functions.update({vm.allocator: whole})


class _Interfering(Budget):
    """A budget that does something at each host call of Proxy-Wasm it counts, by its name."""

    __slots__ = ("interfere",)

    def __init__(self, limits: Limits, interfere: Callable[[str], None]) -> None:
        super().__init__(limits)
        self.interfere = interfere

    def host_call(self, name: str) -> None:
        super().host_call(name)
        # why: only calls of Proxy-Wasm have a status, and effects; WASI has error numbers of its own
        if name.startswith("proxy_"):
            self.interfere(name)


def _at_host_calls(vm: Vm, interfere: Callable[[str], None]) -> Callable[[], None]:
    whole = vm.budget

    def use(budget: Budget) -> None:
        vm.budget = budget
        vm.memory.count = budget.copy

    use(_Interfering(vm.limits, interfere))
    return lambda: use(whole)


def _answer_host_call(vm: Vm, fault: HostCallAnswers, injection: Injection) -> Callable[[], None]:
    def answer(name: str) -> None:
        if fault.name in ("", name) and injection.due(fault.call):
            raise Answered(fault.status)

    return _at_host_calls(vm, answer)


def _trap_guest(vm: Vm, fault: GuestTraps, injection: Injection) -> Callable[[], None]:
    whole = dict(vm.functions)

    def step(_: str = "") -> None:
        injection.calls += 1
        if injection.calls >= fault.step:
            injection.hits += 1
            raise Trap("injected: the guest traps")

    def ending(function: Any) -> Any:
        def ended(store: Any, *args: int) -> Any:
            result = function(store, *args)
            step()
            return result

        return ended

    vm.functions.update({name: ending(function) for name, function in whole.items()})
    stop = _at_host_calls(vm, step)

    def put_back() -> None:
        stop()
        vm.functions.update(whole)

    return put_back


def fuel_points(cost: int, most: int = 1000) -> list[int]:
    """Return the amounts of fuel to try on a callback of that cost: all from 1 to it, or `most` of them."""
    if cost <= most:
        return list(range(1, cost + 1))
    return sorted({1, 2, cost - 1, cost, *(1 + i * (cost - 1) // (most - 1) for i in range(most))})


# ---- what is left of requests
@dataclass(frozen=True)
class Leftovers:
    """What no finished request may leave behind: stream contexts, open streams, callouts under way."""

    contexts: int = 0
    streams: int = 0
    callouts: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in asdict(self).items() if count) or "nothing"


NOTHING = Leftovers()


def leftovers(host: Host) -> Leftovers:
    """Count what requests left in a host that is at rest, in the VMs that serve."""
    contexts = [c for vm in host.vms() for c in vm.contexts.values()]
    roots = [c for c in contexts if isinstance(c, RootContext)]
    under_way = sum(len(r.http_calls) + len(r.grpc_calls) + len(r.redis_calls) + r.lookups for r in roots)
    return Leftovers(len(contexts) - len(roots), len(host.proxy.streams), under_way)
