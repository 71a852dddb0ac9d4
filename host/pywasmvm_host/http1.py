"""HTTP/1.1 requests read from bytes: the server half of the proxy's codec.

Bytes go in as they arrive; streams come out, and on each its headers, data per arrival, and end. Used where
TCP
plugins stand in front of HTTP; otherwise requests are given as events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .client import ClientView, Http1Writer
from .headers import HeaderMap
from .httphead import METHODS, Refusal, read_fields, read_head
from .httpstream import HttpStream
from .proxy import Proxy
from .tcp import Connection
from .world import MS

__all__ = ["Http1Connection"]

HEAD_END = re.compile(rb"\r?\n\r?\n")
HEX = re.compile(rb"0*[0-9a-fA-F]{1,16}$")
FIRST_BYTES = frozenset(method.encode()[0] for method in METHODS)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # with which HTTP/2 begins


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
        self.left = b""  # what is for the next request
        self.begun = False  # since a byte of the next request has come, even of a line's end
        self.mode = "head"
        self.need = 0
        self.stream: HttpStream | None = None
        self.sent_in_vain = 0
        self.head_timer: Any = None
        self.idle_since: int | None = None
        self.idled = False
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
        # why: Envoy begins a stream with the first byte of a head; plugins in between show it again first
        waiting = (self.begun and not self._may_be_http2()) or (self.left and not self.connection.filters)
        if waiting and (self.stream is None or self.stream.over):
            self._new_stream()
        if self.stream is not None and not self.stream.over:
            self.stream.client_gone(self.connection.close_details)
        if self.reader is not None:
            self.reader.close()

    # ---- requests
    def _parse(self, data: bytes, end: bool) -> bytes:
        self.raw += data
        self.left = b""
        body = bytearray()
        while self._step(body):
            pass
        self._flush(body)
        if end and self.stream is not None and not self.stream.over:
            self.connection.close(local=False)
        if self.mode == "head" and self.stream is not None and not self.stream.over:
            self.left, self.raw = self.raw, b""
            return self.left
        return b""

    def _flush(self, body: bytearray) -> None:
        if body and self.stream is not None and not self.stream.over:
            self.stream.data(bytes(body), False)
        body.clear()

    def _step(self, body: bytearray) -> bool:
        if self.mode == "head":
            return self._head()
        if self.mode in ("length", "chunk"):
            take = self.raw[: self.need]
            body += take
            self.raw = self.raw[len(take) :]
            self.need -= len(take)
            if self.mode == "length":
                return self.need == 0 and self._end(body, [])
            self.mode = "chunk" if self.need else "after chunk"
            return self.need == 0
        if self.mode == "after chunk":
            _, mark, rest = self.raw.partition(b"\n")  # whatever stands before it
            if mark:
                self.mode, self.raw = "chunked", rest
            return bool(mark)
        return self._chunk(body)

    def _head(self) -> bool:
        if self.stream is not None and not self.stream.over:
            return False
        self.begun = self.begun or bool(self.raw)
        self.raw = self.raw.lstrip(b"\r\n")
        end = HEAD_END.search(self.raw)
        if self.stream is None and self.raw and self.raw[0] not in FIRST_BYTES:
            self._refuse(Refusal())
            return False
        if self._may_be_http2():
            return False
        options = self.proxy.options.codec
        if end is None and len(self.raw) <= options.max_head:
            self._await_head()
            return False
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None
        data, self.raw = (self.raw[: end.start()], self.raw[end.end() :]) if end else (self.raw, b"")
        try:
            head = read_head(data, options)
        except Refusal as e:
            self._refuse(e)
            return False
        self.need = head.length
        self.mode = "chunked" if head.chunked else "length" if self.need else "head"
        stream = self._new_stream(head.http10)
        connect = head.method == b"CONNECT"
        stream.begin(HeaderMap("request", head.pairs()), not head.chunked and not self.need and not connect)
        return True

    def _may_be_http2(self) -> bool:
        return bool(self.raw) and PREFACE.startswith(self.raw[: len(PREFACE)])

    def _new_stream(self, http10: bool = False) -> HttpStream:
        self.connection.requests += 1
        self._notice_idleness()
        self.begun = False
        stream = self.stream = HttpStream(self.proxy, http10=http10, connection=self.connection)
        if self.on_stream is not None:
            self.on_stream(stream)
        stream.view = self.view
        stream.on_over = self._stream_over
        stream.last = self.idled
        return stream

    def _stream_over(self) -> None:
        self.idle_since = self.proxy.world.now_ns
        self.proxy.world.soon(self.connection.read_again)

    def _notice_idleness(self) -> None:
        """Note that no further request is wanted: Envoy says so in the next response."""
        most, now = self.proxy.options.connection_idle_ms, self.proxy.world.now_ns
        if most and self.idle_since is not None and now - self.idle_since > most * MS:
            self.idled = True

    def _await_head(self) -> None:
        """Give a client no more than the time there is for the head of a request."""
        most = self.proxy.options.head_ms
        if most and self.raw and self.head_timer is None:
            self.head_timer = self.proxy.world.after(most, self._head_too_long)

    def _head_too_long(self) -> None:
        if self.connection.over:
            return
        self.raw = b""
        stream = self._new_stream()
        stream.request_complete = False
        stream.refuse(408, b"request header timeout", "request_header_timeout")

    def _refuse(self, why: Refusal) -> None:
        """Answer what the codec cannot read, and take no more."""
        self.raw = b""
        if self.stream is None or self.stream.over:
            self._new_stream()
        if self.stream is not None:
            self.stream.request_complete = False
            self.stream.refuse(why.code, why.body, why.details, "DPE")

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
        line, mark, rest = self.raw.partition(b"\n")
        if not mark:
            return False
        digits = line.split(b";")[0].rstrip(b"\r \t")
        if not line.endswith(b"\r") or not HEX.match(digits):
            self._refuse(Refusal())
            return False
        self.need = int(digits, 16)
        if self.need:
            self.mode, self.raw = "chunk", rest
            return True
        block, mark, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not mark:
            return False
        self.raw = after
        try:
            fields = read_fields([line for line in block.split(b"\r\n") if line])
        except Refusal as e:
            self._flush(body)
            self._refuse(e)
            return False
        return self._end(body, fields if self.proxy.options.codec.trailers else [])
