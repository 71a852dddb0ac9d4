"""`pywasmvm inspect FILE.wasm`: what the module is and what it may do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..errors import HostError
from ..inspect import inspect_module

__all__ = ["inspect"]


@click.command("inspect")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def inspect(file: Path, as_json: bool) -> None:
    """Show what a module imports, exports and, if it is a Proxy-Wasm plugin, what it may do."""
    try:
        facts = inspect_module(file.read_bytes())
    except HostError as e:
        raise e.at(str(file)) from e
    if as_json:
        click.echo(json.dumps(facts, indent=1))
    else:
        _show(file, facts)


def _show(file: Path, facts: dict[str, Any]) -> None:
    console = Console(soft_wrap=True)
    kind = (
        f"Proxy-Wasm plugin, ABI {facts['abi'] or 'unknown'}" if facts["proxy_wasm"] else "WebAssembly module"
    )
    console.print(
        f"{file}: {kind}, {facts['size']:,} bytes, {facts['functions']:,} functions", highlight=False
    )
    for name, values in facts["toolchain"].items():
        console.print(f"  {name}: {', '.join(values)}", highlight=False, markup=False)
    for memory in facts["memories"]:
        limit = f"at most {memory['max_bytes']:,}" if memory["max_bytes"] is not None else "no maximum"
        console.print(f"  memory: {memory['bytes']:,} bytes, {limit}", highlight=False)
    for problem in facts["problems"]:
        console.print(f"  ! {problem}", highlight=False, markup=False)
    if facts["callbacks"]:
        _table(
            console,
            "callbacks",
            ("callback", "the filter"),
            [(c["name"], c["does"]) for c in facts["callbacks"]],
        )
    rows = [(f"{i['module']}.{i['name']}", i["lets"] or i["type"]) for i in facts["imports"]]
    if rows:
        _table(console, "imports", ("import", "lets the filter" if facts["proxy_wasm"] else "type"), rows)
    if not facts["proxy_wasm"]:
        _table(
            console,
            "exports",
            ("export", "kind", "type"),
            [(e["name"], e["kind"], e["type"]) for e in facts["exports"]],
        )
    _table(
        console, "sections", ("section", "bytes"), [(s["name"], f"{s['bytes']:,}") for s in facts["sections"]]
    )


def _table(console: Console, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if column == "bytes" else "left", no_wrap=i == 0)
    for row in rows:
        table.add_row(*row)
    console.print(table, soft_wrap=True)
