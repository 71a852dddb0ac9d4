"""Send requests through a host and keep, of each, only figures.

Rule 1: what the host records of a request is dropped once it is counted (`Host.forget`), so that a profile
        of a million requests takes no more memory than one of a thousand, but for the figures.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..host import Exchange, Host, HttpRequest
from ..plugin import Plugin
from ..records import CallRecord
from ..upstream import UpstreamResponse
from .figures import Summary, growth_of
from .report import QUANTITIES, Figures, PluginReport, Report
from .requests import Sample

__all__ = ["profile", "send"]


def _series() -> dict[str, array[int]]:
    return {name: array("q") for name in QUANTITIES}


@dataclass
class _Tally:
    """What was counted of one plugin."""

    name: str
    callbacks: dict[str, dict[str, array[int]]] = field(default_factory=dict)
    start: dict[str, dict[str, array[int]]] = field(default_factory=dict)
    request: dict[str, array[int]] = field(default_factory=_series)
    memory: array[int] = field(default_factory=lambda: array("q"))
    heap: array[int] = field(default_factory=lambda: array("q"))
    heap_top: int = 0

    def add(self, records: list[CallRecord], starting: bool) -> None:
        totals = dict.fromkeys(QUANTITIES, 0)
        for r in records:
            name = f"{r.callback} (in a host call)" if r.nested else r.callback
            series = (self.start if starting else self.callbacks).setdefault(name, _series())
            values = (r.fuel or 0, len(r.host_calls), r.copied_bytes, r.grew_bytes)
            for quantity, value in zip(QUANTITIES, values, strict=True):
                series[quantity].append(value)
                if not r.nested or quantity == "host_calls":
                    totals[quantity] += value
            if r.nested and r.result and r.args:
                self.heap_top = max(self.heap_top, r.result + r.args[0])
        if not starting:
            for quantity, total in totals.items():
                self.request[quantity].append(total)

    def report(self) -> PluginReport:
        def figures(of: dict[str, array[int]]) -> Figures:
            return Figures(**{q: Summary.of(values) for q, values in of.items()})

        return PluginReport(
            self.name,
            {name: figures(of) for name, of in self.callbacks.items()},
            {name: figures(of) for name, of in self.start.items()},
            figures(self.request),
            max(self.memory, default=0),
            growth_of(self.memory),
            growth_of(self.heap) if any(self.heap) else None,
            list(self.memory),
        )


def plugin_names(plugins: list[Plugin]) -> list[str]:
    """Return a name for each plugin; those without one are numbered."""
    return [p.name or p.root_id or f"plugin {number}" for number, p in enumerate(plugins, 1)]


def send(host: Host, sample: Sample) -> Exchange:
    """Send one sample through a host."""
    for name, answer in sample.answers.items():
        host.add_cluster(name, [answer])
    return host.request(sample.request, sample.upstream)


def profile(
    host: Host,
    requests: Iterable[Sample | HttpRequest | tuple[HttpRequest, UpstreamResponse]],
    *,
    count: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Send all requests `count` times through a host, in turn, and report what each plugin spent.

    A host that is not yet started is, and its start counted. The records and logs that the host keeps are
    dropped on the way. `progress` is called with the number of requests after each one.
    """
    samples = [_sample(r) for r in requests]
    host.start()
    names = plugin_names(host.plugins)
    tallies = {p.name: _Tally(name) for p, name in zip(host.plugins, names, strict=True)}
    failures: dict[str, int] = {}
    _count(tallies, host.world.records, True)
    host.forget()
    done = 0
    for _ in range(count):
        for sample in samples:
            exchange = send(host, sample)
            _count(tallies, host.world.records, False)
            _sizes(tallies, host)
            if exchange.failure or exchange.failed_stream:
                line = (exchange.failure or "a failed plugin fails every stream").splitlines()[0]
                failures[line] = failures.get(line, 0) + 1
            host.forget()
            done += 1
            if progress is not None:
                progress(done)
    return Report(done, [t.report() for t in tallies.values()], failures)


def _sample(given: Sample | HttpRequest | tuple[HttpRequest, UpstreamResponse]) -> Sample:
    if isinstance(given, Sample):
        return given
    return Sample(given) if isinstance(given, HttpRequest) else Sample(*given)


def _count(tallies: dict[str, _Tally], records: list[CallRecord], starting: bool) -> None:
    """Give each plugin its calls; those the VM makes for itself while starting count for all."""
    of: dict[str, list[CallRecord]] = {name: [] for name in tallies}
    owner = ""
    for record in records:
        # why: an allocator called in a host call runs for the plugin whose callback made that host call
        owner = owner if record.nested else record.name
        for name in [owner] if owner in of else of:
            of[name].append(record)
    for name, tally in tallies.items():
        tally.add(of[name], starting)


def _sizes(tallies: dict[str, _Tally], host: Host) -> None:
    for handle in host.handles:
        tally = tallies[handle.plugin.name]
        tally.memory.append(handle.vm.memory.nbytes)
        tally.heap.append(tally.heap_top)
        tally.heap_top = 0
