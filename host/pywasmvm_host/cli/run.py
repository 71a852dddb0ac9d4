"""`pywasmvm run FILTER.wasm ...`: send one request through filters and show what became of it.

Exit status: 0 served, 1 a plugin trapped or failed the stream, 2 usage error, 3 a module or configuration
refused.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from pywasmvm.cli.errors import EXIT_TRAP, CommandError

from ..host import Exchange, Host, HttpRequest
from ..plugin import FailurePolicy, Plugin
from ..profile import AUTO, PROFILES
from ..trapreport import TrapReport
from ..upstream import UpstreamResponse
from .common import SHORT, given_limits, header, limit_options, loading, make_engine, note, text_or_file

__all__ = ["run"]

CONFIGURATIONS = (".yaml", ".yml", ".json")


@click.command("run")
@click.argument(
    "filters",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILTER.wasm|CONFIG.yaml...",
)
@click.option(
    "--config",
    "-c",
    "configs",
    multiple=True,
    metavar="FILE|TEXT",
    help="Plugin configuration; once per filter, or once for all.",
)
@click.option("--vm-config", metavar="FILE|TEXT", help="VM configuration.")
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
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME=STATUS[:BODY]",
    help="Another cluster, for callouts, and its answer.",
)
@click.option(
    "--profile",
    type=click.Choice([AUTO, *sorted(PROFILES)]),
    default=AUTO,
    show_default=True,
    help="Which host to imitate; auto takes higress for filters with its ABI, else envoy-1.40.",
)
@limit_options
@click.option("--engine", type=click.Choice(["python", "cython"]), help="Which engine runs the guest.")
@click.option("--name", default="", help="Plugin name.")
@click.option("--root-id", default="")
@click.option("--vm-id", default="")
@click.option(
    "--failure-policy",
    type=click.Choice([p.name for p in FailurePolicy if p.name.startswith("FAIL")]),
    default="FAIL_CLOSED",
)
@click.option(
    "--real-pause",
    is_flag=True,
    help="allow_on_headers_stop_iteration: body callbacks go on while headers are held.",
)
@click.option("--env", multiple=True, metavar="K=V", help="Environment variable of the plugin.")
@click.option(
    "--timeout", type=float, default=6.0, show_default=True, help="Virtual seconds the client waits."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def run(**options: Any) -> None:
    """Send one request through one filter, or through several as a chain."""
    limits = given_limits(options)
    plugins = _plugins(options)
    request, upstream = _request(options), _upstream(options)
    names = [p.name for p in options["filters"]]
    with loading(names) as progress:
        host = Host(
            plugins,
            profile=options["profile"],
            limits=limits,
            engine=make_engine(options["engine"], limits),
            progress=progress,
        )
        _add_clusters(host, options["clusters"])
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
def _plugins(options: dict[str, Any]) -> list[Plugin]:
    configs, filters = options["configs"], options["filters"]
    if len(configs) not in (0, 1, len(filters)):
        raise click.UsageError(
            f"{len(filters)} filters and {len(configs)} --config: give none, one, or one for each"
        )
    environment = {}
    for item in options["env"]:
        key, mark, value = item.partition("=")
        if not mark:
            raise click.UsageError(f"--env is written K=V, not {item!r}")
        environment[key] = value
    out: list[Plugin] = []
    for i, path in enumerate(filters):
        if path.suffix.lower() in CONFIGURATIONS:
            from ..config import load_plugins  # noqa: PLC0415

            loaded = load_plugins(path, environment={**os.environ, **environment})
            out += [
                dataclasses.replace(p, limits=given_limits(options, p.limits)) if p.limits else p
                for p in loaded
            ]
            continue
        config = configs[i] if len(configs) > 1 else configs[0] if configs else None
        out.append(
            Plugin(
                path,
                name=options["name"] or path.stem,
                root_id=options["root_id"],
                vm_id=options["vm_id"],
                configuration=text_or_file(config),
                vm_configuration=text_or_file(options["vm_config"]),
                failure_policy=FailurePolicy[options["failure_policy"]],
                environment=environment,
                allow_on_headers_stop_iteration=options["real_pause"],
            )
        )
    return out


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


def _upstream(options: dict[str, Any]) -> UpstreamResponse:
    return UpstreamResponse(
        options["upstream_status"],
        [header(h) for h in options["upstream_headers"]],
        [_bytes(b) for b in options["upstream_body"]],
        [header(t) for t in options["upstream_trailers"]],
    )


def _add_clusters(host: Host, clusters: tuple[str, ...]) -> None:
    for item in clusters:
        name, _, answer = item.partition("=")
        status, _, body = answer.partition(":")
        if status and not status.isdigit():
            raise click.UsageError(f"--cluster is written NAME=STATUS[:BODY], not {item!r}")
        host.add_cluster(name, [UpstreamResponse(int(status or 200), body=[body.encode()] if body else [])])


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
