"""What the bench shows: a table of ratios to a base engine, Markdown, JSON, a plot."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import sys
from pathlib import Path
from typing import Any

from .engines import Engine
from .measure import Cell


def machine(engines: list[Engine]) -> dict[str, Any]:
    """Return what somebody needs to judge the figures: processor, system, versions."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else ""
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "versions": {engine.name: engine.version() for engine in engines},
    }


def geometric_mean(values: list[float]) -> float | None:
    """Return the geometric mean, None of nothing."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def ratios(cells: list[Cell], base: str) -> dict[str, dict[str, float | None]]:
    """Return engine -> kernel -> time relative to `base` on that kernel; key "geo" is the geometric mean.

    The mean is None unless the engine finished every kernel that the base finished.
    """
    by_key = {(cell.engine, cell.kernel): cell.nanoseconds for cell in cells}
    kernels = list(dict.fromkeys(cell.kernel for cell in cells))
    table: dict[str, dict[str, float | None]] = {}
    for engine in dict.fromkeys(cell.engine for cell in cells):
        row: dict[str, float | None] = {}
        for kernel in kernels:
            mine, theirs = by_key.get((engine, kernel)), by_key.get((base, kernel))
            row[kernel] = mine / theirs if mine and theirs else None
        present = [value for value in row.values() if value is not None]
        wanted = sum(by_key.get((base, kernel)) is not None for kernel in kernels)
        table[engine] = {"geo": geometric_mean(present) if len(present) == wanted else None, **row}
    return table


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def markdown(cells: list[Cell], base: str) -> str:
    """Return the table in Markdown: one row per engine, fastest first, time relative to `base`."""
    table = ratios(cells, base)
    kernels = [name for name in next(iter(table.values())) if name != "geo"]
    lines = [
        f"| time relative to {base} | geo | " + " | ".join(kernels) + " |",
        "|---" * (len(kernels) + 2) + "|",
    ]
    for engine, row in sorted(table.items(), key=lambda item: item[1]["geo"] or math.inf):
        lines.append(
            f"| {engine} | **{_text(row['geo'])}** | " + " | ".join(_text(row[k]) for k in kernels) + " |"
        )
    errors = [f"* {cell.engine}, {cell.kernel}: {cell.error}" for cell in cells if cell.error]
    return "\n".join(lines + ([""] + errors if errors else [])) + "\n"


def as_json(cells: list[Cell], base: str, about: dict[str, Any]) -> str:
    """Return everything measured as JSON text."""
    records = [
        {**vars(cell), "ns_per_instruction": cell.nanoseconds, "spread": cell.spread} for cell in cells
    ]
    return json.dumps(
        {"machine": about, "base": base, "ratios": ratios(cells, base), "cells": records}, indent=1
    )


def plot(cells: list[Cell], base: str, path: Path) -> str:
    """Write a bar chart of the geometric means as PNG. Return "" or why there is none."""
    if importlib.util.find_spec("matplotlib") is None:
        return "no plot: pip install matplotlib"
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    means = {engine: row["geo"] for engine, row in ratios(cells, base).items() if row["geo"]}
    order = sorted(means, key=lambda engine: means[engine] or 0.0, reverse=True)
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(order) + 1.2))
    axes.barh(order, [means[engine] for engine in order], color="#4878a8")
    axes.set_xscale("log")
    axes.set_xlabel(f"time relative to {base} (geometric mean, lower is faster)")
    for index, engine in enumerate(order):
        axes.text(means[engine] or 0.0, index, f" {_text(means[engine])}", va="center", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    return ""
