"""One HTTP stream through the simulated proxy: what Envoy's connection manager and router add around the
filters.

It is the `Sink` of the filter chain on the client's side and, as `Router`, its last filter on the
upstream's side.
It also holds what is known of the stream (`info`), from which properties and the access log are made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .abi.enums import BodyAction, HeadersAction, Status
from .chain import FilterManager
from .client import ClientView, Http1Writer, Http2Writer
from .headers import HeaderMap
from .localreply import LocalReply
from .upstream import UpstreamRequest, request_problem

if TYPE_CHECKING:
    from .proxy import Proxy

__all__ = ["HttpStream", "Router"]

HOP = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
INTERNAL_ONLY = (
    b"x-envoy-force-trace", b"x-envoy-hedge-on-per-try-timeout", b"x-envoy-internal", b"x-envoy-ip-tags",
    b"x-envoy-max-retries", b"x-envoy-original-url", b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes", b"x-envoy-retry-grpc-on", b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name", b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response", b"x-envoy-upstream-rq-timeout-ms",
    b"x-envoy-upstream-stream-duration-ms", b"x-envoy-expected-rq-timeout-ms", b"x-forwarded-client-cert",
)  # fmt: skip
CONNECT_ERROR = "upstream connect error or disconnect/reset before headers. reset reason: "
RESET_FLAGS = {
    "connection termination": "UC",
    "remote connection failure": "UF",
    "protocol error": "UPE",
    "remote reset": "UR",
}


DELAYED_CLOSE_MS = 1000
ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?#].*)?$", re.IGNORECASE | re.DOTALL)


def split_absolute_form(headers: HeaderMap) -> None:
    """Turn a request target that is a whole URL into authority and path, as the HTTP/1 codec does."""
    found = ABSOLUTE.match(headers.get(b":path") or b"")
    if found is not None:
        path = found[2] or b"/"
        headers.set(b":authority", found[1])
        headers.set(b":path", path if path.startswith(b"/") else b"/" + path)


class HttpStream:
    """See the module docstring. Fed by a client (`proxy.Client`), runs until `over`."""

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
        self.over = False
        self.close_after = False
        self.on_over: Any = None
        self.route: dict[str, Any] | None = None
        self.route_known = False
        self.host_matched = False  # whether a virtual host was found; it stays when its routes do not match
        self.states: dict[str, bytes] = {}
        self.state_rules: dict[str, Any] = {}
        self.objects: dict[str, bytes] = {}
        self.span_tags: dict[str, str] = {}
        self.override_host = ""
        self.route_pinned = False
        self.metadata: dict[str, Any] = {}
        self.connection = connection
        self.client_address = connection.client_address if connection else proxy.next_client_address()
        self.upstream_address = ""
        self.attempts = 0
        self.upstream_started_ns = 0
        self.connection_id = connection.connection_id if connection else proxy.next_connection_id()
        self.writer: Any = None
        self.filters: list[Any] = []
        self.router = Router(self)
        self.manager = FilterManager(self, [], self.router, buffer_limit=proxy.buffer_limit)
        self._logging = 0

    # ---- request side
    def begin(self, headers: HeaderMap, end: bool) -> None:
        """Take request headers from the client and pass them through the chain."""
        self.original_headers = headers.copy()
        if not self.http2:
            split_absolute_form(headers)
        self._mutate_request(headers)
        self.request_headers = headers
        if self._refused(headers):
            return
        head = headers.get(b":method") == b"HEAD"
        self.writer = (
            Http2Writer(self.view, head, lambda: self.world.turn)
            if self.http2
            else Http1Writer(self.view, head, self.http10)
        )
        if self.connection is not None:
            self.writer.send = self.connection.write
        self._make_filters()
        self.request_complete = end
        self.find_route()
        self.manager.request_headers(headers, end)

    def _refused(self, headers: HeaderMap) -> bool:
        """Answer what the connection manager refuses before any filter."""
        path = headers.get(b":path") or b""
        self.request_complete = True
        if b"#" in path:
            self.close_after = True
            self.route_known = True
            self.refuse(400, b"", "path_normalization_failed")
        elif path and not path.startswith(b"/"):
            self.route_known = True
            self.refuse(404, b"", "absolute_path_rejected")
        else:
            return False
        return True

    def _make_filters(self) -> None:
        self.filters = self.proxy.make_filters(self)
        manager = FilterManager(self, self.filters, self.router, buffer_limit=self.proxy.buffer_limit)
        for f in self.filters:
            f.manager = manager
        self.router.manager = self.manager = manager

    def refuse(self, code: int, body: bytes, details: str, flag: str = "") -> None:
        """Answer a request that never gets to the filters."""
        self.writer = self.writer or Http1Writer(self.view, False)
        self.filters = self.proxy.make_filters(self)
        self.manager = FilterManager(self, self.filters, self.router, buffer_limit=self.proxy.buffer_limit)
        self.manager.send_local_reply(LocalReply(code, body, details=details, flag=flag))

    def _mutate_request(self, headers: HeaderMap) -> None:
        connection = (headers.get(b"connection") or b"").lower()
        self.close_after = connection == b"close" or (self.http10 and connection != b"keep-alive")
        if (headers.get(b"expect") or b"").lower() == b"100-continue":
            headers.remove(b"expect")
            self.view.informational.append(100)
        for name in (*HOP, *INTERNAL_ONLY):
            headers.remove(name)
        te = headers.get(b"te")
        if te is not None and te != b"trailers":
            headers.remove(b"te")
        if b":scheme" not in headers:
            forwarded = headers.get(b"x-forwarded-proto") or b""
            headers.add(b":scheme", forwarded if forwarded in (b"http", b"https") else b"http")
        if b"x-forwarded-proto" not in headers:
            headers.add(b"x-forwarded-proto", b"http")
        if self.proxy.envoy_headers and b"x-request-id" not in headers:
            headers.add(b"x-request-id", self.proxy.new_request_id())

    def data(self, data: bytes, end: bool) -> None:
        self.rx += len(data)
        self.request_complete = self.request_complete or end
        self.manager.request_data(data, end)

    def trailers(self, trailers: HeaderMap) -> None:
        self.request_complete = True
        self.manager.request_trailers(trailers)

    def hang_up(self) -> None:
        """The client closes its connection, if it still has one for this stream."""
        if not self.over and (self.view.error or not self.http2):
            self.client_gone()

    def client_gone(self) -> None:
        """The client closed its connection."""
        if not self.over:
            self.set_details("downstream_remote_disconnect", "DC")
            self.finish()

    # ---- route
    def find_route(self) -> dict[str, Any] | None:
        if not self.route_known:
            self.route_known = self.host_matched = True
            self.route = self.proxy.match_route(self.request_headers)
        return self.route

    def clear_route_cache(self) -> None:
        self.route_known = self.route_known and self.route_pinned

    # ---- what filters write and read
    def set_state(self, context: Any, path: bytes, value: bytes) -> Status:
        name = path.decode("latin-1")
        rule = self.state_rules.get(name) or getattr(context.root, "declared", {}).get(name)
        if rule is not None and rule.get("readonly") and name in self.states:
            return Status.BAD_ARGUMENT
        self.states[name] = value
        return Status.OK

    def logged_map(self, kind: int) -> HeaderMap | None:
        return {
            0: self.request_headers,
            2: self.response_headers_sent or self.manager.response.headers,
            3: self.manager.response.trailers,
        }.get(kind)

    # ---- the sink
    def set_details(self, details: str, flag: str = "") -> None:
        self.details = details
        if flag and flag not in self.flags:
            self.flags.append(flag)

    def refresh_route(self) -> None:
        if self.request_headers is not None:
            self.find_route()

    def set_code(self, code: int) -> None:
        self.code = code

    def response_headers(self, headers: HeaderMap, end: bool) -> None:
        for name in HOP:
            headers.remove(name)
        if b"date" not in headers:
            headers.add(b"date", self.proxy.date())
        if self.proxy.envoy_headers:
            headers.set(b"server", b"envoy")
        if self.http10 and b"content-length" not in headers:
            self.close_after = True  # an HTTP/1.0 body without a length ends with the connection
        if (not self.request_complete or self.close_after) and not self.http2:
            headers.set(b"connection", b"close")
        elif self.http10:
            headers.set(b"connection", b"keep-alive")
        status = headers.get(b":status") or b"0"
        self.code = int(status) if status.isdigit() else 0
        self.response_headers_sent = headers
        self.writer.headers(headers, end)

    def response_data(self, data: bytes, end: bool) -> None:
        self.tx += len(data)
        self.writer.data(data, end)

    def response_trailers(self, trailers: HeaderMap) -> None:
        self.writer.trailers(trailers)

    def reset(self, details: str) -> None:
        if self.details is None:
            self.details = details
        if self.writer is not None:
            # why: Envoy lets an HTTP/1 client that is still sending finish, for its delayed_close_timeout
            self.world.after(0 if self.http2 else DELAYED_CLOSE_MS, self._close_connection)
        self.finish()

    def _close_connection(self) -> None:
        if self.connection is not None:
            self.world.soon(lambda: self.connection.close(local=True))
        self.writer.close()

    def end(self) -> None:
        self.finish()
        if isinstance(self.writer, Http1Writer) and (not self.request_complete or self.close_after):
            self._close_connection()

    def finish(self) -> None:
        """Log, then take the filters down, once."""
        if self.over:
            return
        self.over = True
        self.end_ns = self.world.now_ns
        self.manager.ended = True
        for f in self.filters:
            f.on_log()
        self.proxy.log_access(self)
        self.proxy.tell_loggers(self)
        for f in self.filters:
            f.on_destroy()
        self.router.on_destroy()
        self.proxy.stream_over(self)
        if self.on_over is not None:
            self.on_over()


class _Answer:
    """Passes an upstream's answer to the router, which is a filter with methods of the same names."""

    def __init__(self, router: Router, attempt: int) -> None:
        def if_mine(action: Any) -> Any:
            def act(*args: Any) -> None:
                # why: a filter that continues a stream twice causes two requests; the first answer counts
                if router.winner in (None, attempt):
                    router.winner = attempt
                    action(*args)

            return act

        self.on_headers = if_mine(router.on_headers_from_upstream)
        self.on_data = if_mine(router.on_upstream_data)
        self.on_trailers = if_mine(router.on_upstream_trailers)
        self.on_reset = if_mine(router.on_reset)


def redirect_location(redirect: dict[str, Any], headers: HeaderMap) -> bytes:
    """Return where a redirect route sends the client."""
    scheme = b"https" if redirect.get("https") else headers.get(b":scheme") or b"http"
    host = redirect["host"].encode() if redirect.get("host") else headers.get(b":authority") or b""
    path = redirect["path"].encode() if redirect.get("path") else headers.get(b":path") or b"/"
    return scheme + b"://" + host + path


class Router:
    """The last filter of the request direction: chooses the cluster and speaks to it."""

    def __init__(self, stream: HttpStream) -> None:
        self.stream = stream
        self.manager: FilterManager | None = None
        self.upstream: UpstreamRequest | None = None
        self.older: list[UpstreamRequest] = []
        self.responded = False
        self.winner: int | None = None
        self.timer: Any = None

    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        s, m = self.stream, self.manager
        if m is None:
            return HeadersAction.STOP_ITERATION
        route = s.find_route()
        if route is None:
            m.send_local_reply(LocalReply(404, details="route_not_found", flag="NR"))
            return HeadersAction.STOP_ITERATION
        if "direct_response" in route:
            direct = route["direct_response"]
            m.send_local_reply(
                LocalReply(direct.get("status", 200), direct.get("body", b""), details="direct_response")
            )
            return HeadersAction.STOP_ITERATION
        if "redirect" in route:
            location = redirect_location(route["redirect"], headers)
            m.send_local_reply(
                LocalReply(
                    route["redirect"].get("code", 301),
                    headers=[(b"location", location)],
                    details="direct_response",
                )
            )
            return HeadersAction.STOP_ITERATION
        cluster = s.proxy.clusters.get(route["cluster"])
        if cluster is None:
            m.send_local_reply(LocalReply(503, details="cluster_not_found", flag="NC"))
            return HeadersAction.STOP_ITERATION
        if self.upstream is not None:
            self.older.append(self.upstream)
        if s.proxy.envoy_headers:
            headers.set(b"x-envoy-expected-rq-timeout-ms", str(s.proxy.route_timeout_ms).encode())
        self.upstream = cluster.open(_Answer(self, len(self.older)))
        s.attempts = 1
        upstream = self.upstream
        upstream.waiting = [("headers", headers, end)]
        s.world.soon(lambda: self._connect(upstream))
        if end:
            self._arm()
        return HeadersAction.STOP_ITERATION

    def _connect(self, upstream: UpstreamRequest) -> None:
        s, m = self.stream, self.manager
        if s.over or m is None or upstream.closed:
            return
        if upstream.cluster.dead:
            self.on_reset("remote connection failure")
            return
        headers = next((x for k, x, _ in upstream.waiting if k == "headers"), None)
        problem = request_problem(headers) if headers is not None else ""
        if problem:
            details = "".join("_" if c.isspace() else c for c in problem)
            m.send_local_reply(
                LocalReply(
                    503,
                    problem.encode("latin-1"),
                    details=f"filter_removed_required_request_headers{{{details}}}",
                    flag="DPE",
                )
            )
            return
        upstream.connected = True
        if not upstream.cluster.http2 and upstream.cluster.idle:
            upstream.cluster.idle -= 1
        s.upstream_address = s.override_host or upstream.cluster.address
        s.upstream_started_ns = s.world.now_ns
        waiting, upstream.waiting = upstream.waiting, []
        for kind, value, end in waiting:
            self._send(upstream, kind, value, end)

    def _send(self, upstream: UpstreamRequest, kind: str, value: Any, end: bool) -> None:
        if kind == "headers":
            upstream.send_headers(value, end)
        elif kind == "data":
            upstream.send_data(value, end)
        else:
            upstream.send_trailers(value)

    def _push(self, kind: str, value: Any, end: bool) -> None:
        if self.upstream is None:
            return
        if self.upstream.connected:
            self._send(self.upstream, kind, value, end)
        else:
            self.upstream.waiting.append((kind, value, end))
        if end:
            self._arm()

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        self._push("data", bytes(data), end)
        del data[:]
        return BodyAction.STOP_NO_BUFFER

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        self._push("trailers", trailers, True)
        return False

    def _arm(self) -> None:
        route = self.stream.find_route() or {}
        timeout = route.get("timeout_ms", self.stream.proxy.route_timeout_ms)
        if timeout and self.timer is None:
            self.timer = self.stream.world.after(timeout, self._timeout)

    def _timeout(self) -> None:
        done = self.upstream is not None and self.upstream.finished
        if self.stream.over or done or self.manager is None:
            return
        if self.upstream is not None:
            self.upstream.cancel()
        self.manager.send_local_reply(
            LocalReply(504, b"upstream request timeout", details="response_timeout", flag="UT")
        )

    # ---- the upstream's answer
    def on_headers_from_upstream(self, headers: HeaderMap, end: bool) -> None:
        self.responded = True
        s = self.stream
        if s.proxy.envoy_headers:
            headers.add(
                b"x-envoy-upstream-service-time",
                str((s.world.now_ns - s.upstream_started_ns) // 1_000_000).encode(),
            )
        s.details = "via_upstream"
        status = headers.get(b":status") or b"0"
        s.code = int(status) if status.isdigit() else 0
        if self.manager is not None:
            self.manager.response_headers(headers, end)

    def on_upstream_data(self, data: bytes, end: bool) -> None:
        if self.manager is not None:
            self.manager.response_data(data, end)

    def on_upstream_trailers(self, trailers: HeaderMap) -> None:
        if self.manager is not None:
            self.manager.response_trailers(trailers)

    def on_reset(self, reason: str) -> None:
        s, m = self.stream, self.manager
        if m is None or s.over:
            return
        flag = RESET_FLAGS.get(reason, "UR")
        word = reason.replace(" ", "_")
        if reason == "remote connection failure":
            word += "|delayed_connect_error:_Connection_refused"
        when = "after" if self.responded else "before"
        m.send_local_reply(
            LocalReply(
                502 if reason == "protocol error" else 503,
                (CONNECT_ERROR + reason).encode(),
                details=f"upstream_reset_{when}_response_started{{{word}}}",
                flag=flag,
            )
        )

    def on_destroy(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for upstream in (*self.older, *([self.upstream] if self.upstream else [])):
            upstream.cancel()
