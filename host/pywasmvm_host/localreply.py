"""Answers made by the proxy itself, as Envoy builds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .headers import HeaderMap, Pair

__all__ = ["Asked", "LocalReply", "Rewrite", "build_reply", "grpc_status_of", "is_grpc", "percent_encode"]

# spec: gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping"
HTTP_TO_GRPC = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
UNKNOWN = 2


@dataclass
class LocalReply:
    """What to answer. `grpc_status` None means: map it from the HTTP code."""

    code: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    grpc_status: int | None = None
    details: str | None = None
    flag: str = ""


def is_grpc(headers: HeaderMap | None) -> bool:
    """Tell a gRPC message by its content type."""
    value = headers.get(b"content-type") if headers is not None else None
    return value is not None and (
        value == b"application/grpc" or value.startswith((b"application/grpc+", b"application/grpc;"))
    )


def grpc_status_of(http_code: int) -> int:
    """Map an HTTP status to a gRPC one."""
    return HTTP_TO_GRPC.get(http_code, UNKNOWN)


def percent_encode(text: bytes) -> bytes:
    """Encode a grpc-message: everything but printable ASCII without %."""
    return b"".join(bytes([c]) if 0x20 <= c <= 0x7E and c != 0x25 else b"%%%02X" % c for c in text)


@dataclass(frozen=True)
class Asked:
    """What of a request decides how local replies look: as it arrived, whatever filters make of it."""

    grpc: bool = False
    head: bool = False

    @classmethod
    def by(cls, headers: HeaderMap) -> Asked:
        return cls(is_grpc(headers) and bool(headers.get(b":path")), headers.get(b":method") == b"HEAD")


# Changes the headers of a local reply; given them and the body, returns the body and its content type.
Rewrite = Callable[[HeaderMap, bytes], "tuple[bytes, bytes]"]


def build_reply(
    reply: LocalReply, asked: Asked, rewrite: Rewrite | None = None, *, first: Sequence[Pair] = ()
) -> tuple[HeaderMap, bytes]:
    """Return headers and body of a local reply; the body is empty for gRPC and HEAD requests.

    `first` are headers that stand before its own.
    """
    body, kind = reply.body, b""
    headers = HeaderMap("response", [(b":status", str(reply.code).encode())])
    for key, value in (*first, *reply.headers):
        if key.lower() != b":status":
            headers.add(key, value)
    if rewrite is not None:
        body, kind = rewrite(headers, body)
    if asked.grpc:
        headers.set(b":status", b"200")
        headers.set(b"content-type", b"application/grpc")
        status = reply.grpc_status if reply.grpc_status is not None else grpc_status_of(reply.code)
        if not headers.get(b"grpc-status"):
            headers.set(b"grpc-status", str(status).encode())
        if body and not asked.head:
            headers.set(b"grpc-message", percent_encode(body))
        headers.remove(b"content-length")
        return headers, b""
    if body:
        headers.set(b"content-length", str(len(body)).encode())
        if kind:
            headers.set(b"content-type", kind)
        elif b"content-type" not in headers:
            headers.add(b"content-type", b"text/plain")
    else:
        headers.remove(b"content-length")
        headers.remove(b"content-type")
    return headers, b"" if asked.head else body
