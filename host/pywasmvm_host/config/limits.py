"""Limits of plugins that stand beside a configuration, in places the proxy does not look at.

Envoy: `metadata` of the node, `filter_metadata` of a listener, key `pywasmvm`. Istio and Higress: the
annotation `pywasmvm/limits`. docs/limits.md shows both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..limits import Limits, read_limits
from .checked import bad, join

__all__ = ["ANNOTATION", "find_limits", "limits_of", "read_annotation"]

KEY, ALL = "pywasmvm", "*"
ANNOTATION = "pywasmvm/limits"
HOLDERS = ("metadata", "filter_metadata", "filterMetadata")


def find_limits(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (plugin name, limits as written, path) of a document."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from find_limits(item, f"{path}[{i}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            where = join(path, str(key))
            if key in HOLDERS and isinstance(item, dict) and KEY in item:
                yield from _entries(item[KEY], join(where, KEY))
            yield from find_limits(item, where)


def _entries(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    if not isinstance(value, dict) or set(value) != {"limits"} or not isinstance(value["limits"], dict):
        raise bad(path, "want {limits: {PLUGIN: {LIMIT: VALUE}}}")
    for name, given in value["limits"].items():
        where = f"{path}.limits.{name}"
        if not isinstance(given, dict):
            raise bad(where, "want an object of limits")
        yield str(name), given, where


def limits_of(found: list[tuple[str, dict[str, Any], str]], plugins: set[str]) -> dict[str, Limits]:
    """Return the limits of the plugins that have their own. Raises ConfigError for unknown names."""
    given: dict[str, list[tuple[dict[str, Any], str]]] = {name: [] for name in sorted(plugins)}
    for name, entry, where in sorted(found, key=lambda item: item[0] != ALL):
        if name != ALL and name not in given:
            raise bad(where, f"no plugin of this name; there are {', '.join(given) or 'none'}")
        for plugin in given if name == ALL else (name,):
            given[plugin].append((entry, where))
    out: dict[str, Limits] = {}
    for plugin, entries in given.items():
        for entry, where in entries:
            out[plugin] = _read(entry, out.get(plugin), where)
    return out


def _read(given: dict[str, Any], base: Limits | None, path: str) -> Limits:
    try:
        return read_limits(given, base)
    except ValueError as e:
        raise bad(path, str(e)) from e


def read_annotation(text: Any, path: str) -> Limits:
    """Read "fuel=5M, memory_bytes=16MiB"."""
    given: dict[str, Any] = {}
    for item in str(text).split(","):
        name, mark, value = item.partition("=")
        if not mark:
            raise bad(path, f"want LIMIT=VALUE, LIMIT=VALUE ..., not {text!r}")
        given[name.strip()] = value.strip()
    return _read(given, None, path)
