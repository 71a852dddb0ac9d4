"""What the bench shows: tables in Markdown, and everything as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .engines import Engine
from .measure import Cell
from .series import Series


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
        "date": time.strftime("%Y-%m-%d"),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "versions": {engine.distribution: engine.version() for engine in engines},
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


def kernel_table(cells: list[Cell], base: str) -> str:
    """Return the table in Markdown: one row per engine, fastest first, time relative to `base`.

    The spread is the median over the kernels of (maximum - minimum) / median of an engine's rounds.
    """
    table = ratios(cells, base)
    kernels = [name for name in next(iter(table.values())) if name != "geo"]
    lines = [
        f"| time relative to {base} | geo | " + " | ".join(kernels) + " | spread |",
        "|---" * (len(kernels) + 3) + "|",
    ]
    for engine, row in sorted(table.items(), key=lambda item: item[1]["geo"] or math.inf):
        spreads = [cell.spread for cell in cells if cell.engine == engine and cell.spread is not None]
        spread = f"{statistics.median(spreads):.0%}" if spreads else "-"
        figures = " | ".join(ratio_text(row[kernel]) for kernel in kernels)
        lines.append(f"| {engine} | **{ratio_text(row['geo'])}** | {figures} | {spread} |")
    errors = [f"* {cell.engine}, {cell.kernel}: {cell.error}" for cell in cells if cell.error]
    return "\n".join(lines + ([""] + errors if errors else [])) + "\n"


def ratio_text(value: float | None) -> str:
    """Return a ratio as the tables show it."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _figure(value: float | None) -> str:
    """Return a measured value with three significant digits."""
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def by_part(series: list[Series]) -> dict[str, list[Series]]:
    """Return the series of each part, in the order of measuring."""
    parts: dict[str, list[Series]] = {}
    for item in series:
        parts.setdefault(item.part, []).append(item)
    return parts


def part_table(series: list[Series]) -> str:
    """Return one part's table in Markdown: a row per contender, a column per point, medians."""
    labels = {point.x: point.label for item in series for point in item.points}
    first = series[0]
    lines = [
        f"| {first.part}, {first.unit} by {first.x_unit} | "
        + " | ".join(labels[x] for x in sorted(labels))
        + " | spread |",
        "|---" * (len(labels) + 2) + "|",
    ]
    errors = []
    for item in series:
        known = {point.x: point for point in item.points}
        figures = " | ".join(_figure(known[x].median if x in known else None) for x in sorted(labels))
        spreads = [point.spread for point in item.points if point.spread is not None]
        spread = f"{statistics.median(spreads):.0%}" if spreads else "-"
        lines.append(f"| {item.name} | {figures} | {spread} |")
        errors += [f"* {item.name}, {point.label}: {point.error}" for point in item.points if point.error]
    return "\n".join(lines + ([""] + errors if errors else [])) + "\n"


def _block(part: str, table: str, abouts: Mapping[str, str]) -> str:
    return f"## {part}\n\n{abouts.get(part, '')}\n\n{table}"


def markdown(
    cells: list[Cell], series: list[Series], base: str, about: dict[str, Any], abouts: Mapping[str, str]
) -> str:
    """Return the whole report in Markdown: the machine, the kernels, one table per part."""
    versions = ", ".join(f"{name} {version}".strip() for name, version in about["versions"].items())
    blocks = [
        f"{about['processor']}, {about['cores']} processors, {about['system']}, CPython {about['python']}, "
        f"{about['date']}; {versions}.\n\n"
        "Medians of interleaved rounds; spread is (maximum - minimum) / median.\n"
    ]
    blocks += [_block("kernels", kernel_table(cells, base), abouts)] if cells else []
    blocks += [_block(part, part_table(items), abouts) for part, items in by_part(series).items()]
    return "\n".join(blocks)


def as_json(cells: list[Cell], series: list[Series], base: str, about: dict[str, Any]) -> str:
    """Return everything measured as JSON text."""
    records = [
        {**vars(cell), "ns_per_instruction": cell.nanoseconds, "spread": cell.spread} for cell in cells
    ]
    lines = [
        {**vars(item), "points": [{**vars(p), "median": p.median, "spread": p.spread} for p in item.points]}
        for item in series
    ]
    table = ratios(cells, base) if cells else {}
    return json.dumps(
        {"machine": about, "base": base, "ratios": table, "cells": records, "series": lines}, indent=1
    )
