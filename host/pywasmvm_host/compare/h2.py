"""HTTP/2 with prior knowledge over real sockets, the counterpart of wire.py; needs the package h2."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from ..client import ClientView
from ..host import HttpRequest
from ..upstream import Received, UpstreamResponse

if TYPE_CHECKING:
    from .wire import Upstream

__all__ = ["send", "serve"]

Pairs = list[tuple[str, str]]
RAW: dict[str, Any] = {
    "header_encoding": None,
    "validate_inbound_headers": False,
    "validate_outbound_headers": False,
    "normalize_outbound_headers": False,
}


def _text(headers: Sequence[tuple[bytes, bytes]]) -> Pairs:
    return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers]


class _Peer:
    """One connection: h2's state machine with its socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, **RAW))
        self.h2.initiate_connection()

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def events(self) -> list[Any]:
        """Return the next events; an empty list at the end of the connection."""
        await self.flush()
        data = await self.reader.read(1 << 16)
        if not data:
            return []
        found = list(self.h2.receive_data(data))
        for event in found:
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        await self.flush()
        return found or [None]

    async def message(
        self, stream: int, head: Pairs, body: list[bytes], trailers: Pairs, pace_ms: float
    ) -> None:
        """Send headers, then body pieces and trailers at their pace; the last of them ends the stream."""
        parts: list[tuple[str, Any]] = [("headers", head), *(("data", b) for b in body)]
        if trailers:
            parts.append(("headers", trailers))
        for i, (kind, value) in enumerate(parts):
            if i:
                await asyncio.sleep(pace_ms / 1000)
            end = i == len(parts) - 1
            if kind == "headers":
                pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in value]
                self.h2.send_headers(stream, pairs, end_stream=end)
            else:
                await self._data(stream, value, end)
            await self.flush()

    async def _data(self, stream: int, data: bytes, end: bool) -> None:
        while True:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room >= len(data):
                self.h2.send_data(stream, data, end_stream=end)
                return
            if room:
                self.h2.send_data(stream, data[:room])
                data = data[room:]
            await self.flush()
            await asyncio.sleep(0.005)  # the reading side takes in what opens the window


# ---- client
async def send(port: int, request: HttpRequest) -> tuple[ClientView, int]:
    """Send one request on a connection of its own; return what came back and the client's port."""
    view = ClientView()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        view.error = "connection refused"
        return view, 0
    peer = _Peer(reader, writer, True)
    given = {k.lower() for k, _ in request.headers}
    pseudo = [
        (":method", request.method),
        (":scheme", "http"),
        (":authority", "example.test"),
        (":path", request.path),
    ]
    head = [(k, v) for k, v in pseudo if k not in given and not (k == ":authority" and "host" in given)]
    body = [bytes(b) for b in request.body_chunks if b]
    message = peer.message(1, [*head, *request.headers], body, list(request.trailers), request.pace_ms)
    sending = asyncio.create_task(message)
    try:
        await asyncio.wait_for(_receive(peer, view), request.timeout_ms / 1000)
    except asyncio.TimeoutError:
        view.error = "timeout"
    except (ConnectionError, h2.exceptions.ProtocolError) as e:
        view.error = f"protocol error {e}"
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return view, int(writer.get_extra_info("sockname")[1])


async def _receive(peer: _Peer, view: ClientView) -> None:
    while not view.over:
        found = await peer.events()
        if not found:
            view.error = "connection closed"
        for event in found:
            if isinstance(event, h2.events.ResponseReceived):
                view.headers = _text(event.headers)
                view.status = int(dict(view.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                view.body += event.data
            elif isinstance(event, h2.events.TrailersReceived):
                view.trailers = _text(event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                view.complete = True
            elif isinstance(event, h2.events.StreamReset) and not view.complete:
                view.error = f"stream reset {int(event.error_code)}"
            elif isinstance(event, h2.events.ConnectionTerminated) and not view.complete:
                view.error = f"goaway {int(event.error_code or 0)}"


# ---- server
async def serve(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    peer = _Peer(reader, writer, False)
    open_streams: dict[int, tuple[Received, UpstreamResponse]] = {}
    tasks: list[asyncio.Task[None]] = []

    def begin(stream: int) -> None:
        record, response = open_streams[stream]
        tasks.append(asyncio.create_task(_respond(peer, stream, record, response)))

    try:
        while found := await peer.events():
            for event in found:
                stream = getattr(event, "stream_id", 0)
                if isinstance(event, h2.events.RequestReceived):
                    headers = _text(event.headers)
                    names = dict(headers)
                    record = Received(names.get(":method", ""), names.get(":path", ""), headers)
                    open_streams[stream] = (record, upstream.take(record))
                    if open_streams[stream][1].early:
                        begin(stream)
                elif stream in open_streams:
                    _note(event, open_streams[stream][0])
                    if isinstance(event, h2.events.StreamEnded) and not open_streams[stream][1].early:
                        begin(stream)
    except h2.exceptions.ProtocolError:
        return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for record, _ in open_streams.values():
            record.incomplete = not record.complete


def _note(event: Any, record: Received) -> None:
    if isinstance(event, h2.events.DataReceived):
        record.body += event.data
    elif isinstance(event, h2.events.TrailersReceived):
        record.trailers = _text(event.headers)
    elif isinstance(event, h2.events.StreamEnded):
        record.complete = True
    elif isinstance(event, h2.events.StreamReset):
        record.reset_by_peer = int(event.error_code)
        record.incomplete = not record.complete


async def _respond(peer: _Peer, stream: int, record: Received, response: UpstreamResponse) -> None:
    await asyncio.sleep(response.delay_ms / 1000)
    if response.hang:
        return
    if response.reset:
        peer.h2.reset_stream(stream, 2)
        await peer.flush()
        return
    body = [record.body] if response.echo else [bytes(b) for b in response.body if b]
    head = [(":status", str(response.status)), *((k.lower(), v) for k, v in response.headers)]
    trailers = [(k.lower(), v) for k, v in response.trailers]
    await peer.message(stream, head, body, trailers, response.pace_ms)
