"""The world around the plugins, without a real clock, socket or thread: virtual time, seeded randomness,
shared state.

`World` is what one process is to Envoy. Time only moves when `run_until` or `run_while` move it; everything
that happens later (timers, answers of upstreams, chunks of bodies) is an entry of one agenda, so a run is
repeatable. realtime.py has one that waits for its time, fetch.py answers of real servers.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from .records import CallRecord, HostLine, LogLine
from .redis import Redis
from .shared import Metrics, Queues, SharedData

__all__ = ["Timer", "World"]

EPOCH_NS = 1_700_000_000_000_000_000
MS = 1_000_000
TIDY_FROM = 1_000


class Timer:
    """What is to be done at a time; `cancel()` makes it nothing."""

    __slots__ = ("action", "at")

    def __init__(self, at: int, action: Callable[[], object] | None) -> None:
        self.at = at
        self.action = action

    def cancel(self) -> None:
        self.action = None


class World:
    """Virtual time and everything VMs share. One World may serve several Hosts.

    clusters  upstream servers by name.
    redis     Redis servers by cluster name (redis.py).
    names     what DNS knows: name -> addresses.
    """

    def __init__(self, *, seed: int = 1, start_ns: int = EPOCH_NS, log_level: int = 0) -> None:
        self.start_ns = start_ns
        self.now_ns = start_ns
        self.random = random.Random(seed)
        self.log_level = log_level
        self.shared = SharedData()
        self.queues = Queues()
        self.metrics = Metrics()
        self.stats: dict[str, int] = {}
        self.attributes: dict[str, Any] = {}
        self.logs: list[LogLine] = []
        self.host_log: list[HostLine] = []
        self.records: list[CallRecord] = []
        self.trace: list[tuple[str, str, str]] = []
        self.clusters: dict[str, Any] = {}
        self.redis: dict[str, Redis] = {}
        self.names: dict[str, list[str]] = {}
        self.phase = ""
        self.host_call_observers: list[Callable[..., None]] = []
        self.turn = 0  # counts what the agenda has run: one turn is one event of the proxy's loop
        self._agenda: list[tuple[int, int, Timer]] = []  # by time, and by who came first
        self._after_event: list[Callable[[], object]] = []
        self._seq = 0
        self._tidy_at = TIDY_FROM

    # ---- time
    def after(self, delay_ms: float, action: Callable[[], object]) -> Timer:
        """Enter an action into the agenda."""
        self._seq += 1
        if len(self._agenda) > self._tidy_at:
            self._tidy()
        timer = Timer(self.now_ns + int(delay_ms * MS), action)
        heapq.heappush(self._agenda, (timer.at, self._seq, timer))
        return timer

    def _tidy(self) -> None:
        """Drop cancelled entries, which else stay until their time: a plugin may set its tick endlessly."""
        self._agenda = [entry for entry in self._agenda if entry[2].action is not None]
        heapq.heapify(self._agenda)
        self._tidy_at = max(TIDY_FROM, 2 * len(self._agenda))

    def soon(self, action: Callable[[], object]) -> Timer:
        """Enter an action to run at this instant, after what is running now."""
        return self.after(0, action)

    def after_event(self, action: Callable[[], object]) -> None:
        """Do something as soon as the event at hand is dealt with, before any other."""
        self._after_event.append(action)

    def end_event(self) -> None:
        """Do what was left for the end of an event. Embedders that feed events themselves call it."""
        while self._after_event:
            self._after_event.pop(0)()

    def _pop(self, limit: int) -> Timer | None:
        while self._agenda and self._agenda[0][0] <= limit:
            timer = heapq.heappop(self._agenda)[2]
            if timer.action is not None:
                return timer
        return None

    def wait_until(self, at_ns: int) -> None:
        """Let it be that moment, if it is not later already."""
        self.now_ns = max(self.now_ns, at_ns)

    def run_until(self, at_ns: int) -> None:
        """Run what is due up to a moment, and let that moment be now."""
        self.end_event()
        while (timer := self._pop(at_ns)) is not None:
            self._run(timer)
        self.wait_until(at_ns)

    def run_for(self, ms: float) -> None:
        self.run_until(self.now_ns + int(ms * MS))

    def run_while(self, waiting: Callable[[], bool], timeout_ms: float) -> bool:
        """Run entries as long as `waiting()`; return False if the time ran out first."""
        limit = self.now_ns + int(timeout_ms * MS)
        while waiting():
            timer = self._pop(limit)
            if timer is None:
                self.wait_until(limit)
                return False
            self._run(timer)
        return True

    def _run(self, timer: Timer) -> None:
        self.end_event()
        self.wait_until(timer.at)
        self.turn += 1
        action, timer.action = timer.action, None
        if action is not None:
            action()
        self.end_event()

    # ---- records
    def recorded(self) -> tuple[list[Any], ...]:
        """Return the records of what has been: log lines, calls, the trace."""
        return self.logs, self.host_log, self.records, self.trace

    def forget(self) -> None:
        """Drop the records of what has been, and of what upstreams received."""
        for kept in self.recorded():
            kept.clear()
        for cluster in self.clusters.values():
            cluster.forget()

    def count(self, stat: str, by: int = 1) -> None:
        self.stats[stat] = self.stats.get(stat, 0) + by

    def note(self, level: str, message: str, thread: str) -> None:
        """Record a line of the host itself."""
        self.host_log.append(HostLine(level, message, thread, self.phase))

    def random_bytes(self, n: int) -> bytes:
        return self.random.randbytes(n)
