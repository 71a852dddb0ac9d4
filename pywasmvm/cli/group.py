"""The group `pywasmvm`: finds subcommands through entry points and loads one only when it is named.

A subcommand is a click command. We register ours in pyproject.toml; any other distribution may:

    [project.entry-points."pywasmvm.commands"]
    mycommand = "my_package.cli:mycommand"
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from .errors import EXIT_USAGE, CommandError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["COMMANDS_GROUP", "cli", "invoke"]

COMMANDS_GROUP = "pywasmvm.commands"
COMPLETION_VARIABLE = "_PYWASMVM_COMPLETE"  # click's name for it
COMMAND_PACKAGES = ("pywasmvm.cli", "pywasmvm_host.cli")


class CommandGroup(click.Group):
    """A click group whose commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, installed ones and those that cannot be loaded alike."""
        return sorted(find_commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command. One that cannot be imported becomes a command that says why."""
        # fast: ours are found by name; asking every installed distribution takes longer than loading one.
        own = _own_command(cmd_name)
        if own is not None:
            return own
        entry = find_commands().get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except (ImportError, AttributeError) as error:
            return _unavailable(cmd_name, str(error))
        if not isinstance(command, click.Command):
            return _unavailable(cmd_name, f"{entry.value} is not a click command")
        return command


def _own_command(name: str) -> click.Command | None:
    """Return our own command of this name; None if there is none, or if it cannot be imported."""
    if not name.isidentifier():
        return None
    for package in COMMAND_PACKAGES:
        try:
            found = getattr(import_module(f"{package}.{name}"), name, None)
        except ImportError:
            continue
        if isinstance(found, click.Command):
            return found
    return None


def find_commands() -> Mapping[str, EntryPoint]:
    """Return name -> entry point: of installed distributions or, in a bare checkout, of our own folders."""
    from importlib.metadata import entry_points

    installed = {entry.name: entry for entry in entry_points(group=COMMANDS_GROUP)}
    return installed or _commands_of_checkout()


def _commands_of_checkout() -> dict[str, EntryPoint]:
    """Find our own commands without any installation: the modules that hold a command of their own name."""
    from importlib.metadata import EntryPoint
    from pkgutil import iter_modules

    found = {}
    for package in COMMAND_PACKAGES:
        if find_spec(package.partition(".")[0]) is None or find_spec(package) is None:
            continue
        for item in iter_modules(import_module(package).__path__):
            place = f"{package}.{item.name}"
            try:
                is_command = isinstance(getattr(import_module(place), item.name, None), click.Command)
            except ImportError:
                is_command = True  # get_command will say what is wrong with it
            if is_command:
                found[item.name] = EntryPoint(item.name, f"{place}:{item.name}", COMMANDS_GROUP)
    return found


def _unavailable(name: str, reason: str) -> click.Command:
    """Return a command that only tells why the real one cannot be loaded."""

    def complain() -> None:
        raise CommandError(f"the command {name} cannot be loaded: {reason}")

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name,
        callback=complain,
        help=f"(cannot be loaded: {reason})",
        context_settings=settings,
        add_help_option=False,
    )


def _say_version() -> None:
    from .about import version_text

    click.echo(version_text())


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        _say_version()
        ctx.exit()


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and which engine runs and why.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """WebAssembly 3.0 for Python, and Envoy's Proxy-Wasm filters without Envoy.

    Exit status: 0 done, 1 the guest failed (trap or limit), 2 wrong use or a file that cannot be read or
    written, 3 the module was refused. Without a command: the version, and which engine runs and why.
    """
    if ctx.invoked_subcommand is None:
        _say_version()
        click.echo("commands: pywasmvm --help")


def invoke(arguments: Sequence[str]) -> int:
    """Run the group on `arguments`; wrong use becomes a CommandError of one line."""
    if COMPLETION_VARIABLE in os.environ:
        cli.main(args=list(arguments), prog_name="pywasmvm")  # answers the shell and exits
    try:
        # why: not cli.main(), which deals with Ctrl-C and closed pipes itself and would print twice.
        with cli.make_context("pywasmvm", list(arguments)) as ctx:
            result = cli.invoke(ctx)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.Abort as error:
        raise KeyboardInterrupt from error
    except click.UsageError as error:
        raise CommandError(_usage_line(error), EXIT_USAGE) from error
    except click.ClickException as error:
        raise CommandError(error.format_message(), error.exit_code) from error
    return result if isinstance(result, int) else 0


def _usage_line(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "pywasmvm"
    if not error.format_message().strip() or type(error).__name__ == "NoArgsIsHelpError":
        return f"which command? Try '{command} --help'"
    message = error.format_message().rstrip(".")
    return f"{message}{'' if message.endswith('?') else '.'} Try '{command} --help'"
