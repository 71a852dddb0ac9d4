"""The client's end of a stream: what it makes of the bytes the proxy sends.

For HTTP/1.1 the proxy's answer is written as bytes and parsed here, so that a wrong content-length or a
line break in
a header value has the effect it has on a real client. For HTTP/2 frames are passed as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .headers import HeaderMap, unsigned

if TYPE_CHECKING:
    from .connmanager import CodecOptions

__all__ = ["REASONS", "ClientView", "Http1Writer", "Http2Writer"]

REASONS = {
    100: "Continue",
    101: "Switching Protocols",
    102: "Processing",
    103: "Early Hints",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    208: "Already Reported",
    226: "IM Used",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Payload Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Entity",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}


@dataclass
class ClientView:
    """What the client has received so far."""

    status: int | None = None
    reason: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    informational: list[int] = field(default_factory=list)
    error: str | None = None
    complete: bool = False
    until_close: bool = False

    @property
    def over(self) -> bool:
        return self.complete or self.error is not None


class Http1Writer:
    """Writes a response as HTTP/1.1 and reads it as a client would."""

    def __init__(
        self, view: ClientView, head_request: bool, http10: bool = False, codec: CodecOptions | None = None
    ) -> None:
        self.view = view
        self.proper_case = codec is not None and codec.proper_case
        self.sends_trailers = codec is None or codec.trailers
        self.head_request = head_request
        self.http10 = http10
        self.chunked = False
        self.no_body = False
        self.send = self.receive
        self._raw = b""
        self._mode = "head"
        self._need = 0

    def headers(self, headers: HeaderMap, end: bool) -> None:
        code = unsigned(headers.get(b":status")) or 0
        out = b"HTTP/1.1 %d %s\r\n" % (code, REASONS.get(code, "Unknown").encode())
        for key, value in headers:
            if key.startswith(b":a"):
                key = b"host"  # why: so Envoy's HTTP/1 codec writes every name that begins like :authority
            if not key.startswith(b":"):
                out += self._name(key) + b": " + value + b"\r\n"
        if b"content-length" in headers:
            self.chunked = False
        elif code in (204, 304) or code < 200:
            self.chunked = False
        elif end and not self.head_request:
            out += self._name(b"content-length") + b": 0\r\n"
        elif not self.http10:
            out += self._name(b"transfer-encoding") + b": chunked\r\n"
            self.chunked = True
        self.send(out + b"\r\n")
        if end:
            self._finish()

    def data(self, data: bytes, end: bool) -> None:
        if self.head_request:
            pass
        elif self.chunked:
            if data:
                self.send(b"%x\r\n" % len(data) + data + b"\r\n")
        else:
            self.send(data)
        if end:
            self._finish()

    def trailers(self, trailers: HeaderMap) -> None:
        shown = trailers if self.sends_trailers else ()
        self._finish(b"".join(self._name(k) + b": " + v + b"\r\n" for k, v in shown))

    def _name(self, key: bytes) -> bytes:
        """Return a name as it is written: in lower case, or with each word in upper case."""
        if not self.proper_case:
            return key
        return re.sub(rb"(?:^|[^a-z0-9])[a-z]", lambda m: m[0].upper(), key)

    def _finish(self, trailers: bytes = b"") -> None:
        if self.chunked and not self.head_request:
            self.send(b"0\r\n" + trailers + b"\r\n")

    def close(self) -> None:
        """The connection is closed by the proxy."""
        if self.view.over:
            return
        if self._mode == "until close":
            self.view.complete = True
        else:
            self.view.error = "connection closed" + (" mid-response" if self.view.status is not None else "")

    # ---- the client
    def receive(self, data: bytes) -> None:
        """Take bytes as the client."""
        self._raw += data
        while not self.view.complete and self._step():
            pass

    def _step(self) -> bool:
        if self._mode == "head":
            return self._read_head()
        if self._mode == "length":
            take = self._raw[: self._need]
            self.view.body += take
            self._need -= len(take)
            self._raw = self._raw[len(take) :]
            self.view.complete = self._need == 0
            return False
        if self._mode == "until close":
            self.view.body += self._raw
            self._raw = b""
            return False
        return self._read_chunk()

    def _read_head(self) -> bool:
        head, mark, rest = self._raw.partition(b"\r\n\r\n")
        if not mark:
            return False
        self._raw = rest
        lines = head.split(b"\r\n")
        parts = lines[0].split(b" ", 2)
        code = int(parts[1])
        if 100 <= code < 200:
            self.view.informational.append(code)
            return True
        view = self.view
        view.status, view.reason = code, parts[2].decode("latin-1") if len(parts) > 2 else ""
        for line in lines[1:]:
            key, _, value = line.partition(b":")
            view.headers.append((key.decode("latin-1"), value.strip().decode("latin-1")))
        low = {k.lower(): v for k, v in view.headers}
        if self.head_request or code in (204, 304):
            view.complete = True
        elif low.get("transfer-encoding", "").lower() == "chunked":
            self._mode = "chunked"
        elif "content-length" in low:
            try:
                self._mode, self._need = "length", int(low["content-length"])
            except ValueError:
                view.error = "the content-length is no number"
                return False
            view.complete = self._need == 0
        else:
            self._mode, view.until_close = "until close", True
        return True

    def _read_chunk(self) -> bool:
        line, mark, rest = self._raw.partition(b"\r\n")
        if not mark:
            return False
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            self.view.error = "the size of a chunk is no number"
            return False
        if size:
            if len(rest) < size + 2:
                return False
            self.view.body += rest[:size]
            self._raw = rest[size + 2 :]
            return True
        lines = []
        while True:
            line, mark, rest = rest.partition(b"\r\n")
            if not mark:
                return False
            if not line:
                break
            lines.append(line)
        for line in lines:
            key, _, value = line.partition(b":")
            self.view.trailers.append((key.decode("latin-1"), value.strip().decode("latin-1")))
        self._raw = rest
        self.view.complete = True
        return True


class Http2Writer:
    """Passes a response on as HTTP/2 would."""

    def __init__(self, view: ClientView, head_request: bool, turn: Callable[[], int]) -> None:
        self.view = view
        self.head_request = head_request
        self.length: int | None = None
        self.announced = False  # once there were headers, but not those of the answer
        self.turn = turn
        self._at = -1  # the turn of the frames last sent, and what the client had before it
        self._before = ClientView()

    def headers(self, headers: HeaderMap, end: bool) -> None:
        shown = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers]
        text = headers.get(b":status") or b"0"
        length = headers.get(b"content-length")
        if self._refuse(headers):
            return
        if text.startswith(b"1"):
            self._announce(end)
            return
        self._note_turn()
        self.view.status = unsigned(text) or 0
        self.view.headers = shown
        self.view.complete = end
        self.length = None if self.head_request else unsigned(length)

    def _refuse(self, headers: HeaderMap) -> bool:
        """Tell whether the client's library ends the stream because of a length that is no number."""
        length = headers.get(b"content-length")
        if length is None or length.isdigit() or self.head_request:
            return False
        self.view.error = f"protocol error Invalid content-length header: {length!r}"
        return True

    def _announce(self, end: bool) -> None:
        """Take what the client's library holds for informational by its first digit: more is to follow."""
        if end:
            self.view.error = "protocol error Cannot set END_STREAM on informational responses"
        self.announced = True

    def data(self, data: bytes, end: bool) -> None:
        if self.announced:
            self.view.error = "protocol error cannot receive data before headers"
            return
        self._note_turn()
        got = len(self.view.body) + len(data)
        if self.length is not None and (got > self.length or (end and got < self.length)):
            if not self.view.over:
                self._forget_this_turn()  # the client's library drops what came with what it refuses
                self.view.error = (
                    f"protocol error InvalidBodyLengthError: Expected {self.length} bytes, received {got}"
                )
            return
        self.view.body += data
        self.view.complete = end

    def trailers(self, trailers: HeaderMap) -> None:
        if self._refuse(trailers):
            return
        self.view.trailers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in trailers]
        self.view.complete = True

    def close(self) -> None:
        if self.view.over:
            return
        self.view.error = "stream reset 2"

    def drop_queued(self) -> None:
        """Take back what this turn has sent: a reset in the same read of the client's bytes overtakes it."""
        self._forget_this_turn()

    def _note_turn(self) -> None:
        if self._at != self.turn():
            self._at, self._before = self.turn(), replace(self.view)

    def _forget_this_turn(self) -> None:
        if self._at == self.turn():
            self.view.status, self.view.headers = self._before.status, self._before.headers
            self.view.body = self._before.body
