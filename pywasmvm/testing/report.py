"""The end of a run of the official suite: one table, directory by engine, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .pool import ScriptResult

__all__ = ["as_json", "table"]

_HEADS = ("directory", "engine", "passed", "total", "files clean", "modules accepted", "seconds", "slowest")


def _row(directory: str, engine: str, results: list[ScriptResult]) -> tuple[str, ...]:
    slowest = max(results, key=lambda result: result.seconds)
    return (
        directory,
        engine,
        f"{sum(result.passed for result in results):,}",
        f"{sum(result.total for result in results):,}",
        f"{sum(result.clean for result in results)}/{len(results)}",
        f"{sum(r.modules_accepted for r in results):,}/{sum(r.modules for r in results):,}",
        f"{sum(result.seconds for result in results):.1f}",
        f"{slowest.name.rpartition('/')[2]} {slowest.seconds:.1f} s",
    )


def _groups(results: Iterable[ScriptResult]) -> dict[tuple[str, str], list[ScriptResult]]:
    groups: dict[tuple[str, str], list[ScriptResult]] = {}
    for result in sorted(results, key=lambda result: (result.engine, result.directory)):
        groups.setdefault((result.engine, result.directory), []).append(result)
    return groups


def table(results: list[ScriptResult]) -> str:
    """Return the table, with a line of totals per engine."""
    if not results:
        return "no scripts were run"
    rows: list[tuple[str, ...]] = [_HEADS]
    groups = _groups(results)
    for engine in sorted({result.engine for result in results}):
        rows += [_row(place, engine, found) for (name, place), found in groups.items() if name == engine]
        rows.append(_row("total", engine, [result for result in results if result.engine == engine]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    left = (0, 1, len(_HEADS) - 1)
    lines = [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def as_json(results: list[ScriptResult], problems: list[str]) -> dict[str, Any]:
    """Return everything as plain data: totals per engine and every script with its failures."""
    engines = sorted({result.engine for result in results})
    totals = {}
    for engine in engines:
        found = [result for result in results if result.engine == engine]
        totals[engine] = {
            "scripts": len(found),
            "scripts_clean": sum(result.clean for result in found),
            "commands": sum(result.total for result in found),
            "passed": sum(result.passed for result in found),
            "modules": sum(result.modules for result in found),
            "modules_accepted": sum(result.modules_accepted for result in found),
            "seconds": round(sum(result.seconds for result in found), 3),
        }
    ordered = sorted(results, key=lambda result: (result.engine, result.name))
    return {"totals": totals, "problems": problems, "scripts": [result.as_json() for result in ordered]}
