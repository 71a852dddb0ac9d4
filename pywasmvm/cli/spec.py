"""`pywasmvm spec`: run the official test scripts and show how many commands pass."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from ..testing.pool import ScriptResult, run_scripts
from ..testing.report import as_json, table
from ..testing.suite import check_pins, default_manifest, find_scripts, read_manifest
from .errors import EXIT_TRAP, CommandError

__all__ = ["spec"]

_SHOWN = 5  # failures shown per script unless all are wanted


def _show(result: ScriptResult, *, every: bool) -> None:
    if result.clean:
        return
    click.echo(f"{result.name} [{result.engine}]: {result.passed} of {result.total} passed", err=True)
    if result.problem:
        click.echo(f"  {result.problem}", err=True)
    shown = result.failures if every else result.failures[:_SHOWN]
    for failure in shown:
        click.echo(f"  line {failure.line}: {failure.what}: {failure.problem}", err=True)
    if len(shown) < len(result.failures):
        click.echo(f"  ... and {len(result.failures) - len(shown)} more (--verbose shows them)", err=True)


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--engine", type=click.Choice(["python", "cython", "both"]), default="python", show_default=True
)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Scripts at a time.")
@click.option("--filter", "wanted", default="", help="Only scripts whose path contains this.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds per script.")
@click.option(
    "--manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Pinned files."
)
@click.option("--json", "json_wanted", is_flag=True, help="Write the results as JSON instead of the table.")
@click.option("--verbose", is_flag=True, help="Show every failure.")
def spec(
    directory: Path,
    engine: str,
    jobs: int,
    wanted: str,
    timeout: float,
    manifest: Path | None,
    json_wanted: bool,
    verbose: bool,
) -> int:
    """Run the official test scripts below DIR (core/, custom/, proposals/), or one script.

    Nothing is skipped. With a manifest (a checkout has one), a script that is missing, altered or unknown
    fails the run.
    """
    manifest = manifest or (default_manifest() if directory.is_dir() else None)
    pins = read_manifest(manifest) if manifest is not None else {}
    scripts = find_scripts(directory, pins, wanted)
    if not scripts:
        raise CommandError(f"there are no .wast scripts in {directory} whose path contains {wanted!r}")
    problems = check_pins(scripts, pins)
    results = []
    engines = ["python", "cython"] if engine == "both" else [engine]
    for result in run_scripts(scripts, engines, jobs=jobs, timeout=timeout):
        results.append(result)
        _show(result, every=verbose)
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(json.dumps(as_json(results, problems), indent=1) if json_wanted else table(results))
    if manifest is None and not json_wanted:
        click.echo("not pinned: no manifest says which scripts there should be")
    return 0 if not problems and all(result.clean for result in results) else EXIT_TRAP
