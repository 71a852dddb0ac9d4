"""A folder of test scripts: which there are, what the manifest says of them, which features each needs.

Laid out as `core/`, `custom/` and `proposals/<name>/`. The manifest pins the sha256 and the
number of commands of each script: a missing or altered one fails a run instead of shrinking its total.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..config import Features
from ..isa.model import PROPOSALS, Feature

__all__ = ["Pin", "Script", "check_pins", "default_manifest", "features_of", "find_scripts", "read_manifest"]


@dataclass(frozen=True)
class Pin:
    """What a script must be."""

    sha256: str
    commands: int


@dataclass(frozen=True)
class Script:
    """One script: its file, its name relative to the folder, its number of commands (None: unpinned)."""

    path: Path
    name: str
    commands: int | None = None

    @property
    def directory(self) -> str:
        """Return the line of the final table it counts for: core scripts at the top level are `core`."""
        return self.name.rpartition("/")[0] or "."


def default_manifest() -> Path | None:
    """Return the manifest of the checkout this package stands in, None if it is installed without one."""
    path = Path(__file__).parents[2] / "spec-tests" / "manifest.tsv"
    return path if path.is_file() else None


def read_manifest(path: Path) -> dict[str, Pin]:
    """Read name, sha256 and number of commands of every pinned script. Lines with `#` are remarks."""
    pins = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, sha256, commands = line.split("\t")
            pins[name] = Pin(sha256, int(commands))
    return pins


def features_of(name: str) -> Features:
    """Return the features a script is written for: a proposal is on in its own folder alone."""
    parts = name.split("/")
    features = Features().with_(*(feature for feature in PROPOSALS if feature.value in parts))
    if Feature.THREADS in features:
        # why: its scripts stand on an older standard, with one memory, one table and limits of u32.
        features = features.without(Feature.MEMORY64, Feature.MULTI_MEMORY, Feature.REFERENCE_TYPES)
    return features


def find_scripts(root: Path, pins: dict[str, Pin], wanted: str = "") -> list[Script]:
    """Return the scripts whose name contains `wanted`, pinned ones and any others, in order of name.

    `root` is the suite's folder, one inside it (`core`, `core/simd`: then only what belongs there counts), or
    one script. A pinned script that is missing is returned all the same: running it fails.
    """
    if root.is_file():
        parts = root.resolve().parts
        # why: a proposal's features are on in its own folder alone, so the name must tell the folder.
        first = parts.index("proposals") if "proposals" in parts else -1
        return [Script(root, "/".join(parts[first:]))]
    suite, inside = _suite_of(root.resolve(), pins)
    names = {path.relative_to(suite).as_posix() for path in (suite / inside).rglob("*.wast")}
    names |= {name for name in pins if name.startswith(inside)}
    return [
        Script(suite / name, name, pins[name].commands if name in pins else None)
        for name in sorted(names)
        if wanted in name
    ]


def _suite_of(root: Path, pins: dict[str, Pin]) -> tuple[Path, str]:
    """Return the suite's folder and which part of it `root` is, "" for all of it."""
    for depth in (2, 1):
        inside = "/".join(root.parts[-depth:]) + "/"
        if any(name.startswith(inside) for name in pins):
            return root.parents[depth - 1], inside
    return root, ""


def check_pins(scripts: Iterable[Script], pins: dict[str, Pin]) -> list[str]:
    """Return what is wrong with the files: missing, altered, or not in the manifest (if there is one)."""
    problems = []
    for script in scripts:
        pin = pins.get(script.name)
        if pin is None:
            if pins:
                problems.append(f"{script.name}: not in the manifest")
        elif not script.path.is_file():
            problems.append(f"{script.name}: missing")
        elif hashlib.sha256(script.path.read_bytes()).hexdigest() != pin.sha256:
            problems.append(f"{script.name}: altered, its sha256 is not the pinned one")
    return problems
