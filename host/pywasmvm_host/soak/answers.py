"""What an answer is, and which one is right: a witness host, fresh and alone, is asked the same.

Rule 1: the witness of a small filter runs on the other engine, so that a fault also tests that both engines
        spend the same fuel and make the same host calls up to it.
Rule 2: only digests are kept: what the soak remembers must not look like a leak of the host.
"""

from __future__ import annotations

import hashlib
from functools import partial
from itertools import count, takewhile
from typing import Any, NamedTuple

from .. import backend
from ..faults import AllocatorFails, Fault, FuelRunsOut, GuestTraps, MemoryCap, injected
from ..host import Exchange, Host, make_engine
from ..limits import Limits
from ..plugin import FailurePolicy
from ..profiling.measure import send
from .subject import Subject

__all__ = ["Outcome", "Witness", "digest", "new_host", "sent"]

LARGE = 1_000_000  # bytes of a module from which on the Python engine takes long
WARM_UP = 3
HALF = 8


class Outcome(NamedTuple):
    """What came of a request.

    given      what client and upstream got.
    failed_in  the function in which the plugin failed; empty if it did not.
    hits       how often the fault struck.
    """

    given: tuple[Any, ...]
    failed_in: str
    hits: int


def answer(exchange: Exchange, varies: frozenset[str]) -> tuple[Any, ...]:
    """Return what client and upstream got, without what differs from time to time."""
    left_out = varies | {"date", "x-request-id"}

    def kept(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((k, v) for k, v in headers if k.lower() not in left_out)

    r = exchange.response
    received = tuple((u.method, u.path, kept(u.headers), u.body, u.complete) for u in exchange.upstream)
    return r.status, kept(r.headers), r.body, kept(r.trailers), r.error, received


def digest(of: tuple[Any, ...]) -> bytes:
    """Return few bytes for an answer: half for the client's part, half for the upstream's."""
    parts = (repr(part).encode() for part in (of[:-1], of[-1]))
    return b"".join(hashlib.blake2b(part, digest_size=HALF).digest() for part in parts)


def same(a: bytes, b: bytes, crowded: bool) -> bool:
    """Compare digests; where another stream was on its way, the client's part alone."""
    return a[:HALF] == b[:HALF] if crowded else a == b


def _runs(engine: str) -> bool:
    """Tell whether this installation has an engine."""
    try:
        make_engine(Limits(), engine).backend  # noqa: B018 - loading it is the test
    except backend.WasmError:
        return False
    return True


def new_host(subject: Subject, engine: Any) -> Host:
    """Return a started host with the subject, warmed up by its requests."""
    host = Host([subject.plugin], engine=engine, profile=subject.profile, limits=Limits())
    for name in subject.clusters:
        host.add_cluster(name)
    host.start()
    for _ in range(WARM_UP):
        for sample in subject.samples:
            send(host, sample)
    host.world.run_for(30_000)
    host.forget()
    return host


def sent(host: Host, subject: Subject, number: int, fault: Fault | None) -> Outcome:
    """Send a sample to a host of the subject, under a fault or none, and return what comes of it."""
    hits = 0
    if fault is None:
        exchange = send(host, subject.samples[number])
    else:
        with injected(host, fault) as injection:
            exchange = send(host, subject.samples[number])
        hits = injection.hits
    failed_in = ""
    if host.handles[0].vm.failed:
        failed_in = next((r.callback for r in reversed(exchange.records) if r.failed), "an earlier request")
    return Outcome(answer(exchange, subject.varies), failed_in, hits)


class Witness:
    """Knows the right answers of one subject."""

    def __init__(self, subject: Subject, engine: str) -> None:
        small = len(subject.plugin.read()) < LARGE
        other = "python" if engine == "cython" or not _runs("cython") else "cython"
        self.subject = subject
        self.engine = make_engine(Limits(), other if small else engine)
        self._fresh = new_host(subject, self.engine).snapshot()
        self._known: dict[tuple[int, Fault | None], tuple[bytes, bool]] = {}
        self._failures: dict[int, set[tuple[str, bytes]]] = {}
        self.bare = Host([], engine=self.engine).start()

    @property
    def remembered(self) -> int:
        """Number of answers kept."""
        return len(self._known) + sum(map(len, self._failures.values()))

    def ask(self, number: int, fault: Fault | None) -> Outcome:
        """Return what comes of a sample under a fault."""
        return sent(self._fresh.restore(), self.subject, number, fault)

    def knows(self, number: int, fault: Fault | None) -> tuple[bytes, bool]:
        """Return the digest of the answer to a sample under a fault, and whether the plugin fails at it."""
        key = (number, fault)
        if key not in self._known:
            outcome = self.ask(number, fault)
            self._known[key] = (digest(outcome.given), bool(outcome.failed_in))
        return self._known[key]

    def failures(self, number: int) -> set[tuple[str, bytes]]:
        """Return every way in which a sample may fail: the function it fails in, the digest of the answer."""
        if number not in self._failures:
            found = self._failures[number] = set()
            for kind in (GuestTraps, partial(AllocatorFails, traps=True)):
                outcomes = (self.ask(number, kind(place)) for place in count(1))
                for outcome in takewhile(lambda o: o.hits, outcomes):
                    found.add((outcome.failed_in, digest(outcome.given)))
        return self._failures[number]

    def after_failure(self, number: int) -> tuple[bytes, int | None]:
        """Return the digest of the answer once the plugin has failed, or the status alone."""
        policy = self.subject.plugin.failure_policy
        if policy is FailurePolicy.FAIL_RELOAD:
            return self.knows(number, None)[0], None
        if policy.opens:
            exchange = send(self.bare, self.subject.samples[number])
            self.bare.forget()
            return digest(answer(exchange, self.subject.varies)), None
        return b"", 503

    def judges(self, number: int, fault: Fault | None, outcome: Outcome, crowded: bool = False) -> str:
        """Return what is wrong with an outcome, the empty text if nothing is."""
        # why: what a callback costs, and whether it takes another page, depends on what the guest keeps; a
        # garbage collector of a VM that served thousands of requests is elsewhere than that of a fresh one
        if isinstance(fault, FuelRunsOut | MemoryCap) and not self.subject.steady:
            return self._fits(number, fault, outcome)
        right, fails = self.knows(number, fault)
        if not same(digest(outcome.given), right, crowded):
            return f"got {_short(outcome.given)}, not {_short(self.ask(number, fault).given)}"
        if bool(outcome.failed_in) == fails:
            return ""
        return f"the plugin {f'failed in {outcome.failed_in}' if outcome.failed_in else 'did not fail'}"

    def _fits(self, number: int, fault: Fault, outcome: Outcome) -> str:
        """Judge an outcome under a fault that strikes at another place each time, or not at all.

        A plugin that goes on gives the usual answer, or does with the fault what a fresh one does that goes
        on; one that fails does so because the fault struck, and the answer is one that a failure of that
        function can have.
        """
        got = digest(outcome.given)
        if not outcome.failed_in:
            usual = self.knows(number, None)[0]
            if got == usual or (outcome.hits and self.knows(number, fault) == (got, False)):
                return ""
            return f"got {_short(outcome.given)} without failing, not {_short(self.ask(number, None).given)}"
        if not outcome.hits:
            return f"the plugin failed in {outcome.failed_in}, and not by the fault"
        if (outcome.failed_in, got) in self.failures(number):
            return ""
        return f"got {_short(outcome.given)}, which no failure in {outcome.failed_in} gives"


def _short(given: tuple[Any, ...]) -> str:
    text = repr(given)
    return text if len(text) < 600 else f"{text[:600]}..."
