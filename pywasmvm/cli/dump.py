"""`pywasmvm dump`: a function of a module as the source that the Python engine writes and runs for it."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

import click

from .errors import CommandError
from .source import feature_options, load_module, make_config

if TYPE_CHECKING:
    from .. import Module

__all__ = ["dump"]


@click.command()
@click.argument("file", metavar="FILE")
@click.argument("func", metavar="[FUNC]", required=False)
@click.option(
    "--python", "as_python", is_flag=True, help="As Python source (the default, and the only form yet)."
)
@click.option("--no-fuel", is_flag=True, help="Leave out the lines that count fuel.")
@feature_options
def dump(
    file: str,
    func: str | None,
    as_python: bool,
    no_fuel: bool,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
) -> None:
    """Show what the function FUNC of a module does, as Python. Without FUNC, list the functions.

    FUNC is an index, or a name from the name section or an export.
    """
    from .. import Engine
    from ..engine.python.backend import source_of

    module = load_module(Engine(make_config(enable, disable)), file)
    if func is None:
        _list(module)
        return
    source = source_of(module, find_function(module, file, func), metered=not no_fuel)
    if sys.stdout.isatty():
        _print_coloured(source)
    else:
        click.echo(source, nl=False)


def function_names(module: Module) -> dict[str, int]:
    """Return name -> index of all functions, imports first; a name that was given twice means the first."""
    from ..syntax.module import ExternKind

    found: dict[str, int] = {}
    for export in module.syntax.exports:
        if export.kind is ExternKind.FUNC:
            found.setdefault(export.name, export.index)
    module.name  # noqa: B018 - reads the name section
    for index, name in module.syntax.names.funcs.items():
        found.setdefault(name, index)
    return found


def find_function(module: Module, file: str, wanted: str) -> int:
    """Return the index of a defined function named by index or name."""
    from ..syntax.module import ExternKind

    names = function_names(module)
    imported = module.syntax.import_count(ExternKind.FUNC)
    total = imported + len(module.syntax.funcs)
    index = names.get(wanted)
    if index is None and wanted.isdecimal():
        index = int(wanted)
    if index is None:
        near = difflib.get_close_matches(wanted, names, 3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"'pywasmvm dump {file}' lists them"
        raise CommandError(f"{file}: no function is named {wanted}. {hint}")
    if index >= total:
        raise CommandError(f"{file}: there is no function {index}; the last one is {total - 1}")
    if index < imported:
        entry = [item for item in module.syntax.imports if item.kind is ExternKind.FUNC][index]
        raise CommandError(
            f"{file}: function {index} is an import ({entry.module}.{entry.name}); it has no body"
        )
    return index


def _list(module: Module) -> None:
    from ..syntax.module import ExternKind

    names = {index: name for name, index in reversed(function_names(module).items())}
    imported = module.syntax.import_count(ExternKind.FUNC)
    for index, func in enumerate(module.syntax.funcs, imported):
        place = f"{func.size:>8} bytes" if func.offset is not None else ""
        click.echo(f"{index:>7} {place} {names.get(index, '')}".rstrip())


def _print_coloured(source: str) -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(source, "python", background_color="default", word_wrap=True))
