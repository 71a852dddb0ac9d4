"""The last filter of the request direction: chooses the cluster, speaks to it, brings its answer back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .abi.enums import BodyAction, HeadersAction
from .connpool import NO_CONNECTION
from .headers import HeaderMap, unsigned
from .localreply import LocalReply
from .routes.model import Direct, Found, Redirect
from .routes.rewriting import change_request, change_response, redirect_location, rewrite_path
from .routing import Timeouts, finish_request, read_timeouts
from .tries import Tries

if TYPE_CHECKING:
    from .chain import FilterManager
    from .httpstream import HttpStream

__all__ = ["Router"]

CONNECT_ERROR = "upstream connect error or disconnect/reset before headers. "
RETRIED = "retried and the latest "
REFUSED = "delayed connect error: Connection refused"
CREATED = 201
ATTEMPTS = b"x-envoy-attempt-count"
RESET_FLAGS = {
    "connection termination": "UC",
    NO_CONNECTION: "UF",
    "protocol error": "UPE",
    "remote reset": "UR",
}


def _locates(status: int) -> bool:
    """Tell whether an answer of this status says where something is."""
    return status == CREATED or 300 <= status < 400


class _Answer:
    """The router's side of one request to a cluster."""

    def __init__(self, router: Router, number: int) -> None:
        def if_mine(action: Any) -> Any:
            def act(*args: Any) -> None:
                # why: a filter that continues a stream twice causes two requests; the first answer counts
                if router.winner in (None, number):
                    router.winner = number
                    action(*args)

            return act

        self.on_headers = if_mine(router.on_headers_from_upstream)
        self.on_data = if_mine(router.on_upstream_data)
        self.on_trailers = if_mine(router.on_upstream_trailers)
        self.on_reset = if_mine(router.on_reset)
        self.on_timeout = if_mine(router.on_timeout)
        self.on_try = router.on_try
        self.on_connected = router.on_connected
        self.on_problem = router.on_problem
        self.on_exhausted = router.on_exhausted


class Router:
    """The last filter of the request direction: chooses the cluster and speaks to it."""

    def __init__(self, stream: HttpStream) -> None:
        self.stream = stream
        self.manager: FilterManager | None = None
        self.tries: Tries | None = None
        self.older: list[Tries] = []
        self.responded = False
        self.winner: int | None = None
        self.timeouts = Timeouts(0)
        self.request: HeaderMap | None = None

    # ---- the request
    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        s, m = self.stream, self.manager
        if m is None:
            return HeadersAction.STOP_ITERATION
        self._note_request_end(end)
        found = s.find_route()
        reply = self._reply_of_route(found, headers)
        if reply is not None:
            m.send_local_reply(reply)
            return HeadersAction.STOP_ITERATION
        if found is not None:
            self._forward(found, headers, end)
        return HeadersAction.STOP_ITERATION

    def _reply_of_route(self, found: Found | None, headers: HeaderMap) -> LocalReply | None:
        """Return what the route answers itself, or what is wrong with it."""
        s = self.stream
        if found is None:
            return LocalReply(404, details="route_not_found", flag="NR")
        does = found.route.does
        if isinstance(does, Direct):
            location = (
                [(b"location", redirect_location(Redirect(), headers))] if _locates(does.status) else []
            )
            reply = LocalReply(does.status, does.body, location, details="direct_response")
            return self._answer(found, reply)
        if isinstance(does, Redirect):
            rewrite_path(headers, found, does.rewrite)
            location = [(b"location", redirect_location(does, headers))]
            return self._answer(found, LocalReply(does.code, headers=location, details="direct_response"))
        if s.cluster is None:
            return LocalReply(does.missing_code, details="cluster_not_found", flag="NC")
        return None

    def _answer(self, found: Found, reply: LocalReply) -> LocalReply:
        """Add to a reply what its route adds to responses."""
        s = self.stream
        s.code = reply.code
        headers = HeaderMap("response", reply.headers)
        change_response(headers, found, s)
        reply.headers = headers.pairs()
        return reply

    def _forward(self, found: Found, headers: HeaderMap, end: bool) -> None:
        """Send a request to its cluster."""
        s, tell = self.stream, self.stream.proxy.envoy_headers
        cluster = s.cluster
        if cluster is None:
            return
        if self.tries is not None:
            self.older.append(self.tries)
        action = found.action
        whole = s.proxy.route_timeout_ms if action.timeout_ms is None else action.timeout_ms
        self.timeouts = read_timeouts(headers, whole, found.retry, tell=tell)
        if found.host.count_to_upstream:
            headers.set(ATTEMPTS, b"1")
        change_request(headers, found, s, tell=tell)
        retry = finish_request(headers, found.retry)
        self.request = headers
        self.tries = Tries(
            cluster,
            _Answer(self, len(self.older)),
            self.timeouts,
            retry,
            limit=s.buffer_limit,
        )
        self.tries.send("headers", headers, end)

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        self._note_request_end(end)
        if self.tries is not None:
            self.tries.send("data", bytes(data), end)
        del data[:]
        return BodyAction.STOP_NO_BUFFER

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        self._note_request_end(True)
        if self.tries is not None:
            self.tries.send("trailers", trailers, True)
        return False

    def _note_request_end(self, end: bool) -> None:
        if end:
            self.stream.clocks.request_ended()

    # ---- the way to the upstream
    def on_try(self, count: int) -> None:
        self.stream.attempts = count
        route = self.stream.route
        if count > 1 and self.request is not None and route is not None and route.host.count_to_upstream:
            self.request.set(ATTEMPTS, b"%d" % count)

    def on_connected(self) -> None:
        s = self.stream
        self._met_host()
        s.upstream_connected = True
        s.upstream_failure = ""
        s.upstream_started_ns = s.world.now_ns

    def _met_host(self) -> None:
        s = self.stream
        if s.cluster is not None:
            s.upstream_address = s.override_host or s.cluster.address

    def on_problem(self, problem: str) -> None:
        details = "".join("_" if c.isspace() else c for c in problem)
        if self.manager is not None:
            self.manager.send_local_reply(
                LocalReply(
                    503,
                    problem.encode("latin-1"),
                    details=f"filter_removed_required_request_headers{{{details}}}",
                    flag="DPE",
                )
            )

    def on_exhausted(self) -> None:
        self.stream.set_flag("URX")

    def on_timeout(self, details: str) -> None:
        if self.stream.over or self.manager is None:
            return
        code = self.timeouts.code
        text = b"" if code == 204 else b"upstream request timeout"
        self.manager.send_local_reply(LocalReply(code, text, details=details, flag="UT"))

    # ---- the upstream's answer
    def on_headers_from_upstream(self, headers: HeaderMap, end: bool) -> None:
        self.responded = True
        s = self.stream
        self._note_end(end)
        complete_ns = self.tries.complete_ns if self.tries is not None else None
        if not s.http2:
            headers.remove(b"keep-alive")
        s.details = "via_upstream"
        s.code = unsigned(headers.get(b":status")) or 0
        if s.proxy.envoy_headers and complete_ns is not None:
            ms = (s.world.now_ns - complete_ns) // 1_000_000
            headers.add(b"x-envoy-upstream-service-time", b"%d" % ms)
        change_response(headers, s.route, s)
        if s.route is not None and s.route.host.count_to_client:
            headers.set(ATTEMPTS, b"%d" % s.attempts)
        if self.manager is not None:
            self.manager.response_headers(headers, end)

    def _note_end(self, end: bool) -> None:
        if end:
            self.stream.upstream_ended_ns = self.stream.world.now_ns

    def on_upstream_data(self, data: bytes, end: bool) -> None:
        self._note_end(end)
        if self.manager is not None:
            self.manager.response_data(data, end)

    def on_upstream_trailers(self, trailers: HeaderMap) -> None:
        self._note_end(True)
        if self.manager is not None:
            self.manager.response_trailers(trailers)

    def on_reset(self, reason: str) -> None:
        s, m = self.stream, self.manager
        if m is None or s.over:
            return
        word = reason.replace(" ", "_")
        if reason == NO_CONNECTION:
            self._met_host()
            s.upstream_failure = REFUSED
            word += "|" + REFUSED.replace(" ", "_")
        when = "after" if self.responded else "before"
        retried = RETRIED if s.attempts > 1 else ""
        m.send_local_reply(
            LocalReply(
                502 if reason == "protocol error" else 503,
                f"{CONNECT_ERROR}{retried}reset reason: {reason}".encode(),
                details=f"upstream_reset_{when}_response_started{{{word}}}",
                flag=RESET_FLAGS.get(reason, "UR"),
            )
        )

    def wait(self, stop: bool) -> None:
        """Read no more of the answer, or go on."""
        if self.tries is not None:
            self.tries.wait(stop)

    def on_local_reply(self) -> None:
        """Give the upstream up: somebody else has answered, whether the client has the answer yet or not."""
        for tries in (*self.older, *([self.tries] if self.tries else [])):
            tries.cancel()

    def on_destroy(self) -> None:
        self.on_local_reply()
