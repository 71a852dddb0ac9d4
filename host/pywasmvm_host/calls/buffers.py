"""Host calls on buffers: bodies, TCP data, configuration, callout answers."""

from __future__ import annotations

from typing import Any

from ..abi.enums import Status
from ..budget import within
from . import body


@body
def proxy_get_buffer_bytes(call: Any, kind: int, start: int, size: int) -> Any:
    buffer = call.context.buffer(kind)
    if buffer is None:
        return Status.NOT_FOUND
    data = buffer.data
    if call.profile.strict_ranges and start > len(data):
        return Status.BAD_ARGUMENT
    return Status.OK, bytes(data[start : start + size])


@body
def proxy_get_buffer_status(call: Any, kind: int) -> Any:
    buffer = call.context.buffer(kind)
    return Status.NOT_FOUND if buffer is None else (Status.OK, len(buffer.data), 0)


@body
def proxy_set_buffer_bytes(call: Any, kind: int, start: int, size: int, value: Any) -> int:
    """Envoy's rules: replace at the front, append at or after the end, nothing in between."""
    buffer = call.context.buffer(kind)
    if buffer is None:
        return Status.NOT_FOUND
    data = value.read()
    if not buffer.writable:
        return Status.BAD_ARGUMENT
    held = buffer.data
    within("http_body_bytes", call.vm.limits.http_body_bytes, len(held) + len(data))
    if start == 0:
        held[: min(size, len(held))] = data
    elif start >= len(held):
        held += data
    elif call.profile.middle_edits:
        held[start : start + size] = data
    else:
        call.vm.hazard("set_buffer_bytes inside a body: Envoy answers BAD_ARGUMENT and changes nothing")
        return Status.BAD_ARGUMENT
    return Status.OK
