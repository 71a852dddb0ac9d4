"""What the laboratory found, as a table for the terminal, as JSON, and as a page that needs nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from textwrap import fill, indent
from typing import Any

from rich.table import Table
from rich.text import Text

from ..htmlpage import bars, document
from .attack import Attack
from .envoy import EnvoyResult
from .run import Result

__all__ = ["Finding", "about", "as_json", "as_page", "as_table", "as_text"]

MIB = 1 << 20
TEXT_WIDTH = 100
COLOURS = {"python": "#4878a8", "cython": "#2a9d5c", "envoy": "#c8553d"}


@dataclass
class Finding:
    """One attack and what became of it: here, by engine, and in Envoy, None where that was not asked."""

    attack: Attack
    here: dict[str, Result] = field(default_factory=dict)
    envoy: EnvoyResult | None = None

    @property
    def problems(self) -> list[str]:
        """Return what was not as it must be, with the engine in front."""
        return [f"{engine}: {problem}" for engine, r in self.here.items() for problem in r.problems]


def about(attack: Attack) -> dict[str, Any]:
    """Return what an attack says of itself as plain values."""
    return {
        "attack": attack.name,
        "title": attack.title,
        "group": attack.group,
        "limit": attack.limit,
        "expected": attack.stops,
        "summary": attack.summary,
    }


def as_text(attack: Attack, whole: bool) -> str:
    """Return an attack's page for the terminal, or its first paragraph only."""
    shown = attack.prose if whole else attack.prose[:1]
    paragraphs = (f"stopped by {attack.limit}; ends {attack.stops}", *shown)
    return "\n\n".join(indent(fill(p, TEXT_WIDTH, break_on_hyphens=False), "  ") for p in paragraphs)


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    """Return the findings as plain values."""
    return [
        {
            **about(f.attack),
            "here": {engine: asdict(r) for engine, r in f.here.items()},
            "envoy": asdict(f.envoy) if f.envoy else None,
        }
        for f in findings
    ]


def _growth(result: Result) -> str:
    before, after = result.memory
    return f"{100 * (after - before) / before:+.1f} %" if before else "-"


def as_table(findings: list[Finding], titles: bool = False) -> Table:
    """Return the table for the terminal, with the titles of the attacks where there is room for them."""
    table = Table(box=None, pad_edge=False)
    engines = list(findings[0].here) if findings else []
    for column in ("attack", "limit", "here"):
        table.add_column(column, no_wrap=column == "attack")
    for engine in engines:
        table.add_column(f"{engine} ms", justify="right")
        table.add_column("memory", justify="right")
    if any(f.envoy for f in findings):
        table.add_column("Envoy")
        table.add_column("ms", justify="right")
        table.add_column("MiB", justify="right")
    if titles:
        table.add_column("what it is")
    for f in findings:
        limit = "-" if f.attack.limit.startswith("none") else f.attack.limit
        ends = {r.ended for r in f.here.values()}
        style = "red" if f.problems else ""
        cells: list[Any] = [f.attack.name, limit, Text(" / ".join(sorted(ends)), style=style)]
        for r in f.here.values():
            cells += [f"{1000 * r.seconds:,.0f}", _growth(r)]
        if f.envoy:
            kept = (
                f.envoy.ended
                if f.envoy.next_served or f.envoy.ended == "refused"
                else f"{f.envoy.ended}, next lost"
            )
            cells += [kept, f"{1000 * f.envoy.seconds:,.0f}", f"{f.envoy.memory // MIB:,}"]
        table.add_row(*cells, *([Text(f.attack.title)] if titles else []))
    return table


# ---- the page
def _row(f: Finding) -> str:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in f.attack.prose)
    cells = [
        f"<details><summary>{escape(f.attack.title)}</summary>{text}</details>",
        escape(f.attack.limit),
    ]
    for r in f.here.values():
        kind = " class=bad" if r.problems else ""
        cells.append(f"<span{kind}>{escape(r.ended)}</span><br>{1000 * r.seconds:,.0f} ms, {_growth(r)}")
    if f.envoy:
        bad = not f.envoy.next_served and f.envoy.ended != "refused"
        text = f"{f.envoy.ended}{'; next request lost' if bad else ''}"
        cells.append(
            f"<span{' class=bad' if bad else ''}>{escape(text)}</span><br>{1000 * f.envoy.seconds:,.0f} ms, "
            f"{f.envoy.memory // MIB} MiB<br>{escape(f.envoy.message)}"
        )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def as_page(findings: list[Finding]) -> str:
    """Return the findings as one HTML page."""
    who = [
        *(list(findings[0].here) if findings else []),
        *(["envoy"] if any(f.envoy for f in findings) else []),
    ]
    head = "".join(f"<th>{escape(x)}</th>" for x in ("attack", "limit", *who))
    times = [
        (f.attack.name, [(e, 1000 * r.seconds) for e, r in f.here.items()]
         + ([("envoy", 1000 * f.envoy.seconds)] if f.envoy else []))
        for f in findings
    ]  # fmt: skip
    sizes = [(f.attack.name, [("envoy", f.envoy.memory / MIB)]) for f in findings if f.envoy]
    legend = " ".join(f'<span style="color:{COLOURS[x]}">■ {escape(x)}</span>' for x in who)
    wrong = sum(bool(f.problems) for f in findings)
    verdict = f"{len(findings)} attacks, {wrong} not stopped as they must be" if wrong else (
        f"{len(findings)} attacks, each stopped by its limit; every next request served"
    )  # fmt: skip
    return document(
        "Attacks on a Proxy-Wasm host",
        f"<p>{escape(verdict)}. {legend}</p>",
        f"<table><tr>{head}</tr>{''.join(map(_row, findings))}</table>",
        bars("Time until it ended (log scale)", times, "ms", COLOURS),
        bars("Largest size of the Envoy process (log scale)", sizes, "MiB", COLOURS),
    )
