"""HTTP/1.1 requests read from bytes: the server half of the proxy's codec.

Bytes go in as they arrive; streams come out, and on each its headers, data per arrival, and end. Used where
TCP
plugins stand in front of HTTP; otherwise requests are given as events.
"""

from __future__ import annotations

from collections.abc import Callable

from .client import ClientView, Http1Writer
from .headers import HeaderMap
from .httpstream import HttpStream
from .proxy import Proxy
from .tcp import Connection

__all__ = ["Http1Connection"]


RESET_AFTER = 2  # bytes sent to a closed socket cause a reset, which the sender sees when it sends again


class Http1Connection:
    """One client connection that speaks HTTP/1.1, with the streams it carries one after another."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.view = ClientView()
        self.reader: Http1Writer | None = None
        self.connection = Connection(proxy, self._to_client, self._closed)
        self.connection.sink = self._parse
        self.raw = b""
        self.mode = "head"
        self.need = 0
        self.stream: HttpStream | None = None
        self.sent_in_vain = 0
        self.on_stream: Callable[[HttpStream], None] | None = None

    def open(self) -> None:
        self.connection.open()

    def noticed_close(self) -> bool:
        """Tell whether a client that is about to send knows that the proxy has closed the connection.

        It is told by a reset: at once if the proxy had not read all, else by what its first bytes cause.
        """
        if not self.connection.over:
            return False
        self.sent_in_vain += 1
        return self.connection.unread or self.sent_in_vain > RESET_AFTER

    def expect(self, view: ClientView, head_request: bool) -> None:
        """Name the view that the next response is for."""
        self.view = view
        self.reader = Http1Writer(view, head_request)

    def _to_client(self, data: bytes) -> None:
        if self.reader is not None:
            self.reader.receive(data)

    def _closed(self) -> None:
        if self.stream is not None and not self.stream.over:
            self.stream.client_gone(self.connection.close_details)
        if self.reader is not None:
            self.reader.close()

    # ---- requests
    def _parse(self, data: bytes, end: bool) -> bytes:
        self.raw += data
        body = bytearray()
        while self._step(body):
            pass
        self._flush(body)
        if end and self.stream is not None and not self.stream.over:
            self.connection.close(local=False)
        if self.mode == "head" and self.stream is not None and not self.stream.over:
            left, self.raw = self.raw, b""
            return left
        return b""

    def _flush(self, body: bytearray) -> None:
        if body and self.stream is not None and not self.stream.over:
            self.stream.data(bytes(body), False)
        body.clear()

    def _step(self, body: bytearray) -> bool:
        if self.mode == "head":
            return self._head()
        if self.mode == "length":
            take = self.raw[: self.need]
            body += take
            self.raw = self.raw[len(take) :]
            self.need -= len(take)
            return self.need == 0 and self._end(body, [])
        return self._chunk(body)

    def _head(self) -> bool:
        head, mark, rest = self.raw.partition(b"\r\n\r\n")
        if not mark or (self.stream is not None and not self.stream.over):
            return False
        self.raw = rest
        lines = head.split(b"\r\n")
        parts = lines[0].split(b" ")
        fields = [line.partition(b":") for line in lines[1:]]
        pairs = [(k.strip(), v.strip()) for k, _, v in fields]
        host = [(b":authority", v) for k, v in pairs if k.lower() == b"host"][:1]
        rest_pairs = [(k, v) for k, v in pairs if k.lower() not in (b"host", b"transfer-encoding")]
        chunked = any(k.lower() == b"transfer-encoding" for k, _ in pairs)
        headers = HeaderMap("request", [*host, (b":path", parts[1]), (b":method", parts[0]), *rest_pairs])
        length = headers.get(b"content-length")
        self.need = int(length) if length and length.isdigit() else 0
        self.mode = "chunked" if chunked else "length" if self.need else "head"
        self._begin(headers, not chunked and not self.need)
        return True

    def _begin(self, headers: HeaderMap, end: bool) -> None:
        stream = HttpStream(self.proxy, connection=self.connection)
        self.stream = stream
        if self.on_stream is not None:
            self.on_stream(stream)
        stream.view = self.view
        stream.on_over = lambda: self.proxy.world.soon(self.connection.read_again)
        stream.begin(headers, end)

    def _end(self, body: bytearray, trailers: list[tuple[bytes, bytes]]) -> bool:
        self._flush(body)
        self.mode = "head"
        s = self.stream
        if s is not None and not s.over:
            if trailers:
                s.trailers(HeaderMap("request trailers", trailers))
            else:
                s.data(b"", True)
        return True

    def _chunk(self, body: bytearray) -> bool:
        line, mark, rest = self.raw.partition(b"\r\n")
        if not mark:
            return False
        size = int(line.split(b";")[0], 16)
        if size:
            if len(rest) < size + 2:
                return False
            body += rest[:size]
            self.raw = rest[size + 2 :]
            return True
        block, mark, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not mark:
            return False
        self.raw = after
        fields = [x.partition(b":") for x in block.split(b"\r\n") if x]
        return self._end(body, [(k.strip(), v.strip()) for k, _, v in fields])
