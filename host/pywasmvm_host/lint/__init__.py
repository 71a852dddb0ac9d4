"""Looking for what Envoy would refuse, crash on, or do otherwise than meant.

    findings = lint_file("filter.wasm")
    findings = lint_file("envoy.yaml")

The rules are in rules.py. A module is read, and then run with a few requests if nothing in it would
keep a host from loading it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import load_located
from ..errors import ConfigError, HostError
from ..plugin import Plugin
from ..profile import Profile, get_profile
from ..scan import scan
from .dynamic import BYTECODE
from .model import SEVERITIES, ConfigSubject, Finding, ModuleSubject
from .rules import RULES, rule
from .watch import FUEL, observe

__all__ = ["Finding", "LintOptions", "lint_file", "lint_module", "lint_plugins"]

MAGIC = b"\0asm"


@dataclasses.dataclass(frozen=True)
class LintOptions:
    """How to lint.

    profile        the host the filters are meant for.
    configuration  plugin configuration for a bare module.
    run            also send requests through it.
    fuel           what one callback may spend.
    remote         what a configuration may fetch, as in load_plugins.
    environment    host variables a configuration may read.
    """

    profile: str | Profile = "envoy-1.40"
    configuration: Any = None
    run: bool = True
    fuel: int = FUEL
    engine: Any = None
    remote: Mapping[str, str | Path] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    progress: Callable[..., None] | None = None


def _check(kind: str, subject: Any, file: str) -> Iterator[Finding]:
    for row in RULES:
        if row.subject == kind:
            for where, detail in row.check(subject):
                yield Finding(row, file, where, detail)


def lint_module(
    data: bytes, file: str = "module", options: LintOptions | None = None, *, compiles: bool = True
) -> list[Finding]:
    """Return what is wrong with a module's bytes, without running a callback."""
    options = options or LintOptions()
    try:
        facts = scan(data)
    except HostError as e:
        return [Finding(rule("PW101"), file, "module", str(e))]
    subject = ModuleSubject(data, facts, get_profile(options.profile), options.engine, compiles)
    return list(_check("module", subject, file))


def _bytecode(data: bytes, file: str, options: LintOptions) -> list[Finding]:
    """Return what compiling a module finds; one that cannot be read has its finding already."""
    row = rule("PW102")
    try:
        subject = ModuleSubject(data, scan(data), get_profile(options.profile), options.engine)
    except HostError:
        return []
    return [Finding(row, file, where, detail) for where, detail in row.check(subject)]


def lint_plugins(plugins: Sequence[Plugin], file: str, options: LintOptions | None = None) -> list[Finding]:
    """Return what is wrong with the plugins of a chain: their modules, then what they do with requests."""
    options = options or LintOptions()
    found: list[Finding] = []
    names: dict[bytes, str] = {}
    for plugin in plugins:
        names.setdefault(plugin.read(), file if isinstance(plugin.wasm, bytes) else str(plugin.wasm))
    for data, name in names.items():
        # fast: the run compiles it too, and for a 10 MB filter that is most of the time
        found += lint_module(data, name, options, compiles=False)
    runs = options.run and not any(f.rule.severity == "error" for f in found)
    for data, name in names.items():
        if not (runs and any(p.kind == "http" and p.read() == data for p in plugins)):
            found += _bytecode(data, name, options)
    if not runs or any(f.rule.id == "PW102" for f in found):
        return found
    chain = [p for p in plugins if p.kind == "http"]
    if chain:
        profile = get_profile(options.profile)
        outcome = observe(chain, profile, fuel=options.fuel, engine=options.engine, progress=options.progress)
        if BYTECODE in outcome.refused:
            found.append(Finding(rule("PW102"), file, "module", outcome.refused))
        found += _check("run", outcome, file)
    return found


def lint_file(path: str | Path, options: LintOptions | None = None) -> list[Finding]:
    """Return what is wrong with a module or a configuration file, the worst first. Raises HostError."""
    options, path = options or LintOptions(), Path(path)
    try:
        data = path.read_bytes()
    except OSError as e:
        raise HostError(f"cannot read {path}: {e.strerror or e}") from e
    configured = path.suffix.lower() in (".yaml", ".yml", ".json")
    if data[:4] == MAGIC or not configured:
        plugin = Plugin(path, name=path.stem, configuration=options.configuration)
        found = lint_plugins([plugin], str(path), options)
    else:
        found = _lint_config(path, options)
    return sorted(found, key=lambda f: (SEVERITIES.index(f.rule.severity), f.rule.id))


def _lint_config(path: Path, options: LintOptions) -> list[Finding]:
    try:
        located = load_located(path, remote=options.remote, environment=options.environment)
    except ConfigError as e:
        return list(_check("config", ConfigSubject(error=str(e)), str(path)))
    found = list(_check("config", ConfigSubject(located), str(path)))
    return found + lint_plugins([x.plugin for x in located], str(path), options)
