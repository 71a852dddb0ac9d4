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

from .backend import Trap
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


Fault = AllocatorFails | HostCallAnswers | MemoryCap | FuelRunsOut


@dataclass
class Injection:
    """A fault at work; `hits` counts how often an allocator or host call failed by it."""

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
    if isinstance(fault, AllocatorFails):
        return _break_allocator(vm, fault, injection)
    if isinstance(fault, HostCallAnswers):
        return _answer_host_call(vm, fault, injection)
    if isinstance(fault, MemoryCap):
        limits = vm.store.limits
        vm.store.set_limits(memory_size=fault.pages * PAGE)
        return lambda: setattr(vm.store, "limits", limits)
    vm.scarce[fault.callback] = fault.fuel
    return lambda: vm.scarce.clear()


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
    """A budget that answers one of the host calls it counts."""

    __slots__ = ("fault", "injection")

    def __init__(self, limits: Limits, fault: HostCallAnswers, injection: Injection) -> None:
        super().__init__(limits)
        self.fault = fault
        self.injection = injection

    def host_call(self, name: str) -> None:
        super().host_call(name)
        fault = self.fault
        # why: only calls of Proxy-Wasm have a status; WASI has error numbers of its own
        counts = name == fault.name if fault.name else name.startswith("proxy_")
        if counts and self.injection.due(fault.call):
            raise Answered(fault.status)


def _answer_host_call(vm: Vm, fault: HostCallAnswers, injection: Injection) -> Callable[[], None]:
    whole = vm.budget

    def use(budget: Budget) -> None:
        vm.budget = budget
        vm.memory.count = budget.copy

    use(_Interfering(vm.limits, fault, injection))
    return lambda: use(whole)


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
