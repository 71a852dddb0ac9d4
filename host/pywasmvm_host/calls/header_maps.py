"""Host calls on header maps. Which maps are reachable when is the context's business."""

from __future__ import annotations

from typing import Any

from ..abi.enums import Status
from ..abi.model import V0_1
from ..abi.pairs import encode_pairs
from ..budget import within
from ..headers import HeaderMap
from . import body


def _check_room(call: Any, headers: HeaderMap, more: list[tuple[bytes, bytes]]) -> None:
    """Raise OverLimit if the map may not have these entries, too."""
    limits = call.vm.limits
    within("headers", limits.headers, len(headers) + len(more))
    within("header_bytes", limits.header_bytes, headers.byte_size() + sum(len(k) + len(v) for k, v in more))


@body
def proxy_get_header_map_size(call: Any, kind: int) -> Any:
    headers = call.context.write_map(kind)
    if headers is None and call.profile.size_is_serialized:
        headers = call.context.read_map(kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    return Status.OK, len(encode_pairs(headers)) if call.profile.size_is_serialized else headers.byte_size()


@body
def proxy_get_header_map_pairs(call: Any, kind: int) -> Any:
    headers = call.context.read_map(kind)
    if headers is None:
        return (Status.OK, b"") if call.profile.missing_map_is_empty else Status.BAD_ARGUMENT
    return Status.OK, encode_pairs(headers) if len(headers) else b""


@body
def proxy_set_header_map_pairs(call: Any, kind: int, pairs: list[tuple[bytes, bytes]]) -> int:
    headers = call.context.write_map(kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    _check_room(call, HeaderMap(headers.kind), pairs)
    headers.clear()
    for key, value in pairs:
        headers.add(key, value)
    call.context.map_changed(kind)
    return Status.OK


@body
def proxy_get_header_map_value(call: Any, kind: int, key: bytes) -> Any:
    headers = call.context.read_map(kind)
    if headers is None and not call.context.in_access_log:
        return Status.BAD_ARGUMENT
    value = headers.get(key) if headers is not None else None
    if value is None:
        return (Status.OK, b"") if call.vm.version == V0_1 else Status.NOT_FOUND
    return Status.OK, value


@body
def proxy_add_header_map_value(call: Any, kind: int, key: bytes, value: bytes) -> int:
    headers = call.context.write_map(kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    _check_room(call, headers, [(key, value)])
    headers.add(key, value)
    call.context.map_changed(kind)
    return Status.OK


@body
def proxy_replace_header_map_value(call: Any, kind: int, key: bytes, value: bytes) -> int:
    headers = call.context.write_map(kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    _check_room(call, headers, [(key, value)])
    headers.replace(key, value)
    call.context.map_changed(kind)
    return Status.OK


@body
def proxy_remove_header_map_value(call: Any, kind: int, key: bytes) -> int:
    headers = call.context.write_map(kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    headers.remove(key)
    call.context.map_changed(kind)
    return Status.OK
