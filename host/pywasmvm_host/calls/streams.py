"""Host calls that steer a stream: continue, close, answer."""

from __future__ import annotations

from typing import Any

from ..abi.enums import Status
from ..budget import within
from . import body


@body
def proxy_continue_stream(call: Any, kind: int) -> int:
    return int(call.context.continue_stream(kind))


@body
def proxy_close_stream(call: Any, kind: int) -> int:
    return int(call.context.close_stream(kind))


@body
def proxy_continue_request(call: Any) -> int:
    return int(call.context.continue_stream(0))


@body
def proxy_continue_response(call: Any) -> int:
    return int(call.context.continue_stream(1))


@body
def proxy_clear_route_cache(call: Any) -> int:
    if call.context.stream is not None:
        call.context.stream.clear_route_cache()
    return Status.OK


@body
def proxy_send_local_response(
    call: Any, code: int, details: bytes, text: bytes, headers: list[tuple[bytes, bytes]], grpc_status: int
) -> int:
    within("http_body_bytes", call.vm.limits.http_body_bytes, len(text))
    call.context.send_local_response(code, details, text, headers, grpc_status)
    call.vm.stop_next = True
    return Status.OK
