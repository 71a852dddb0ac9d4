"""What the subcommands share: reading arguments, error lines, progress while a module loads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..limits import LIMITS, Limits, read_limits

__all__ = [
    "counting",
    "given_limits",
    "header",
    "limit_options",
    "loading",
    "make_engine",
    "note",
    "text_or_file",
]


def note(text: str) -> None:
    """Write a remark to stderr, dim where that shows."""
    click.secho(f"pywasmvm: {text}", err=True, dim=True)


def text_or_file(value: str | None) -> str | bytes | None:
    """Read "@file" or, when a file of that name exists, the file; else take the text itself."""
    if value is None:
        return None
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_bytes()
        except OSError as e:
            raise click.UsageError(f"cannot read {value[1:]}: {e.strerror or e}") from e
    if len(value) < 255 and "\n" not in value and not value.lstrip().startswith(("{", "[")):
        path = Path(value)
        if path.is_file():
            return path.read_bytes()
    return value


def header(text: str) -> tuple[str, str]:
    """Split "name: value"; a leading colon belongs to the name."""
    at = text.find(":", 1)
    if at < 1:
        raise click.UsageError(f"a header is written 'name: value', not {text!r}")
    return text[:at].strip(), text[at + 1 :].strip()


def make_engine(which: str | None, limits: Limits | None = None) -> Any:
    """Return an engine that counts fuel; `which` is python, cython or None for the faster one there is."""
    from ..host import make_engine as make  # noqa: PLC0415 - why: help needs no host

    return make(limits or Limits(), which or "auto")


# Options of their own for the limits people ask for most: option -> (limit, example).
SHORT = {
    "fuel": ("fuel", "5M"),
    "memory": ("memory_bytes", "64MiB"),
    "deadline": ("deadline", "5ms"),
}


def limit_options(command: Any) -> Any:
    """Add --fuel, --memory, --deadline and --limit to a command; `given_limits` reads them."""
    names = ", ".join(LIMITS)
    for option, (name, example) in reversed(SHORT.items()):
        text = f"Limit {name}: {LIMITS[name].says}, e.g. {example}."
        command = click.option(f"--{option}", metavar="N", help=text)(command)
    text = f"Any limit of docs/limits.md; 'none' lifts it: {names}."
    return click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help=text)(command)


def given_limits(options: Mapping[str, Any], base: Limits | None = None) -> Limits:
    """Return `base` changed by the options of `limit_options`."""
    given = {name: options[option] for option, (name, _) in SHORT.items() if options[option] is not None}
    for item in options["limits"]:
        name, mark, value = item.partition("=")
        if not mark:
            raise click.UsageError(f"--limit is written NAME=VALUE, not {item!r}")
        given[name.strip()] = value
    try:
        return read_limits(given, base)
    except ValueError as e:
        raise click.UsageError(str(e)) from e


@contextmanager
def loading(names: list[str]) -> Iterator[Callable[..., None] | None]:
    """Show on a terminal's stderr that modules are loading; give the callback for progress."""
    if not sys.stderr.isatty():
        yield None
        return
    # why: loaded where something is drawn, because it takes as long as starting a filter does.
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    with console.status(f"loading {', '.join(names)}") as status:

        def progress(done: int, total: int, what: str) -> None:
            status.update(f"loading {', '.join(names)}: {what} {100 * done // max(total, 1)} %")

        yield progress


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """Show on a terminal's stderr how far a count is; give the function to tell, None where none is shown."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.update(task, completed=done)
