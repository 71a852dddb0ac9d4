"""Reading a module for a command: a path or "-" for standard input, binary or text, with a progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from .errors import CommandError, loading

if TYPE_CHECKING:
    from .. import Config, Engine, Module

__all__ = ["feature_options", "load_module", "make_config", "read_source"]

Command = TypeVar("Command", bound=Callable[..., object])

PIECE_NBYTES = 1 << 16
BAR_FROM_NBYTES = 1 << 20  # smaller modules are read before a bar could be seen


def read_source(path: str) -> bytes:
    """Return the bytes of a file, or of standard input for "-"."""
    if path == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise CommandError('"-" reads a module from standard input, but nothing is piped in')
        # why: in pieces; one long read() may miss a Ctrl-C that comes between two of its system calls.
        return b"".join(iter(lambda: os.read(sys.stdin.fileno(), PIECE_NBYTES), b""))
    with open(path, "rb") as file:
        return file.read()


def load_module(engine: Engine, path: str) -> Module:
    """Read, decode and validate a module; whatever is wrong with it names the file."""
    from .. import Module

    data = read_source(path)
    with loading(path), _progress(len(data)) as progress:
        return Module(engine, data, progress=progress)


@contextmanager
def _progress(nbytes: int) -> Iterator[Callable[[int, int, str], None] | None]:
    """Show a bar on stderr while a large module is read, if a person is watching."""
    if nbytes < BAR_FROM_NBYTES or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield show


def feature_options(command: Command) -> Command:
    """Add --enable and --disable, which take the names of WebAssembly features."""
    from .. import Feature

    names = click.Choice([feature.value for feature in Feature])
    enable = click.option(
        "--enable", multiple=True, type=names, metavar="FEATURE", help="Switch a proposal on."
    )
    disable = click.option(
        "--disable", multiple=True, type=names, metavar="FEATURE", help="Switch a feature off."
    )
    return enable(disable(command))


def make_config(enable: tuple[str, ...], disable: tuple[str, ...]) -> Config:
    """Return the Config for the values of `feature_options`."""
    from .. import Config, Feature

    config = Config()
    on, off = (tuple(Feature(name) for name in names) for names in (enable, disable))
    config.features = config.features.with_(*on).without(*off)
    return config
