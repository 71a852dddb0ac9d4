"""`pywasmvm soak FILTERS.yaml`: very many requests with faults at random; every answer is checked.

Exit status: 0 all as it must be, 1 a wrong answer, something left behind or a leak, 2 usage error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pywasmvm.cli.errors import EXIT_USAGE, CommandError

from ..errors import ConfigError
from ..soak import Soak, SoakResult, read_subjects
from .common import counting, note

__all__ = ["soak"]


@click.command("soak")
@click.argument("filters", type=click.Path(dir_okay=False, path_type=Path), metavar="FILTERS.yaml")
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, help="Requests to send.")
@click.option("--seconds", type=float, default=float("inf"), help="Stop after so long, too.")
@click.option("--seed", type=int, default=1, show_default=True, help="Draws filters, requests and faults.")
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.02, show_default=True, metavar="PART",
    help="Part of the requests that meet a fault.",
)  # fmt: skip
@click.option("--measures", type=click.IntRange(8), default=40, show_default=True, help="Measure so often.")
@click.option("--engine", type=click.Choice(["python", "cython"]), default="cython", show_default=True)
@click.option("--json", "as_text", is_flag=True, help="Print everything as JSON.")
def soak(**options: Any) -> None:
    """Send very many requests through filters, with faults at random, and check every answer.

    docs/profile.md describes the file of filters.
    """
    try:
        subjects, missing = read_subjects(options["filters"])
    except ConfigError as e:
        raise CommandError(str(e), EXIT_USAGE) from e
    for line in missing:
        note(f"left out: {line}")
    run = Soak(subjects, seed=options["seed"], engine=options["engine"], fault_rate=options["faults"])
    try:
        with counting("soaking", options["count"]) as counted:
            run.run(
                options["count"], measures=options["measures"], seconds=options["seconds"], progress=counted
            )
    finally:  # also after Ctrl-C: what has been sent is told
        result = run.result
        if options["as_text"]:
            click.echo(json.dumps(result.as_json(), indent=1))
        else:
            _show(result)
    if result.problems or result.leaks:
        raise click.exceptions.Exit(1)


def _show(r: SoakResult) -> None:
    rate = r.requests / max(r.seconds, 1e-9)
    click.echo(f"{r.requests:,} requests in {r.seconds:,.1f} s ({rate:,.0f} per second)")
    click.echo(f"{len(r.by_filter)} filters, seed {r.seed}, engine {r.engine}")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(r.faults.items()))
    click.echo(f"faults: {kinds or 'none'}; the plugin failed {r.failures:,} times")
    click.echo(f"streams that overlapped another: {r.overlapping:,}")
    if r.measures:
        first, last = r.measures[len(r.measures) // 5], r.measures[-1]
        click.echo(f"linear memories: {first.guests:,} after the warm-up, {last.guests:,} at the end")
        click.echo(f"resident beside: {first.host:,} after the warm-up, {last.host:,} at the end")
        click.echo(f"Python objects: {first.objects:,} after the warm-up, {last.objects:,} at the end")
    for text in r.texts:
        click.echo(f"wrong: {text}")
    for leak in r.leaks:
        click.echo(f"leak: {leak}")
    click.echo(f"{r.problems:,} problems, {len(r.leaks)} leaks")
