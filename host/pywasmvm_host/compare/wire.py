"""HTTP/1.1 over real sockets: a scripted upstream and a client, for running a case through a real Envoy.

Both use the host's own values: the upstream records `Received` and answers with `UpstreamResponse`, the
client sends an `HttpRequest` and fills a `ClientView`. Everything listens on loopback only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..client import ClientView, Http1Writer
from ..host import HttpRequest
from ..sending import request_bytes
from ..upstream import DEFAULT_RESPONSE, Received, UpstreamResponse

__all__ = ["LOOPBACK", "Upstream", "send_request"]

LOOPBACK = "127.0.0.1"
LIMIT = 1 << 24
BODILESS_STATUS = (204, 304)
Pairs = list[tuple[str, str]]


class Upstream:
    """One server with its script; responses are used in order, the last one repeats."""

    def __init__(
        self, responses: Sequence[UpstreamResponse] = (), *, http2: bool = False, match_index: bool = False
    ) -> None:
        self.responses = list(responses) or [DEFAULT_RESPONSE]
        self.http2 = http2
        self.match_index = match_index
        self.index = 0
        self.received: list[Received] = []
        self.port = 0
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._connected, LOOPBACK, 0, limit=LIMIT)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End the server and every connection, so that nothing of a run is left behind."""
        if self.server is not None:
            self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def take(self, record: Received) -> UpstreamResponse:
        """Note a request and return the answer it gets."""
        self.received.append(record)
        at = self.index if self.match_index else len(self.received) - 1
        return self.responses[min(at, len(self.responses) - 1)]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        try:
            if self.http2:
                from .h2 import serve  # noqa: PLC0415

                await serve(self, reader, writer)
            else:
                await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            for record in self.received:
                record.incomplete = not record.complete
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, headers = await _read_head(reader)
            if first.count(" ") < 2:
                return  # what is left of a request that a plugin has broken
            method, path, _ = first.split(" ", 2)
            record = Received(method, path, headers)
            response = self.take(record)
            if response.early:
                await _answer(writer, response, record)
            await _read_body(reader, record)
            record.complete = True
            if not response.early and not await _answer(writer, response, record):
                return


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, Pairs]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return lines[0], [_field(line) for line in lines[1:] if line]


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


async def _read_body(reader: asyncio.StreamReader, record: Received) -> None:
    names = {k.lower(): v for k, v in record.headers}
    if names.get("transfer-encoding", "").lower() != "chunked":
        left = int(names.get("content-length", "0") or 0)
        while left:
            piece = await reader.read(left)
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            record.body += piece
            left -= len(piece)
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        record.body += await reader.readexactly(size)
        await reader.readexactly(2)
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        record.trailers.append(_field(line.decode("latin-1")))


def _head(response: UpstreamResponse, record: Received, body: list[bytes]) -> tuple[bytes, bool, bool]:
    """Return the bytes of a response's head, whether it is chunked, and whether it has a body at all."""
    headers = list(response.headers)
    framing = response.framing or ("length" if len(body) <= 1 and not response.trailers else "chunked")
    has_body = not (framing == "none" or record.method == "HEAD" or response.status in BODILESS_STATUS)
    chunked = has_body and framing == "chunked" and not any(k.lower() == "content-length" for k, _ in headers)
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
    elif has_body and not any(k.lower() == "content-length" for k, _ in headers):
        headers.append(("content-length", str(sum(map(len, body)))))
    text = f"HTTP/1.1 {response.status} Reply\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers)
    return text.encode("latin-1") + b"\r\n", chunked or (has_body and framing == "chunked"), has_body


async def _answer(writer: asyncio.StreamWriter, response: UpstreamResponse, record: Received) -> bool:
    """Send a response; return False when the connection is gone with it."""
    await asyncio.sleep(response.delay_ms / 1000)
    if response.hang:
        await asyncio.Event().wait()
    if response.reset:
        writer.transport.abort()
        return False
    body = [record.body] if response.echo else [bytes(b) for b in response.body]
    head, chunked, has_body = _head(response, record, body)
    writer.write(head)
    await writer.drain()
    for piece in [p for p in body if p] if has_body else []:
        await asyncio.sleep(response.pace_ms / 1000)
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await writer.drain()
    if response.reset_mid:
        await asyncio.sleep(response.pace_ms / 1000)
        writer.transport.abort()
        return False
    if chunked and has_body:
        await asyncio.sleep(response.pace_ms / 1000)
        trailers = "".join(f"{k}: {v}\r\n" for k, v in response.trailers)
        writer.write(b"0\r\n" + trailers.encode("latin-1") + b"\r\n")
        await writer.drain()
    return True


async def send_request(port: int, request: HttpRequest) -> tuple[ClientView, int]:
    """Send one request on a connection of its own; return what came back and the client's port."""
    if request.http2:
        from .h2 import send  # noqa: PLC0415

        return await send(port, request)
    view = ClientView()
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        view.error = "connection refused"
        return view, 0
    own_port = int(writer.get_extra_info("sockname")[1])
    sending = asyncio.create_task(_write(writer, request))
    try:
        await asyncio.wait_for(_read(reader, view, request.method == "HEAD"), request.timeout_ms / 1000)
    except asyncio.TimeoutError:
        view.error = "timeout"
    except ConnectionError:
        view.error = view.error or "connection closed"
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return view, own_port


async def _write(writer: asyncio.StreamWriter, request: HttpRequest) -> None:
    head, pieces = request_bytes(request)
    if request.http10:
        line, _, rest = head.partition(b"\r\n")
        head = line.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n" + rest
    writer.write(head)
    await writer.drain()
    for piece in pieces:
        await asyncio.sleep(request.pace_ms / 1000)
        writer.write(piece)
        await writer.drain()


async def _read(reader: asyncio.StreamReader, view: ClientView, head_request: bool) -> None:
    parser = Http1Writer(view, head_request)
    while not view.over:
        data = await reader.read(1 << 16)
        if not data:
            parser.close()
            return
        try:
            parser.receive(data)
        except (ValueError, IndexError):
            view.error = "not HTTP: " + repr(data[:40])
