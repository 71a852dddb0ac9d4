"""What an answer is, and which one is right: a witness host, fresh and alone, is asked the same.

Rule 1: the witness of a small filter runs on the other engine, so that a fault also tests that both engines
        spend the same fuel and make the same host calls up to it.
Rule 2: only digests are kept: what the soak remembers must not look like a leak of the host.
"""

from __future__ import annotations

import hashlib
from typing import Any

from .. import backend
from ..faults import Fault, FuelRunsOut, MemoryCap, injected
from ..host import Exchange, Host
from ..limits import Limits
from ..plugin import FailurePolicy
from ..profiling.measure import send
from .subject import Subject

__all__ = ["Witness", "answer", "digest", "new_host"]

LARGE = 1_000_000  # bytes of a module from which on the Python engine takes long
WARM_UP = 3
HALF = 8


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


def engine_named(name: str) -> Any:
    """Return an engine of that kind that counts fuel."""
    config = backend.Config()
    config.engine = name
    config.consume_fuel = True
    return backend.Engine(config)


def _runs(engine: str) -> bool:
    """Tell whether this installation has an engine."""
    try:
        engine_named(engine).backend  # noqa: B018 - loading it is the test
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


class Witness:
    """Knows the right answers of one subject."""

    def __init__(self, subject: Subject, engine: str) -> None:
        small = len(subject.plugin.read()) < LARGE
        other = "python" if engine == "cython" or not _runs("cython") else "cython"
        self.subject = subject
        self.engine = engine_named(other if small else engine)
        self._fresh = new_host(subject, self.engine).snapshot()
        self._known: dict[tuple[int, Fault | None], tuple[bytes, bool]] = {}
        self.bare = Host([], engine=self.engine).start()

    def ask(self, number: int, fault: Fault | None) -> tuple[tuple[Any, ...], bool]:
        """Return the answer to a sample under a fault, and whether the plugin fails at it."""
        host = self._fresh.restore()
        exchange = self._send(host, number, fault)
        return answer(exchange, self.subject.varies), host.handles[0].vm.failed

    def _send(self, host: Host, number: int, fault: Fault | None) -> Exchange:
        if fault is None:
            return send(host, self.subject.samples[number])
        with injected(host, fault):
            return send(host, self.subject.samples[number])

    def knows(self, number: int, fault: Fault | None) -> tuple[bytes, bool]:
        """Return the digest of the answer to a sample under a fault, and whether the plugin fails at it."""
        key = (number, fault)
        if key not in self._known:
            given, failed = self.ask(number, fault)
            self._known[key] = (digest(given), failed)
        return self._known[key]

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

    def judges(
        self, number: int, fault: Fault | None, got: tuple[Any, ...], failed: bool, crowded: bool = False
    ) -> str:
        """Return what is wrong with an answer, the empty text if nothing is."""
        # why: what a callback costs, and whether it takes another page, depends on what the guest keeps; a
        # garbage collector of a VM that served thousands of requests is elsewhere than that of a fresh one
        if isinstance(fault, FuelRunsOut | MemoryCap) and not self.subject.steady:
            return self._fits(number, got, failed)
        right, fails = self.knows(number, fault)
        if not same(digest(got), right, crowded):
            return f"got {_short(got)}, not {_short(self.ask(number, fault)[0])}"
        return "" if failed == fails else f"the plugin {'failed' if failed else 'did not fail'}"

    def _fits(self, number: int, got: tuple[Any, ...], failed: bool) -> str:
        """Judge an answer under a fault whose place in the guest is not the same each time."""
        if digest(got) == self.knows(number, None)[0]:
            return ""
        if failed and (got[0] == 503 or got[4]):
            return ""
        if failed and self.subject.plugin.failure_policy is FailurePolicy.OPEN_ALWAYS:
            return ""
        return f"got {_short(got)}, which is neither the answer nor a failure"


def _short(given: tuple[Any, ...]) -> str:
    text = repr(given)
    return text if len(text) < 600 else f"{text[:600]}..."
