"""gRPC calls and streams of a plugin, over the scripted clusters.

A call reports its message or its failing status, nothing else; a stream reports metadata, messages and its
end.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Any

from .. import protobuf
from ..abi.enums import MapType, Status
from ..connpool import NO_CONNECTION
from ..headers import HeaderMap, unsigned
from ..localreply import Asked, LocalReply, build_reply, grpc_status_of
from ..routing import finish_request, read_timeouts
from ..tries import Tries
from . import body

CALL, STREAM = 1, 2
OK = 200  # of HTTP
INTERNAL, UNKNOWN, UNAVAILABLE = 13, 2, 14
LAST_STATUS, INVALID = 16, 0xFFFFFFFF
MAX_TIMEOUT = 99_999_999


def frame(message: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(message)) + message


def shown_timeout(timeout_ms: int) -> bytes:
    """Write a timeout as gRPC does: at most eight digits, so in the first unit in which it has no more."""
    amount, units = timeout_ms, [(b"S", 1000), (b"M", 60), (b"H", 60)]
    shown = b"m"
    while amount > MAX_TIMEOUT and units:
        shown, factor = units.pop(0)
        amount //= factor
    return b"%d" % amount + shown


def status_of(trailers: HeaderMap) -> int:
    """Return the status a message ends with; what is no known number is -1, in 32 bits."""
    text = trailers.get(b"grpc-status")
    if text is None:
        return UNKNOWN
    status = unsigned(text)
    return INVALID if status is None or status > LAST_STATUS else status


def unframe(pending: bytearray) -> list[tuple[bool, bytes]] | None:
    """Take whole messages, each with its flag "compressed"; None at a byte that begins no frame."""
    out = []
    while pending:
        if pending[0] > 1:
            return None
        end = 5 + struct.unpack(">I", pending[1:5])[0] if len(pending) >= 5 else 5
        if len(pending) < end:
            break
        out.append((pending[0] == 1, bytes(pending[5:end])))
        del pending[:end]
    return out


def find_cluster(world: Any, upstream: bytes) -> tuple[Status, Any, bytes]:
    """Resolve a cluster name or a serialized GrpcService; the third result is the authority to call."""
    name = upstream.decode("utf-8", "replace")
    if name in world.clusters:
        return Status.OK, world.clusters[name], upstream
    try:
        service = dict(protobuf.fields(upstream))
        inner = dict(protobuf.fields(service[1])) if isinstance(service.get(1), bytes) else None
    except protobuf.ParseError:
        return Status.PARSE_FAILURE, None, b""
    if inner is None:
        return Status.PARSE_FAILURE, None, b""
    named, authority = (inner.get(key) or b"" for key in (1, 2))
    if not isinstance(named, bytes) or not isinstance(authority, bytes):
        return Status.PARSE_FAILURE, None, b""
    cluster = world.clusters.get(named.decode("utf-8", "replace"))
    return (Status.INTERNAL_FAILURE if cluster is None else Status.OK), cluster, authority or named


class GrpcExchange:
    """One gRPC call or stream; also the listener of its upstream request."""

    def __init__(self, root: Any, token: int, cluster: Any, authority: bytes, *, streaming: bool) -> None:
        self.authority = authority
        self.root = root
        self.token = token
        self.local_closed = self.remote_closed = False
        self.cluster = cluster
        self.world = root.vm.world
        self.streaming = streaming
        self.tries: Tries | None = None
        self.pending = bytearray()
        self.message: bytes | None = None
        self.local_end = False
        self.ended_ns = 0  # when the guest's side of it ended
        self.details = ""

    def start(self, path: bytes, metadata: list[tuple[bytes, bytes]], timeout_ms: int) -> None:
        headers = HeaderMap(
            "request",
            [
                (b":method", b"POST"),
                (b":path", path),
                (b":authority", self.authority),
                (b"te", b"trailers"),
            ],
        )
        if not self.streaming:
            headers.add(b"grpc-timeout", shown_timeout(timeout_ms))
        headers.add(b"content-type", b"application/grpc")
        for key, value in metadata:
            headers.add(key, b64encode(value) if key.lower().endswith(b"-bin") else value)
        headers.add(b"x-envoy-internal", b"true")
        timeouts = read_timeouts(headers, timeout_ms, tell=True)
        retry = finish_request(headers)
        self.tries = Tries(self.cluster, self, timeouts, retry, thread=self.root.vm.thread)
        self.tries.send("headers", headers, False)

    def send(self, data: bytes, end: bool) -> None:
        if self.local_end or self.tries is None:
            return
        self.local_end, self.ended_ns = end, self.world.now_ns
        self.tries.send("data", data, end)

    # ---- the way to the upstream
    def on_try(self, count: int) -> None:
        """Nobody counts."""

    def on_connected(self) -> None:
        """Time is counted from the end of the request."""

    def on_exhausted(self) -> None:
        """No log shows it."""

    def on_problem(self, problem: str) -> None:
        details = f"filter_removed_required_request_headers{{{problem.replace(' ', '_')}}}"
        self._answer_locally(problem.encode("latin-1"), details)

    # ---- the answer
    def on_headers(self, headers: HeaderMap, end: bool) -> None:
        self.details = "via_upstream"
        if self.local_end:  # the time is counted from the end of the request
            waited_ms = (self.world.now_ns - self.ended_ns) // 1_000_000
            headers.add(b"x-envoy-upstream-service-time", b"%d" % waited_ms)
        code = unsigned(headers.get(b":status")) or 0
        if self.streaming:
            shown = HeaderMap("response") if end or code != OK else headers
            self._with_map(
                MapType.GRPC_CALL_INITIAL_METADATA, shown, "proxy_on_grpc_receive_initial_metadata"
            )
        has_status = headers.get(b"grpc-status") is not None
        if code != OK and not (end and has_status):
            self._error(grpc_status_of(code))
        elif end:
            self.on_trailers(headers)

    def on_data(self, data: bytes, end: bool) -> None:
        self.pending += data
        messages = unframe(self.pending)
        if messages is None:
            self._error(INTERNAL)
            return
        for compressed, message in messages:
            if compressed and message:
                self._error(INTERNAL)
                return
            self._receive(message)
            if self.over:
                return
        if end:
            self._error(UNKNOWN)

    def _receive(self, message: bytes) -> None:
        if not self.streaming:
            self.message = message
            return
        self._deliver(message)

    def _deliver(self, message: bytes) -> None:
        root = self.root
        root.grpc_message = bytearray(message)
        root.vm.call(root, "proxy_on_grpc_receive", root.id, self.token, len(message))
        root.grpc_message = None

    def _with_map(self, kind: MapType, headers: HeaderMap, callback: str) -> None:
        root = self.root
        root.callout_maps = {int(kind): headers}
        root.vm.call(root, callback, root.id, self.token, len(headers))
        root.callout_maps = {}

    def on_trailers(self, trailers: HeaderMap) -> None:
        message = trailers.get(b"grpc-message") or b""
        if self.streaming:
            self._with_map(
                MapType.GRPC_CALL_TRAILING_METADATA, trailers, "proxy_on_grpc_receive_trailing_metadata"
            )
        self._close(status_of(trailers), message)
        if self.tries is not None:
            self.tries.cancel()  # whatever the guest had still to send

    def on_reset(self, reason: str) -> None:
        if self.details:  # in the middle of the answer
            self._error(INTERNAL)
            return
        word = reason.replace(" ", "_")
        if reason == NO_CONNECTION:
            word += "|delayed_connect_error:_Connection_refused"
        text = f"upstream connect error or disconnect/reset before headers. reset reason: {reason}"
        self._answer_locally(text.encode(), f"upstream_reset_before_response_started{{{word}}}")

    def on_timeout(self, details: str) -> None:
        if self.details:
            self.details = details
            self._error(INTERNAL)
        else:
            self._answer_locally(b"upstream request timeout", details)

    def _answer_locally(self, text: bytes, details: str) -> None:
        """Answer in the upstream's place, as the proxy does for a gRPC request: trailers only."""
        if self.over:
            return
        reply = LocalReply(503, text, grpc_status=UNAVAILABLE)
        headers, _ = build_reply(reply, Asked(grpc=True))
        self.details = details
        if self.streaming:
            self._with_map(
                MapType.GRPC_CALL_INITIAL_METADATA,
                HeaderMap("response"),
                "proxy_on_grpc_receive_initial_metadata",
            )
        self.on_trailers(headers)

    @property
    def over(self) -> bool:
        return self.remote_closed or self.token not in self.root.grpc_calls

    def forget_if_over(self) -> None:
        """Drop the token of a stream that both sides have closed."""
        if self.remote_closed:
            self.root.grpc_calls.pop(self.token, None)

    def _error(self, status: int, message: bytes = b"") -> None:
        if self.over:
            return
        if self.streaming:
            self._with_map(
                MapType.GRPC_CALL_TRAILING_METADATA,
                HeaderMap("response trailers"),
                "proxy_on_grpc_receive_trailing_metadata",
            )
        self._close(status, message)
        if self.tries is not None:
            self.tries.cancel()

    def _close(self, status: int, message: bytes) -> None:
        root = self.root
        if root.grpc_calls.get(self.token) is not self or self.remote_closed:
            return
        self.remote_closed = True
        if self.tries is not None:
            self.tries.stop_timers()
        if not self.streaming and status == 0 and self.message is not None:
            self._deliver(self.message)
            self._forget()
            return
        details = self.details.encode()
        text = message + b"{" + details + b"}" if message and details else message or details
        if not self.streaming and status == 0:  # an end without a message
            status, text = INTERNAL, b""
        root.status = (status, text)
        root.vm.call(root, "proxy_on_grpc_close", root.id, self.token, status)
        root.status = (status, b"")
        self._forget()

    def _forget(self) -> None:
        """Drop the token; that of a stream stays until the guest closes its side, too."""
        if not self.streaming or self.local_closed:
            self.root.grpc_calls.pop(self.token, None)

    def cancel(self) -> None:
        if self.tries is None or self.remote_closed:
            return
        if self.tries.now is not None:
            self.tries.now.finished = False
        self.tries.cancel()


def _open(
    call: Any,
    kind: int,
    upstream: bytes,
    service: bytes,
    method: bytes,
    metadata: list[tuple[bytes, bytes]],
    timeout: int,
) -> Any:
    status, cluster, authority = find_cluster(call.world, upstream)
    if status == Status.PARSE_FAILURE:
        return status, None
    call.vm.check_callouts(call.root)
    token = call.vm.new_token(kind)
    root = call.root
    if cluster is None:
        # measured: the call is refused, and still its end is reported
        call.vm.defer(lambda: root.vm.call(root, "proxy_on_grpc_close", root.id, token, UNAVAILABLE))
        root.status = (UNAVAILABLE, b"Cluster not available")
        return status, None
    exchange = GrpcExchange(root, token, cluster, authority, streaming=kind == STREAM)
    root.grpc_calls[token] = exchange
    exchange.start(b"/" + service + b"/" + method, metadata, timeout)
    return status, exchange


@body
def proxy_grpc_call(
    call: Any,
    upstream: bytes,
    service: bytes,
    method: bytes,
    metadata: list[tuple[bytes, bytes]],
    message: bytes,
    timeout: int,
) -> Any:
    status, exchange = _open(call, CALL, upstream, service, method, metadata, timeout)
    if exchange is None:
        return status
    exchange.send(frame(message), True)
    return Status.OK, exchange.token


@body
def proxy_grpc_stream(
    call: Any, upstream: bytes, service: bytes, method: bytes, metadata: list[tuple[bytes, bytes]]
) -> Any:
    status, exchange = _open(call, STREAM, upstream, service, method, metadata, 0)
    return status if exchange is None else (Status.OK, exchange.token)


@body
def proxy_grpc_send(call: Any, token: int, message: bytes, end: bool) -> int:
    if token & 3 != STREAM:
        return Status.BAD_ARGUMENT
    exchange = call.root.grpc_calls.get(token)
    if exchange is None:
        return Status.NOT_FOUND
    exchange.send(frame(message), end)
    return Status.OK


@body
def proxy_grpc_cancel(call: Any, token: int) -> int:
    return _end(call, token, half_close=False)


@body
def proxy_grpc_close(call: Any, token: int) -> int:
    return _end(call, token, half_close=True)


def _end(call: Any, token: int, half_close: bool) -> int:
    if token & 3 not in (CALL, STREAM):
        return Status.BAD_ARGUMENT
    exchange = call.root.grpc_calls.get(token)
    if exchange is None:
        return Status.NOT_FOUND
    if half_close and exchange.streaming:
        exchange.send(b"", True)
        exchange.local_closed = True
        exchange.forget_if_over()
        return Status.OK
    del call.root.grpc_calls[token]
    exchange.cancel()
    return Status.OK
