"""Pages that need nothing else: one HTML file with style and drawings (SVG) in it.

What a page says is the business of whoever writes it: the laboratory, a profile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["bars", "document", "lines"]

PLOT_WIDTH, ROW_HEIGHT, LABEL_WIDTH = 900, 16, 240
LINE_HEIGHT, LEFT, TOP = 260, 90, 20
PALETTE = ("#4878a8", "#c8553d", "#2a9d5c", "#8a6bbe", "#b8892b", "#555555")
STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:1200px;color:#222}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ddd;padding:.3em .6em;text-align:left;vertical-align:top}
td.n{text-align:right}pre{background:#f4f4f4;padding:.8em;overflow-x:auto}
.bad{color:#b00020;font-weight:600}
summary{cursor:pointer}svg text{font:11px system-ui,sans-serif}"""


def document(title: str, *parts: str) -> str:
    """Return a whole page; the parts are HTML."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>\n"


def bars(
    title: str, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], unit: str, colours: Mapping[str, str]
) -> str:
    """Return bars on a logarithmic scale, a group per row, as SVG; nothing if no value is above 0."""
    values = [value for _, group in rows for _, value in group if value > 0]
    if not values:
        return ""
    low, high = math.log10(min(values)) - 0.2, math.log10(max(values)) + 0.1
    height = sum(len(group) for _, group in rows) * ROW_HEIGHT + 30 + 6 * len(rows)
    out = [f'<h2>{escape(title)}</h2><svg viewBox="0 0 {PLOT_WIDTH} {height}" role="img">']
    room = PLOT_WIDTH - LABEL_WIDTH - 80
    y = TOP
    for name, group in rows:
        out.append(f'<text x="{LABEL_WIDTH - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        for who, value in group:
            width = room * (math.log10(value) - low) / (high - low) if value > 0 else 0
            out.append(
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(width, 1):.0f}" height="{ROW_HEIGHT - 3}" '
                f'fill="{colours[who]}"><title>{escape(who)}</title></rect>'
                f'<text x="{LABEL_WIDTH + max(width, 1) + 4:.0f}" y="{y + 11}">{value:,.3g} {unit}</text>'
            )
            y += ROW_HEIGHT
        y += 6
    return "".join([*out, "</svg>"])


def lines(title: str, series: Mapping[str, Sequence[float]], unit: str) -> str:
    """Return lines over a common axis of counts, as SVG; nothing if there are no values."""
    top = max((max(values) for values in series.values() if values), default=0)
    if not top:
        return ""
    longest = max(len(values) for values in series.values())
    right, bottom = PLOT_WIDTH - 120, LINE_HEIGHT - 30
    out = [f'<h2>{escape(title)}</h2><svg viewBox="0 0 {PLOT_WIDTH} {LINE_HEIGHT}" role="img">']
    for part in (0.0, 0.5, 1.0):
        y = bottom - part * (bottom - TOP)
        out.append(f'<path d="M{LEFT} {y:.0f}H{right}" stroke="#ddd"/>')
        out.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{part * top:,.4g} {escape(unit)}</text>'
        )
    out.append(f'<text x="{right}" y="{LINE_HEIGHT - 8}" text-anchor="end">{longest:,} requests</text>')
    for number, (name, values) in enumerate(series.items()):
        colour = PALETTE[number % len(PALETTE)]
        step = max(1, len(values) // PLOT_WIDTH)
        points = " ".join(
            f"{LEFT + (right - LEFT) * i / max(longest - 1, 1):.1f},{bottom - (bottom - TOP) * v / top:.1f}"
            for i, v in list(enumerate(values))[::step]
        )
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out.append(f'<text x="{right + 6}" y="{TOP + 14 * number + 8}" fill="{colour}">{escape(name)}</text>')
    return "".join([*out, "</svg>"])
