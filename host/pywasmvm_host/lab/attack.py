"""One attack: what it is, which limit stops it, and how to get its bytes.

A file of the collection begins with comment lines `;; key: value`, an empty comment, and prose: paragraphs
with an empty comment between them, the first of which says it in short. tests/attacks/README.md has the keys.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pywasmvm import wat2wasm

from ..errors import ConfigError
from ..limits import LIMITS, Limits, read_limits

__all__ = ["Attack", "collection", "files", "generated", "paragraphs"]

STOPS = ("refused", "trapped", "answered", "answered 413")
GROUPS = ("work", "memory", "stack", "load", "host", "isolation")
PACKAGED = Path(__file__).parent / "attacks"
CHECKOUT = Path(__file__).resolve().parents[3] / "tests" / "attacks"
# What all attacks run under, so that the whole collection takes seconds; a file may change it.
LAB_LIMITS = {"fuel": "3M", "fuel_start": "3M", "fuel_stream": "1G", "memory_bytes": "64MiB"}


@dataclass(frozen=True)
class Attack:
    """One attack.

    limit    the row of the table of limits that stops it; "none: why" where something else does.
    stops    how it ends: "refused" before it runs, "trapped", or "answered": the request gets its answer.
    says     what must stand in the message; by default the limit, as the host names it.
    limits   what it runs under, besides LAB_LIMITS.
    chunks   pieces of the request's body, `body` bytes each.
    needs    the Python module that it attacks, if that is one of an extra; without it it is left out.
    victim   whether another plugin, with secrets, runs beside it.
    prose    its page, by paragraphs: what it wants, how, what else would suffer, what stops it, what is left.
    """

    name: str
    title: str
    group: str
    limit: str
    stops: str
    wasm: Callable[[], bytes] = field(compare=False)
    says: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    chunks: int = 1
    body: int = 1
    victim: bool = False
    prose: tuple[str, ...] = ()
    needs: str = ""

    def __post_init__(self) -> None:
        known = self.limit in LIMITS or self.limit.startswith("none: ")
        if self.group not in GROUPS or self.stops not in STOPS or not known:
            raise ConfigError(f"attack {self.name}: no such group, end or limit")

    @property
    def expected(self) -> str:
        """Return what the message that ends it must contain."""
        by_host = self.stops == "trapped" and self.limit in LIMITS
        return self.says or (f"limit {self.limit} = " if by_host else "")

    @property
    def summary(self) -> str:
        """Return the first paragraph of its page."""
        return self.prose[0] if self.prose else ""

    def all_limits(self) -> Limits:
        """Return the limits it runs under."""
        return read_limits({**LAB_LIMITS, **self.limits})


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of an indented text, each on one line."""
    found = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return tuple(" ".join(lines.split()) for lines in found if lines.strip())


def _from_file(path: Path) -> Attack:
    text = path.read_text("utf-8")
    head: dict[str, str] = {}
    prose: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        key, mark, value = line.removeprefix(";;").strip().partition(": ")
        if not line.startswith(";;") or not mark:
            break
        head[key] = value
    for line in lines:
        if not line.startswith(";;"):
            break
        prose.append(line.removeprefix(";;").strip())
    pairs = (item.partition("=") for item in head.pop("limits", "").split(",") if item)
    try:
        return Attack(
            name=path.stem,
            title=head["title"],
            group=head["group"],
            limit=head["limit"],
            stops=head["stops"],
            wasm=lambda: bytes(wat2wasm(text)),
            says=head.get("says", ""),
            limits={name.strip(): value.strip() for name, _, value in pairs},
            chunks=int(head.get("chunks", 1)),
            body=int(head.get("body", 1)),
            victim=head.get("victim") == "yes",
            needs=head.get("needs", ""),
            prose=paragraphs("\n".join(prose)),
        )
    except (KeyError, ValueError) as e:
        raise ConfigError(f"{path}: the head of an attack is wrong: {e}") from e


def files(folder: Path | None = None) -> list[Attack]:
    """Return the attacks of a folder; by default those that come with the package."""
    place = folder or (PACKAGED if PACKAGED.is_dir() else CHECKOUT)
    found = [_from_file(path) for path in sorted(place.glob("*.wat"))]
    return [attack for attack in found if not attack.needs or find_spec(attack.needs)]


def generated() -> list[Attack]:
    """Return the attacks that are made by code."""
    from . import generate, generate_costly, generate_host  # noqa: PLC0415

    return [*generate.ATTACKS, *generate_costly.ATTACKS, *generate_host.ATTACKS]


def collection(folder: Path | None = None) -> list[Attack]:
    """Return every attack, by group; a folder replaces the files of the package."""
    found = [*files(folder), *generated()] if folder is None else files(folder)
    return sorted(found, key=lambda attack: (GROUPS.index(attack.group), attack.name))
