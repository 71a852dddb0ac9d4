"""Contexts: the VM's own (id 0), roots (one per plugin and VM) and streams.

A context answers what host calls ask of it: which maps and buffers can be reached now, what its properties
are.
The base class answers "nothing"; roots add callouts and configuration, streams (stream.py, tcp.py) their
traffic.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from .abi.enums import BufferType, MapType, Status
from .beginning import begin
from .headers import HeaderMap
from .plugin import Plugin

if TYPE_CHECKING:
    from .vm import Vm
    from .world import Timer

__all__ = ["Buffer", "Context", "RootContext", "VmContext"]


class Buffer:
    """A byte buffer as set_buffer_bytes sees it; `owner` may be the real one, then edits are written back."""

    def __init__(self, data: bytes | bytearray = b"", writable: bool = False) -> None:
        self.data = data
        self.writable = writable


EMPTY = Buffer()


class Context:
    """What all contexts share."""

    def __init__(self, vm: Vm, plugin: Plugin | None, context_id: int) -> None:
        self.vm = vm
        self.plugin = plugin
        self.id = context_id
        self.last_buffer: Buffer = EMPTY
        self.spent = 0  # fuel, of all its callbacks

    @property
    def root(self) -> Any:
        return self

    @cached_property
    def log_prefix(self) -> str:
        """What stands before a line it logs."""
        return ""

    @property
    def stream(self) -> Any:
        """The stream this context belongs to, or None."""
        return None

    def log(self, level: int, message: bytes) -> None:
        self.vm.log(level, message, self.log_prefix)

    # maps
    def read_map(self, kind: int) -> HeaderMap | None:
        """Return a map for reading, or None when it is not reachable now."""
        return self.root.callout_map(kind) if kind >= MapType.GRPC_CALL_INITIAL_METADATA else None

    def write_map(self, kind: int) -> HeaderMap | None:
        """Return a map for changing, or None."""
        return None

    def attribute_map(self, kind: int) -> HeaderMap | None:
        """Return the map attributes are made of."""
        return self.read_map(kind)

    @property
    def in_access_log(self) -> bool:
        return False

    def map_changed(self, kind: int) -> None:
        """Told after a map was changed."""

    # buffers
    def buffer(self, kind: int) -> Buffer | None:
        """Return a buffer, or None when it does not exist now."""
        if kind == BufferType.FOREIGN_FUNCTION_ARGUMENTS:
            data = getattr(self.root, "call_data", b"")
            return Buffer(data) if data else self.last_buffer
        found = self._buffer(kind)
        if found is not None:
            self.last_buffer = found
        return found

    def _buffer(self, kind: int) -> Buffer | None:
        if kind == BufferType.VM_CONFIGURATION:
            return Buffer(self.vm.vm_configuration)
        if kind == BufferType.PLUGIN_CONFIGURATION:
            data = self.root.shown_configuration
            return None if data is None else Buffer(data)
        if kind == BufferType.HTTP_CALL_RESPONSE_BODY:
            body = self.root.callout_body
            return None if body is None else Buffer(body)
        if kind == BufferType.GRPC_CALL_MESSAGE:
            message = self.root.grpc_message
            return Buffer() if message is None else Buffer(message, writable=True)
        if kind == BufferType.REDIS_REPLY:
            reply = self.root.redis_reply
            return None if reply is None else Buffer(reply)
        return Buffer()

    # streams; a root has none, and every request to one has no effect
    def continue_stream(self, kind: int) -> Status:
        return Status.OK if kind < 3 else Status.UNIMPLEMENTED if kind == 3 else Status.BAD_ARGUMENT

    def close_stream(self, kind: int) -> Status:
        return Status.OK if kind < 4 else Status.BAD_ARGUMENT

    def send_local_response(
        self, code: int, details: bytes, body: bytes, headers: list[tuple[bytes, bytes]], grpc: int
    ) -> None:
        """Answer the client; nothing to answer here."""

    def done(self) -> Status:
        return Status.NOT_FOUND

    def set_property(self, path: bytes, value: bytes) -> Status:
        return Status.NOT_FOUND


class VmContext(Context):
    """Context 0: the VM itself, while it initializes or allocates."""

    shown_configuration: bytes | None = None
    callout_body: bytes | None = None
    redis_reply: bytes | None = None
    grpc_message: bytearray | None = None

    def __init__(self, vm: Vm) -> None:
        super().__init__(vm, None, 0)
        self.status: tuple[int, bytes] = (0, b"")
        self.http_calls: dict[int, Any] = {}
        self.grpc_calls: dict[int, Any] = {}
        self.redis_calls: dict[int, Any] = {}
        self.lookups = 0

    def callout_map(self, kind: int) -> HeaderMap | None:
        return None


class RootContext(Context):
    """A plugin inside a VM. `start` runs its part of the life cycle; callouts and ticks arrive here."""

    def __init__(self, vm: Vm, plugin: Plugin) -> None:
        super().__init__(vm, plugin, vm.new_context_id())
        vm.contexts[self.id] = self
        self.shown_configuration: bytes | None = None
        self.callout_body: bytes | None = None
        self.callout_maps: dict[int, HeaderMap] = {}
        self.grpc_message: bytearray | None = None
        self.status: tuple[int, bytes] = (0, b"")
        self.http_calls: dict[int, Any] = {}
        self.grpc_calls: dict[int, Any] = {}
        self.redis: dict[bytes, Any] = {}
        self.redis_calls: dict[int, Any] = {}
        self.lookups = 0
        self.redis_reply: bytes | None = None
        self.call_data = b""
        self.logged: Any = None
        self.tick_ms = 0
        self.timer: Timer | None = None
        self.created = self.stillborn = False
        self.done_pending = False
        self.gone = False

    @cached_property
    def log_prefix(self) -> str:
        return " ".join(x for x in (self.plugin.root_id, self.plugin.vm_id) if x) if self.plugin else ""

    def callout_map(self, kind: int) -> HeaderMap | None:
        return self.callout_maps.get(kind)

    # ---- as an access logger
    @property
    def stream(self) -> Any:
        """The stream being logged, while this plugin is an access logger at work."""
        return self.logged

    @property
    def in_access_log(self) -> bool:
        return self.logged is not None

    def read_map(self, kind: int) -> HeaderMap | None:
        if self.logged is not None and kind < MapType.GRPC_CALL_INITIAL_METADATA:
            return self.logged.logged_map(kind)  # type: ignore[no-any-return]
        return super().read_map(kind)

    def log_stream(self, stream: Any) -> None:
        """Be told of a finished stream: proxy_on_log on the root context, all of it readable."""
        self.logged = stream
        self.vm.call(self, "proxy_on_log", self.id)
        self.logged = None

    # ---- life
    def start(self) -> str:
        """Create, start and configure; return "" or Envoy's reason for refusing."""
        plugin, vm = self.plugin, self.vm
        if plugin is None:
            return ""
        # why the hashes: they only find what was the same before; all that the plugin reads is compared
        texts = (hash(vm.vm_configuration), hash(plugin.configuration_bytes))
        return begin(vm, ("plugin", self.id, *texts), partial(self._start, plugin))

    def _start(self, plugin: Plugin) -> str:
        vm = self.vm
        self.shown_configuration = plugin.configuration_bytes
        vm.call(self, "proxy_on_context_create", self.id, 0, starting=True)
        self.created = True
        failed_early = self.stillborn = vm.failed
        vm.failed = (
            False  # why: Envoy ignores a trap in the root's context_create until the first stream comes
        )
        self.shown_configuration = None
        started = self._ask("proxy_on_vm_start", len(vm.vm_configuration))
        if not started:
            return "Failed to start base Wasm"
        if failed_early:
            vm.failed = True
            return ""
        self.shown_configuration = plugin.configuration_bytes
        configured = self._ask("proxy_on_configure", len(plugin.configuration_bytes))
        self.shown_configuration = None
        return "" if configured else "Failed to configure base Wasm plugin"

    def _ask(self, name: str, size: int) -> bool:
        if not self.vm.has(name):
            return True
        answer = self.vm.call(self, name, self.id, size, starting=True)
        return bool(answer) and not self.vm.failed

    def set_tick(self, period_ms: int) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.tick_ms = period_ms
        if period_ms:
            self.timer = self.vm.world.after(period_ms, self._tick)

    def _tick(self) -> None:
        if self.gone or self.vm.failed:
            return
        self.timer = None
        self.vm.call(self, "proxy_on_tick", self.id)
        if self.tick_ms and self.timer is None and not self.vm.failed:
            self.timer = self.vm.world.after(self.tick_ms, self._tick)

    def stop(self) -> None:
        """End the plugin: done, and delete unless the guest wants to finish first."""
        if self.gone or self.vm.failed:
            return
        answer = self.vm.call(self, "proxy_on_done", self.id) if self.vm.has("proxy_on_done") else 1
        if answer == 0:
            self.done_pending = True
        else:
            self.delete()

    def delete(self) -> None:
        if self.gone:
            return
        self.gone = True
        self.vm.call(self, "proxy_on_delete", self.id)
        self.release()

    def release(self) -> None:
        """Forget the context and everything under way for it; no callback follows."""
        self.set_tick(0)
        for call in (*self.http_calls.values(), *self.grpc_calls.values(), *self.redis_calls.values()):
            call.cancel()
        self.redis_calls.clear()
        self.http_calls.clear()
        self.grpc_calls.clear()
        self.vm.contexts.pop(self.id, None)

    def done(self) -> Status:
        if not self.done_pending:
            return Status.NOT_FOUND
        self.done_pending = False
        self.vm.defer(self.delete)
        return Status.OK
