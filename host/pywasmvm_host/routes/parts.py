"""Objects of a configuration in JSON, read field by field: what nobody reads is refused with its path.

part = Part(value, "route_config")
name = part.text("name")
for route in part.parts("routes"): ...
part.done("comment")                 refuses every field not read yet, but not `comment`
"""

from __future__ import annotations

import base64
import re
from typing import Any

from ..errors import ConfigError
from ..optional import Optional

__all__ = ["Part", "Regex", "refuse"]

re2 = Optional("re2")
Regex = Any  # a compiled expression of RE2: its library has no types

DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)s$")


def refuse(path: str, problem: str, *, reason: str = "") -> ConfigError:
    """Return the error for what stands at a path; `reason` is what Envoy calls it."""
    return ConfigError(f"{path}: {problem}", reason=reason)


class Part:
    """A JSON object and its path. Every method reads one field and returns its default if it is not there."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise refuse(path, "an object was expected")
        self.value: dict[str, Any] = value
        self.path = path
        self.read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def take(self, name: str, kind: Any, default: Any = None) -> Any:
        """Return the field, which has to be of a kind."""
        self.read.add(name)
        value = self.value.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in _kinds(kind)):
            raise refuse(self.at(name), f"cannot be {value!r}")
        return value

    def at(self, name: str) -> str:
        return f"{self.path}.{name}"

    def text(self, name: str, default: str = "") -> str:
        return str(self.take(name, str, default))

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.take(name, bool, default))

    def number(self, name: str, default: int = 0) -> int:
        value = self.take(name, (int, str), default)  # JSON writes 64-bit numbers as text
        try:
            return int(value)
        except ValueError:
            raise refuse(self.at(name), f"{value!r} is no number") from None

    def duration(self, name: str) -> float | None:
        """Return a time in ms, or None if it is not there."""
        value = self.take(name, str)
        if value is None:
            return None
        found = DURATION.match(value)
        if found is None:
            raise refuse(self.at(name), f"{value!r} is no time; write seconds like 1.5s")
        return float(found[1]) * 1000

    def choice(self, name: str, table: dict[str, Any], default: Any = None) -> Any:
        value = self.take(name, str)
        if value is None:
            return default
        if value not in table:
            raise refuse(self.at(name), f"{value!r} is not one of {', '.join(table)}")
        return table[value]

    def texts(self, name: str) -> list[str]:
        return [str(x) for x in self.take(name, list, [])]

    def numbers(self, name: str) -> list[int]:
        values = self.take(name, list, [])
        if not all(type(x) is int for x in values):
            raise refuse(self.at(name), f"{values!r} are not all numbers")
        return list(values)

    def part(self, name: str) -> Part | None:
        value = self.take(name, dict)
        return None if value is None else Part(value, self.at(name))

    def parts(self, name: str) -> list[Part]:
        return [Part(value, f"{self.at(name)}[{i}]") for i, value in enumerate(self.take(name, list, []))]

    def data_source(self, name: str) -> bytes | None:
        """Return the bytes of an inline DataSource."""
        source = self.part(name)
        if source is None:
            return None
        raw = source.take("inline_bytes", str)
        out = base64.b64decode(raw) if raw is not None else source.text("inline_string").encode()
        source.done()
        return out

    def regex(self, name: str) -> Regex | None:
        """Return a RegexMatcher's expression, by RE2 as in Envoy: its time is linear in the text."""
        part = self.part(name)
        if part is None:
            return None
        text = part.text("regex")
        part.done("google_re2")
        if not re2:
            raise refuse(part.at("regex"), "it needs the library google-re2: pip install 'pywasmvm[config]'")
        options = re2.Options()
        options.log_errors = False
        try:
            return re2.compile(text, options=options)
        except re2.error as e:
            why = e.args[0].decode("utf-8", "replace") if e.args and isinstance(e.args[0], bytes) else e
            raise refuse(part.at("regex"), f"{text!r} is no regular expression: {why}") from None

    def done(self, *ignored: str) -> None:
        """Refuse what is left: it would have an effect that this host does not have."""
        for name, value in self.value.items():
            if name not in self.read and name not in ignored and value is not None:
                raise refuse(self.at(name), "this host has no such option")


def _kinds(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)
