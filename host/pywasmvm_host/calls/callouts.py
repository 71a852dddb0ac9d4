"""proxy_http_call: a request of the plugin's own, answered on its root context.

The answer is gathered whole, then proxy_on_http_call_response runs once, never inside the call that asked.
"""

from __future__ import annotations

from typing import Any

from ..abi.enums import MapType, Status
from ..headers import HeaderMap
from ..routing import Timeouts, prepare_request, request_problem
from . import body

HTTP = 0
RESET = 11  # Envoy's status code for "no answer at all"
TIMEOUT_BODY = b"upstream request timeout"
CONNECT_BODY = b"upstream connect error or disconnect/reset before headers. reset reason: "


def local_answer(code: int, text: bytes) -> HeaderMap:
    """Return the headers of the answer Envoy makes up when the upstream gives none."""
    return HeaderMap(
        "response",
        [
            (b":status", str(code).encode()),
            (b"content-length", str(len(text)).encode()),
            (b"content-type", b"text/plain"),
        ],
    )


class HttpCallout:
    """One HTTP call under way; also the listener of its upstream request."""

    def __init__(self, root: Any, token: int, cluster: Any) -> None:
        self.root = root
        self.token = token
        self.world = root.vm.world
        self.cluster = cluster
        self.headers: HeaderMap | None = None
        self.body = bytearray()
        self.trailers: HeaderMap | None = None
        self.upstream: Any = None
        self.timeouts = Timeouts(0)
        self.timers: list[Any] = []
        self.started_ns = self.world.now_ns

    def start(self, headers: HeaderMap, data: bytes, timeout_ms: int) -> None:
        self.timeouts = prepare_request(headers, timeout_ms, tell=True)
        if self.timeouts.whole:
            self.timers.append(self.world.after(self.timeouts.whole, self._timeout))
        if self.timeouts.per_try:
            self.timers.append(self.world.after(self.timeouts.per_try, self._try_timeout))
        self.upstream = self.cluster.open(self, self.root.vm.thread)
        self.upstream.connect(lambda: self._send(headers, data))

    def _send(self, headers: HeaderMap, data: bytes) -> None:
        problem = request_problem(headers)
        if problem:
            self._answer_locally(503, problem.encode("latin-1"))
            return
        self.started_ns = self.world.now_ns
        self.upstream.send_headers(headers, not data)
        if data:
            self.upstream.send_data(data, True)

    # ---- the answer
    def on_headers(self, headers: HeaderMap, end: bool) -> None:
        headers.add(
            b"x-envoy-upstream-service-time", str((self.world.now_ns - self.started_ns) // 1_000_000).encode()
        )
        self.headers = headers
        if end:
            self._deliver()

    def on_data(self, data: bytes, end: bool) -> None:
        self.body += data
        if end:
            self._deliver()

    def on_trailers(self, trailers: HeaderMap) -> None:
        self.trailers = trailers
        self._deliver()

    def on_reset(self, reason: str) -> None:
        if self.headers is not None:
            self.headers = None
            self.body.clear()
            self.root.status = (RESET, b"reset")
            self._deliver()
            return
        self._answer_locally(503, CONNECT_BODY + reason.encode())

    def _answer_locally(self, code: int, text: bytes) -> None:
        """Answer in the upstream's place."""
        self.trailers = None
        self.body = bytearray(text)
        self.headers = local_answer(code, text)
        self._deliver()

    def _try_timeout(self) -> None:
        if self.headers is None:
            self._timeout()

    def _timeout(self) -> None:
        if self.upstream is not None:
            self.upstream.cancel()
        if self.headers is not None:
            self.on_reset("response timeout")
            return
        code = self.timeouts.code
        self._answer_locally(code, b"" if code == 204 else TIMEOUT_BODY)

    def cancel(self) -> None:
        self._stop_timers()
        if self.upstream is not None:
            self.upstream.cancel()

    def _stop_timers(self) -> None:
        for timer in self.timers:
            timer.cancel()

    def _deliver(self) -> None:
        root = self.root
        if root.http_calls.pop(self.token, None) is None:
            return
        self._stop_timers()
        maps = {}
        if self.headers is not None:
            maps[int(MapType.HTTP_CALL_RESPONSE_HEADERS)] = self.headers
        if self.trailers is not None:
            maps[int(MapType.HTTP_CALL_RESPONSE_TRAILERS)] = self.trailers
        root.callout_maps, root.callout_body = maps, bytes(self.body) if self.headers is not None else None
        n_headers = len(self.headers) if self.headers is not None else 0
        n_trailers = len(self.trailers) if self.trailers is not None else 0
        root.vm.call(
            root, "proxy_on_http_call_response", root.id, self.token, n_headers, len(self.body), n_trailers
        )
        root.callout_maps, root.callout_body = {}, None
        root.status = (root.status[0], b"")


@body
def proxy_http_call(
    call: Any,
    upstream: bytes,
    pairs: list[tuple[bytes, bytes]],
    data: bytes,
    trailer_pairs: list[tuple[bytes, bytes]],
    timeout: int,
) -> Any:
    cluster = call.world.clusters.get(upstream.decode("utf-8", "replace"))
    headers = HeaderMap("request", pairs)
    missing = [name for name in (b":method", b":path", b":authority") if name not in headers]
    if cluster is None or missing or timeout < 0:
        return Status.BAD_ARGUMENT
    if data:
        headers.set(b"content-length", str(len(data)).encode())
    headers.set(b"x-envoy-internal", b"true")
    if trailer_pairs:
        # measured: Envoy 1.40 ends the request with its body and never sends the trailers
        call.vm.hazard("trailers of proxy_http_call: Envoy 1.40 does not send them")
    call.vm.check_callouts(call.root)
    token = call.vm.new_token(HTTP)
    callout = HttpCallout(call.root, token, cluster)
    call.root.http_calls[token] = callout
    callout.start(headers, data, timeout)
    return Status.OK, token
