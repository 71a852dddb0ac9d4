"""The little of the protobuf wire format the host needs: reading fields, writing Struct, Metadata,
Locality, Node.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "ParseError",
    "build_version",
    "fields",
    "locality",
    "metadata",
    "node",
    "semantic_version",
    "struct_message",
    "tag_bytes",
    "tag_varint",
    "varint",
]


class ParseError(ValueError):
    """The bytes are no protobuf message."""


def varint(value: int) -> bytes:
    """Write a number as a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag_bytes(number: int, data: bytes) -> bytes:
    """Write a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def tag_varint(number: int, value: int) -> bytes:
    """Write a varint field."""
    return varint(number << 3) + varint(value)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ParseError("truncated number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (field number, int or bytes) of a message. Raises ParseError."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ParseError("field number 0")
        if wire == 0:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise ParseError("truncated or unknown field")
        yield number, data[at : at + size]
        at += size


def _value(value: Any) -> bytes:
    if value is None:
        return tag_varint(1, 0)
    if isinstance(value, bool):
        return tag_varint(4, int(value))
    if isinstance(value, int | float):
        return varint(2 << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, str):
        return tag_bytes(3, value.encode())
    if isinstance(value, Mapping):
        return tag_bytes(5, struct_message(value))
    return tag_bytes(6, b"".join(tag_bytes(1, _value(v)) for v in value))


def struct_message(value: Mapping[str, Any]) -> bytes:
    """Write google.protobuf.Struct, in the order given."""
    return b"".join(
        tag_bytes(1, tag_bytes(1, k.encode()) + tag_bytes(2, _value(v))) for k, v in value.items()
    )


def metadata(value: Mapping[str, Any]) -> bytes:
    """Write core.v3.Metadata from {"filter_metadata": {namespace: struct}}."""
    spaces = value.get("filter_metadata", {})
    typed = value.get("typed_filter_metadata", {})
    return b"".join(
        tag_bytes(1, tag_bytes(1, k.encode()) + tag_bytes(2, struct_message(v)))
        for k, v in sorted(spaces.items())
    ) + b"".join(
        tag_bytes(2, tag_bytes(1, k.encode()) + tag_bytes(2, any_message(v)))
        for k, v in sorted(typed.items())
    )


def any_message(value: Mapping[str, Any]) -> bytes:
    """Write google.protobuf.Any around one of the wrapper messages, from its JSON."""
    kind, inner = value["@type"], value["value"]
    if kind.endswith((".Struct", ".Value", ".ListValue")):
        data = struct_message(inner) if kind.endswith(".Struct") else _value(inner)
    else:
        data = tag_bytes(1, inner.encode()) if inner else b""
    return tag_bytes(1, kind.encode()) + (tag_bytes(2, data) if data else b"")


def locality(value: Mapping[str, Any]) -> bytes:
    """Write core.v3.Locality."""
    names = (("region", 1), ("zone", 2), ("sub_zone", 3))
    return b"".join(tag_bytes(n, value[k].encode()) for k, n in names if value.get(k))


def semantic_version(value: Mapping[str, int]) -> bytes:
    """Write type.v3.SemanticVersion."""
    names = (("major_number", 1), ("minor_number", 2), ("patch", 3))
    return b"".join(tag_varint(n, value[k]) for k, n in names if value.get(k))


def build_version(version: Mapping[str, int], told: Mapping[str, str]) -> bytes:
    """Write core.v3.BuildVersion."""
    return tag_bytes(1, semantic_version(version)) + tag_bytes(2, struct_message(told))


def node(value: Mapping[str, Any]) -> bytes:
    """Write core.v3.Node without the build's list of extensions."""
    out = b"".join(tag_bytes(n, value[k].encode()) for k, n in (("id", 1), ("cluster", 2)) if value.get(k))
    if value.get("metadata"):
        out += tag_bytes(3, struct_message(value["metadata"]))
    if value.get("locality"):
        out += tag_bytes(4, locality(value["locality"]))
    return out + tag_bytes(6, b"envoy")
