"""The last filter of the request direction: chooses the cluster, speaks to it, brings its answer back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .abi.enums import BodyAction, HeadersAction
from .headers import HeaderMap
from .localreply import LocalReply
from .routing import Timeouts, apply_route, change_headers, prepare_request, request_problem
from .upstream import UpstreamRequest

if TYPE_CHECKING:
    from .chain import FilterManager
    from .httpstream import HttpStream

__all__ = ["Router"]

CONNECT_ERROR = "upstream connect error or disconnect/reset before headers. reset reason: "
RESET_FLAGS = {
    "connection termination": "UC",
    "remote connection failure": "UF",
    "protocol error": "UPE",
    "remote reset": "UR",
}


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
    old, mark, query = (headers.get(b":path") or b"/").partition(b"?")
    path = redirect["path"].encode() if redirect.get("path") else old
    keep = mark and not redirect.get("strip_query") and b"?" not in path
    return scheme + b"://" + host + path + (b"?" + query if keep else b"")


class Router:
    """The last filter of the request direction: chooses the cluster and speaks to it."""

    def __init__(self, stream: HttpStream) -> None:
        self.stream = stream
        self.manager: FilterManager | None = None
        self.upstream: UpstreamRequest | None = None
        self.older: list[UpstreamRequest] = []
        self.responded = False
        self.winner: int | None = None
        self.timeouts = Timeouts(0)
        self.timers: list[Any] = []
        self.complete_ns: int | None = None

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
        apply_route(headers, route, tell=s.proxy.envoy_headers)
        whole = route.get("timeout_ms", s.proxy.route_timeout_ms)
        self.timeouts = prepare_request(headers, whole, tell=s.proxy.envoy_headers)
        self.upstream = cluster.open(_Answer(self, len(self.older)))
        s.attempts = 1
        upstream = self.upstream
        upstream.waiting = [("headers", headers, end)]
        upstream.connect(lambda: self._connect(upstream))
        if end:
            self._arm()
        return HeadersAction.STOP_ITERATION

    def _connect(self, upstream: UpstreamRequest) -> None:
        s, m = self.stream, self.manager
        if m is None:
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
        """Start the clocks: the request is complete."""
        if self.complete_ns is None:
            self.complete_ns = self.stream.world.now_ns
        if self.timers:
            return
        t = self.timeouts
        if t.whole:
            self.timers.append(self.stream.world.after(t.whole, lambda: self._timeout("response_timeout")))
        if t.per_try:
            self.timers.append(self.stream.world.after(t.per_try, self._try_timeout))

    def _stop_timers(self) -> None:
        for timer in self.timers:
            timer.cancel()

    def _try_timeout(self) -> None:
        if not self.responded:
            self._timeout("upstream_per_try_timeout")

    def _timeout(self, details: str) -> None:
        done = self.upstream is not None and self.upstream.finished
        if self.stream.over or done or self.manager is None:
            return
        if self.upstream is not None:
            self.upstream.cancel()
        code = self.timeouts.code
        text = b"" if code == 204 else b"upstream request timeout"
        self.manager.send_local_reply(LocalReply(code, text, details=details, flag="UT"))

    # ---- the upstream's answer
    def on_headers_from_upstream(self, headers: HeaderMap, end: bool) -> None:
        self.responded = True
        s = self.stream
        change_headers(headers, s.route or {}, "response")
        if s.proxy.envoy_headers and self.complete_ns is not None:
            ms = (s.world.now_ns - self.complete_ns) // 1_000_000
            headers.add(b"x-envoy-upstream-service-time", b"%d" % ms)
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
        self._stop_timers()
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

    def on_local_reply(self) -> None:
        """Give the upstream up: somebody else has answered, whether the client has the answer yet or not."""
        self._stop_timers()
        for upstream in (*self.older, *([self.upstream] if self.upstream else [])):
            upstream.cancel()

    def on_destroy(self) -> None:
        self.on_local_reply()
