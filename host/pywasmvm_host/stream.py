"""A plugin on one HTTP stream: the stream context, and the filter the chain calls.

Availability of maps and buffers follows Envoy (reference: sections 12.1 and 13.1): a map is held from its
callback
until that callback says Continue or the stream is continued; a body is there during its callback, or while
held.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from .abi.enums import (
    BodyAction,
    BufferType,
    HeadersAction,
    MapType,
    Status,
    body_action,
    headers_action,
    trailers_action,
)
from .abi.model import V0_1, V_HIGRESS
from .calls.higress import special_property
from .context import Buffer, Context, RootContext
from .headers import HeaderMap
from .lifecycle import step
from .localreply import LocalReply
from .plugin import FailurePolicy
from .vm import FAILED

if TYPE_CHECKING:
    from .chain import FilterManager

__all__ = ["DeadFilter", "HttpStreamContext"]

FAIL_DETAILS = "wasm_fail_stream"
UNAVAILABLE = 14
STATUS_MASK = 0xFFFF  # Envoy keeps a status in 16 bits
HEADERS = {"request": MapType.HTTP_REQUEST_HEADERS, "response": MapType.HTTP_RESPONSE_HEADERS}
TRAILERS = {"request": MapType.HTTP_REQUEST_TRAILERS, "response": MapType.HTTP_RESPONSE_TRAILERS}
BODIES = {"request": BufferType.HTTP_REQUEST_BODY, "response": BufferType.HTTP_RESPONSE_BODY}
DIRECTION_OF = {0: "request", 1: "response"}


class _Stopped:
    """What `_ask` returns when the guest has sent a local response."""


STOPPED = _Stopped()


def clean_details(details: bytes) -> str:
    """Write details as Envoy keeps them: each white space is replaced, every other byte stays."""
    return "".join("_" if bytes([c]).isspace() else chr(c) for c in details)


class DeadFilter:
    """Stands in for a plugin whose VM failed earlier: fails every stream, calls no guest."""

    def __init__(self) -> None:
        self.manager: FilterManager | None = None

    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        if direction == "request" and self.manager is not None:
            self.manager.send_local_reply(LocalReply(503, grpc_status=UNAVAILABLE, details=FAIL_DETAILS))
            return HeadersAction.STOP_ALL_WATERMARK
        return HeadersAction.CONTINUE

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        return BodyAction.CONTINUE

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        return True

    def on_log(self) -> None:
        """Nothing to call."""

    def on_destroy(self) -> None:
        """Nothing to call."""


class HttpStreamContext(Context):
    """One plugin's view of one HTTP stream."""

    def __init__(self, root: RootContext, stream: Any) -> None:
        super().__init__(root.vm, root.plugin, root.vm.new_context_id())
        self.vm.contexts[self.id] = self
        self._root = root
        self._stream = stream
        self.manager: FilterManager | None = None
        self.phase = "new"
        self.created = False
        self.held: dict[int, HeaderMap] = {}
        self.chunk: dict[str, bytearray | None] = {"request": None, "response": None}
        self.buffering = {"request": False, "response": False}
        self.end_of_stream = False
        self.logging = False
        self.failure_replied = False

    @property
    def root(self) -> Any:
        return self._root

    @property
    def stream(self) -> Any:
        return self._stream

    @cached_property
    def log_prefix(self) -> str:
        p = self.plugin
        return " ".join(x for x in (p.name, p.root_id, p.vm_id) if x) if p else ""

    @property
    def in_access_log(self) -> bool:
        return self.logging

    @property
    def destroyed(self) -> bool:
        return self.phase in ("done", "deleted")

    # ---- life
    def create(self) -> None:
        """Announce the context to the guest, at its first event; a failed VM is not told."""
        if self.created:
            return
        self.phase = step(self.phase, "create")
        # why: who closes the stream here is told of it again before the stream is logged
        self.vm.call(self, "proxy_on_context_create", self.id, self._root.id)
        self.created = True

    def _opens(self) -> bool:
        return bool(self.plugin and self.plugin.failure_policy == FailurePolicy.OPEN_ALWAYS)

    def _failed(self) -> bool:
        """Tell whether the VM has failed; unless the plugin fails open, fail the stream, once."""
        if not self.vm.failed:
            return False
        if not self._opens() and not self.failure_replied and self.manager is not None:
            self.failure_replied = True
            self.manager.send_local_reply(LocalReply(503, grpc_status=UNAVAILABLE, details=FAIL_DETAILS))
        return True

    def _ask(self, name: str, event: str, *args: int) -> Any:
        """Call a stream callback: an action number, STOPPED after a local response, FAILED after a trap.

        Envoy fails the stream before it does what the guest asked for meanwhile, and decides how to go on
        before both.
        """
        if self._failed():
            return FAILED
        if not self.vm.has(name):
            return 0
        self.phase = step(self.phase, event)
        answer = self.vm.call(self, name, self.id, *args, hold=True)
        verdict = FAILED if self._failed() else STOPPED if self.vm.stop_next else answer or 0
        self.vm.end_call()
        return verdict

    # ---- filter
    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        if direction == "request":
            self.create()
        elif self._deaf():
            return HeadersAction.CONTINUE
        kind = HEADERS[direction]
        self.held[kind] = headers
        self.end_of_stream = end
        args = (len(headers),) if self.vm.version == V0_1 else (len(headers), int(end))
        answer = self._ask(f"proxy_on_{direction}_headers", f"{direction} headers", *args)
        verdict = self._headers_verdict(answer)
        if verdict == HeadersAction.CONTINUE:
            self.held.pop(kind, None)
        return verdict

    def _deaf(self) -> bool:
        """Tell whether response events pass this filter: never created, or failed already."""
        return not self.created or self.failure_replied

    def _headers_verdict(self, answer: Any) -> HeadersAction:
        if answer is FAILED:
            return HeadersAction.CONTINUE if self._opens() else HeadersAction.STOP_ALL_WATERMARK
        if answer is STOPPED:
            return HeadersAction.STOP_ALL_WATERMARK
        real = bool(self.plugin and self.plugin.allow_on_headers_stop_iteration)
        real = real or (
            self.vm.profile.real_stop_iteration
            and (self.vm.version == V_HIGRESS or self.vm.profile.name == "spec")
        )
        return headers_action(answer, real)

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        if not self.created or (direction == "response" and self._deaf()):
            return BodyAction.CONTINUE
        chain = self._direction(direction)
        if self.buffering[direction] and chain is not None:
            chain.add_data(data)
            if self.manager is None or self.manager.ended:
                return BodyAction.STOP_BUFFER
        self.chunk[direction] = data
        self.end_of_stream = end
        body = self.buffer(BODIES[direction])
        name = f"proxy_on_{direction}_body"
        answer = self._ask(name, f"{direction} body", len(body.data) if body else 0, int(end))
        verdict = self._body_verdict(answer)
        self.buffering[direction] = verdict == BodyAction.STOP_BUFFER
        if verdict == BodyAction.CONTINUE:
            self.chunk[direction] = None
        elif verdict == BodyAction.STOP_NO_BUFFER and isinstance(answer, int):
            self.vm.hazard(f"{name} returned {answer}: the data of this call is dropped")
        return verdict

    def _body_verdict(self, answer: Any) -> BodyAction:
        if answer is FAILED:
            return BodyAction.CONTINUE if self._opens() else BodyAction.STOP_NO_BUFFER
        return BodyAction.STOP_NO_BUFFER if answer is STOPPED else body_action(answer)

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        if not self.created or (direction == "response" and self._deaf()):
            return True
        kind = TRAILERS[direction]
        self.held[kind] = trailers
        answer = self._ask(f"proxy_on_{direction}_trailers", f"{direction} trailers", len(trailers))
        go_on = self._opens() if answer is FAILED else answer is not STOPPED and trailers_action(answer)
        if go_on:
            self.held.pop(kind, None)
        return go_on

    def on_log(self) -> None:
        self.create()
        if self.vm.profile.log_before_done:
            self._write_log()

    def _write_log(self) -> None:
        if self.vm.failed:
            return
        self.phase = step(self.phase, "log")
        self.logging = True
        self.vm.call(self, "proxy_on_log", self.id)
        self.logging = False

    def on_destroy(self) -> None:
        if not self.created or self.phase == "deleted":
            return
        self.phase = step(self.phase, "done")
        self.vm.call(self, "proxy_on_done", self.id)
        if not self.vm.profile.log_before_done:
            self._write_log()
        self.phase = step(self.phase, "delete")
        self.vm.call(self, "proxy_on_delete", self.id)
        # why: Envoy deletes what is over after the event at hand; its other callbacks still find it
        self.vm.world.after_event(partial(self.vm.contexts.pop, self.id, None))

    # ---- what host calls see
    def _direction(self, name: str) -> Any:
        return getattr(self.manager, name) if self.manager is not None else None

    def _body(self, direction: str) -> bytearray:
        chain = self._direction(direction)
        if self.buffering[direction] and chain is not None:
            if chain.buffer is None:
                chain.buffer = bytearray()
            return chain.buffer  # type: ignore[no-any-return]
        chunk = self.chunk[direction]
        return chunk if chunk is not None else bytearray()

    def read_map(self, kind: int) -> HeaderMap | None:
        if kind >= MapType.GRPC_CALL_INITIAL_METADATA:
            return self._root.callout_map(kind)
        return self._stream.logged_map(kind) if self.logging else self.held.get(kind)

    def attribute_map(self, kind: int) -> HeaderMap | None:
        """Return the map attributes are made of: one that is held, else the logged one."""
        found = self.held.get(kind)
        return self._stream.logged_map(kind) if found is None and self.logging else found

    def write_map(self, kind: int) -> HeaderMap | None:
        if kind >= MapType.GRPC_CALL_INITIAL_METADATA:
            return None
        found = self.held.get(kind)
        for direction, trailers in TRAILERS.items():
            chain = self._direction(direction)
            if (
                found is None
                and kind == trailers
                and self.end_of_stream
                and chain is not None
                and self.chunk[direction] is not None
            ):
                found = self.held[kind] = chain.add_trailers()
        return found

    def map_changed(self, kind: int) -> None:
        if kind == MapType.HTTP_REQUEST_HEADERS:
            self._stream.clear_route_cache()

    def _buffer(self, kind: int) -> Buffer | None:
        for direction, number in BODIES.items():
            if kind == number:
                there = self.buffering[direction] or self.chunk[direction] is not None
                return Buffer(self._body(direction), writable=there)
        return super()._buffer(kind)

    def continue_stream(self, kind: int) -> Status:
        if kind > 2:
            return Status.UNIMPLEMENTED if kind == 3 else Status.BAD_ARGUMENT
        if kind == 2:
            return Status.OK
        chain = None if self.phase == "deleted" else self._direction(DIRECTION_OF[kind])
        if kind == 1 and chain is not None and chain.headers is None:
            self.vm.hazard(
                "continue_stream(response) before there is a response: "
                "Envoy 1.40 crashes; here it does nothing"
            )
        elif chain is not None:
            self.vm.defer(lambda: chain.entry_of(self).resume())
        for held in (MapType.HTTP_REQUEST_HEADERS, MapType.HTTP_REQUEST_TRAILERS):
            self.held.pop(held, None)
        self.chunk["request"] = None
        return Status.OK

    def close_stream(self, kind: int) -> Status:
        if kind > 3:
            return Status.BAD_ARGUMENT
        manager = self.manager
        if kind < 2 and manager is not None and not self.destroyed:
            if self._stream.details is None:
                self._stream.details = "wasm_close_stream"
            self.vm.defer(lambda: manager.reset(""))
        return Status.OK

    def send_local_response(
        self, code: int, details: bytes, body: bytes, headers: list[tuple[bytes, bytes]], grpc: int
    ) -> None:
        manager = self.manager
        if self.phase == "logged" or self.destroyed or manager is None:
            self.vm.hazard(
                "send_local_response after the stream's end: "
                "Envoy 1.40 logs and ends it again and again, and crashes; here it does nothing"
            )
            return
        code &= STATUS_MASK
        reply = LocalReply(code, body, headers, grpc if 0 <= grpc <= 16 else None, clean_details(details))
        self.vm.defer(lambda: manager.send_local_reply(reply, late=True))

    def inject_response(self, data: bytes, end: bool) -> bool:
        """Send response bytes past this plugin when the guest call has ended (Higress)."""
        chain = self._direction("response")
        if chain is None or chain.headers is None or self.logging:
            return False
        self.vm.defer(lambda: chain.inject(data, end, chain.entry_of(self)))
        return True

    def set_property(self, path: bytes, value: bytes) -> Status:
        if self.vm.profile.higress_calls and special_property(
            self._stream, self, path.decode("latin-1"), value
        ):
            return Status.OK
        return self._stream.set_state(self, path, value)  # type: ignore[no-any-return]
