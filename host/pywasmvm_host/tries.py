"""One request to a cluster, sent as often as its retries allow; the last answer goes to a listener.

Follows Envoy's router filter, for requests of clients and for callouts of plugins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .headers import HeaderMap
from .routes.retries import RetryState, Verdict
from .routing import Timeouts, request_problem
from .unread import Unread
from .upstream import Cluster, UpstreamRequest

if TYPE_CHECKING:
    from .world import World

__all__ = ["Listener", "Tries"]


class Listener(Protocol):
    """Who gets the answer. Except for `on_try` and `on_connected` each is told once."""

    def on_try(self, count: int) -> None: ...
    def on_connected(self) -> None: ...
    def on_problem(self, problem: str) -> None: ...
    def on_exhausted(self) -> None: ...
    def on_headers(self, headers: HeaderMap, end: bool) -> None: ...
    def on_data(self, data: bytes, end: bool) -> None: ...
    def on_trailers(self, trailers: HeaderMap) -> None: ...
    def on_reset(self, reason: str) -> None: ...
    def on_timeout(self, details: str) -> None: ...


class _Answer:
    """Passes what the server of one try says, while that try counts."""

    def __init__(self, tries: Tries, number: int) -> None:
        def if_mine(action: Any) -> Any:
            def act(*args: Any) -> None:
                if tries.count == number:
                    action(*args)

            return act

        self.on_headers = if_mine(tries.on_headers)
        self.on_data = if_mine(tries.on_data)
        self.on_trailers = if_mine(tries.on_trailers)
        self.on_reset = if_mine(tries.on_reset)


class Tries:
    """See the module docstring. `limit` is how much of a body is kept to be sent again."""

    def __init__(
        self,
        cluster: Cluster,
        listener: Listener,
        timeouts: Timeouts,
        retry: RetryState | None = None,
        *,
        thread: str = "worker",
        limit: int = 1 << 20,
        open_again: bool = False,
    ) -> None:
        self.cluster = cluster
        self.world: World = cluster.world
        self.listener = listener
        self.timeouts = timeouts
        self.retry = retry
        self.thread = thread
        self.limit = limit
        self.open_again = open_again  # measured: callouts sent again have a body, if an empty one
        self.count = 0
        self.now: UpstreamRequest | None = None
        self.sent: list[tuple[str, Any, bool]] = []  # what a further try sends
        self.complete_ns: int | None = None
        self.answered = self.cancelled = False
        self.timers: dict[str, Any] = {}
        self.unread = Unread(self.world, self)

    # ---- the request
    def send(self, kind: str, value: Any, end: bool) -> None:
        """Send a piece of the request: "headers", "data" or "trailers"."""
        if kind == "headers":
            self.sent = [(kind, value, end)]
            self._try()
        else:
            self._keep(kind, value, end)
            if self.now is not None:
                self._push(self.now, kind, value, end)
        if end and self.complete_ns is None:
            self.complete_ns = self.world.now_ns
            self._arm("whole", self.timeouts.whole, self._too_long)
            self._arm_try()

    def _keep(self, kind: str, value: Any, end: bool) -> None:
        self.sent.append((kind, value, end))
        size = sum(len(v) for k, v, _ in self.sent if k == "data")
        if self.retry is not None and size > self.limit:
            self.retry = None
        if self.retry is None:
            self.sent = self.sent[:1]

    def _try(self) -> None:
        self.count += 1
        self.listener.on_try(self.count)
        upstream = self.now = self.cluster.open(_Answer(self, self.count), self.thread)
        upstream.waiting = self._pieces() if self.count > 1 else list(self.sent)
        upstream.connect(lambda: self._connected(upstream))

    def _pieces(self) -> list[tuple[str, Any, bool]]:
        """Return what a further try sends: the body so far in one piece."""
        (_, headers, end), *rest = self.sent
        self.timeouts.tell(headers, (self.world.now_ns - (self.complete_ns or self.world.now_ns)) / 1e6)
        body = b"".join(v for k, v, _ in rest if k == "data")
        trailers = [piece for piece in rest if piece[0] == "trailers"]
        whole = end or (bool(rest) and rest[-1][2])
        if not body and not trailers and not (whole and (rest or self.open_again)):
            return [("headers", headers, end)]
        if not body and trailers:
            return [("headers", headers, False), *trailers]
        return [("headers", headers, False), ("data", body, whole and not trailers), *trailers]

    def _connected(self, upstream: UpstreamRequest) -> None:
        if self.cancelled:
            return
        headers = next((x for k, x, _ in upstream.waiting if k == "headers"), None)
        problem = request_problem(headers) if headers is not None else ""
        if problem:
            self.listener.on_problem(problem)
            return
        upstream.connected = True
        self.listener.on_connected()
        waiting, upstream.waiting = upstream.waiting, []
        for kind, value, end in waiting:
            self._push(upstream, kind, value, end)

    def _push(self, upstream: UpstreamRequest, kind: str, value: Any, end: bool) -> None:
        if not upstream.connected:
            upstream.waiting.append((kind, value, end))
        elif kind == "headers":
            upstream.send_headers(value, end)
        elif kind == "data":
            upstream.send_data(value, end)
        else:
            upstream.send_trailers(value)

    def cancel(self) -> None:
        """Give the request up."""
        self.cancelled = True
        self.stop_timers()
        if self.now is not None:
            self.now.cancel()

    # ---- time
    def _arm(self, name: str, ms: float, action: Callable[[], None]) -> None:
        if ms:
            self.timers[name] = self.world.after(ms, action)

    def _arm_try(self) -> None:
        t = self.timeouts
        self._arm("try", t.per_try, lambda: self._try_too_long("upstream_per_try_timeout"))
        self._arm("idle", t.per_try_idle, lambda: self._try_too_long("upstream_per_try_idle_timeout"))

    def _disarm(self, *names: str) -> None:
        for name in names:
            timer = self.timers.pop(name, None)
            if timer is not None:
                timer.cancel()

    def stop_timers(self) -> None:
        self._disarm(*list(self.timers))

    def _too_long(self) -> None:
        if self.cancelled or (self.now is not None and self.now.finished):
            return
        self._give_up("response_timeout")

    def _try_too_long(self, details: str) -> None:
        upstream = self.now
        if self.cancelled or upstream is None or upstream.finished:
            return
        if not self.answered and self.retry is not None:
            upstream.cancel()
            if self._again(self.retry.on_reset("local reset", sent=upstream.connected)):
                return
        self._give_up(details)

    def _give_up(self, details: str) -> None:
        if self.now is not None:
            self.now.cancel()
        self.listener.on_timeout(details)

    # ---- the answer
    def _again(self, verdict: Verdict) -> bool:
        """Try once more if that was decided."""
        if verdict is Verdict.EXHAUSTED:
            self.listener.on_exhausted()
        if verdict is not Verdict.AGAIN or self.retry is None:
            return False
        self._disarm("try", "idle")
        self.count += 1  # nothing of the try so far counts any more
        self.world.after(self.retry.wait_ms(), self._next)
        return True

    def _next(self) -> None:
        if self.cancelled:
            return
        self.count -= 1
        self._try()
        if self.complete_ns is not None:
            self._arm_try()

    def on_headers(self, headers: HeaderMap, end: bool) -> None:
        upstream = self.now
        if self.retry is not None and upstream is not None and not self.answered:
            if self._again(self.retry.on_headers(headers)):
                if not end or not upstream.record.complete:
                    upstream.cancel()
                return
        self.answered = True
        self._disarm("try")
        self._heard()
        self.listener.on_headers(headers, end)

    def on_data(self, data: bytes, end: bool) -> None:
        self._heard()
        if self.unread.waits:
            self.unread.keep(data, end)
        else:
            self.listener.on_data(data, end)

    def on_trailers(self, trailers: HeaderMap) -> None:
        if self.unread.waits:
            self.unread.keep_trailers(trailers)
        else:
            self.listener.on_trailers(trailers)

    def wait(self, stop: bool) -> None:
        """Read no more of the answer, or go on; frames within the window of HTTP/2 come in any case."""
        if not self.cluster.http2:
            self.unread.wait(stop)

    # ---- what was not read for a while
    def data(self, data: bytes, end: bool) -> None:
        if not self.cancelled:
            self.listener.on_data(data, end)

    def trailers(self, trailers: HeaderMap) -> None:
        if not self.cancelled:
            self.listener.on_trailers(trailers)

    def _heard(self) -> None:
        if "idle" in self.timers:
            self._disarm("idle")
            self._arm(
                "idle",
                self.timeouts.per_try_idle,
                lambda: self._try_too_long("upstream_per_try_idle_timeout"),
            )

    def on_reset(self, reason: str) -> None:
        upstream = self.now
        if self.retry is not None and upstream is not None and not self.answered:
            if self._again(self.retry.on_reset(reason, sent=upstream.connected)):
                return
        self.stop_timers()
        self.listener.on_reset(reason)
