"""gRPC calls and streams of a plugin, over the scripted clusters.

A call reports its message or its failing status, nothing else; a stream reports metadata, messages and its
end.
"""

from __future__ import annotations

import struct
from typing import Any

from .. import protobuf
from ..abi.enums import MapType, Status
from ..headers import HeaderMap
from ..localreply import Asked, LocalReply, build_reply, grpc_status_of
from . import body

CALL, STREAM = 1, 2
INTERNAL, UNKNOWN, UNAVAILABLE = 13, 2, 14
INTERNAL_ERROR = 2  # HTTP/2 error code the upstream sees


def frame(message: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(message)) + message


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


def find_cluster(world: Any, upstream: bytes) -> tuple[Status, Any]:
    """Resolve a cluster name or a serialized GrpcService."""
    name = upstream.decode("utf-8", "replace")
    if name in world.clusters:
        return Status.OK, world.clusters[name]
    try:
        service = dict(protobuf.fields(upstream))
        inner = dict(protobuf.fields(service[1])) if isinstance(service.get(1), bytes) else None
    except protobuf.ParseError:
        return Status.PARSE_FAILURE, None
    if not inner or not isinstance(inner.get(1), bytes):
        return Status.PARSE_FAILURE, None
    cluster = world.clusters.get(inner[1].decode("utf-8", "replace"))
    return (Status.OK, cluster) if cluster is not None else (Status.INTERNAL_FAILURE, None)


class GrpcExchange:
    """One gRPC call or stream; also the listener of its upstream request."""

    def __init__(self, root: Any, token: int, cluster: Any, *, streaming: bool) -> None:
        self.root = root
        self.token = token
        self.local_closed = self.remote_closed = False
        self.cluster = cluster
        self.world = root.vm.world
        self.streaming = streaming
        self.upstream: Any = None
        self.queue: list[tuple[bytes, bool]] = []
        self.pending = bytearray()
        self.message: bytes | None = None
        self.begun = self.local_end = False
        self.timer: Any = None
        self.details = ""

    def start(self, path: bytes, metadata: list[tuple[bytes, bytes]], timeout_ms: int) -> None:
        headers = HeaderMap(
            "request",
            [
                (b":method", b"POST"),
                (b":path", path),
                (b":authority", self.cluster.name.encode()),
                (b":scheme", b"http"),
                (b"te", b"trailers"),
            ],
        )
        if not self.streaming:
            headers.add(b"grpc-timeout", b"%dm" % timeout_ms)
        headers.add(b"content-type", b"application/grpc")
        for key, value in metadata:
            headers.add(key, value)
        headers.add(b"x-envoy-internal", b"true")
        if timeout_ms:
            headers.add(b"x-envoy-expected-rq-timeout-ms", str(timeout_ms).encode())
            self.timer = self.world.after(timeout_ms, self._timeout)
        self.upstream = self.cluster.open(self, self.root.vm.thread)
        self.upstream.connect(lambda: self._send_head(headers))

    def _timeout(self) -> None:
        if self.upstream is not None:
            self.upstream.cancel()
        self._answer_locally(b"upstream request timeout", "response_timeout")

    def _send_head(self, headers: HeaderMap) -> None:
        self.begun = True
        self.upstream.send_headers(headers, False)
        queue, self.queue = self.queue, []
        for data, end in queue:
            self.upstream.send_data(data, end)

    def send(self, data: bytes, end: bool) -> None:
        if self.local_end:
            return
        self.local_end = end
        if not self.begun:
            self.queue.append((data, end))
        else:
            self.upstream.send_data(data, end)

    # ---- the answer
    def on_headers(self, headers: HeaderMap, end: bool) -> None:
        self.details = "via_upstream"
        if self.local_end:  # the time is counted from the end of the request
            headers.add(b"x-envoy-upstream-service-time", b"0")
        code = int(headers.get(b":status") or b"0")
        if self.streaming:
            shown = HeaderMap("response") if end else headers
            self._with_map(
                MapType.GRPC_CALL_INITIAL_METADATA, shown, "proxy_on_grpc_receive_initial_metadata"
            )
        has_status = headers.get(b"grpc-status") is not None
        if code != 200 and not (end and has_status):
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
        text = trailers.get(b"grpc-status")
        status = int(text) if text is not None and text.isdigit() else UNKNOWN
        message = trailers.get(b"grpc-message") or b""
        if self.streaming:
            self._with_map(
                MapType.GRPC_CALL_TRAILING_METADATA, trailers, "proxy_on_grpc_receive_trailing_metadata"
            )
        self._close(status, message)
        if self.upstream is not None:
            self.upstream.cancel()  # whatever the guest had still to send

    def on_reset(self, reason: str) -> None:
        word = reason.replace(" ", "_")
        if reason == "remote connection failure":
            word += "|delayed_connect_error:_Connection_refused"
        text = f"upstream connect error or disconnect/reset before headers. reset reason: {reason}"
        self._answer_locally(text.encode(), f"upstream_reset_before_response_started{{{word}}}")

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
        upstream = self.upstream
        self._close(status, message)
        if upstream is not None:
            upstream.cancel(INTERNAL_ERROR)

    def _close(self, status: int, message: bytes) -> None:
        root = self.root
        if root.grpc_calls.get(self.token) is not self or self.remote_closed:
            return
        self.remote_closed = True
        if self.timer is not None:
            self.timer.cancel()
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
        if self.timer is not None:
            self.timer.cancel()
        if self.upstream is not None and not self.remote_closed:
            self.upstream.finished = False
            self.upstream.cancel()


def _open(
    call: Any,
    kind: int,
    upstream: bytes,
    service: bytes,
    method: bytes,
    metadata: list[tuple[bytes, bytes]],
    timeout: int,
) -> Any:
    status, cluster = find_cluster(call.world, upstream)
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
    exchange = GrpcExchange(root, token, cluster, streaming=kind == STREAM)
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
