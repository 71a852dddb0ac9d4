"""A profile as a table for the terminal, as a page, and as PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..htmlpage import bars, document, lines
from .figures import Summary
from .report import QUANTITIES, Figures, PluginReport, Report

__all__ = ["as_page", "as_table", "write_plots"]

COLOURS = {"p50": "#4878a8", "p99": "#b8892b", "max": "#c8553d"}
MIB = 1 << 20
HEADINGS = {"fuel": "fuel", "host_calls": "host calls", "copied_bytes": "copied", "grew_bytes": "grew"}
WHOLE = "a request"


def _rows(plugin: PluginReport) -> Iterator[tuple[str, Figures]]:
    yield from ((f"{name} (start)", f) for name, f in plugin.start.items())
    yield from plugin.callbacks.items()
    yield WHOLE, plugin.request


def _cell(s: Summary) -> str:
    if s.p50 == s.max == s.mean:
        return f"{s.max:,}" if s.max else "-"
    return f"{s.mean:,.0f} / {s.p50:,} / {s.p99:,} / {s.max:,}"


def as_table(report: Report) -> Any:
    """Return one table for the terminal: mean / p50 / p99 / max."""
    from rich.table import Table  # noqa: PLC0415 - JSON needs no tables

    table = Table(
        box=None, pad_edge=False, caption="mean / p50 / p99 / max; one number where all are the same"
    )
    for column in ("plugin", "callback", "calls", *HEADINGS.values()):
        table.add_column(
            column, justify="left" if column in ("plugin", "callback") else "right", no_wrap=True
        )
    for plugin in report.plugins:
        for name, figures in _rows(plugin):
            cells = [_cell(getattr(figures, quantity)) for quantity in QUANTITIES]
            table.add_row(plugin.name, name, f"{figures.fuel.count:,}", *cells)
    return table


def as_page(report: Report, margin: float) -> str:
    """Return the report as one HTML page."""
    parts = [f"<p>{report.requests:,} requests, {sum(report.failures.values()):,} with a failed plugin.</p>"]
    for reason, count in report.failures.items():
        parts.append(f"<p class=bad>{count:,} times: {escape(reason)}</p>")
    for plugin in report.plugins:
        parts.append(f"<h2>{escape(plugin.name)}</h2>{_html_table(plugin)}")
        parts += [f"<p class=bad>{escape(remark)}</p>" for remark in plugin.remarks()]
        fuel = [
            (name, [(s, float(getattr(f.fuel, s))) for s in COLOURS]) for name, f in plugin.callbacks.items()
        ]
        parts.append(bars("Fuel per callback (p50, p99, max; log scale)", fuel, "units", COLOURS))
    memory = {p.name: [n / MIB for n in p.memory_series] for p in report.plugins}
    parts.append(lines("Linear memory over the requests", memory, "MiB"))
    proposal = escape(report.limits_text(margin))
    parts.append(f"<h2>Limits with {margin:g} times what was seen</h2><pre>{proposal}</pre>")
    return document("Profile of Proxy-Wasm plugins", *parts)


def _html_table(plugin: PluginReport) -> str:
    head = "".join(f"<th>{h}" for h in ("callback", "calls", *HEADINGS.values()))
    body = "".join(
        f"<tr><td>{escape(name)}<td class=n>{f.fuel.count:,}"
        + "".join(f"<td class=n>{_cell(getattr(f, q))}" for q in QUANTITIES)
        for name, f in _rows(plugin)
    )
    return f"<table><tr>{head}{body}</table><p>mean / p50 / p99 / max</p>"


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Write the plots as PNG files. Raise HostError if matplotlib is missing or the folder cannot be made."""
    try:
        import matplotlib  # noqa: PLC0415
    except ImportError as e:
        raise HostError("plots as PNG need matplotlib", advice="pip install 'pywasmvm[plot]'") from e
    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise HostError(f"cannot make the folder {folder}: {e.strerror or e}") from e
    rows = [(f"{p.name}: {name}", f.fuel) for p in report.plugins for name, f in p.callbacks.items()]
    figure, axes = pyplot.subplots(figsize=(10, 1 + 0.5 * len(rows)), layout="constrained")
    for number, (statistic, colour) in enumerate(COLOURS.items()):
        places = [i + 0.25 * (1 - number) for i in range(len(rows))]
        widths = [getattr(s, statistic) for _, s in rows]
        axes.barh(places, widths, 0.25, label=statistic, color=colour)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set(xscale="log", xlabel="units of fuel", title="Fuel per callback")
    axes.legend()
    out = [folder / "fuel.png", folder / "memory.png"]
    figure.savefig(out[0], dpi=120)
    pyplot.close(figure)
    figure, axes = pyplot.subplots(figsize=(10, 4), layout="constrained")
    for plugin in report.plugins:
        axes.plot(range(1, len(plugin.memory_series) + 1), [n / MIB for n in plugin.memory_series],
                  label=plugin.name)  # fmt: skip
    axes.set(xlabel="requests", ylabel="MiB", title="Linear memory", ylim=(0, None))
    axes.legend()
    figure.savefig(out[1], dpi=120)
    pyplot.close(figure)
    return out
