"""`pywasmvm run FILTER.wasm ...`: send one request through filters and show what became of it.

Exit status: 0 served, 1 a plugin trapped or failed the stream, 2 usage error, 3 a module or configuration
refused.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from typing import Any

import click

from pywasmvm.cli.errors import EXIT_TRAP, CommandError

from ..errors import HostError
from ..fetch import RealServer
from ..host import Exchange, Host, HttpRequest
from ..plugin import Plugin
from ..profile import AUTO
from ..realtime import RealTimeWorld
from ..trapreport import TrapReport
from ..upstream import UpstreamResponse
from ..world import World
from .common import SHORT, header, loading, note, text_or_file
from .plugins import given_plugins, make_host, plugin_options

__all__ = ["run"]


@click.command("run")
@plugin_options
@click.option("--request", "-r", "request_line", default="GET /", show_default=True, metavar="'METHOD PATH'")
@click.option("-H", "--header", "headers", multiple=True, metavar="'k: v'", help="Request header.")
@click.option("--body", metavar="TEXT|@FILE", multiple=True, help="Request body; several are chunks.")
@click.option("--trailer", "trailers", multiple=True, metavar="'k: v'", help="Request trailer.")
@click.option("--http2", is_flag=True, help="Speak HTTP/2 instead of HTTP/1.1.")
@click.option("--upstream-status", type=int, default=200, show_default=True)
@click.option("--upstream-header", "upstream_headers", multiple=True, metavar="'k: v'")
@click.option("--upstream-body", metavar="TEXT|@FILE", multiple=True)
@click.option("--upstream-trailer", "upstream_trailers", multiple=True, metavar="'k: v'")
@click.option(
    "--upstream", "upstream_url", metavar="URL", help="Really ask this server instead (extra `real`)."
)
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME=STATUS[:BODY]|NAME=URL",
    help="Another cluster, for callouts, and its answer, or the server to ask.",
)
@click.option("--real-time", is_flag=True, help="Let time pass as it does: ticks and timeouts wait.")
@click.option(
    "--timeout", type=float, default=6.0, show_default=True, help="Seconds the client waits, virtual or real."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def run(**options: Any) -> None:
    """Send one request through one filter, or through several as a chain."""
    plugins = given_plugins(options)
    request, upstream = _request(options), _upstream(options)
    names = [p.name for p in options["filters"]]
    with loading(names) as progress:
        host = make_host(options, plugins, progress, RealTimeWorld() if options["real_time"] else World())
        _add_clusters(host, options["clusters"])
        if options["upstream_url"] is not None:
            _add_server(host, "up", options["upstream_url"])
        host.start()
    started = len(host.world.records)
    startup = list(host.world.logs)
    exchange = host.request(request, upstream)
    exchange.logs = startup + exchange.logs
    exchange.records = host.world.records[:started] + exchange.records
    failed = bool(exchange.failure) or exchange.failed_stream
    if options["profile"] == AUTO and not failed:  # why: a failure is one line on stderr
        note(f"profile {host.profile.name}: {host.profile_reason} (--profile chooses another)")
    if options["as_json"]:
        shown = {**_as_json(exchange), "profile": host.profile.name, "profile_reason": host.profile_reason}
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        # why: drawing tables takes a library that loads as slowly as a filter starts; JSON needs none.
        from .show import show  # noqa: PLC0415

        show(exchange)
    if failed:
        raise CommandError(_failure_line(exchange, plugins), EXIT_TRAP)


def _failure_line(x: Exchange, plugins: list[Plugin]) -> str:
    """Return the line that says which plugin failed, how, and what to do."""
    record = next((r for r in x.records if r.failed), None)
    failed = [p for p in plugins if record is not None and record.plugin.startswith(p.name)]
    where = (failed or plugins)[0].label if len(failed) == 1 or len(plugins) == 1 else "a plugin of the chain"
    if not x.failure:
        return f"{where}: it failed the stream. Its log above says more"
    first = x.failure.splitlines()[0]
    reached = re.search(r"limit (\w+) = ", first)
    if reached:
        option = next((f"--{o}" for o, (name, _) in SHORT.items() if name == reached[1]), "")
        raised = option or f"it with --limit {reached[1]}=N"
        return f"{where}: {first}. Raise {raised}, or look for the loop in it"
    advice = "The functions it was in are listed above" if "\n" in x.failure else "Its log above says more"
    return f"{where}: {first}. {advice}"


# ---- options
def _bytes(value: str) -> bytes:
    data = text_or_file(value) if value.startswith("@") else value
    return data.encode() if isinstance(data, str) else data or b""


def _request(options: dict[str, Any]) -> HttpRequest:
    parts = options["request_line"].split()
    if len(parts) != 2 or not parts[1].startswith(("/", "*", "http://", "https://")):
        raise click.UsageError(f"--request is written 'METHOD /path', not {options['request_line']!r}")
    return HttpRequest(
        parts[0],
        parts[1],
        [header(h) for h in options["headers"]],
        [_bytes(b) for b in options["body"]],
        [header(t) for t in options["trailers"]],
        http2=options["http2"],
        timeout_ms=options["timeout"] * 1000,
    )


def _upstream(options: dict[str, Any]) -> UpstreamResponse | None:
    """Return the scripted answer, None if a server is asked."""
    response = UpstreamResponse(
        options["upstream_status"],
        [header(h) for h in options["upstream_headers"]],
        [_bytes(b) for b in options["upstream_body"]],
        [header(t) for t in options["upstream_trailers"]],
    )
    if options["upstream_url"] is None:
        return response
    if response != UpstreamResponse(200, [], [], []):
        raise click.UsageError("--upstream asks a server: it does not go with --upstream-status, -header...")
    return None


def _add_clusters(host: Host, clusters: tuple[str, ...]) -> None:
    for item in clusters:
        name, _, answer = item.partition("=")
        if "://" in answer:
            _add_server(host, name, answer)
            continue
        status, _, body = answer.partition(":")
        if status and not status.isdigit():
            raise click.UsageError(f"--cluster is written NAME=STATUS[:BODY] or NAME=URL, not {item!r}")
        host.add_cluster(name, [UpstreamResponse(int(status or 200), body=[body.encode()] if body else [])])


def _add_server(host: Host, cluster: str, url: str) -> None:
    try:
        host.add_cluster(cluster, [RealServer(host.world, url)])
    except HostError as error:
        raise click.UsageError(str(error)) from None


# ---- output
def _as_json(x: Exchange) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        if isinstance(value, TrapReport):
            return value.as_json()
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return value

    return plain(x)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(run())
