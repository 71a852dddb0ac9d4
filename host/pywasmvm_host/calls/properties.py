"""Host calls on properties; names, walking and encoding are in ../attributes.py."""

from __future__ import annotations

from typing import Any

from ..attributes import answer
from . import body


@body
def proxy_get_property(call: Any, path: bytes) -> Any:
    return answer(call.context, path)


@body
def proxy_set_property(call: Any, path: bytes, value: bytes) -> int:
    return int(call.context.set_property(path, value))
