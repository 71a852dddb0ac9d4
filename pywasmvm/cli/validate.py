"""`pywasmvm validate`: is this a valid module, and if not, what is wrong with it, where?"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import WasmError
from .errors import EXIT_OK, EXIT_USAGE, CommandError, describe, say
from .source import feature_options, load_module, make_config

if TYPE_CHECKING:
    from .. import Engine, Module

__all__ = ["validate"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list with an object per file.")
@feature_options
def validate(files: tuple[str, ...], as_json: bool, enable: tuple[str, ...], disable: tuple[str, ...]) -> int:
    """Decode and validate modules, binary or text; "-" reads standard input.

    Prints a line per file. Exit status: 0 all are valid, 3 one was refused, 2 one could not be read.
    """
    from .. import Engine

    config = make_config(enable, disable)
    config.cache = False  # why: whoever asks wants it done, and not to hear that it was done before
    engine = Engine(config)
    reports = []
    status = EXIT_OK
    for path in files:
        report, file_status = examine(engine, path)
        reports.append(report)
        # An unreadable file is the graver news: then not even the question was answered.
        status = file_status if status != EXIT_USAGE and file_status else status
        if not as_json:
            _print(report)
    if as_json:
        click.echo(json.dumps(reports, indent=2))
    return status


def examine(engine: Engine, path: str) -> tuple[dict[str, Any], int]:
    """Return the report on one file and its exit status."""
    started = time.perf_counter()
    try:
        module = load_module(engine, path)
    except (CommandError, OSError) as error:
        line, status = describe(error)
        return {"file": path, "ok": False, "error": line, **_particulars(error.__cause__)}, status
    seconds = time.perf_counter() - started
    return {"file": path, "ok": True, "seconds": round(seconds, 6), **facts(module)}, EXIT_OK


def facts(module: Module) -> dict[str, Any]:
    """Return what kind of module it is and how much of everything it holds."""
    syntax, checked = module.syntax, module.checked
    counts = {
        "functions": len(syntax.funcs),
        "imports": len(syntax.imports),
        "exports": len(syntax.exports),
        "types": len(checked.types),
        "tables": len(checked.tables),
        "memories": len(checked.mems),
        "globals": len(checked.globals),
        "tags": len(checked.tags),
        "elems": len(syntax.elems),
        "datas": len(syntax.datas),
        "customs": len(syntax.customs),
    }
    binary = syntax.binary
    return {
        "format": "text" if binary is None else "binary",
        "nbytes": None if binary is None else len(binary),
        "counts": counts,
    }


def _particulars(cause: BaseException | None) -> dict[str, Any]:
    if not isinstance(cause, WasmError):
        return {}
    return {
        "class": type(cause).__name__,
        "message": cause.message,
        "offset": cause.offset,
        "where": cause.where or None,
    }


def _print(report: dict[str, Any]) -> None:
    if not report["ok"]:
        say(report["error"])
        return
    counts = ", ".join(f"{n} {what}" for what, n in report["counts"].items() if n)
    size = "text" if report["nbytes"] is None else f"{report['nbytes']:,} bytes"
    click.echo(f"{report['file']}: OK, {size} in {report['seconds']:.3f} s: {counts or 'an empty module'}")
