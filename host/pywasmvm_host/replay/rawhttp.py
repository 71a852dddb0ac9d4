"""Requests given as raw bytes: enough of HTTP/1.1 to see whether the proxy would accept them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..client import Http1Writer
from ..headers import HeaderMap
from ..httpstream import HttpStream

if TYPE_CHECKING:
    from ..host import Host

__all__ = ["start_raw"]

METHODS = frozenset(
    "ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH "
    "NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE "
    "UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)


def start_raw(host: Host, pieces: list[bytes], pace_ms: float = 25) -> HttpStream:
    """Begin a stream from raw bytes; pieces after the head are body data."""
    stream = HttpStream(host.proxy)
    head, mark, rest = pieces[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    parts = lines[0].split(b" ")
    stream.writer = Http1Writer(stream.view, False)
    if len(parts) != 3 or parts[0].decode("latin-1") not in METHODS or not parts[2].startswith(b"HTTP/1."):
        stream.request_headers = None
        stream.request_complete = False
        stream.refuse(400, b"Bad Request", "http1.codec_error", "DPE")
        return stream
    fields = [line.partition(b":") for line in lines[1:]]
    pairs = [(k.strip(), v.strip()) for k, _, v in fields]
    host_value = next((v for k, v in pairs if k.lower() == b"host"), None)
    first = [] if host_value is None else [(b":authority", host_value)]
    headers = HeaderMap(
        "request",
        [
            *first,
            (b":path", parts[1]),
            (b":method", parts[0]),
            *[(k, v) for k, v in pairs if k.lower() != b"host"],
        ],
    )
    if host_value is None:
        stream.request_headers = headers
        stream.request_complete = False
        stream.route_known = True
        stream.refuse(400, b"", "missing_host_header")
        return stream
    length = headers.get(b"content-length")
    want = int(length) if length and length.isdigit() else 0
    stream.begin(headers, want == 0)
    got = 0

    def feed(data: bytes) -> None:
        nonlocal got
        take = data[: want - got]
        got += len(take)
        if take and not stream.over:
            stream.data(take, False)
        if want and got == want and not stream.over and not stream.request_complete:
            stream.data(b"", True)

    if rest:
        feed(rest)
    for i, piece in enumerate(pieces[1:]):
        host.world.after(pace_ms * (i + 1), partial(feed, piece))
    return stream
