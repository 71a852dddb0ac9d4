"""The plots: bars for what is counted by name, lines for what grows. PNG, by matplotlib where installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from .measure import Cell
from .report import by_part, ratio_text, ratios
from .series import Series

__all__ = ["write_plots"]

COLOURS = ["#4878a8", "#d1783c", "#5a9a5a", "#a05a9a", "#888888", "#b8a030", "#40a0a0"]
# parts whose points differ in kind, not in quantity
BARS = {"requests", "starts", "peaks", "proxies", "crossing"}


def write_plots(cells: list[Cell], series: list[Series], base: str, folder: Path) -> str:
    """Write bench-kernels.png and one bench-PART.png per part. Return "" or why there are none."""
    if importlib.util.find_spec("matplotlib") is None:
        return "no plots: pip install matplotlib"
    import matplotlib

    matplotlib.use("Agg")
    if cells:
        _save(_kernels(cells, base), folder / "bench-kernels.png")
    for part, items in by_part(series).items():
        figure = _bars(items) if part in BARS else _lines(items)
        _save(figure, folder / f"bench-{part}.png")
    return ""


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _kernels(cells: list[Cell], base: str) -> Any:
    from matplotlib import pyplot

    means = {engine: row["geo"] for engine, row in ratios(cells, base).items() if row["geo"]}
    order = sorted(means, key=lambda engine: means[engine] or 0.0, reverse=True)
    figure, axes = pyplot.subplots(figsize=(8, 0.4 * len(order) + 1.2))
    colours = [COLOURS[0] if engine.startswith("pywasmvm") else COLOURS[4] for engine in order]
    axes.barh(order, [means[engine] for engine in order], color=colours)
    axes.set_xscale("log")
    axes.set_xlabel(f"time relative to {base} (geometric mean, logarithmic; lower is faster)")
    for index, engine in enumerate(order):
        axes.text(means[engine] or 0.0, index, f" {ratio_text(means[engine])}", va="center", fontsize=8)
    return figure


def _better(item: Series) -> str:
    return "higher is better" if item.more_is_better else "lower is better"


def _lines(series: list[Series]) -> Any:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for number, item in enumerate(series):
        known = [(point.x, point.median) for point in item.points if point.median is not None]
        if known:
            xs, ys = zip(*known, strict=True)
            axes.plot(xs, ys, marker="o", label=item.name, color=COLOURS[number % len(COLOURS)])
    first = series[0]
    if not first.more_is_better:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(first.x_unit)
    axes.set_ylabel(f"{first.unit} ({_better(first)})")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=7)
    return figure


def _bars(series: list[Series]) -> Any:
    from matplotlib import pyplot

    labels = list(dict.fromkeys(point.label for item in series for point in item.points))
    figure, axes = pyplot.subplots(figsize=(8, 0.35 * len(labels) * len(series) + 1.4))
    height = 0.8 / len(series)
    for number, item in enumerate(series):
        known = {point.label: point.median for point in item.points}
        places = [index + number * height for index in range(len(labels))]
        values = [known.get(label) or 0.0 for label in labels]
        axes.barh(places, values, height, label=item.name, color=COLOURS[number % len(COLOURS)])
    axes.set_yticks([index + 0.4 - height / 2 for index in range(len(labels))], labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"{series[0].unit} ({_better(series[0])})")
    axes.legend(fontsize=7)
    return figure
