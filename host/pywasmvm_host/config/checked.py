"""Checking a parsed document against the table of fields; every complaint names the path of what is wrong.

`read_message` returns the document in one spelling: fields under their table names, values in Python types.
It accepts what protobuf's JSON form accepts: lowerCamelCase names, null for absent, numbers as text, enums
by number.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError
from .fields import NEWER, Field, message

__all__ = ["bad", "milliseconds", "nearest", "read_message"]

DURATION = re.compile(r"(-?\d+(?:\.\d{1,9})?)s")
KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def bad(path: str, what: str) -> ConfigError:
    """Return the error for one place of a document."""
    return ConfigError(f"{path or 'document'}: {what}")


def nearest(name: str, known: list[str]) -> str:
    """Return "; did you mean X?" or the empty text."""
    found = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""


def shown(value: Any) -> str:
    """Say of what kind a value is, for an error line."""
    if value is None:
        return "nothing"
    return f"{KINDS.get(type(value), type(value).__name__)} ({str(value)[:40]!r})"


def join(path: str, name: str) -> str:
    """Return the path of a field."""
    return f"{path}.{name}" if path else name


def read_message(kind: str, value: Any, path: str) -> dict[str, Any]:
    """Check an object against a message; raise ConfigError at the first thing that does not fit."""
    if not isinstance(value, dict):
        raise bad(path, f"want an object ({kind}), not {shown(value)}")
    table = message(kind)
    names = {f.camel: f for f in table.values()} | table
    out: dict[str, Any] = {}
    groups: dict[str, str] = {}
    for key, item in value.items():
        where = join(path, str(key))
        field = names.get(str(key))
        if field is None:
            newer = NEWER.get((kind, str(key)))
            raise bad(where, newer or f"unknown field{nearest(str(key), list(names)) or _list(table)}")
        if item is None:
            continue
        if field.name in out:
            raise bad(where, "given twice, in both spellings")
        if field.oneof:
            if field.oneof in groups:
                raise bad(path, f"only one of {groups[field.oneof]} and {field.name} can be set")
            groups[field.oneof] = field.name
        out[field.name] = _value(field.type, item, where)
    return out


def _list(table: dict[str, Field]) -> str:
    return f"; there are {', '.join(table)}" if table else "; this message has no fields"


def _value(kind: str, value: Any, path: str) -> Any:
    if kind.startswith("["):
        if not isinstance(value, list):
            raise bad(path, f"want a list, not {shown(value)}")
        return [_value(kind[1:-1], item, f"{path}[{i}]") for i, item in enumerate(value)]
    if kind.startswith("{"):
        if not isinstance(value, dict):
            raise bad(path, f"want an object, not {shown(value)}")
        for key in value:
            if not isinstance(key, str):
                raise bad(path, f"a name must be text, not {shown(key)}; put it in quotes")
        return {key: _value(kind[1:-1], item, join(path, key)) for key, item in value.items()}
    if kind.startswith("enum "):
        return _enum(kind.split()[1:], value, path)
    reader = SCALARS.get(kind)
    return reader(value, path) if reader else read_message(kind, value, path)


def _enum(names: list[str], value: Any, path: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    if value not in names:
        raise bad(path, f"want one of {', '.join(names)}, not {shown(value)}{nearest(str(value), names)}")
    return str(value)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise bad(path, f"want text, not {shown(value)}; put it in quotes")
    return value


def _bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise bad(path, f"want true or false, not {shown(value)}")
    return value


def _int(value: Any, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad(path, f"want a whole number, not {shown(value)}")
    return value


def _uint(value: Any, path: str) -> int:
    number = _int(value, path)
    if not 0 <= number < 1 << 32:
        raise bad(path, f"want a number from 0 to 4294967295, not {number}")
    return number


def _double(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(path, f"want a number, not {shown(value)}")
    return float(value)


def _bytes(value: Any, path: str) -> bytes:
    if isinstance(value, bytes):  # YAML's !!binary
        return value
    text = "".join(_text(value, path).split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as e:
        raise bad(path, f"is no base64: {e}") from e


def milliseconds(value: Any, path: str) -> float:
    """Read a protobuf duration such as "1.5s"."""
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise bad(path, f'want a duration such as "1s" or "0.25s", not {shown(value)}')
    return float(match[1]) * 1000


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(path, f"want an object, not {shown(value)}")
    return value


def _any(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("@type"), str):
        raise bad(path, 'want an object with "@type", e.g. type.googleapis.com/google.protobuf.StringValue')
    return value


SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "string": _text,
    "bytes": _bytes,
    "bool": _bool,
    "int": _int,
    "uint": _uint,
    "double": _double,
    "Duration": milliseconds,
    "Object": _object,
    "Any": _any,
}
