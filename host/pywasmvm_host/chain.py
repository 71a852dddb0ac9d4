"""The filter chain of one HTTP stream: who sees what, and what happens when a filter pauses.

Follows Envoy's filter manager: requests pass the filters in order, responses in reverse; a filter may stop
headers
only, everything, keep data, or drop it; a held direction goes on when that filter says so. The last filter
of the
request direction is the router; what leaves the response direction goes to the `Sink`.

Rule 1: one buffer per direction, shared by its filters, since only one of them can hold data.
Rule 2: nothing here knows WebAssembly; a filter is anything with the six methods of `Filter`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

from .abi.enums import BodyAction, HeadersAction
from .headers import HeaderMap, Pair, unsigned
from .localreply import Asked, LocalReply, Rewrite, build_reply

__all__ = ["Direction", "Filter", "FilterManager", "Sink", "required_response_problem"]


class Filter(Protocol):
    """What the chain asks of a filter."""

    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction: ...
    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction: ...
    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool: ...
    def on_destroy(self) -> None: ...


class Sink(Protocol):
    """Where a stream's response and its end go: the connection manager, or an effect list."""

    destroyed: bool  # whether its filters are told that the stream is over

    def response_headers(self, headers: HeaderMap, end: bool) -> None: ...
    def response_data(self, data: bytes, end: bool) -> None: ...
    def response_trailers(self, trailers: HeaderMap) -> None: ...
    def reset(self, details: str) -> None: ...
    def end(self) -> None: ...
    def set_details(self, details: str, flag: str = "") -> None: ...
    def set_code(self, code: int) -> None: ...
    def local_reply(self, code: int) -> None: ...
    def refresh_route(self) -> None: ...
    def reply_headers(self) -> list[Pair]: ...
    def responding(self) -> None: ...
    def wait(self, direction: str, stop: bool) -> None: ...


class State(Enum):
    """How far one filter lets one direction go."""

    CONTINUE = 0
    STOP_SINGLE = 1
    STOP_ALL_BUFFER = 3
    STOP_ALL_WATERMARK = 4


class Entry:
    """One filter's place in one direction."""

    def __init__(self, filter_: Filter, direction: Direction) -> None:
        self.filter = filter_
        self.direction = direction
        self.state = State.CONTINUE
        self.headers_continued = False
        self.end_stream = False
        self.from_current = False

    @property
    def stopped_all(self) -> bool:
        return self.state in (State.STOP_ALL_BUFFER, State.STOP_ALL_WATERMARK)

    def resume(self) -> None:
        """Go on after this filter: release headers, held data and trailers, in that order."""
        d = self.direction
        if not d.may_continue():
            return
        if self.stopped_all:
            self.from_current = True
        self.state = State.CONTINUE
        if not self.headers_continued:
            self.headers_continued = True
            d.run_headers(d.observed_end and d.buffer is None and d.trailers is None, after=self)
        if not d.may_continue():
            return
        had_trailers = d.trailers is not None
        if d.buffer is not None:
            d.run_data(d.buffer, d.observed_end and not had_trailers, after=self)
        if had_trailers and d.trailers is not None and d.may_continue():
            d.run_trailers(after=self)
        self.from_current = False
        d.drained()

    def after_headers(self, action: HeadersAction) -> bool:
        if action == HeadersAction.CONTINUE:
            self.headers_continued = True
            return True
        self.state = State.STOP_SINGLE if action == HeadersAction.STOP_ITERATION else State(int(action))
        return False

    def after_data(self, action: BodyAction, data: bytearray) -> bool:
        d = self.direction
        if action == BodyAction.CONTINUE:
            if self.state == State.STOP_SINGLE:
                d.hold(data)
                self.resume()
                return False
            return True
        self.state = State.STOP_SINGLE
        if action in (BodyAction.STOP_BUFFER, BodyAction.STOP_WATERMARK):
            d.streaming = action == BodyAction.STOP_WATERMARK
            d.hold(data)
        else:
            if data is not d.buffer:
                del data[:]  # dropped
            if d.observed_end and d.trailers is None and d.buffer is None:
                d.buffer = bytearray()  # so that a later resume still ends the stream
        return False

    def after_trailers(self, go_on: bool) -> bool:
        if go_on:
            if self.state == State.STOP_SINGLE:
                self.resume()
                return False
            return True
        if self.state == State.CONTINUE:
            self.state = State.STOP_SINGLE
        return False


class Direction:
    """Requests or responses of one stream."""

    def __init__(self, name: str, manager: FilterManager, filters: list[Filter]) -> None:
        self.name = name
        self.manager = manager
        self.entries = [Entry(f, self) for f in filters]
        self.headers: HeaderMap | None = None
        self.trailers: HeaderMap | None = None
        self.buffer: bytearray | None = None
        self.observed_end = False
        self.streaming = True  # whether too much held data makes its source wait, else it is an error
        self.full = False  # whether the source was asked to wait
        self.aborted = False
        self.calling = ""

    def entry_of(self, filter_: Filter) -> Entry:
        return next(e for e in self.entries if e.filter is filter_)

    def may_continue(self) -> bool:
        return not self.aborted and not self.over

    @property
    def over(self) -> bool:
        """Whether nothing is to pass any more."""
        m = self.manager
        # why: Envoy lets a plugin continue a response that waits for it while its stream is being reset
        return m.over and not (m.resetting and self.name == "response" and not self.calling)

    def hold(self, data: bytearray) -> None:
        """Keep data until some filter goes on; with too much of it the source waits, or the stream fails."""
        if self.buffer is data:
            return
        if self.buffer is None:
            self.buffer = bytearray()
        self.buffer += data
        del data[:]
        if len(self.buffer) <= self.manager.limits[self.name]:
            return
        if not self.streaming:
            self.manager.too_large(self.name)
        elif not self.full:
            self.full = True
            self.manager.sink.wait(self.name, True)

    def drained(self) -> None:
        """Let the source go on once nothing is held any more."""
        if self.full and not self.buffer:
            self.full = False
            self.manager.sink.wait(self.name, False)

    def add_data(self, data: bytearray) -> None:
        """Add data on behalf of a filter that is being called."""
        self.hold(data)

    def add_trailers(self) -> HeaderMap:
        """Create trailers where the message had none; only during its last data."""
        if self.trailers is None:
            self.trailers = HeaderMap(f"{self.name} trailers")
        return self.trailers

    def _index(self, after: Entry | None, may_start_from_current: bool) -> int:
        if after is None:
            return 0
        at = self.entries.index(after)
        return at if may_start_from_current and after.from_current else at + 1

    def run_headers(self, end: bool, after: Entry | None = None) -> None:
        headers, m = self.headers, self.manager
        if headers is None:
            return
        self._tell()
        added_by: Entry | None = None
        last = len(self.entries) - 1
        for i in range(self._index(after, False), len(self.entries)):
            entry = self.entries[i]
            entry.end_stream = end and added_by is None
            outer, self.calling = self.calling, "headers"
            action = entry.filter.on_headers(self.name, headers, entry.end_stream)
            self.calling = outer
            if self.aborted:
                m.send_prepared()
                return
            if self.over or headers is not self.headers:
                return
            if not entry.after_headers(action) and not (self.name == "request" and i == last):
                if added_by is not None and not (self.name == "response" and end):
                    self._release(added_by)
                return
            if end and self.buffer is not None and added_by is None:
                added_by = entry
        if self.name == "response":
            problem = required_response_problem(headers)
            if problem:
                m.send_local_reply(
                    LocalReply(
                        502,
                        problem.encode(),
                        details=f"filter_removed_required_response_headers{{{_underscore(problem)}}}",
                    )
                )
                return
            m.response_started = True
            m.sink.response_headers(headers, end and added_by is None)
            m.maybe_end(end and added_by is None)
        if added_by is not None:
            self._release(added_by)

    def _release(self, entry: Entry) -> None:
        entry.state = State.STOP_SINGLE
        entry.resume()

    def _tell(self) -> None:
        if self.name == "response":
            self.manager.sink.responding()

    def run_data(self, data: bytearray, end: bool, after: Entry | None = None) -> None:
        m = self.manager
        self._tell()
        trailers_by: Entry | None = None
        had_trailers = self.trailers is not None
        for i in range(self._index(after, True), len(self.entries)):
            entry = self.entries[i]
            if entry.stopped_all:
                self.streaming = entry.state == State.STOP_ALL_WATERMARK
                self.hold(data)
                return
            if entry.end_stream:
                return
            entry.end_stream = end and self.trailers is None
            outer, self.calling = self.calling, "data"
            action = entry.filter.on_data(self.name, data, entry.end_stream)
            self.calling = outer
            if self.aborted:
                m.send_prepared()
                return
            if self.over:
                return
            if not had_trailers and self.trailers is not None and trailers_by is None:
                end = False
                trailers_by = entry
            last_request = self.name == "request" and i == len(self.entries) - 1
            if not entry.after_data(action, data) and not last_request:
                if trailers_by is not None and self.name == "request" and self.may_continue():
                    self.run_trailers(after=trailers_by)
                return
        if self.name == "response" and not self.over:
            out = bytes(data)
            del data[:]
            m.sink.response_data(out, end)
            m.maybe_end(end)
        if trailers_by is not None and not m.ended:
            self.run_trailers(after=trailers_by)

    def inject(self, data: bytes, end: bool, after: Entry) -> bool:
        """Send data on past a filter at once, whatever is held; headers that wait go before it."""
        if self.headers is None or not self.may_continue():
            return False
        if not after.headers_continued:
            after.headers_continued = True
            self.run_headers(False, after=after)
        if self.may_continue():
            self.run_data(bytearray(data), end, after=after)
        return True

    def run_trailers(self, after: Entry | None = None) -> None:
        m, trailers = self.manager, self.trailers
        if trailers is None:
            return
        self._tell()
        for i in range(self._index(after, True), len(self.entries)):
            entry = self.entries[i]
            if entry.stopped_all:
                return
            outer, self.calling = self.calling, "trailers"
            go_on = entry.filter.on_trailers(self.name, trailers)
            self.calling = outer
            entry.end_stream = True
            if self.aborted:
                m.send_prepared()
                return
            if (m.ended and self.over) or not entry.after_trailers(go_on):
                return
        if self.name == "response" and not (m.ended and self.over):
            m.sink.response_trailers(trailers)
            m.maybe_end(True)


class FilterManager:
    """The chain of one stream. The embedder feeds events; results leave through `sink`."""

    def __init__(self, sink: Sink, filters: list[Any], router: Any, *, buffer_limit: int = 1 << 20) -> None:
        self.sink = sink
        self.router = router
        self.filters = filters
        self.limits = {"request": buffer_limit, "response": buffer_limit}
        self.request = Direction("request", self, [*filters, router])
        self.response = Direction("response", self, list(reversed(filters)))
        self.asked = Asked()
        self.response_started = False
        self.ended = False
        self.resetting = False  # while the filters are told that the stream is cut off
        self.late = False
        self.prepared: LocalReply | None = None
        self.rewrite: Rewrite | None = None  # what the proxy makes of local replies

    # ---- events
    def request_headers(self, headers: HeaderMap, end: bool) -> None:
        self.asked = Asked.by(headers)
        self.request.headers = headers
        self.request.observed_end = end
        self.request.run_headers(end)

    def request_data(self, data: bytes, end: bool) -> None:
        self.request.observed_end = end
        if not self._request_over():
            self.request.run_data(bytearray(data), end)

    def request_trailers(self, trailers: HeaderMap) -> None:
        self.request.observed_end = True
        if not self._request_over():
            self.request.trailers = trailers
            self.request.run_trailers()

    def _request_over(self) -> bool:
        return self.ended or self.request.aborted

    def response_headers(self, headers: HeaderMap, end: bool) -> None:
        if not self.ended:
            self.response.headers = headers
            self._observe(end)
            self.response.run_headers(end)

    def response_data(self, data: bytes, end: bool) -> None:
        if not self.ended and not self.response.aborted:
            self._observe(end)
            self.response.run_data(bytearray(data), end)

    def response_trailers(self, trailers: HeaderMap) -> None:
        if not self.ended and not self.response.aborted:
            self._observe(True)
            self.response.trailers = trailers
            self.response.run_trailers()

    def _observe(self, end: bool) -> None:
        """Note how far the response has come; once its end is known nobody wants the rest of the request."""
        self.response.observed_end = end
        self.request.aborted = self.request.aborted or end

    # ---- ends
    @property
    def over(self) -> bool:
        """Whether nothing is to pass the chain any more: the stream has ended, and no late reply is sent."""
        return self.ended and not self.late

    def maybe_end(self, end: bool) -> None:
        if end and not self.ended:
            self.sink.end()

    def reset(self, details: str) -> None:
        """Cut the stream off."""
        if not self.ended:
            self.response.observed_end = self.resetting = True
            self.sink.reset(details)
            self.resetting = False

    def too_large(self, direction: str) -> None:
        """Answer for a body that outgrew the buffer."""
        if direction == "request":
            self.send_local_reply(LocalReply(413, b"Payload Too Large", details="request_payload_too_large"))
        else:
            self.send_local_reply(
                LocalReply(500, b"Internal Server Error", details="response_payload_too_large")
            )

    # ---- local replies
    def send_local_reply(self, reply: LocalReply, *, late: bool = False) -> None:
        """Answer the client in the upstream's place; how depends on what was sent already.

        `late` sends it even if the stream has ended. Envoy does that with what a plugin asked for in the
        callback that also closed the stream; the client gets what is written before the connection closes.
        """
        if reply.details is not None:
            self.sink.set_details(reply.details, reply.flag)
        if self.ended and not late:
            return
        self.router.on_local_reply()
        self.sink.local_reply(reply.code)
        if self.request.calling:
            self.request.aborted = True
        elif self.response.calling:
            self.response.aborted = True
        if not self.response_started and self.prepared is None:
            self.sink.set_code(reply.code)
        if self.response.headers is None:
            self.sink.refresh_route()
            if self.request.calling:
                self.prepared = self.prepared or reply
            else:
                self._reply_through_chain(reply)
        elif not self.response_started:
            self._reply_directly(reply)
        else:
            self.reset(reply.details or "")

    def send_prepared(self) -> None:
        """Send the reply that was asked for while a request callback ran."""
        reply, self.prepared = self.prepared, None
        if reply is not None:
            self._reply_through_chain(reply)

    def _reply_through_chain(self, reply: LocalReply) -> None:
        headers, body = self._build(reply)
        outer, self.late = self.late, self.ended
        self.response.headers = headers
        self._observe(not body)
        self.response.run_headers(not body)
        if body and not self.over and not self.sink.destroyed:
            self._observe(True)
            self.response.run_data(bytearray(body), True)
        self.late = outer

    def _build(self, reply: LocalReply) -> tuple[HeaderMap, bytes]:
        headers, body = build_reply(reply, self.asked, self.rewrite, first=self.sink.reply_headers())
        code = unsigned(headers.get(b":status"))
        if self.rewrite is not None and code is not None:
            self.sink.set_code(code)
        return headers, body

    def _reply_directly(self, reply: LocalReply) -> None:
        headers, body = self._build(reply)
        self.response.aborted = True
        self.response.headers = headers
        self.response_started = True
        self.sink.response_headers(headers, not body)
        if body:
            self.sink.response_data(body, True)
        self.maybe_end(True)


def required_response_problem(headers: HeaderMap) -> str:
    """Return what Envoy finds missing in response headers."""
    status = headers.get(b":status")
    return "" if status is not None and status.isdigit() else "missing required header: :status"


def _underscore(text: str) -> str:
    return "".join("_" if c.isspace() else c for c in text)
