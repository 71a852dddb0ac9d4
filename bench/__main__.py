"""`python -m bench`: measure, print the tables, write JSON, Markdown and plots."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from .compare import comparison, read_run
from .engines import ENGINES, Engine, read_command_engines
from .kernels import Kernel, find_kernels
from .measure import Cell, measure
from .parts import CHOICES, PARTS, Plan, measure_part
from .plots import write_plots
from .report import as_json, machine, markdown
from .series import Series


def _choose(names: tuple[str, ...], ours: bool, commands: Path | None, console: Console) -> list[Engine]:
    engines = ENGINES + (read_command_engines(commands) if commands else [])
    known = [engine.name for engine in engines]
    for name in names:
        if name not in known:
            raise click.UsageError(f"no engine called {name!r}; there are: {', '.join(known)}")
    chosen = []
    for engine in engines:
        if (names and engine.name not in names) or (ours and engine.distribution != "pywasmvm"):
            continue
        reason = engine.missing()
        if reason:
            console.print(f"{engine.name}: left out, {reason}")
        else:
            chosen.append(engine)
    if not chosen:
        raise click.UsageError("none of the engines is installed here")
    return chosen


def _measure(
    parts: Sequence[str], plan: Plan, kernels: list[Kernel], console: Console
) -> tuple[list[Cell], list[Series]]:
    cells: list[Cell] = []
    series: list[Series] = []
    begin = time.monotonic()
    with console.status("starting") as status:

        def progress(what: str) -> None:
            status.update(f"{time.monotonic() - begin:.0f} s, {what}")

        plan.progress = progress
        plan.say = console.print
        for part in parts:
            if part == "kernels":
                cells = measure(plan.engines, kernels, plan.rounds, plan.seconds, progress)
                continue
            series += measure_part(part, plan)
    return cells, series


def _write(folder: Path, cells: list[Cell], series: list[Series], base: str, files: dict[str, str]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return write_plots(cells, series, base, folder)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--part",
    "-p",
    "parts",
    multiple=True,
    type=click.Choice(CHOICES),
    help="Only this part; may be repeated.",
)
@click.option("--engine", "-e", "names", multiple=True, help="Only this engine; may be repeated.")
@click.option("--ours", is_flag=True, help="Only our own engines.")
@click.option(
    "--kernel",
    "-k",
    "kernels",
    multiple=True,
    help="Only this kernel, or a file exporting run(i32) -> i64; may be repeated.",
)
@click.option(
    "--commands",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of command-line engines, one a line: name = command with {wasm} and {n}.",
)
@click.option("--base", default="pywasm3", show_default=True, help="Engine that the ratios refer to.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Interleaved rounds.")
@click.option(
    "--seconds", default=0.2, show_default=True, type=click.FloatRange(0.001), help="Aim of one measurement."
)
@click.option("--quick", is_flag=True, help="Two rounds of 0.02 s, small modules only.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bench.json, bench.md and the plots.",
)
@click.option(
    "--compare",
    "earlier",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="bench.json of an earlier run: show what moved.",
)
@click.option("--json", "json_", is_flag=True, help="Print JSON instead of the tables.")
def main(
    parts: tuple[str, ...],
    names: tuple[str, ...],
    ours: bool,
    kernels: tuple[str, ...],
    commands: Path | None,
    base: str,
    rounds: int,
    seconds: float,
    quick: bool,
    out: Path | None,
    earlier: Path | None,
    json_: bool,
) -> None:
    """Measure every engine found here side by side: kernels, and real filters.

    Exit status 1 when an engine gives a wrong answer.
    """
    console = Console(stderr=True)
    try:
        chosen, wanted = _choose(names, ours, commands, console), find_kernels(kernels)
        then = read_run(earlier) if earlier else None
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if base not in [engine.name for engine in chosen]:
        base = chosen[0].name
    if quick:
        rounds, seconds = 2, 0.02
    plan = Plan(chosen, rounds, seconds, quick, ours)
    try:
        cells, series = _measure(parts or tuple(CHOICES), plan, wanted, console)
    except KeyboardInterrupt:
        console.print("interrupted: nothing written; --quick or --part measures less")
        sys.exit(130)
    about = machine(chosen)
    abouts = {name: part.about for name, part in PARTS.items()}
    text, data = markdown(cells, series, base, about, abouts), as_json(cells, series, base, about)
    moved = comparison(json.loads(data), then) if then else ""
    click.echo(data if json_ else "\n".join(filter(None, [text, moved])))
    if moved and json_:
        console.print(moved)
    if out:
        try:
            reason = _write(out, cells, series, base, {"bench.md": text, "bench.json": data})
        except OSError as error:
            raise click.UsageError(f"cannot write to {out}: {error.strerror}") from error
        if reason:
            console.print(reason)
    if any("wrong answer" in cell.error for cell in cells):
        sys.exit(1)


if __name__ == "__main__":
    main()
