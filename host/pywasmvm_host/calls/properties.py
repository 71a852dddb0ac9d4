"""Host calls on properties; names, walking and encoding are in ../attributes.py."""

from __future__ import annotations

from typing import Any

from ..attributes import answer
from ..budget import within
from . import body


@body
def proxy_get_property(call: Any, path: bytes) -> Any:
    return answer(call.context, path)


@body
def proxy_set_property(call: Any, path: bytes, value: bytes) -> int:
    limits, stream = call.vm.limits, call.context.stream
    within("name_bytes", limits.name_bytes, len(path))
    held = sum(len(k) + len(v) for k, v in stream.states.items()) if stream is not None else 0
    within("property_bytes", limits.property_bytes, held + len(path) + len(value))
    return int(call.context.set_property(path, value))
