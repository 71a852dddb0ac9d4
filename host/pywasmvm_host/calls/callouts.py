"""proxy_http_call: a request of the plugin's own, answered on its root context.

The answer is gathered whole, then proxy_on_http_call_response runs once, never inside the call that asked.
"""

from __future__ import annotations

from typing import Any

from ..abi.enums import MapType, Status
from ..headers import HeaderMap
from ..router import CONNECT_ERROR, RETRIED
from ..routing import finish_request, read_timeouts
from ..tries import Tries
from . import body

HTTP = 0
RESET = 11  # Envoy's status code for "no answer at all"
TIMEOUT_BODY = b"upstream request timeout"


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
    """One HTTP call under way; also the listener of its request."""

    def __init__(self, root: Any, token: int, cluster: Any) -> None:
        self.root = root
        self.token = token
        self.world = root.vm.world
        self.cluster = cluster
        self.headers: HeaderMap | None = None
        self.body = bytearray()
        self.trailers: HeaderMap | None = None
        self.code = 0
        self.tries: Tries | None = None
        self.started_ns = self.world.now_ns

    def start(self, headers: HeaderMap, data: bytes, timeout_ms: int) -> None:
        timeouts = read_timeouts(headers, timeout_ms, tell=True)
        self.code = timeouts.code
        retry = finish_request(headers)
        self.tries = Tries(self.cluster, self, timeouts, retry, thread=self.root.vm.thread, open_again=True)
        self.tries.send("headers", headers, not data)
        if data:
            self.tries.send("data", data, True)

    # ---- the way to the upstream
    def on_try(self, count: int) -> None:
        """Nobody counts."""

    def on_connected(self) -> None:
        if self.tries is not None and self.tries.count == 1:
            self.started_ns = self.world.now_ns

    def on_problem(self, problem: str) -> None:
        self._answer_locally(503, problem.encode("latin-1"))

    def on_exhausted(self) -> None:
        """No log shows it."""

    # ---- the answer
    def on_headers(self, headers: HeaderMap, end: bool) -> None:
        headers.remove(b"keep-alive")
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
        retried = RETRIED if self.tries is not None and self.tries.count > 1 else ""
        code = 502 if reason == "protocol error" else 503
        self._answer_locally(code, f"{CONNECT_ERROR}{retried}reset reason: {reason}".encode())

    def on_timeout(self, details: str) -> None:
        if self.headers is not None:
            self.on_reset("response timeout")
            return
        self._answer_locally(self.code, b"" if self.code == 204 else TIMEOUT_BODY)

    def _answer_locally(self, code: int, text: bytes) -> None:
        """Answer in the upstream's place."""
        self.trailers = None
        self.body = bytearray(text)
        self.headers = local_answer(code, text)
        self._deliver()

    def cancel(self) -> None:
        if self.tries is not None:
            self.tries.cancel()

    def _deliver(self) -> None:
        root = self.root
        if root.http_calls.pop(self.token, None) is None:
            return
        if self.tries is not None:
            self.tries.stop_timers()
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
