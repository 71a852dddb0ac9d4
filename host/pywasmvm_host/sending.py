"""A client at work: one request in pieces, in virtual time, as the proxy's reads of its connection see them.

HTTP/2 frames and HTTP/1 chunks are events of their own, `pace_ms` apart. A chunk larger than what the proxy
reads at once
comes in several.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import http2head
from .headers import HeaderMap, Pair, from_text
from .httpstream import HttpStream

if TYPE_CHECKING:
    from .world import World

__all__ = ["Client", "framing_of", "reads", "request_bytes"]

SLICE = 16384  # Envoy's read buffers grow in steps of this size


def framing_of(request: Any) -> str:
    """Return how an HTTP/1 request's body is framed: as asked for, or what suits it."""
    chunks, trailers = request.body_chunks, request.trailers
    if request.framing:
        return str(request.framing)
    if not chunks and not trailers:
        return "none"
    return "length" if len(chunks) == 1 and not trailers else "chunked"


def reads(size: int, limit: int) -> list[int]:
    """Return the sizes in which Envoy reads bytes that are all there: it stops at the connection's limit."""
    at_once = max(1, -(-limit // SLICE)) * SLICE
    return [min(at_once, size - at) for at in range(0, size, at_once)] or [0]


def chunk_bytes(chunk: bytes) -> bytes:
    """Frame a piece of body for chunked encoding."""
    return b"%x\r\n" % len(chunk) + chunk + b"\r\n"


def request_bytes(request: Any) -> tuple[bytes, list[bytes]]:
    """Return a request as a client writes it: the head, then one piece of bytes per chunk and for the end."""
    headers = [(k, v) for k, v in request.headers]
    low = {k.lower() for k, _ in headers}
    if "host" not in low:
        headers.insert(0, ("host", "example.test"))
    chunks, framing = list(request.body_chunks), framing_of(request)
    if framing == "length" and "content-length" not in low:
        headers.append(("content-length", str(sum(map(len, chunks)))))
    if framing == "chunked":
        headers.append(("transfer-encoding", "chunked"))
    head = (
        f"{request.method} {request.path} HTTP/{'1.0' if request.http10 else '1.1'}\r\n"
        + "".join(f"{k}: {v}\r\n" for k, v in headers)
        + "\r\n"
    )
    pieces = [chunk_bytes(c) if framing == "chunked" else c for c in chunks]
    if framing == "chunked":
        pieces.append(b"0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in request.trailers).encode() + b"\r\n")
    return head.encode("latin-1"), pieces


class Client:
    """Sends one request in pieces, in virtual time, as a client on a real connection would."""

    def __init__(self, world: World, stream: HttpStream, request: Any) -> None:
        self.world = world
        self.stream = stream
        self.request = request
        self.left: int | None = None  # bytes that an HTTP/2 request has still announced

    def _headers(self, framing: str) -> list[Pair]:
        """Return the headers in the order in which they are sent."""
        r = self.request
        pairs = from_text(r.headers)
        low = {k.lower() for k, _ in pairs}
        first = []
        if not r.http2:
            host = [v for k, v in pairs if k.lower() == b"host"]
            first = [
                (b":authority", host[0] if host else b"example.test"),
                (b":path", r.path.encode("latin-1")),
                (b":method", r.method.encode()),
            ]
            pairs = [
                (k, v.strip(b" \t")) for k, v in pairs if k.lower() not in (b"host", b"transfer-encoding")
            ]
        else:
            named = [
                (b":method", r.method.encode()),
                (b":scheme", b"http"),
                (b":authority", b"example.test"),
                (b":path", r.path.encode("latin-1")),
            ]
            first = [(k, v) for k, v in named if k not in low and not (k == b":authority" and b"host" in low)]
        if framing == "length" and b"content-length" not in low:
            pairs.append((b"content-length", str(sum(map(len, r.body_chunks))).encode()))
        return [*first, *pairs]

    def start(self) -> None:
        r, s = self.request, self.stream
        chunks = [c for c in r.body_chunks if c] if r.http2 else list(r.body_chunks)
        if r.http2:
            framing = "frames" if chunks or r.trailers or r.stalls else "none"
        else:
            framing = framing_of(r)
        pairs = self._headers(framing)
        length = next((v for k, v in pairs if k.lower() == b"content-length"), None)
        empty = framing == "none" or (framing == "length" and length == b"0")
        if r.http2:
            problem = http2head.head_problem(pairs, empty)
            if problem:
                s.break_off(problem)
                return
            pairs, self.left = http2head.read_fields(pairs), None if length is None else int(length)
        at = 0.0
        s.begin(HeaderMap("request", pairs), empty)
        if empty:
            return
        for i, chunk in enumerate(chunks):
            at += r.pace_ms
            if framing == "chunked" and not chunk:
                # an empty chunk is the last one on the wire; what comes after it is no request
                self.world.after(at, partial(self._data, b"", True, "length"))
                self.world.after(at + r.pace_ms, self._garbage)
                return
            last = i == len(chunks) - 1 and not r.trailers and not r.stalls
            pieces = self._pieces(chunk, framing)
            for j, piece in enumerate(pieces):
                self.world.after(at, partial(self._data, piece, last and j == len(pieces) - 1, framing))
        if framing == "chunked" or (framing == "frames" and r.trailers and not r.stalls):
            self.world.after(at + r.pace_ms, self._end)

    def _pieces(self, chunk: bytes, framing: str) -> list[bytes]:
        """Cut a chunk where the proxy's reads of it end."""
        limit = self.stream.proxy.buffer_limit
        if framing == "frames":
            # measured: the HTTP/2 codec hands on no more than the limit
            return [chunk[at : at + limit] for at in range(0, len(chunk), limit)]
        before = len(b"%x\r\n" % len(chunk)) if framing == "chunked" else 0
        out, at = [], -before
        for size in reads(before + len(chunk), limit):
            out.append(chunk[max(at, 0) : at + size])
            at += size
        return out

    def _data(self, chunk: bytes, last: bool, framing: str) -> None:
        s = self.stream
        if s.over or (s.view.over and not s.http2):
            return
        if framing == "frames":
            self._frame(chunk, last)
            return
        if chunk:
            s.data(chunk, False)
        if last and framing == "length" and not s.over:
            s.data(b"", True)

    def _frame(self, chunk: bytes, last: bool) -> None:
        if self.left is not None:
            self.left -= len(chunk)
            if self.left < 0 or (last and self.left):
                self.stream.break_off("http2.remote_reset", told=True)
                return
        self.stream.data(chunk, last)

    def _garbage(self) -> None:
        if not self.stream.view.over:  # answered, the client sends no more
            self.stream.on_over = partial(self.world.soon, self._refuse)

    def _refuse(self) -> None:
        refused = HttpStream(self.stream.proxy)
        refused.request_complete = False
        refused.refuse(400, b"Bad Request", "http1.codec_error", "DPE")

    def _end(self) -> None:
        s, r = self.stream, self.request
        if s.over:
            return
        if r.trailers:
            trailers = from_text(r.trailers)
            problem = http2head.trailers_problem(trailers) if r.http2 else ""
            if r.http2 and (problem or self.left):
                s.break_off(problem or http2head.RULE)
                return
            trailers = http2head.read_fields(trailers) if r.http2 else trailers
            s.trailers(HeaderMap("request trailers", trailers))
        else:
            s.data(b"", True)
