"""The soak itself: draw a filter, a request and perhaps a fault; send; judge; count.

Rule 1: everything is drawn from one seed, so that a run can be had again.
Rule 2: a host is kept for as long as its policy lets it serve; only one that is closed for good is replaced.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Sequence

from ..abi.enums import Status
from ..faults import (
    NOTHING,
    AllocatorFails,
    Fault,
    FuelRunsOut,
    HostCallAnswers,
    MemoryCap,
    fuel_points,
    injected,
    leftovers,
)
from ..host import make_engine
from ..httpstream import HttpStream
from ..lab.run import memory_now
from ..limits import Limits
from ..plugin import FailurePolicy
from ..profiling.measure import send
from ..upstream import DEFAULT_RESPONSE
from .answers import Outcome, Witness, digest, new_host, sent
from .result import Measure, SoakResult
from .subject import Subject

__all__ = ["Soak"]

PAGE = 1 << 16
PATIENCE_MS = 30_000
STATUSES = (Status.NOT_FOUND, Status.BAD_ARGUMENT, Status.EMPTY, Status.INTERNAL_FAILURE)
POINTS, STEADY_POINTS = 12, 400


class _Served:
    """A subject, its host, its witness, and the faults that suit it."""

    def __init__(self, subject: Subject, engine: str) -> None:
        self.subject = subject
        self.witness = Witness(subject, engine)
        self.host = new_host(subject, make_engine(Limits(), engine))
        self._start = self.host.snapshot()
        self.faults = [list(self._faults(n)) for n in range(len(subject.samples))]

    def renew(self) -> None:
        """Take a new host instead of one whose plugin has failed for good."""
        self.host = self._start.restore()

    def _faults(self, number: int) -> Iterator[list[Fault]]:
        """Yield the faults of each kind for a sample, by what it does without one."""
        with injected(self.host, HostCallAnswers(1 << 60, 0)) as host_calls:
            send(self.host, self.subject.samples[number])
        with injected(self.host, AllocatorFails(1 << 60)) as allocations:
            records = send(self.host, self.subject.samples[number]).records
        self.host.world.run_for(PATIENCE_MS)
        self.host.forget()
        yield [HostCallAnswers(k, s) for k in range(1, host_calls.calls + 1) for s in STATUSES]
        yield [AllocatorFails(k, traps) for k in range(1, allocations.calls + 1) for traps in (False, True)]
        yield [MemoryCap(self.host.handles[0].vm.memory.nbytes // PAGE)]
        most = STEADY_POINTS if self.subject.steady else POINTS
        costs = {r.callback: r.fuel or 0 for r in records if not r.nested}
        yield [FuelRunsOut(name, fuel) for name, cost in costs.items() for fuel in fuel_points(cost, most)]


class Soak:
    """Filters under load. See the package's docstring."""

    def __init__(
        self, subjects: Sequence[Subject], *, seed: int = 1, engine: str = "cython", fault_rate: float = 0.02,
        overlap_rate: float = 0.02,
    ) -> None:  # fmt: skip
        self.random = random.Random(seed)
        self.fault_rate = fault_rate
        self.overlap_rate = overlap_rate
        self.result = SoakResult(seed, engine)
        self.served = [_Served(subject, engine) for subject in subjects]

    def run(
        self, count: int, *, measures: int = 40, seconds: float = float("inf"),
        progress: Callable[[int], None] | None = None,
    ) -> SoakResult:  # fmt: skip
        """Send `count` requests, or as many as go into the seconds; measure so often on the way."""
        result = self.result
        result.every = max(1, count // measures)
        started = time.monotonic()
        try:
            while result.requests < count and time.monotonic() - started < seconds:
                self._one(self.random.choice(self.served))
                if result.requests // result.every > len(result.measures):
                    self._measure()
                if progress is not None and result.requests % 100 == 0:
                    progress(result.requests)
            for served in self.served:
                self._tidy(served, "at the end")
        finally:
            result.seconds = time.monotonic() - started
        return result

    # ---- one request
    def _one(self, served: _Served) -> None:
        """Send one request; after a failure of the plugin, another that shows the policy."""
        number = self.random.randrange(len(served.subject.samples))
        crowded = not served.subject.alone and self.random.random() < self.overlap_rate
        # why: with another stream in the same VM a fault may hit that one, and nobody could say what is right
        fault = None if crowded else self._fault(served, number)
        other = self._begin_another(served, number) if crowded else None
        outcome = self._send(served, number, fault)
        what = f"{served.subject.name}, request {number + 1}, {fault or 'no fault'}"
        wrong = served.witness.judges(number, fault, outcome, crowded)
        if wrong:
            self.result.complain(f"{what}: {wrong}")
        if other is not None:
            self._end(served, other, what)
        if outcome.failed_in:
            self._after_failure(served, number, what)
        if fault is not None or other is not None:
            self._tidy(served, what)
        served.host.forget()

    def _fault(self, served: _Served, number: int) -> Fault | None:
        if self.random.random() >= self.fault_rate:
            return None
        kinds = [kind for kind in served.faults[number] if kind]
        fault = self.random.choice(self.random.choice(kinds))
        if isinstance(fault, MemoryCap):
            # why: how much it has taken meanwhile, nobody knows beforehand
            fault = MemoryCap(served.host.handles[0].vm.memory.nbytes // PAGE)
        self.result.faults[type(fault).__name__] += 1
        return fault

    def _send(self, served: _Served, number: int, fault: Fault | None) -> Outcome:
        self.result.requests += 1
        self.result.by_filter[served.subject.name] += 1
        return sent(served.host, served.subject, number, fault)

    def _begin_another(self, served: _Served, number: int) -> HttpStream:
        self.result.overlapping += 1
        sample = served.subject.samples[number]
        served.host.add_cluster("up", [sample.upstream or DEFAULT_RESPONSE])
        return served.host.submit(sample.request)

    def _end(self, served: _Served, other: HttpStream, what: str) -> None:
        """Let another stream end, with an answer."""
        served.host.world.run_while(lambda: not other.over, PATIENCE_MS)
        if not other.over or other.view.status is None:
            self.result.complain(f"{what}: another stream did not end, or without an answer")
            other.client_gone()

    def _after_failure(self, served: _Served, number: int, what: str) -> None:
        """See that the next request is served as the failure policy says."""
        self.result.failures += 1
        served.host.world.run_for(10)
        got = self._send(served, number, None).given
        right, status = served.witness.after_failure(number)
        wrong = got[0] != status if status is not None else digest(got) != right
        if wrong:
            text = f"{what}: after the failure the next request got {got!r:.400}"
            self.result.complain(f"{text}, not {served.witness.ask(number, None).given!r:.400}")
        if served.subject.plugin.failure_policy is not FailurePolicy.FAIL_RELOAD:
            self._tidy(served, what)
            served.renew()

    # ---- what is left
    def _tidy(self, served: _Served, what: str) -> None:
        served.host.world.run_for(PATIENCE_MS)
        left = leftovers(served.host)
        if left != NOTHING:
            self.result.complain(f"{what}: it left {left}")

    def _measure(self) -> None:
        guests = sum(vm.memory.nbytes for served in self.served for vm in served.host.vms())
        resident = memory_now()
        objects = len(gc.get_objects()) - sum(served.witness.remembered for served in self.served)
        self.result.measures.append(Measure(self.result.requests, resident, guests, objects))
