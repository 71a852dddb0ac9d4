"""This run against an earlier one: how each contender's figures moved, part by part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .report import geometric_mean, ratio_text

__all__ = ["comparison", "read_run"]

Key = tuple[str, str, str]


def read_run(path: Path) -> dict[str, Any]:
    """Return an earlier run's JSON. Raises ValueError naming the file when it is not one."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not the JSON of a bench run: {error}") from error
    if not isinstance(data, dict) or "cells" not in data or "series" not in data:
        raise ValueError(f"{path}: not the JSON of a bench run; want the bench.json that --out wrote")
    return data


def _figures(run: dict[str, Any]) -> dict[Key, float]:
    """Return (part, contender, point) -> cost, where more is worse."""
    out: dict[Key, float] = {}
    for cell in run["cells"]:
        if cell["ns_per_instruction"]:
            out["kernels", cell["engine"], cell["kernel"]] = cell["ns_per_instruction"]
    for item in run["series"]:
        for point in item["points"]:
            if point["median"]:
                value = point["median"]
                out[item["part"], item["name"], point["label"]] = (
                    1 / value if item["more_is_better"] else value
                )
    return out


def comparison(now: dict[str, Any], then: dict[str, Any]) -> str:
    """Return the table in Markdown: cost now / cost then, by geometric mean and the worst point.

    The `unmoved` engines of others tell how much of a change is the machine's.
    """
    new, old = _figures(now), _figures(then)
    groups: dict[tuple[str, str], dict[str, float]] = {}
    for key in new.keys() & old.keys():
        groups.setdefault(key[:2], {})[key[2]] = new[key] / old[key]
    if not groups:
        return "nothing in common with the earlier run\n"
    order = list(dict.fromkeys(key[:2] for key in new))
    lines = ["| part | contender | now / then | best | worst |", "|---|---|---|---|---|"]
    for part, name in (group for group in order if group in groups):
        moved = groups[part, name]
        best, worst = min(moved, key=lambda k: moved[k]), max(moved, key=lambda k: moved[k])
        lines.append(
            f"| {part} | {name} | **{ratio_text(geometric_mean(list(moved.values())))}** "
            f"| {ratio_text(moved[best])} {best} | {ratio_text(moved[worst])} {worst} |"
        )
    if then["machine"].get("processor") != now["machine"].get("processor"):
        lines += ["", f"* another machine then: {then['machine'].get('processor')}"]
    return "\n".join(lines) + "\n"
