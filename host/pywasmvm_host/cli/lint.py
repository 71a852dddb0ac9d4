"""`pywasmvm lint FILTER.wasm|CONFIG.yaml`: what Envoy would refuse, crash on, or do otherwise than meant.

Exit status: 0 no finding of severity error, 1 there are some, 2 usage error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from ..limits import parse_size
from ..lint import Finding, LintOptions, lint_file
from ..lint.watch import FUEL
from ..profile import PROFILES
from .common import loading, make_engine, text_or_file

__all__ = ["lint"]

STYLES = {"error": "red", "warning": "yellow", "info": "cyan"}


@click.command("lint")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--config", "-c", metavar="FILE|TEXT", help="Plugin configuration for a bare module.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="envoy-1.40", show_default=True)
@click.option("--run/--no-run", "run", default=True, help="Also send a few requests through the filter.")
@click.option("--fuel", metavar="N", default=str(FUEL), show_default=True, help="Fuel a callback may spend.")
@click.option("--grant", multiple=True, metavar="URL=FILE", help="Where a remote module may be taken from.")
@click.option("--engine", type=click.Choice(["python", "cython"]), help="Which engine runs the guest.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def lint(
    files: tuple[Path, ...],
    config: str | None,
    profile: str,
    run: bool,
    fuel: str,
    grant: tuple[str, ...],
    engine: str | None,
    as_json: bool,
) -> None:
    """Look for hazards in filters and configurations; docs/lint.md explains every rule."""
    findings: list[Finding] = []
    with loading([f.name for f in files]) as progress:
        options = LintOptions(
            profile=profile,
            configuration=text_or_file(config),
            run=run,
            fuel=_fuel(fuel),
            engine=make_engine(engine),
            remote=dict(_grant(g) for g in grant),
            environment=dict(os.environ),
            progress=progress,
        )
        for file in files:
            findings += lint_file(file, options)
    if as_json:
        click.echo(json.dumps([f.as_dict() for f in findings], indent=1, ensure_ascii=False))
    else:
        _show(findings, len(files))
    sys.exit(1 if any(f.rule.severity == "error" for f in findings) else 0)


def _fuel(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as e:
        raise click.UsageError(f"--fuel: {e}") from e


def _grant(text: str) -> tuple[str, str]:
    url, mark, file = text.rpartition("=")
    if not mark or not url:
        raise click.UsageError(f"--grant is written URL=FILE, not {text!r}")
    return url, file


def _show(findings: list[Finding], files: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for f in findings:
        line = Text(f"{f.rule.severity} {f.rule.id}", style=STYLES[f.rule.severity])
        console.print(line.append(f"  {f.rule.title}", style="bold").append(f"   {f.file}", style="dim"))
        console.print(Text(f"    {f.where}: {f.detail}"))
        console.print(Text(f"    in Envoy: {f.rule.why}"))
        console.print(Text(f"    instead:  {f.rule.fix}"))
    counts = {s: sum(f.rule.severity == s for f in findings) for s in STYLES}
    total = ", ".join(f"{n} {s}{'s' if n != 1 and s != 'info' else ''}" for s, n in counts.items() if n)
    console.print(f"{files} file{'s' if files != 1 else ''}: {total or 'nothing found'}")
