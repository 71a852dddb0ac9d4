"""What the linter talks about: rules, findings, and the three things rules look at.

A rule is a row of rules.py. Its check is a function from a subject to (where, detail) pairs; it
decides nothing about wording or severity. Subjects: a module's bytes, a configuration, and what a few
requests through the host did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..abi.versions import MARKERS, find_version
from ..config import Located
from ..host import Exchange
from ..plugin import Plugin
from ..profile import Profile
from ..scan import ModuleFacts

__all__ = [
    "SEVERITIES",
    "ConfigSubject",
    "Finding",
    "ModuleSubject",
    "Place",
    "Round",
    "Rule",
    "RunSubject",
    "SeenCall",
]

SEVERITIES = ("error", "warning", "info")
Place = tuple[str, str]  # where, detail


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong.

    why      what Envoy does with it.
    fix      what to write instead.
    subject  which of the subjects the check takes: module, config or run.
    """

    id: str
    severity: str
    title: str
    why: str
    fix: str
    subject: str
    check: Callable[[Any], Iterable[Place]]


@dataclass(frozen=True)
class Finding:
    """One rule that did not hold at one place."""

    rule: Rule
    file: str
    where: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        r = self.rule
        return {
            "rule": r.id,
            "severity": r.severity,
            "title": r.title,
            "file": self.file,
            "where": self.where,
            "detail": self.detail,
            "in_envoy": r.why,
            "instead": r.fix,
        }


@dataclass
class ModuleSubject:
    """A module and what its sections say; `profile` is the host it is meant for.

    compiles: also try to compile it; a run that follows does that anyway.
    """

    data: bytes
    facts: ModuleFacts
    profile: Profile
    engine: Any = None
    compiles: bool = True
    version: str | None = None
    markers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.version, self.markers = find_version(self.facts.function_exports(), tuple(MARKERS.values()))


@dataclass
class ConfigSubject:
    """The plugins of a configuration, or the error that reading it gave."""

    plugins: Sequence[Located] = ()
    error: str = ""

    def modules(self) -> list[tuple[Located, bytes]]:
        return [(x, x.plugin.read()) for x in self.plugins]


@dataclass(frozen=True)
class SeenCall:
    """One host call as the watcher saw it; `values` by parameter name, None for unreadable memory."""

    callback: str
    name: str
    status: int | None
    values: dict[str, Any]
    other_plugin: bool = False


@dataclass
class Round:
    """One request of the linter and all it caused; `hazards` are those new in it."""

    label: str
    exchange: Exchange
    calls: list[SeenCall]
    hazards: list[str]


@dataclass
class RunSubject:
    """The rounds of a run, or the reason why it could not begin."""

    plugins: Sequence[Plugin] = ()
    rounds: list[Round] = field(default_factory=list)
    refused: str = ""
