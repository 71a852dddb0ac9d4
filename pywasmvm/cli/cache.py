"""`pywasmvm cache`: what is kept on disk about modules, where, and how to be rid of it."""

from __future__ import annotations

import json
import time

import click

from ..runtime.cache import VARIABLE, Cache, CacheEntry, folder_of
from .errors import EXIT_OK

__all__ = ["cache"]

KINDS = {
    "valid": "a module found valid before",
    "code": "functions translated to Python",
}
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def cache() -> None:
    """List or clear what is kept on disk about modules, so that the next process starts faster.

    The cache is off unless PYWASMVM_CACHE is set: to 1 for a folder in your cache directory, else to a
    folder. Without it these commands look after the former.
    """


def _named() -> tuple[Cache, bool]:
    """Return the cache that the variable names, else the one it would; and whether it is on."""
    import os

    folder = folder_of(os.environ.get(VARIABLE, ""))
    return Cache(folder or folder_of(True) or ""), folder is not None


@cache.command()
@json_option
def path(as_json: bool) -> int:
    """Print the folder."""
    found, is_on = _named()
    click.echo(json.dumps({"path": found.folder, "on": is_on}) if as_json else found.folder)
    return EXIT_OK


@cache.command("list")
@json_option
def list_entries(as_json: bool) -> int:
    """Print the entries, the last used one first: kind, size, age, key."""
    found, is_on = _named()
    entries = found.entries()
    total = sum(entry.nbytes for entry in entries)
    if as_json:
        report = {
            "path": found.folder,
            "on": is_on,
            "bytes": total,
            "most_bytes": found.most_bytes,
            "entries": [entry._asdict() for entry in entries],
        }
        click.echo(json.dumps(report, indent=2))
        return EXIT_OK
    for entry in entries:
        click.echo(_line(entry))
    state = "" if is_on else f"; it is off, {VARIABLE}=1 switches it on"
    click.echo(f"{len(entries)} entries, {total:,} of {found.most_bytes:,} bytes in {found.folder}{state}")
    return EXIT_OK


def _line(entry: CacheEntry) -> str:
    minutes = max(time.time() - entry.used, 0) / 60
    age = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
    what = KINDS.get(entry.kind, entry.kind)
    return f"{entry.kind:6} {entry.nbytes:>12,} bytes  {age:>8} ago  {entry.key[:16]}  {what}"


@cache.command()
@json_option
def clear(as_json: bool) -> int:
    """Remove every entry, and the secret they were sealed with."""
    found, _ = _named()
    count = found.clear()
    click.echo(
        json.dumps({"path": found.folder, "removed": count})
        if as_json
        else f"removed {count} entries from {found.folder}"
    )
    return EXIT_OK
