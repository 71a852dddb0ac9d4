"""Budgets: what a filter may cost at most, read from a file, as bounds to hold against a report.

Rule 1: whatever is not understood is refused; a budget with a misspelt key would pass for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..abi.callbacks import CALLBACKS, START
from ..config.checked import bad, join, nearest
from ..config.text import read_documents, read_file
from ..errors import ConfigError
from ..limits import parse_size
from .figures import STATISTICS

__all__ = ["Bound", "Budgets", "read_budgets"]

# Quantities of a call or a request; the unit decides how values are written.
COUNTED = {"fuel": "count", "host_calls": "count", "copied_bytes": "bytes", "grew_bytes": "bytes"}
OF_PLUGIN = ("callbacks", "request", "memory_bytes", "growth_bytes")
FACTORS = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Bound:
    """One bound. `callback` is a name, "*" for each, "" for whole requests and for memory."""

    quantity: str
    most: float
    callback: str = ""
    statistic: str = "max"


@dataclass(frozen=True)
class Budgets:
    """What a budget file says: bounds for every plugin, and for some by name."""

    bounds: list[Bound] = field(default_factory=list)
    plugins: dict[str, list[Bound]] = field(default_factory=dict)
    failures: int | None = 0

    def of(self, plugin: str) -> list[Bound]:
        """Return the bounds of a plugin: its own win over the general ones of the same kind."""
        own = self.plugins.get(plugin, [])
        named = {(b.quantity, b.callback, b.statistic) for b in own}
        return own + [b for b in self.bounds if (b.quantity, b.callback, b.statistic) not in named]


def read_budgets(source: str | Path) -> Budgets:
    """Read a budget file (YAML or JSON). Raise ConfigError naming the place of the mistake."""
    path = Path(source)
    documents = read_documents(read_file(path), str(path))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigError(f"{path}: want one object")
    try:
        return _budgets(documents[0])
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e


def _budgets(given: dict[str, Any]) -> Budgets:
    _known(given, (*OF_PLUGIN, "plugins", "failures"), "")
    failures = given.get("failures", 0)
    if failures is not None and (not isinstance(failures, int) or isinstance(failures, bool)):
        raise bad("failures", f"want a number, or null for any, not {failures!r}")
    plugins = _object(given.get("plugins") or {}, "plugins")
    of_plugins = {}
    for name, item in plugins.items():
        where = f"plugins.{name}"
        _known(_object(item, where), OF_PLUGIN, where)
        of_plugins[str(name)] = list(_bounds(item, where))
    budgets = Budgets(list(_bounds(given, "")), of_plugins, failures)
    if not budgets.bounds and not of_plugins and "failures" not in given:
        raise ConfigError("no budget in it")
    return budgets


def _bounds(given: dict[str, Any], where: str) -> Iterator[Bound]:
    for quantity in ("memory_bytes", "growth_bytes"):
        if quantity in given:
            yield Bound(quantity, _value(given[quantity], "bytes", join(where, quantity)))
    if "request" in given:
        yield from _quantities(given["request"], "", join(where, "request"))
    callbacks = _object(given.get("callbacks") or {}, join(where, "callbacks"))
    names = ["*", *dict.fromkeys(row.name for row in (*CALLBACKS, *START))]
    for name, item in callbacks.items():
        place = f"{join(where, 'callbacks')}.{name}"
        if name not in names:
            raise bad(place, f"no callback of this name{nearest(str(name), names)}")
        yield from _quantities(item, name, place)


def _quantities(given: Any, callback: str, where: str) -> Iterator[Bound]:
    _known(_object(given, where), tuple(COUNTED), where)
    for quantity, value in given.items():
        place = f"{where}.{quantity}"
        statistics = value if isinstance(value, dict) else {"max": value}
        _known(statistics, STATISTICS, place)
        for statistic, most in statistics.items():
            bound = _value(most, COUNTED[quantity], f"{place}.{statistic}")
            yield Bound(quantity, bound, callback, statistic)


def _value(given: Any, unit: str, where: str) -> float:
    text = str(given).strip().lower().replace("_", "")
    try:
        if unit == "bytes":
            return parse_size(text)
        factor = FACTORS.get(text[-1:], 1)
        return float(text[:-1] if factor > 1 else text) * factor
    except ValueError as e:
        raise bad(where, f"{given!r} is no {'size' if unit == 'bytes' else 'count'}") from e


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(where, f"want an object, not {value!r}")
    return value


def _known(value: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in value:
        if key not in known:
            hint = nearest(str(key), list(known)) or f"; there are {', '.join(known)}"
            raise bad(join(where, str(key)), f"unknown key{hint}")
