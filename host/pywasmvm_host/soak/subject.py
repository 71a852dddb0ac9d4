"""What is soaked: a filter with its configuration and requests, read from a YAML or JSON file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from typing import Any

from ..config.checked import nearest
from ..config.text import read_documents, read_file
from ..errors import ConfigError
from ..plugin import FailurePolicy, Plugin
from ..profile import AUTO
from ..profiling.requests import Sample, samples_of
from ..upstream import DEFAULT_RESPONSE

__all__ = ["Subject", "read_subjects"]

KEYS = (
    "name", "wasm", "optional", "configuration", "vm_configuration", "root_id", "failure_policy", "profile",
    "requests", "clusters", "varies", "steady", "alone",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One filter.

    varies  headers whose values differ from request to request and are not compared.
    steady  a callback costs the same each time, so that a fault of fuel or memory has one outcome.
    alone   it cannot serve two streams at a time.
    """

    plugin: Plugin
    samples: list[Sample]
    clusters: tuple[str, ...] = ()
    varies: frozenset[str] = frozenset()
    steady: bool = False
    alone: bool = False
    profile: str = AUTO
    name: str = field(default="")


def read_subjects(source: str | Path) -> tuple[list[Subject], list[str]]:
    """Read a file of filters; return them, and a line for each optional one that is not there.

    Paths start at the file's folder and may name environment variables. Raise ConfigError for mistakes.
    """
    path = Path(source)
    documents = read_documents(read_file(path), str(path))
    items = [item for d in documents for item in (d if isinstance(d, list) else [d])]
    found: list[Subject] = []
    missing: list[str] = []
    for number, item in enumerate(items, 1):
        subject = _subject(item, f"{path}: filter {number}", path.parent)
        if isinstance(subject, str):
            missing.append(subject)
        else:
            found.append(subject)
    if not found:
        raise ConfigError(f"{path}: no filter in it that is there")
    return found, missing


def _subject(item: Any, where: str, folder: Path) -> Subject | str:
    """Read one filter; return the reason if it is optional and missing."""
    if not isinstance(item, dict):
        raise ConfigError(f"{where}: want an object, not {type(item).__name__}")
    for key in item:
        if key not in KEYS:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(str(key), list(KEYS))}")
    for key in ("wasm", "requests"):
        if not item.get(key):
            raise ConfigError(f"{where}: {key} is missing")
    name = str(item.get("name") or Path(str(item["wasm"])).stem)
    try:
        wasm = folder / Template(str(item["wasm"])).substitute(os.environ)
    except (KeyError, ValueError) as e:
        if item.get("optional"):
            return f"{name}: the environment has no {e}"
        raise ConfigError(f"{where}: wasm: the environment has no {e}") from e
    if not wasm.is_file():
        if item.get("optional"):
            return f"{name}: no file {wasm}"
        raise ConfigError(f"{where}: wasm: no file {wasm}")
    policy = str(item.get("failure_policy", "FAIL_RELOAD"))
    if policy not in FailurePolicy.__members__:
        raise ConfigError(f"{where}: failure_policy: want one of {', '.join(FailurePolicy.__members__)}")
    plugin = Plugin(
        wasm,
        name=name,
        root_id=str(item.get("root_id", "")),
        configuration=item.get("configuration"),
        vm_configuration=item.get("vm_configuration"),
        failure_policy=FailurePolicy[policy],
        reload_base_ms=1,
    )
    samples = [s for i, r in enumerate(item["requests"], 1) for s in samples_of(r, f"{where}: request {i}")]
    # why: the upstream's script of one request must not be left to the next
    samples = [s if s.upstream else replace(s, upstream=DEFAULT_RESPONSE) for s in samples]
    return Subject(
        plugin,
        samples,
        tuple(map(str, item.get("clusters") or ())),
        frozenset(str(h).lower() for h in item.get("varies") or ()),
        bool(item.get("steady")),
        bool(item.get("alone")),
        str(item.get("profile", AUTO)),
        name,
    )
