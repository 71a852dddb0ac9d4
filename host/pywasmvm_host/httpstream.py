"""One HTTP stream through the simulated proxy: what Envoy's connection manager and router add around the
filters.

It is the `Sink` of the filter chain on the client's side and, as `Router`, its last filter on the
upstream's side.
It also holds what is known of the stream (`info`), from which properties and the access log are made.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from .abi.enums import Status
from .chain import FilterManager
from .client import ClientView, Http1Writer, Http2Writer
from .clocks import StreamClocks
from .connmanager import Refused, codec_problem, enter_request, leave_response
from .filterstate import StateObjects
from .headers import HeaderMap, Pair, unsigned
from .localreply import LocalReply
from .router import Router
from .routes.rewriting import change_response
from .unread import Unread

if TYPE_CHECKING:
    from .proxy import Proxy
    from .routes.model import Found, VirtualHost
    from .upstream import Cluster

__all__ = ["HttpStream"]

BAD_REQUEST = 400


class HttpStream:
    """See the module docstring. Fed by a client (`sending.Client`), runs until `over`."""

    def __init__(
        self, proxy: Proxy, *, http2: bool = False, http10: bool = False, connection: Any = None
    ) -> None:
        self.proxy = proxy
        self.world = proxy.world
        self.http2 = http2
        self.http10 = http10
        self.protocol = "HTTP/2" if http2 else "HTTP/1.0" if http10 else "HTTP/1.1"
        self.view = ClientView()
        self.start_ns = self.world.now_ns
        self.end_ns: int | None = None
        self.request_headers: HeaderMap | None = None
        self.original_headers: HeaderMap | None = None
        self.response_headers_sent: HeaderMap | None = None
        self.code: int | None = None
        self.details: str | None = None
        self.flags: list[str] = []
        self.rx = 0
        self.tx = 0
        self.request_complete = False
        self.draining = False  # whether the connection is to end with this response
        self.cut = False  # once nothing more gets to the client
        self.reading = False  # while bytes of the client are being taken
        self.over = self.destroyed = False
        self.close_after = False
        self.endless = http10  # as long as no length tells an HTTP/1.0 client the end of the response
        self.on_over: Any = None
        self.route: Found | None = None
        self.route_known = False
        self.virtual_host: VirtualHost | None = None  # stays when its routes do not match
        below = connection.states if connection else {}
        self.states: MutableMapping[str, bytes] = ChainMap({}, below)
        self.state_rules: dict[str, Any] = {}
        self.objects = StateObjects(connection.objects if connection else None)
        self.span_tags: dict[str, str] = {}
        self.override_host = ""
        self.route_pinned = False
        self.metadata: dict[str, Any] = {}
        self.typed_metadata: dict[str, Any] = {}
        self.local_body = ""  # of a local reply, before the configuration gives it its form
        self.connection = connection
        self.last = False  # whether the proxy wants no further request on the connection
        self.number = connection.requests if connection else 1  # among the requests of its connection
        self.client_address = connection.client_address if connection else proxy.next_client_address()
        self.upstream_address = self.upstream_failure = ""
        self.upstream_connected = False
        self.attempts = 0
        self.code_before: int | None = None  # the last local reply
        self.upstream_started_ns = 0
        self.upstream_ended_ns: int | None = None
        self.connection_id = connection.connection_id if connection else proxy.next_connection_id()
        self.writer: Any = None
        self.filters: list[Any] = []
        self.router = Router(self)
        self.manager = FilterManager(self, [], self.router, buffer_limit=self.buffer_limit)
        self.clocks = StreamClocks(self)
        self.unread = Unread(self.world, self)

    @property
    def buffer_limit(self) -> int:
        """How much of a body filters may hold: over HTTP/2 it is the window of the stream."""
        return self.proxy.options.stream_window if self.http2 else self.proxy.buffer_limit

    # ---- request side
    def begin(self, headers: HeaderMap, end: bool) -> None:
        """Take request headers from the client and pass them through the chain."""
        self.original_headers = headers.copy()
        problem = codec_problem(headers, self.proxy.options.codec) if self.http2 else ""
        if problem:
            self.set_details(problem, "DR")
            self.view.error = "stream reset 2"
            self.finish()
            return
        refused = enter_request(headers, self)
        self.request_headers = headers
        self.clocks.touch()
        if refused is None and headers.get(b":method") == b"CONNECT" and self.find_route() is not None:
            refused = Refused(403, "upgrade_failed", routed=True)
        if refused is not None:
            self._refuse(refused)
            return
        head = headers.get(b":method") == b"HEAD"
        self.writer = self._new_writer(head)
        if self.connection is not None:
            self.writer.send = self.connection.write
        self.find_route()
        self._make_filters()
        self.request_complete = end
        self.reading = True
        self.manager.request_headers(headers, end)
        self.reading = False

    def _new_writer(self, head: bool) -> Http1Writer | Http2Writer:
        if self.http2:
            return Http2Writer(self.view, head, lambda: self.world.turn)
        return Http1Writer(self.view, head, self.http10, self.proxy.options.codec)

    def _refuse(self, why: Refused) -> None:
        """Answer what the connection manager refuses before any filter."""
        self.request_complete = True
        self.close_after = self.close_after or why.close
        self.route_known = self.route_known or not why.routed
        location = [(b"location", why.location)] if why.location else []
        self.refuse(why.code, b"", why.details, headers=location)

    def _make_filters(self) -> None:
        self.filters = self.proxy.make_filters(self)
        manager = FilterManager(self, self.filters, self.router, buffer_limit=self.buffer_limit)
        for f in self.filters:
            f.manager = manager
        self.router.manager = self.manager = manager
        manager.rewrite = self._rewrite_reply if self.proxy.options.local_replies is not None else None

    def _rewrite_reply(self, headers: HeaderMap, body: bytes) -> tuple[bytes, bytes]:
        rules = self.proxy.options.local_replies
        return (body, b"") if rules is None else rules.rewrite(self, headers, body)

    def refuse(
        self, code: int, body: bytes, details: str, flag: str = "", headers: Sequence[Pair] = ()
    ) -> None:
        """Answer a request that never gets to the filters, or whose body turns out to be wrong."""
        self.writer = self.writer or self._new_writer(False)
        if self.manager.request.headers is None:
            self.filters = self.proxy.make_filters(self)
            self.manager = FilterManager(self, self.filters, self.router, buffer_limit=self.buffer_limit)
            self.manager.rewrite = self._rewrite_reply if self.proxy.options.local_replies else None
        self.manager.send_local_reply(LocalReply(code, body, [*headers], details=details, flag=flag))

    def data(self, data: bytes, end: bool) -> None:
        if self.unread.waits:
            self.unread.keep(data, end)
            return
        self.rx += len(data)
        self.clocks.touch()
        self.request_complete = self.request_complete or end
        self.reading = True
        self.manager.request_data(data, end)
        self.reading = False

    def trailers(self, trailers: HeaderMap) -> None:
        if self.unread.waits:
            self.unread.keep_trailers(trailers)
            return
        self.request_complete = True
        self.clocks.touch()
        self.reading = True
        self.manager.request_trailers(trailers)
        self.reading = False

    def hang_up(self) -> None:
        """The client closes its connection, if it still has one for this stream."""
        if not self.over and (self.view.error or not self.http2):
            self.client_gone()

    def client_gone(self, details: str = "downstream_remote_disconnect") -> None:
        """The connection to the client is closed."""
        if not self.over:
            self.set_details(details, "DC")
            self.finish()

    # ---- route
    def find_route(self) -> Found | None:
        if not self.route_known:
            self.route_known = True
            host, self.route = self.proxy.routes.find(self.request_headers, self.proxy.draw)
            self.virtual_host = host or self.virtual_host
            self.clocks.routed()
        return self.route

    @property
    def cluster(self) -> Cluster | None:
        """The cluster of the route, if there is one of that name."""
        return self.proxy.clusters.get(self.route.cluster or "") if self.route is not None else None

    def clear_route_cache(self) -> None:
        self.route_known = self.route_known and self.route_pinned

    # ---- what filters write and read
    def set_state(self, context: Any, path: bytes, value: bytes) -> Status:
        name = path.decode("latin-1")
        if name in self.states:
            if self.state_rules.get(name, {}).get("readonly"):
                return Status.BAD_ARGUMENT
        else:  # who makes it says what it is
            self.state_rules[name] = getattr(context.root, "declared", {}).get(name, {})
        self.states[name] = value
        return Status.OK

    def logged_map(self, kind: int) -> HeaderMap | None:
        return {
            0: self.request_headers,
            2: self.response_headers_sent or self.manager.response.headers,
            3: self.manager.response.trailers,
        }.get(kind)

    # ---- the sink
    def responding(self) -> None:
        """Take note that a response, or more of one, begins its way through the filters."""
        self.clocks.touch()
        self.clocks.request_ended()

    def reply_headers(self) -> list[Pair]:
        """Return what the route adds to local replies: Envoy does that before their code is known."""
        if self.route is None or not self.route.forwards:
            return []
        code, self.code = self.code, self.code_before
        added = HeaderMap("response")
        change_response(added, self.route, self)
        self.code = code
        return added.pairs()

    def wait(self, direction: str, stop: bool) -> None:
        """Read no more from the client or from the upstream, or go on."""
        if direction == "response":
            self.router.wait(stop)
        elif not self.http2:  # frames within the window come in any case
            self.unread.wait(stop)

    def set_details(self, details: str, flag: str = "") -> None:
        self.details = details
        self.set_flag(flag)

    def set_flag(self, flag: str) -> None:
        if flag and flag not in self.flags:
            self.flags.append(flag)

    def refresh_route(self) -> None:
        if self.request_headers is not None:
            self.find_route()

    def set_code(self, code: int) -> None:
        self.code_before, self.code = self.code, code

    def local_reply(self, code: int) -> None:
        """Take note of a local reply: after "bad request" Envoy trusts an HTTP/1 connection no more."""
        if code == BAD_REQUEST and not self.http2:
            self.close_after = True

    def response_headers(self, headers: HeaderMap, end: bool) -> None:
        leave_response(headers, self)
        most = self.proxy.options.most_requests
        if self.last or (most and self.number >= most):
            self.close_after = True
        if self.http10 and b"content-length" not in headers:
            self.close_after = True  # an HTTP/1.0 body without a length ends with the connection
        self.endless = self.http10 and not end and b"content-length" not in headers
        if (not self.request_complete or self.close_after) and not self.http2:
            headers.set(b"connection", b"close")
            self.draining = True
        elif self.http10:
            headers.set(b"connection", b"keep-alive")
        self.code = unsigned(headers.get(b":status")) or 0
        self.response_headers_sent = headers
        if not self.cut:
            self.writer.headers(headers, end)

    def response_data(self, data: bytes, end: bool) -> None:
        self.tx += len(data)
        if not self.cut:
            self.writer.data(data, end)

    def response_trailers(self, trailers: HeaderMap) -> None:
        if not self.cut:
            self.writer.trailers(trailers)

    def reset(self, details: str) -> None:
        if self.details is None:
            self.details = details
        if self.writer is not None and self.http2:
            if self.reading:
                self.writer.drop_queued()
            self.world.soon(self._close_connection)
        self.finish()
        # why: over HTTP/2, what else this event writes goes out before the reset, unless the client is read
        self.cut = self.cut or self.reading or not self.http2
        if self.writer is not None and not self.http2:
            if self._closes_at_once():
                self._close_connection()
            else:
                self._close_later()

    def _closes_at_once(self) -> bool:
        """Tell whether the connection ends with this stream, with no wait for a client that still sends."""
        # why: while Envoy still reads the request it answers, it does not count as complete
        return self.close_after and ((self.request_complete and not self.reading) or self.endless)

    def break_off(self, details: str, *, told: bool = False) -> None:
        """The HTTP/2 codec gives the stream up, because of what the client sent; it may be `told`."""
        self.set_details(details, "DPE")
        if told:
            self.view.error = "stream reset 1"
        self.cut = True
        self.finish()

    def _close_later(self) -> None:
        """Let an HTTP/1 client that may still be sending finish, for Envoy's delayed_close_timeout."""
        if self.connection is not None:
            self.connection.draining = True
        self.world.after(self.proxy.options.delayed_close_ms, self._close_connection)

    def _close_connection(self) -> None:
        self.cut = True
        if self.connection is not None:
            self.world.soon(lambda: self.connection.close(local=True))
        else:
            self.writer.close()

    def end(self) -> None:
        self.finish()
        if not isinstance(self.writer, Http1Writer):
            return
        if self._closes_at_once():
            self._close_connection()
        elif self.draining:
            self._close_later()

    def finish(self) -> None:
        """Log, then take the filters down, once."""
        if self.over:
            return
        self.over = True
        self.clocks.stop()
        self.end_ns = self.world.now_ns
        self.manager.ended = True
        for f in self.filters:
            f.on_log()
        self.proxy.log_access(self)
        self.proxy.tell_loggers(self)
        self.destroyed = True
        for f in self.filters:
            f.on_destroy()
        self.router.on_destroy()
        self.proxy.stream_over(self)
        if self.on_over is not None:
            self.on_over()
