"""`pywasmvm lab [ATTACK...]`: run the attacks of the laboratory here and, if asked, on a real Envoy.

Exit status: 0 every attack was stopped as it must be, 1 one was not, 2 usage error or no Envoy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from pywasmvm.cli.errors import EXIT_USAGE, CommandError

from ..compare import NO_ENVOY
from ..compare.envoy import find_envoy
from ..errors import ConfigError
from ..lab.attack import GROUPS, Attack, collection
from ..lab.envoy import PATIENCE_S, attack_envoy
from ..lab.page import Finding, about, as_json, as_page, as_table, as_text
from ..lab.run import run_attack

__all__ = ["lab"]

ENGINES = ("cython", "python")
# From which width on the table has titles.
WIDE = 140


@click.command("lab")
@click.argument("attacks", nargs=-1, metavar="[ATTACK|GROUP]...")
@click.option("--list", "listing", is_flag=True, help="Only say what there is; with ATTACK, in short.")
@click.option("--explain", is_flag=True, help="Only print the page of each attack: how, and what stops it.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Attacks of your own (*.wat) instead of those that come with the package.",
)
@click.option("--engine", type=click.Choice(["both", *ENGINES]), default="both", show_default=True)
@click.option(
    "--envoy", is_flag=True, help="Also run each on a real Envoy (extra `envoy`), in a child process."
)
@click.option(
    "--patience", type=float, default=PATIENCE_S, show_default=True, metavar="S",
    help="Seconds until an Envoy that does not answer counts as hanging.",
)  # fmt: skip
@click.option("--json", "as_text", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page with plots."
)
def lab(**options: Any) -> None:
    """Run attacks on a plugin host: which limit stops each, what it costs, and what a real Envoy does."""
    chosen = _chosen(options["attacks"], options["folder"])
    if options["listing"] or options["explain"]:
        _list(chosen, options)
        return
    binary = find_envoy() if options["envoy"] else None
    if options["envoy"] and binary is None:
        raise click.UsageError(NO_ENVOY)
    engines = ENGINES if options["engine"] == "both" else (options["engine"],)
    findings = [Finding(attack) for attack in chosen]
    progress = Console(stderr=True)
    for finding in track(
        findings, "attacking", console=progress, transient=True, disable=not progress.is_terminal
    ):
        for engine in engines:
            finding.here[engine] = run_attack(finding.attack, engine)
        if binary is not None:
            finding.envoy = attack_envoy(finding.attack, binary, options["patience"])
    if options["html"]:
        options["html"].write_text(as_page(findings), "utf-8")
    if options["as_text"]:
        click.echo(json.dumps(as_json(findings), indent=1))
    else:
        _show(findings)
    sys.exit(1 if any(f.problems for f in findings) else 0)


def _chosen(names: tuple[str, ...], folder: Path | None) -> list[Attack]:
    try:
        known = collection(folder)
    except ConfigError as e:
        raise CommandError(str(e), EXIT_USAGE) from e
    if not known:
        raise click.UsageError(f"no attack (*.wat) in {folder}")
    wrong = [name for name in names if name not in GROUPS and all(name != a.name for a in known)]
    if wrong:
        raise click.UsageError(f"no attack or group {wrong[0]!r}: see --list; groups are {', '.join(GROUPS)}")
    return [a for a in known if not names or a.name in names or a.group in names]


def _list(attacks: list[Attack], options: dict[str, Any]) -> None:
    whole = options["explain"]
    if options["as_text"]:
        pages = ({**about(a), "text": a.prose} if whole else about(a) for a in attacks)
        click.echo(json.dumps(list(pages), indent=1))
        return
    for attack in attacks:
        click.echo(f"{attack.name:32} {attack.group:10} {attack.title}")
        if whole or options["attacks"]:
            click.echo(as_text(attack, whole) + "\n")


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(as_table(findings, titles=console.width >= WIDE))
    for finding in findings:
        for problem in finding.problems:
            console.print(f"{finding.attack.name}: {problem}", style="red")
    wrong = sum(bool(f.problems) for f in findings)
    end = f"{wrong} not stopped as they must be" if wrong else "all stopped, every next request served"
    console.print(f"{len(findings)} attacks, {end}")
