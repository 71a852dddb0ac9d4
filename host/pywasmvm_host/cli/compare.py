"""`pywasmvm compare FILTER.wasm ...`: the same requests through a real Envoy and through this host, and
what differs.

Exit status: 0 the same, 1 they differ, 2 usage error or no Envoy, 3 a case that cannot be run.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..compare import NO_ENVOY, Comparison, Row, compare_case
from ..compare.envoy import find_envoy
from ..plugin import FailurePolicy
from .common import header, make_engine, text_or_file

__all__ = ["compare"]

SHOWN = 400
SAME = "no difference in responses, upstream requests, log, metrics, callbacks, access log"


@click.command("compare")
@click.argument(
    "filters",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[FILTER.wasm]...",
)
@click.option(
    "--case",
    "case_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A case as JSON; FILTER replaces its plugin.",
)
@click.option("--config", "-c", metavar="FILE|TEXT", help="Plugin configuration.")
@click.option("--vm-config", metavar="FILE|TEXT", help="VM configuration.")
@click.option(
    "--request",
    "-r",
    "requests",
    multiple=True,
    metavar="'METHOD PATH'",
    help="A request; several are sent one after another.",
)
@click.option("-H", "--header", "headers", multiple=True, metavar="'k: v'", help="Request header.")
@click.option("--body", multiple=True, metavar="TEXT", help="Request body; several are chunks.")
@click.option("--trailer", "trailers", multiple=True, metavar="'k: v'", help="Request trailer.")
@click.option("--http2", is_flag=True, help="Speak HTTP/2 instead of HTTP/1.1.")
@click.option("--upstream-status", type=int, help="Status of the upstream's answer.")
@click.option("--upstream-header", "upstream_headers", multiple=True, metavar="'k: v'")
@click.option("--upstream-body", multiple=True, metavar="TEXT")
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME=STATUS[:BODY]",
    help="Another cluster and its answer.",
)
@click.option("--name", default="plugin", show_default=True)
@click.option("--root-id", default="")
@click.option("--vm-id", default="")
@click.option(
    "--failure-policy", type=click.Choice([p.name for p in FailurePolicy if p.name.startswith("FAIL")])
)
@click.option("--real-pause", is_flag=True, help="allow_on_headers_stop_iteration.")
@click.option("--patch-abi", is_flag=True, help="Give Envoy a Higress module as 0.2.1.")
@click.option("--engine", type=click.Choice(["python", "cython"]), help="Which engine runs the guest.")
@click.option("--json", "as_json", is_flag=True, help="Print both results and the differences as JSON.")
def compare(**options: Any) -> None:
    """Run filters in a real Envoy (extra `envoy`) and here, and show what differs."""
    if find_envoy() is None:
        raise click.UsageError(NO_ENVOY)
    case, find = _case(options)
    if (options["http2"] or _speaks_http2(case)) and importlib.util.find_spec("h2") is None:
        raise click.UsageError("HTTP/2 needs the package h2: pip install 'pywasmvm[envoy]'")
    result = compare_case(case, find, make_engine(options["engine"]))
    if options["as_json"]:
        rows = [{"where": r.where, "envoy": r.envoy, "here": r.here} for r in result.rows]
        click.echo(json.dumps({"envoy": result.envoy, "here": result.here, "differences": rows}, indent=1))
    else:
        _show(result)
    sys.exit(1 if result.rows else 0)


def _speaks_http2(case: dict[str, Any]) -> bool:
    parts = [*case.get("requests", []), *(u or {} for u in case.get("upstreams", {}).values())]
    return any(str(p.get("http", "1.1")) == "2" for p in parts)


def _case(options: dict[str, Any]) -> tuple[dict[str, Any], Callable[[str], Path]]:
    filters: tuple[Path, ...] = options["filters"]
    file: Path | None = options["case_file"]
    if file is None:
        if not filters:
            raise click.UsageError("give a FILTER.wasm or --case CASE.json")
        return _made(options), Path
    try:
        case = json.loads(file.read_text("utf-8"))
    except ValueError as e:
        raise click.UsageError(f"{file}: broken JSON: {e}") from e
    if not isinstance(case, dict):
        raise click.UsageError(f"{file}: a case is a JSON object")
    plugins = case.setdefault("plugins", [])
    if filters and plugins and len(filters) != len(plugins):
        raise click.UsageError(f"{len(filters)} filters for the {len(plugins)} plugins of {file}")
    if filters and not plugins:
        case["plugins"] = [{} for _ in filters]
    for entry, path in zip(case["plugins"], filters, strict=False):
        entry["wasm"] = str(path.resolve())
    return case, _finder(file)


def _finder(file: Path) -> Callable[[str], Path]:
    """Return how the paths of a case are found: beside it, above it, or in an installed package."""

    def find(name: str) -> Path:
        for base in (file.parent, file.parent.parent):
            if (base / name).is_file():
                return base / name
        spec = (
            importlib.util.find_spec(name.split("/")[0])
            if "/" in name and not Path(name).is_absolute()
            else None
        )
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (Path(place).parent / name).is_file():
                return Path(place).parent / name
        raise click.UsageError(f"{file}: no file {name} beside it")

    return find


def _configuration(value: str | None) -> Any:
    data = text_or_file(value)
    return data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data


def _made(options: dict[str, Any]) -> dict[str, Any]:
    """Build a case from the options."""
    plugin = {
        "name": options["name"],
        "root_id": options["root_id"],
        "vm_id": options["vm_id"],
        "configuration": _configuration(options["config"]),
        "vm_configuration": _configuration(options["vm_config"]),
        "failure_policy": options["failure_policy"],
        "allow_on_headers_stop_iteration": options["real_pause"] or None,
        "patch_abi": options["patch_abi"],
    }
    request = {
        "headers": [list(header(h)) for h in options["headers"]],
        "body": list(options["body"]),
        "trailers": [list(header(h)) for h in options["trailers"]],
        "http": "2" if options["http2"] else "1.1",
    }
    requests = []
    for line in options["requests"] or ("GET /",):
        parts = line.split()
        if len(parts) != 2:
            raise click.UsageError(f"--request is written 'METHOD /path', not {line!r}")
        requests.append({"method": parts[0], "path": parts[1], **request})
    case: dict[str, Any] = {
        "plugins": [{**plugin, "wasm": str(f.resolve())} for f in options["filters"]],
        "requests": requests,
        "upstreams": _clusters(options["clusters"]),
    }
    if options["upstream_status"] or options["upstream_headers"] or options["upstream_body"]:
        answer = {
            "status": options["upstream_status"] or 200,
            "headers": [list(header(h)) for h in options["upstream_headers"]],
            "body": list(options["upstream_body"]),
        }
        case["upstreams"]["up"] = {"responses": [answer]}
    return case


def _clusters(items: tuple[str, ...]) -> dict[str, Any]:
    out = {}
    for item in items:
        name, _, answer = item.partition("=")
        status, _, body = answer.partition(":")
        if not name or (status and not status.isdigit()):
            raise click.UsageError(f"--cluster is written NAME=STATUS[:BODY], not {item!r}")
        out[name] = {"responses": [{"status": int(status or 200), "body": [body] if body else []}]}
    return out


# ---- output
def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."


def _show(result: Comparison) -> None:
    console = Console(highlight=False)
    for who, outcome in (("Envoy", result.envoy), ("here ", result.here)):
        started = "starts" if outcome["startup"]["ok"] else "is refused"
        console.print(f"{who}: the configuration {started}, {_statuses(outcome)}")
    if not result.rows:
        console.print(SAME, soft_wrap=True)
        return
    table = Table(
        title=f"{len(result.rows)} difference{'s' if len(result.rows) != 1 else ''}", title_justify="left"
    )
    for column in ("where", "Envoy", "here"):
        table.add_column(column, overflow="fold")
    for row in result.rows:
        table.add_row(*_cells(row))
    console.print(table)


def _cells(row: Row) -> tuple[Text, Text, Text]:
    return Text(row.where), Text(_text(row.envoy), style="yellow"), Text(_text(row.here), style="cyan")


def _statuses(result: dict[str, Any]) -> str:
    answers = [r["response"] for r in result["requests"]]
    return "responses " + (", ".join(str(a.get("status") or a.get("error")) for a in answers) or "none")
