"""Upstream clusters: what they answer, by a script or a function, when, and what they received.

A cluster stands for one server behind the proxy. `open` begins a request, `connect` finds it a connection;
the answer comes to a listener with on_headers, on_data, on_trailers and on_reset, over the world's virtual
time. Framing follows the protocol the cluster speaks: with HTTP/1.1 a message that has a body ends in an
empty last piece, with HTTP/2 the last piece itself ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import http2head
from .answers import DEFAULT_RESPONSE, Received, Script, UpstreamResponse
from .connpool import NO_CONNECTION, Connection, ConnectionPool
from .headers import HeaderMap, Pair, from_text
from .http1answer import (
    NO_CONTENT,
    NOT_MODIFIED,
    SWITCHING_PROTOCOLS,
    Answer,
    End,
    is_informational,
    read_answer,
)
from .world import MS, World

__all__ = [
    "DEFAULT_RESPONSE",
    "Cluster",
    "Received",
    "Script",
    "UpstreamRequest",
    "UpstreamResponse",
]

INTERNAL_ERROR = 2  # the HTTP/2 error code with which Envoy resets a stream
PROTOCOL_ERROR = 1
# What Envoy calls a server's reset of a stream, by its HTTP/2 error code; all others are "remote reset".
RESET_REASONS = {PROTOCOL_ERROR: "protocol error", 7: "remote refused stream reset"}
BODILESS_ANSWERS = (NO_CONTENT, NOT_MODIFIED)
BODILESS = (b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT")


class Cluster:
    """A named upstream with its script; responses are used in order, the last one repeats.

    A response may be a function instead: it is given the whole request, and returns the response.

    `connect_ms` and `answer_ms` are what a new connection and the way to the server and back take.
    """

    def __init__(
        self,
        world: World,
        name: str,
        responses: Sequence[Script] = (),
        *,
        http2: bool = False,
        dead: bool = False,
        match_index: bool = False,
        connect_ms: float = 0,
        answer_ms: float = 0,
        address: str = "",
    ) -> None:
        self.world = world
        self.connect_ms = connect_ms
        self.answer_ms = answer_ms
        self.name = name
        self.responses: list[Script] = list(responses) or [DEFAULT_RESPONSE]
        self.http2 = http2
        self.dead = dead
        self.match_index = match_index
        self.index = 0
        self.received: list[Received] = []
        self.last: UpstreamResponse | None = None
        self.forgotten = 0  # requests received before those
        self.pools: dict[str, ConnectionPool] = {}
        self.address = address or f"127.0.0.1:{62000 + sum(map(ord, name)) % 900}"

    def pick(self) -> Script:
        at = self.index if self.match_index else self.forgotten + len(self.received) - 1
        return self.responses[min(at, len(self.responses) - 1)]

    def forget(self) -> None:
        """Drop the requests received; the script goes on where it is."""
        self.forgotten += len(self.received)
        self.received.clear()

    def open(self, listener: Any, thread: str = "worker") -> UpstreamRequest:
        """Begin a request on behalf of a thread of the proxy; `connect` brings it to a connection."""
        pool = self.pools.get(thread)
        if pool is None:
            pool = self.pools[thread] = ConnectionPool(self)
        return UpstreamRequest(self, listener, pool)


class UpstreamRequest:
    """One request to a cluster, and its answer under way."""

    def __init__(self, cluster: Cluster, listener: Any, pool: ConnectionPool) -> None:
        self.cluster = cluster
        self.pool = pool
        self.connection = Connection()
        self.world = cluster.world
        self.listener = listener
        self.record = Received()
        self.response: UpstreamResponse | None = None
        self.respond: Callable[[Received], UpstreamResponse] | None = None
        self.expected: int | None = None
        self.chunked = False
        self.begun_at = -1
        self.writes: set[int] = set()  # when the server sends, in nanoseconds of virtual time
        self.refused = False  # the server has given up the connection because of this request
        self.closed = False
        self.answered = False
        self.finished = False
        self.head = False
        self.connected = False
        self.left: int | None = None  # bytes that an HTTP/2 answer has still announced
        self.stalled = False  # the server has answered, but never ends its answer
        self.stuck = False  # the plugin announced chunks, which nobody sends
        self.waiting: list[tuple[str, Any, bool]] = []
        self._begin: Callable[[], None] | None = None

    # ---- the connection
    def connect(self, begin: Callable[[], None]) -> None:
        """Call `begin` as soon as there is a connection; the listener is told if there is none."""
        self._begin = begin
        self.pool.ask(self)

    def on_connection(self, connection: Connection) -> None:
        self.connection = connection
        if self._begin is not None:
            self._begin()

    def on_refusal(self) -> None:
        self._reset(NO_CONNECTION)

    # ---- request side
    def send_headers(self, headers: HeaderMap, end: bool) -> None:
        shown = headers.copy()
        self._send(lambda: self._take_headers(shown, end))

    def send_data(self, data: bytes, end: bool) -> None:
        self._send(lambda: self._take_data(data, end))

    def send_trailers(self, trailers: HeaderMap) -> None:
        shown = trailers.copy()
        self._send(lambda: self._take_trailers(shown))

    def _send(self, action: Callable[[], None]) -> None:
        """Send now; but HTTP/2 frames wait while their connection is read, and a reset overtakes them."""
        if self.cluster.http2 and self.pool.reading:
            self.world.after_event(lambda: None if self.closed else action())
        else:
            action()

    def _take_headers(self, headers: HeaderMap, end: bool) -> None:
        self.head = headers.get(b":method") == b"HEAD"
        method, path = ((headers.get(name) or b"").decode("latin-1") for name in (b":method", b":path"))
        if not self.cluster.http2:  # why: a server splits the first line of a request at its blanks
            before, self.connection.left = self.connection.left.decode("latin-1"), b""
            method, path, _ = f"{before}{method} {path} HTTP/1.1".split(" ", 2)
        self.record.method, self.record.path = method, path
        if self.cluster.http2:
            self.record.headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers]
            if not self._acceptable(headers):
                return
        else:
            self.record.headers = self._http1_headers(headers, end)
        self.begun_at = self.world.turn
        self.cluster.received.append(self.record)
        picked = self.cluster.pick()
        if isinstance(picked, UpstreamResponse):
            self.response = self.cluster.last = picked
        else:
            self.respond = picked
        length = headers.get(b"content-length")
        if length is not None and _integer(length) is None:
            self._cut()
            return
        if self.response is not None and self.response.early:
            self._answer()
        waiting = bool(self.expected) and not self.cluster.http2
        if (end and not waiting) or (self.expected == 0 and not self.chunked and not self.cluster.http2):
            self._received_all()

    def _http1_headers(self, headers: HeaderMap, end: bool) -> list[tuple[str, str]]:
        shown = []
        for k, v in headers:
            if k.startswith(b":a"):
                shown.append(("host", v.decode("latin-1")))
            elif not k.startswith(b":"):
                shown.append((k.decode("latin-1"), v.decode("latin-1").strip(" \t")))
        length = headers.get(b"content-length")
        self.stuck = (headers.get(b"transfer-encoding") or b"").lower() == b"chunked"
        if length is not None:
            self.expected = max(_integer(length) or 0, 0)
        elif end:
            self.expected = 0
            if headers.get(b":method") not in BODILESS:
                shown.append(("content-length", "0"))
        else:
            self.chunked, self.stuck = True, False
            shown.append(("transfer-encoding", "chunked"))
        return shown

    def _acceptable(self, headers: HeaderMap) -> bool:
        """Note the length an HTTP/2 request has to have; a server cuts a connection on which it is none."""
        length = headers.get(b"content-length")
        if length is None:
            return True
        self.expected = _integer(length)
        if self.expected is None or self.expected == -1:
            self._cut()
            return False
        return True

    def _cut(self) -> None:
        """The server cannot read the request, and closes the connection."""
        self.refused = self.record.incomplete = True
        if self.cluster.http2 and self.begun_at == self.world.turn and self.record in self.cluster.received:
            self.cluster.received.remove(self.record)  # it came with what the server could not read
        self._later(self.cluster.answer_ms, self._lose_connection)

    def _lose_connection(self) -> None:
        self.pool.lose()
        self._reset("connection termination")

    def _take_data(self, data: bytes, end: bool) -> None:
        if self.stuck or self.closed or self.refused:
            return
        if self.record.complete:
            self.connection.left += data
            return
        if self.cluster.http2 and self.expected is not None:
            got = len(self.record.body) + len(data)
            if got > self.expected or (end and got != self.expected):
                self._cut()
                return
        self.record.body += data
        if self.expected is not None and not self.chunked and not self.cluster.http2:
            self.connection.left += self.record.body[self.expected :]
            self.record.body = self.record.body[: self.expected]
            if len(self.record.body) >= self.expected:
                self._received_all()
        elif end:
            self._received_all()

    def _take_trailers(self, trailers: HeaderMap) -> None:
        if self.record.complete or self.refused:
            return
        if self.cluster.http2 and not self._acceptable(trailers):
            return
        if self.cluster.http2 or self.chunked:
            shown = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in trailers]
            if not self.cluster.http2:
                # why: HTTP/1 writes names that begin with a colon, too; the server takes that for the end
                lines = [f"{k}: {v}".partition(":") for k, v in shown]
                shown = [(k, v.strip(" \t")) for k, _, v in lines]
            self.record.trailers = shown
            self._received_all()

    def _received_all(self) -> None:
        if self.record.complete or self.stuck:
            return
        self.record.complete = True
        if self.respond is not None:
            self.response = self.cluster.last = self.respond(self.record)
        if self.response is not None and not self.response.early:
            self._answer()

    def cancel(self, code: int = INTERNAL_ERROR) -> None:
        """The proxy gives the request up: the upstream sees a closed connection or a reset."""
        self.pool.forget(self)
        if self.closed:
            return
        self.closed = True
        ahead = sum(at > self.world.now_ns for at in self.writes)
        if self.cluster.http2:
            # why: a server that has sent all and received all takes no reset of the stream any more
            through = self.finished or (self.answered and not ahead and not self.stalled)
            if not through or not self.record.complete:
                self.record.reset_by_peer = code
                self.record.incomplete = not self.record.complete
        elif self.record.method:
            # why: one that answers before it reads learns from its second write that the connection is gone
            early = self.response is not None and self.response.early
            self.record.incomplete = not self.record.complete or (early and ahead > 1)

    # ---- response side
    def _later(self, delay_ms: float, action: Any) -> None:
        self.writes.add(self.world.now_ns + int(delay_ms * MS))
        self.world.after(delay_ms, lambda: None if self.closed else self._read(action))

    def _read(self, action: Any) -> None:
        self.pool.reading = True
        action()
        self.pool.reading = False

    def _answer(self) -> None:
        r = self.response
        if r is None or self.answered or r.hang:
            return
        self.answered = True
        delay_ms = r.delay_ms + self.cluster.answer_ms
        if r.refused:
            self._later(delay_ms, lambda: self._reset(NO_CONNECTION))
        elif r.reset:
            reason = RESET_REASONS.get(r.reset_code, "remote reset")
            self._later(
                delay_ms,
                lambda: self._reset(reason if self.cluster.http2 else "connection termination"),
            )
        else:
            self._later(delay_ms, self._send_head)
            if r.body or r.trailers:  # the rest is planned with the head
                self.writes.add(self.world.now_ns + int((delay_ms + r.pace_ms) * MS))

    def _reset(self, reason: str) -> None:
        self.closed = True
        self.listener.on_reset(reason)

    def _send_head(self) -> None:
        r = self.response
        if r is None:
            return
        body = [self.record.body] if r.echo else list(r.body)
        body = [piece for piece in body if piece]
        if self.cluster.http2:
            self._send_http2(r, body)
        else:
            self._send_http1(r, read_answer(r, body, self.head))

    def _send_http1(self, r: UpstreamResponse, answer: Answer | None) -> None:
        if answer is None:
            self._reset("protocol error")
            return
        message = _head(r.status, answer.headers)
        if answer.end == End.HEADERS:
            self._finish(lambda: self.listener.on_headers(message, True))
        elif answer.end == End.AT_ONCE or (r.pace_ms == 0 and answer.end != End.IGNORED):
            self.listener.on_headers(message, False)
            if answer.pieces:
                self._data(b"".join(answer.pieces), False)
            if answer.end != End.NEVER:
                self._end_http1(r, answer)
        elif answer.end != End.IGNORED:
            self._plan_http1(r, answer)
            self.listener.on_headers(message, False)

    def _plan_http1(self, r: UpstreamResponse, answer: Answer) -> None:
        at, last = 0.0, len(answer.pieces) - 1
        for i, piece in enumerate(answer.pieces):
            at += r.pace_ms
            if i == last and answer.end == End.LAST:
                self._later(at, partial(self._last_http1, piece, r, answer))
                return
            self._later(at, partial(self._data, piece, False))
        if r.reset_mid:
            self._later(at + r.pace_ms, lambda: self._reset("protocol error"))
        elif answer.end == End.AFTER and not r.stalls:
            self._later(at + r.pace_ms, lambda: self._end_http1(r, answer))

    def _data(self, data: bytes, end: bool) -> None:
        if not self.closed:
            self.listener.on_data(data, end)

    def _last_http1(self, piece: bytes, r: UpstreamResponse, answer: Answer) -> None:
        """Deliver what completes a content-length, and the end, which the proxy knows with it."""
        self._data(piece, False)
        self._end_http1(r, answer)

    def _end_http1(self, r: UpstreamResponse, answer: Answer) -> None:
        if r.trailers and answer.end == End.AFTER:
            trailers = HeaderMap("response trailers", from_text(r.trailers))
            self._finish(lambda: self.listener.on_trailers(trailers))
        else:
            self._finish(lambda: self._data(b"", True))

    def _finish(self, action: Any) -> None:
        if not self.closed:
            self.finished = True
            if self.cluster.http2 or self.record.complete:
                self.pool.put_back(self.connection)
            action()

    def _refuse_body(self, last: bool) -> None:
        """The proxy's codec takes no body but the one announced; a server that is through does not notice."""
        if not last or not self.record.complete:
            self.record.reset_by_peer = PROTOCOL_ERROR
        self._reset("protocol error")

    def _unreadable(self) -> None:
        """The proxy gives the connection up."""
        self.pool.lose()
        self._reset("protocol error")

    def _send_http2(self, r: UpstreamResponse, body: list[bytes]) -> None:
        if is_informational(r.status) or r.status == SWITCHING_PROTOCOLS:
            self.stalled = True
            if body and is_informational(r.status):  # no final headers come before it
                self._later(r.pace_ms, self._unreadable)
            return
        end = not body and not r.trailers and not r.stalls
        pairs = [(k.lower(), v) for k, v in from_text(r.headers)]
        if http2head.answer_problem(r.status, pairs, end and not self.head):
            self._unreadable()
            return
        lengths = [v for k, v in pairs if k == b"content-length"]
        self.left = 0 if self.head or r.status in BODILESS_ANSWERS else int(lengths[0]) if lengths else None
        message = _head(r.status, pairs)
        if r.status == NO_CONTENT:
            message.remove(b"content-length")
        if end:
            self._finish(lambda: self.listener.on_headers(message, True))
            return
        self._plan_http2(r, body)
        self.listener.on_headers(message, False)

    def _plan_http2(self, r: UpstreamResponse, body: list[bytes]) -> None:
        at, self.stalled = 0.0, r.stalls
        for i, piece in enumerate(body):
            at += r.pace_ms
            last = i == len(body) - 1 and not r.trailers and not r.stalls
            self._later(at, partial(self._frame, piece, last))
        if r.trailers and not r.stalls:
            pairs = [(k.lower(), v) for k, v in from_text(r.trailers)]
            self._later(at + r.pace_ms, partial(self._last_frame, pairs))

    def _frame(self, piece: bytes, last: bool) -> None:
        if self.left is not None:
            self.left -= len(piece)
            if self.left < 0 or (last and self.left):
                self._refuse_body(last)
                return
        if last:
            self._finish(lambda: self._data(piece, True))
        else:
            self._data(piece, False)

    def _last_frame(self, trailers: list[Pair]) -> None:
        if http2head.trailers_problem(trailers) or self.left:
            self._refuse_body(True)
            return
        message = HeaderMap("response trailers", trailers)
        self._finish(lambda: self.listener.on_trailers(message))


def _head(status: int, headers: list[Pair]) -> HeaderMap:
    return HeaderMap("response", [(b":status", str(status).encode()), *headers])


def _integer(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
