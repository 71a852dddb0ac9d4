"""A plugin on one TCP connection, and the chain of such plugins in front of the HTTP codec.

`Connection` is one client connection: bytes from the client pass the plugins in order, then reach `sink`;
bytes to
the client pass them too. A plugin that pauses keeps the bytes in the connection's buffer, and sees all of
them again
with the next piece (reference: section 11).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from .abi.enums import BufferType, PeerType, Status, trailers_action
from .context import Buffer, Context, RootContext
from .filterstate import StateObjects
from .lifecycle import step
from .plugin import FailurePolicy
from .vm import FAILED

if TYPE_CHECKING:
    from .proxy import Proxy

__all__ = ["Connection", "TcpStreamContext"]


class TcpStreamContext(Context):
    """One plugin's view of one connection."""

    def __init__(self, root: RootContext, connection: Connection) -> None:
        super().__init__(root.vm, root.plugin, root.vm.new_context_id())
        self.vm.contexts[self.id] = self
        self._root = root
        self.connection = connection
        self.phase = "new"
        self.now: dict[int, bytearray] = {}
        self.paused = False
        self.failed = False

    @property
    def root(self) -> Any:
        return self._root

    @property
    def stream(self) -> Any:
        return self.connection

    @cached_property
    def log_prefix(self) -> str:
        p = self.plugin
        return " ".join(x for x in (p.name, p.root_id, p.vm_id) if x) if p else ""

    def new_connection(self) -> bool:
        if self.vm.failed:
            return self._failed()
        self.phase = step(self.phase, "create")
        self.vm.call(self, "proxy_on_context_create", self.id, self._root.id)
        return self._verdict(self.vm.call(self, "proxy_on_new_connection", self.id))

    def data(self, kind: BufferType, data: bytearray, end: bool) -> bool:
        """Show bytes; return True to let them go on."""
        if self.phase == "new":
            return True
        if self.vm.failed:
            return self._failed()
        name = "proxy_on_downstream_data" if kind == BufferType.DOWNSTREAM_DATA else "proxy_on_upstream_data"
        self.phase = step(self.phase, "tcp")
        self.now[kind] = data
        go_on = self._verdict(self.vm.call(self, name, self.id, len(data), int(end)))
        if go_on:
            self.now.pop(kind, None)
        if kind == BufferType.UPSTREAM_DATA and end:
            self.vm.call(self, "proxy_on_upstream_connection_close", self.id, int(PeerType.UNKNOWN))
        return go_on

    def _verdict(self, answer: Any) -> bool:
        if answer is FAILED or self.vm.failed:
            return self._failed()
        return trailers_action(answer or 0)

    def _failed(self) -> bool:
        if self.plugin and self.plugin.failure_policy == FailurePolicy.OPEN_ALWAYS:
            return True
        if not self.failed:
            self.failed = True
            self.connection.close(local=True)
        return False

    def closed(self, local: bool) -> None:
        """The connection is over: tell, then done, log and delete."""
        if self.phase in ("new", "deleted"):
            return
        self.phase = step(self.phase, "tcp")
        self.vm.call(
            self,
            "proxy_on_downstream_connection_close",
            self.id,
            int(PeerType.LOCAL if local else PeerType.REMOTE),
        )
        self.phase = step(self.phase, "done")
        self.vm.call(self, "proxy_on_done", self.id)
        self.phase = step(self.phase, "log")
        self.vm.call(self, "proxy_on_log", self.id)
        self.phase = step(self.phase, "delete")
        self.vm.call(self, "proxy_on_delete", self.id)
        self.vm.world.after_event(partial(self.vm.contexts.pop, self.id, None))  # as for a stream of HTTP

    # ---- what host calls see
    def _buffer(self, kind: int) -> Buffer | None:
        data = self.now.get(kind)
        return Buffer(data, writable=True) if data is not None else super()._buffer(kind)

    def continue_stream(self, kind: int) -> Status:
        if kind == 2:
            self.vm.defer(lambda: self.connection.resume(self))
            return Status.OK
        return super().continue_stream(kind)

    def close_stream(self, kind: int) -> Status:
        if kind in (2, 3):
            reason = "wasm_downstream_close" if kind == 2 else "wasm_upstream_close"
            self.vm.defer(lambda: self.connection.close(local=True, reason=reason))
        return super().close_stream(kind)

    def set_property(self, path: bytes, value: bytes) -> Status:
        self.connection.states[path.decode("latin-1")] = value
        return Status.OK


class Connection:
    """One client connection with its TCP plugins. `sink` takes what comes through; it may be None."""

    http2 = http10 = False
    route = virtual_host = None
    upstream_connected = False
    upstream_failure = ""
    upstream_started_ns = 0
    requests = 0  # that the codec behind the plugins has begun
    upstream_ended_ns: int | None = None
    protocol = ""  # known once the codec behind the plugins has seen bytes

    def __init__(
        self, proxy: Proxy, to_client: Callable[[bytes], None], on_close: Callable[[], None]
    ) -> None:
        self.proxy = proxy
        self.world = proxy.world
        self.to_client = to_client
        self.on_close = on_close
        self.sink: Callable[[bytes, bool], bytes] | None = None
        self.buffer = bytearray()
        self.write_buffer = bytearray()
        self.over = False
        self.draining = False  # to be closed soon: what the client still sends is not looked at
        self.unread = False  # the client sent more than was read
        self.close_details = ""
        self.begun = False
        self.ended = False
        self.start_ns = self.world.now_ns
        self.end_ns: int | None = None
        self.client_address = proxy.next_client_address()
        self.connection_id = proxy.next_connection_id()
        self.states: dict[str, bytes] = {}
        self.objects = StateObjects()
        self.metadata: dict[str, Any] = {}
        self.typed_metadata: dict[str, Any] = {}
        self.flags: list[str] = []
        self.rx = self.tx = self.attempts = 0
        self.code, self.details, self.upstream_address = None, None, ""
        self.filters: list[TcpStreamContext] = [
            f for f in (make(self) for make in proxy.tcp_factories) if f is not None
        ]

    def find_route(self) -> None:
        """A connection has no route."""

    def clear_route_cache(self) -> None:
        """Nothing to clear."""

    def logged_map(self, kind: int) -> None:
        """A connection has no headers."""

    def open(self) -> None:
        for f in self.filters:
            if self.over or not f.new_connection():
                return
        self.begun = not self.over

    def receive(self, data: bytes, end: bool = False) -> None:
        """Take bytes from the client."""
        if self.over or self.draining:
            self.unread = self.unread or not self.over
            return
        self.rx += len(data)
        self.buffer += data
        self.ended = self.ended or end
        self._read_from(0)

    def resume(self, after: TcpStreamContext) -> None:
        """Go on behind a plugin that had paused."""
        if not self.over and (self.buffer or self.ended):
            self._read_from(self.filters.index(after) + 1)

    def _read_from(self, start: int) -> None:
        for f in self.filters[start:]:
            if not f.data(BufferType.DOWNSTREAM_DATA, self.buffer, self.ended) or self.over:
                return
        data = bytes(self.buffer)
        self.buffer.clear()
        if self.sink is not None:
            self.protocol = "HTTP/1.1"
            # what the codec does not take yet (a request behind one still under way) is shown again later
            self.buffer += self.sink(data, self.ended)

    def read_again(self) -> None:
        """Show what the codec had left over once more."""
        if not self.over and self.buffer:
            self._read_from(0)

    def write(self, data: bytes, end: bool = False) -> None:
        """Send bytes to the client."""
        if self.over:
            return
        self.write_buffer += data
        for f in reversed(self.filters):
            if not f.data(BufferType.UPSTREAM_DATA, self.write_buffer, end) or self.over:
                return
        out = bytes(self.write_buffer)
        self.write_buffer.clear()
        self.tx += len(out)
        self.to_client(out)

    def close(self, *, local: bool, reason: str = "") -> None:
        if self.over:
            return
        self.over = True
        self.close_details = (
            f"downstream_local_disconnect({reason})" if local else "downstream_remote_disconnect"
        )
        for f in self.filters:
            f.closed(local)
        self.on_close()


def make_tcp_filter(handle: Any, connection: Connection) -> TcpStreamContext | None:
    """Return the plugin's filter for a new connection; None when the failed plugin is left out."""
    handle.revive()
    if handle.vm.failed and handle.plugin.failure_policy.opens:
        return None
    return TcpStreamContext(handle.root, connection)
