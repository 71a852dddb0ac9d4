"""`pywasmvm nodiff`: random modules on our engines and on wasmtime, and whatever differs."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from .errors import EXIT_OK, EXIT_TRAP

if TYPE_CHECKING:
    from ..testing.nodiff import Difference, Report

__all__ = ["nodiff"]

# Columns of the table: heading, names of the counts that are added up.
_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("modules", ("modules",)),
    ("calls", ("calls",)),
    ("returned", ("returned",)),
    ("trapped", ("trapped",)),
    ("thrown", ("thrown",)),
    ("out of fuel", ("out of fuel",)),
    ("states", ("states",)),
    ("refused", ("refused",)),
    ("not started", ("instantiation trapped", "instantiation out of fuel", "instantiation thrown")),
    ("differ", ("differ",)),
)


class _Show(Protocol):
    def __call__(self, done: int) -> None: ...


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, path_type=Path))
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True, help="Modules in all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other modules.")
@click.option("--config", "configs", multiple=True, help="Only this kind of module; may be repeated.")
@click.option(
    "--engine", type=click.Choice(["python", "cython", "both"]), default="python", show_default=True
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after about this time.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Save what differs here.")
@click.option("--shrink", is_flag=True, help="Also save a smaller module for each (up to a minute).")
@click.option(
    "--number", type=int, default=0, help="With FILE: the module's number, which selects arguments."
)
@click.option("--json", "json_wanted", is_flag=True, help="Write the result as JSON.")
@click.option("--quiet", is_flag=True, help="Write nothing; the exit status tells.")
def nodiff(
    files: tuple[Path, ...],
    count: int,
    seed: int,
    configs: tuple[str, ...],
    engine: str,
    jobs: int,
    seconds: float | None,
    keep: Path | None,
    shrink: bool,
    number: int,
    json_wanted: bool,
    quiet: bool,
) -> int:
    """Compare our engines with wasmtime on random modules, or on FILEs.

    Modules come from wasm-tools smith; the same --seed gives the same ones. Compared are acceptance, results,
    traps, exceptions, fuel, and the memories, tables and globals in the end.
    """
    engines = ("python", "cython") if engine == "both" else (engine,)
    started = time.perf_counter()
    if files:
        pieces = _compare_files(files, configs[0] if configs else "all", number, engines)
    else:
        pieces = _compare_families(count, seed, configs, engines, jobs, quiet)
    reports: dict[str, Report] = {}
    differences: list[Difference] = []
    interrupted = False
    try:
        for name, report in pieces:
            reports.setdefault(name, type(report)()).add(report)
            differences += report.differences
            for difference in report.differences if not quiet else ():
                click.echo(str(difference), err=True)
                if keep is not None:
                    _save(difference, keep, shrink)
            if seconds is not None and time.perf_counter() - started > seconds:
                break
    except KeyboardInterrupt:
        interrupted = True  # what has been compared is told nevertheless
    took = time.perf_counter() - started
    if not quiet:
        click.echo(_as_json(reports, differences, took) if json_wanted else _table(reports, took))
    if interrupted:
        raise KeyboardInterrupt
    return EXIT_TRAP if differences else EXIT_OK


def _compare_files(
    files: tuple[Path, ...], recipe: str, number: int, engines: tuple[str, ...]
) -> Iterator[tuple[str, Report]]:
    from ..testing.nodiff_run import compare_bytes

    for path in files:
        yield recipe, compare_bytes(path.read_bytes(), recipe, number, engines)


def _compare_families(
    count: int, seed: int, configs: tuple[str, ...], engines: tuple[str, ...], jobs: int, quiet: bool
) -> Iterator[tuple[str, Report]]:
    from ..testing.nodiff_recipes import RECIPES
    from ..testing.nodiff_run import Family, run_families

    unknown = set(configs) - RECIPES.keys()
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)}: there are {', '.join(RECIPES)}", param_hint="--config"
        )
    names = [name for name in RECIPES if not configs or name in configs]
    families = []
    for place, name in enumerate(names):
        share = count // len(names) + (place < count % len(names))
        families.append(Family(name, seed, 0, share, engines))
    done = 0
    with _progress(count, quiet) as show:
        for family, report in run_families(families, jobs=jobs):
            yield family.recipe, report
            done += family.stop - family.start
            show(done)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[_Show]:
    """Show a bar on stderr if a person is watching."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("modules", total=total)
        yield lambda done: bar.update(task, completed=done)


def _save(difference: Difference, folder: Path, smaller: bool) -> None:
    """Write the module to the folder and say how to see the difference again."""
    from ..testing.nodiff_shrink import replay_command, shrink

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{difference.recipe}-{difference.seed}-{difference.number}.wasm"
    path.write_bytes(difference.wasm)
    if smaller:
        path = path.with_suffix(".small.wasm")
        path.write_bytes(shrink(difference))
    click.echo(f"  again: {replay_command(difference, path)}", err=True)


def _row(name: str, report: Report) -> list[str]:
    counts = Counter(report.counts)
    counts["differ"] = len(report.differences)
    return [name, *(f"{sum(counts[key] for key in keys):,}" for _, keys in _COLUMNS)]


def _table(reports: dict[str, Report], seconds: float) -> str:
    from ..testing.nodiff import Report

    total = Report()
    for report in reports.values():
        total.add(report)
    rows = [["configuration", *(heading for heading, _ in _COLUMNS)]]
    rows += [_row(name, report) for name, report in reports.items()]
    rows.append(_row("total", total))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    modules = total.counts["modules"]
    lines.append(f"{modules:,} modules in {seconds:.1f} s, {modules / max(seconds, 1e-9):.0f} a second")
    return "\n".join(lines)


def _as_json(reports: dict[str, Report], differences: list[Difference], seconds: float) -> str:
    plain: list[dict[str, Any]] = [
        {
            "engine": d.engine,
            "configuration": d.recipe,
            "seed": d.seed,
            "number": d.number,
            "step": d.step,
            "what": d.what,
            "reference": d.theirs,
            "ours": d.ours,
        }
        for d in differences
    ]
    counts = {name: dict(report.counts) for name, report in reports.items()}
    return json.dumps(
        {"configurations": counts, "differences": plain, "seconds": round(seconds, 3)}, indent=1
    )
