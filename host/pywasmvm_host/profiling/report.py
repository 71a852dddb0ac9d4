"""The report of a profile: figures per plugin, the limits that fit them, and the budgets they exceed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..limits import LIMITS
from .budgets import Bound, Budgets, read_budgets
from .figures import Growth, Summary

__all__ = ["MARGIN", "QUANTITIES", "BudgetExceeded", "Figures", "PluginReport", "Report"]

QUANTITIES = ("fuel", "host_calls", "copied_bytes", "grew_bytes")
MARGIN = 2.0
PAGE = 1 << 16


@dataclass(frozen=True)
class Figures:
    """What calls of one kind, or whole requests, took."""

    fuel: Summary
    host_calls: Summary
    copied_bytes: Summary
    grew_bytes: Summary


class BudgetExceeded(HostError):
    """A profile is over budget; `lines` has one text per budget exceeded."""

    exit_status = 1

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class PluginReport:
    """One plugin.

    callbacks, start  figures by callback: of the traffic, and of the calls while it started.
    request           figures of all its callbacks of one request together.
    memory_bytes      the most linear memory it had; memory_series after each request.
    memory_growth     of linear memory; None for too few requests.
    heap_growth       of the highest address the guest's allocator handed out to the host in a request,
                      which rises when the guest leaks, long before memory grows; None if it was not asked.
    """

    name: str
    callbacks: Mapping[str, Figures]
    start: Mapping[str, Figures]
    request: Figures
    memory_bytes: int
    memory_growth: Growth | None
    heap_growth: Growth | None
    memory_series: list[int] = field(repr=False)

    def limits(self, margin: float = MARGIN) -> dict[str, str]:
        """Return limits with room for `margin` times what was seen, as a configuration writes them."""
        of_calls = {name: _most(self.callbacks, name) for name in ("fuel", "host_calls", "copied_bytes")}
        seen = {
            "fuel": of_calls["fuel"],
            "fuel_start": _most(self.start, "fuel"),
            "fuel_stream": self.request.fuel.max,
            "memory_bytes": self.memory_bytes,
            "host_calls": max(of_calls["host_calls"], _most(self.start, "host_calls")),
            "copied_bytes": max(of_calls["copied_bytes"], _most(self.start, "copied_bytes")),
        }
        return {name: written(name, int(value * margin)) for name, value in seen.items() if value}

    def remarks(self) -> list[str]:
        """Return what the figures alone do not say."""
        out = []
        for what, growth in (("linear memory", self.memory_growth), ("the guest's heap", self.heap_growth)):
            if growth is not None and growth.grows:
                out.append(f"{what} {growth}: no memory limit is enough for ever")
        return out


@dataclass(frozen=True)
class Report:
    """What `profile` measured. `failures` counts requests in which a plugin failed, by reason."""

    requests: int
    plugins: list[PluginReport]
    failures: Mapping[str, int] = field(default_factory=dict)

    def limits(self, margin: float = MARGIN) -> dict[str, dict[str, str]]:
        """Return the proposed limits by plugin name."""
        return {p.name: p.limits(margin) for p in self.plugins}

    def limits_text(self, margin: float = MARGIN) -> str:
        """Return the proposed limits as a configuration file takes them (YAML), with the annotation."""
        lines = ["node:", "  metadata:", "    pywasmvm:", "      limits:"]
        notes = []
        for name, limits in self.limits(margin).items():
            lines.append(f"        {_quoted(name)}: {{{', '.join(f'{k}: {v}' for k, v in limits.items())}}}")
            notes.append(f"# {name}: pywasmvm/limits: {', '.join(f'{k}={v}' for k, v in limits.items())}")
        head = "# The same as annotations of a WasmPlugin:"
        return "\n".join([*lines, head, *notes]) + "\n"

    def exceeded(self, budgets: Budgets | str | Path) -> list[str]:
        """Return one line for each budget exceeded; `budgets` may name a file."""
        if not isinstance(budgets, Budgets):
            budgets = read_budgets(budgets)
        failed = sum(self.failures.values())
        out = []
        if budgets.failures is not None and failed > budgets.failures:
            out.append(f"failures: {failed} of {self.requests} requests, the budget is {budgets.failures}")
        known = [p.name for p in self.plugins]
        for name in budgets.plugins:
            if name not in known:
                out.append(f"{name}: the budget is for a plugin that was not profiled: {', '.join(known)}")
        for plugin in self.plugins:
            for bound in budgets.of(plugin.name):
                out += [f"{plugin.name}: {text}" for text in _over(plugin, bound)]
        return out

    def check(self, budgets: Budgets | str | Path) -> Report:
        """Return itself if no budget is exceeded; else raise BudgetExceeded."""
        lines = self.exceeded(budgets)
        if lines:
            raise BudgetExceeded(lines)
        return self

    def as_json(self, margin: float = MARGIN) -> dict[str, Any]:
        """Return plain data, the proposed limits included; the series are left to `memory_series`."""
        plugins = []
        for p in self.plugins:
            shown = asdict(p)
            del shown["memory_series"]
            plugins.append({**shown, "limits": p.limits(margin), "remarks": p.remarks()})
        return {"requests": self.requests, "failures": dict(self.failures), "plugins": plugins}


def _most(of: Mapping[str, Figures], quantity: str) -> int:
    return max((getattr(f, quantity).max for f in of.values()), default=0)


def written(name: str, value: int) -> str:
    """Write a limit with a unit, rounded up: counts to two digits, bytes to whole KiB or MiB."""
    row = LIMITS[name]
    if row.unit == "bytes":
        value = -(-value // PAGE) * PAGE if name == "memory_bytes" else value
        size, unit = (1 << 20, "MiB") if value >= 4 << 20 else (1 << 10, "KiB")
        return f"{-(-value // size)}{unit}"
    step = 10 ** max(0, len(str(value)) - 2)
    value = -(-value // step) * step
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value % size == 0:
            return f"{value // size}{unit}"
    return str(value)


def _quoted(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name[0].isalpha() else f'"{name}"'


def _over(plugin: PluginReport, bound: Bound) -> Iterator[str]:
    """Yield what of a plugin exceeds one bound."""
    if bound.quantity == "growth_bytes":
        for what, growth in (
            ("linear memory", plugin.memory_growth),
            ("the guest's heap", plugin.heap_growth),
        ):
            if growth is not None and growth.grows and growth.per_request > bound.most:
                yield f"{what} {growth}, the budget is {bound.most:,.0f}"
        return
    if bound.quantity == "memory_bytes":
        if plugin.memory_bytes > bound.most:
            yield f"memory_bytes {plugin.memory_bytes:,}, the budget is {bound.most:,.0f}"
        return
    for name, figures in _figures(plugin, bound.callback):
        got = getattr(getattr(figures, bound.quantity), bound.statistic)
        if got > bound.most:
            what = f"{bound.quantity} {bound.statistic}"
            yield f"{name}: {what} {got:,.0f}, the budget is {bound.most:,.0f}"


def _figures(plugin: PluginReport, callback: str) -> list[tuple[str, Figures]]:
    if not callback:
        return [("a request", plugin.request)]
    both = [*plugin.start.items(), *plugin.callbacks.items()]
    of_traffic = [(name, f) for name, f in plugin.callbacks.items() if "(" not in name]
    return of_traffic if callback == "*" else [(name, f) for name, f in both if name == callback]
