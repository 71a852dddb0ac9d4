"""The options that say which plugins run and how, for every command that runs some."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import click

from ..host import Host
from ..plugin import FailurePolicy, Plugin
from ..profile import AUTO, PROFILES
from ..world import World
from .common import given_limits, limit_options, make_engine, text_or_file

__all__ = ["given_plugins", "make_host", "plugin_options"]

CONFIGURATIONS = (".yaml", ".yml", ".json")
OPTIONS = [
    click.argument(
        "filters",
        nargs=-1,
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILTER.wasm|CONFIG.yaml...",
    ),
    click.option(
        "--config",
        "-c",
        "configs",
        multiple=True,
        metavar="FILE|TEXT",
        help="Plugin configuration; once per filter, or once for all.",
    ),
    click.option("--vm-config", metavar="FILE|TEXT", help="VM configuration."),
    click.option(
        "--profile",
        type=click.Choice([AUTO, *sorted(PROFILES)]),
        default=AUTO,
        show_default=True,
        help="Which host to imitate; auto takes higress for filters with its ABI, else envoy-1.40.",
    ),
    click.option("--engine", type=click.Choice(["python", "cython"]), help="Which engine runs the guest."),
    click.option("--name", default="", help="Plugin name."),
    click.option("--root-id", default=""),
    click.option("--vm-id", default=""),
    click.option(
        "--failure-policy",
        type=click.Choice([p.name for p in FailurePolicy if p.name.startswith("FAIL")]),
        default="FAIL_CLOSED",
    ),
    click.option(
        "--real-pause",
        is_flag=True,
        help="allow_on_headers_stop_iteration: body callbacks go on while headers are held.",
    ),
    click.option("--env", multiple=True, metavar="K=V", help="Environment variable of the plugin."),
]


def plugin_options(command: Any) -> Any:
    """Add the filters to a command, and the options about them; `given_plugins` reads them."""
    command = limit_options(command)
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def given_plugins(options: dict[str, Any]) -> list[Plugin]:
    """Return the plugins that the filters and options of `plugin_options` describe."""
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


def make_host(
    options: dict[str, Any], plugins: list[Plugin], progress: Any = None, world: World | None = None
) -> Host:
    """Return a host of the plugins, not started, as the options want it."""
    limits = given_limits(options)
    return Host(
        plugins,
        world=world,
        profile=options["profile"],
        limits=limits,
        engine=make_engine(options["engine"], limits),
        progress=progress,
    )
