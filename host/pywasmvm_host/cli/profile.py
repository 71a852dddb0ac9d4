"""`pywasmvm profile FILTER... --requests FILE`: what plugins cost, the limits that fit, budgets for CI.

Exit status: 0 within budget, 1 a budget is exceeded, 2 usage error, 3 a module or configuration refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pywasmvm.cli.errors import EXIT_USAGE, CommandError

from ..errors import ConfigError, HostError
from ..profiling import Report, read_budgets, read_requests
from ..profiling import profile as measure
from ..profiling.page import as_page, as_table, write_plots
from ..profiling.report import MARGIN
from .common import counting, loading
from .plugins import given_plugins, make_host, plugin_options

__all__ = ["profile"]

WIDE = 200  # columns where no terminal says how wide it is
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("profile")
@plugin_options
@click.option("--requests", type=FILE, required=True, help="Requests: JSON lines, JSON or YAML.")
@click.option(
    "--count", type=click.IntRange(1), default=1, show_default=True, help="Send all of them this often."
)
@click.option("--budget", type=FILE, help="Budgets (YAML, JSON); exit 1 with a line for each one exceeded.")
@click.option(
    "--margin", type=click.FloatRange(1), default=MARGIN, show_default=True,
    help="Propose limits of so many times what was seen.",
)  # fmt: skip
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with plots.")
@click.option(
    "--plot", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write the plots as PNG (extra `plot`).",
)  # fmt: skip
@click.option("--json", "as_text", is_flag=True, help="Print everything as JSON.")
def profile(**options: Any) -> None:
    """Measure fuel, memory, host calls and bytes copied over many requests; propose limits.

    docs/profile.md describes the files.
    """
    try:
        samples = read_requests(options["requests"])
        budgets = read_budgets(options["budget"]) if options["budget"] else None
    except ConfigError as e:
        raise CommandError(str(e), EXIT_USAGE) from e
    plugins = given_plugins(options)
    with loading([p.name for p in options["filters"]]) as progress:
        host = make_host(options, plugins, progress).start()
    with counting("profiling", len(samples) * options["count"]) as counted:
        report = measure(host, samples, count=options["count"], progress=counted)
    over = report.exceeded(budgets) if budgets is not None else []
    _write(report, options)
    if options["as_text"]:
        shown = {**report.as_json(options["margin"]), "profile": host.profile.name, "exceeded": over}
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        _show(report, options["margin"])
    for line in over:
        click.echo(f"over budget: {line}", err=True)
    if over:
        raise click.exceptions.Exit(1)


def _write(report: Report, options: dict[str, Any]) -> None:
    try:
        if options["html"]:
            options["html"].write_text(as_page(report, options["margin"]), "utf-8")
        if options["plot"]:
            write_plots(report, options["plot"])
    except HostError as e:
        raise CommandError(str(e), EXIT_USAGE) from e


def _show(report: Report, margin: float) -> None:
    from rich.console import Console  # noqa: PLC0415 - JSON needs no tables

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=WIDE)
    console.print(as_table(report))
    for plugin in report.plugins:
        console.print(f"{plugin.name}: linear memory {plugin.memory_bytes:,} bytes", markup=False)
        for remark in plugin.remarks():
            console.print(f"{plugin.name}: {remark}", style="red", markup=False)
    for reason, count in report.failures.items():
        console.print(f"{count:,} of {report.requests:,} requests: {reason}", style="red", markup=False)
    console.print(f"\n# limits with {margin:g} times what was seen", markup=False)
    console.print(report.limits_text(margin), markup=False)
