"""`python -m bench`: measure, print the table, write JSON, Markdown and a plot."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from .engines import ENGINES, Engine, read_command_engines
from .kernels import find_kernels
from .measure import measure
from .report import as_json, machine, markdown, plot


def _choose(names: tuple[str, ...], commands: Path | None, console: Console) -> list[Engine]:
    engines = ENGINES + (read_command_engines(commands) if commands else [])
    known = [engine.name for engine in engines]
    for name in names:
        if name not in known:
            raise click.UsageError(f"no engine called {name!r}; there are: {', '.join(known)}")
    chosen = []
    for engine in engines:
        if names and engine.name not in names:
            continue
        reason = engine.missing()
        if reason:
            console.print(f"{engine.name}: left out, {reason}")
        else:
            chosen.append(engine)
    if not chosen:
        raise click.UsageError("none of the engines is installed here")
    return chosen


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--engine", "-e", "names", multiple=True, help="Only this engine; may be repeated.")
@click.option("--kernel", "-k", "kernels", multiple=True, help="Only this kernel; may be repeated.")
@click.option(
    "--commands",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of command-line engines.",
)
@click.option("--base", default="pywasm3", show_default=True, help="Engine that the ratios refer to.")
@click.option("--rounds", default=5, show_default=True, help="Interleaved rounds.")
@click.option("--seconds", default=0.2, show_default=True, help="Aim of one measurement.")
@click.option("--quick", is_flag=True, help="Three rounds of 0.03 s.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for bench.json, bench.md, bench.png.",
)
@click.option("--json", "json_", is_flag=True, help="Print JSON instead of the table.")
def main(
    names: tuple[str, ...],
    kernels: tuple[str, ...],
    commands: Path | None,
    base: str,
    rounds: int,
    seconds: float,
    quick: bool,
    out: Path | None,
    json_: bool,
) -> None:
    """Run the kernels on every engine found here and compare."""
    console = Console(stderr=True)
    try:
        chosen, wanted = _choose(names, commands, console), find_kernels(kernels)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if base not in [engine.name for engine in chosen]:
        base = chosen[0].name
    if quick:
        rounds, seconds = 3, 0.03
    with console.status("starting") as status:
        cells = measure(chosen, wanted, rounds, seconds, status.update)
    about = machine(chosen)
    text, data = markdown(cells, base), as_json(cells, base, about)
    click.echo(data if json_ else text)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "bench.md").write_text(text)
        (out / "bench.json").write_text(data)
        reason = plot(cells, base, out / "bench.png")
        if reason:
            console.print(reason)
    if any("wrong answer" in cell.error for cell in cells):
        sys.exit(1)


if __name__ == "__main__":
    main()
