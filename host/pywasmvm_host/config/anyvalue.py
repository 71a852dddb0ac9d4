"""From a google.protobuf.Any, as JSON writes it, to the bytes a plugin is given.

Measured on Envoy 1.40: StringValue and BytesValue are unwrapped; every other message, Struct too, is handed
over serialized. The well-known types are serialized here; any other one needs its protobuf class.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..protobuf import fields, struct_message, tag_bytes, tag_varint, varint
from .checked import _bool, _bytes, _double, _int, _object, _text, bad, join, milliseconds

__all__ = ["any_bytes", "type_name"]

M64 = 0xFFFFFFFFFFFFFFFF


def type_name(value: dict[str, Any]) -> str:
    """Return the message name of an Any: what follows the last slash of its type URL."""
    return str(value.get("@type", "")).rpartition("/")[2]


def _double_bytes(value: Any, path: str) -> bytes:
    number = _double(value, path)
    return varint(1 << 3 | 1) + struct.pack("<d", number) if number else b""


def _float_bytes(value: Any, path: str) -> bytes:
    number = _double(value, path)
    return varint(1 << 3 | 5) + struct.pack("<f", number) if number else b""


def _varint_bytes(value: Any, path: str) -> bytes:
    number = _int(value, path)
    return tag_varint(1, number & M64) if number else b""


def _bool_bytes(value: Any, path: str) -> bytes:
    return tag_varint(1, 1) if _bool(value, path) else b""


def _duration_bytes(value: Any, path: str) -> bytes:
    nanos = round(milliseconds(value, path) * 1_000_000)
    sign = -1 if nanos < 0 else 1
    seconds, rest = divmod(abs(nanos), 1_000_000_000)
    out = tag_varint(1, sign * seconds & M64) if seconds else b""
    return out + (tag_varint(2, sign * rest & M64) if rest else b"")


def _struct_bytes(value: Any, path: str) -> bytes:
    return struct_message(_object(value, path))


def _value_bytes(value: Any, path: str) -> bytes:
    # a Value is what stands in field 2 of a Struct's entry
    pair = dict(fields(struct_message({"": value})))[1]
    return bytes(dict(fields(pair))[2])


def _list_bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, list):
        raise bad(path, "want a list")
    return b"".join(tag_bytes(1, _value_bytes(item, f"{path}[{i}]")) for i, item in enumerate(value))


PACKED: dict[str, Callable[[Any, str], bytes]] = {
    "StringValue": lambda value, path: _text(value, path).encode(),
    "BytesValue": _bytes,
    "Struct": _struct_bytes,
    "Value": _value_bytes,
    "ListValue": _list_bytes,
    "BoolValue": _bool_bytes,
    "Int32Value": _varint_bytes,
    "Int64Value": _varint_bytes,
    "UInt32Value": _varint_bytes,
    "UInt64Value": _varint_bytes,
    "DoubleValue": _double_bytes,
    "FloatValue": _float_bytes,
    "Duration": _duration_bytes,
}
PREFIX = "google.protobuf."


def any_bytes(value: dict[str, Any] | None, path: str) -> bytes:
    """Return the bytes a plugin sees of a configuration."""
    if value is None:
        return b""
    name = type_name(value)
    if name == PREFIX + "Empty":
        return b""
    pack = PACKED.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    if pack is not None:
        extra = [k for k in value if k not in ("@type", "value")]
        if extra:
            raise bad(join(path, extra[0]), f'unknown field: {name} has "@type" and "value" only')
        if "value" not in value:
            if name in (PREFIX + "Struct", PREFIX + "StringValue", PREFIX + "BytesValue"):
                return b""
            raise bad(path, f'{name} needs "value"')
        return pack(value["value"], join(path, "value"))
    if name in ("udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"):
        url, inner = value.get("type_url", value.get("typeUrl", "")), value.get("value")
        out = tag_bytes(1, _text(url, join(path, "type_url")).encode()) if url else b""
        return out + (tag_bytes(2, struct_message(_object(inner, join(path, "value")))) if inner else b"")
    return _by_class(name, value, path)


def _by_class(name: str, value: dict[str, Any], path: str) -> bytes:
    """Serialize a message of any type with its protobuf class, if that can be found."""
    hint = f"{name} is handed over serialized; import its protobuf class first, or use StringValue"
    try:
        from google.protobuf import json_format, symbol_database  # type: ignore[import-untyped,unused-ignore] # noqa: PLC0415
    except ImportError as e:
        raise bad(path, f"{hint} (the package protobuf is not installed)") from e
    try:
        made = symbol_database.Default().GetSymbol(name)()
    except KeyError as e:
        raise bad(path, hint) from e
    try:
        json_format.ParseDict({k: v for k, v in value.items() if k != "@type"}, made)
    except json_format.ParseError as e:
        raise bad(path, str(e)) from e
    return bytes(made.SerializeToString(deterministic=True))
