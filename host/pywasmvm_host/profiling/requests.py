"""The requests of a profile or a soak: read from JSON lines, JSON or YAML.

Each is an object; docs/profile.md has an example. The keys are those of the table below; what is not among
them is refused, because a misspelt key would measure something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config.checked import nearest
from ..config.text import read_documents, read_file
from ..errors import ConfigError
from ..host import HttpRequest
from ..replay.case import http_request, upstream_response
from ..upstream import UpstreamResponse

__all__ = ["Sample", "read_requests", "samples_of"]

REQUEST = ("method", "path", "headers", "body", "trailers", "http", "timeout_ms", "pace_ms")
REST = ("upstream", "answers", "repeat", "name")
ANSWER = ("status", "headers", "body", "trailers", "delay_ms", "hang", "reset", "reset_mid", "echo")


@dataclass(frozen=True)
class Sample:
    """One request with what it meets: the upstream's answer, and the answers of other clusters by name."""

    request: HttpRequest
    upstream: UpstreamResponse | None = None
    answers: Mapping[str, UpstreamResponse] = field(default_factory=dict)
    name: str = ""


def read_requests(source: str | Path) -> list[Sample]:
    """Read a file of requests. Raise ConfigError naming the file and the place of the mistake."""
    path = Path(source)
    text = read_file(path)
    samples = [s for where, item in _items(text, path) for s in samples_of(item, where)]
    if not samples:
        raise ConfigError(f"{path}: no request in it")
    return samples


def _items(text: str, path: Path) -> Iterable[tuple[str, Any]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    yield f"{path}:{number}", json.loads(line)
                except ValueError as e:
                    raise ConfigError(f"{path}:{number}: {e}") from e
        return
    documents = read_documents(text, str(path))
    items = [i for d in documents for i in (d if isinstance(d, list) else [d])]
    yield from ((f"{path}: request {number}", item) for number, item in enumerate(items, 1))


def samples_of(item: Any, where: str) -> list[Sample]:
    """Read one object of a requests file, which may stand for several. Raise ConfigError naming `where`."""
    _check(item, (*REQUEST, *REST), where)
    repeat = item.get("repeat", 1)
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
        raise ConfigError(f"{where}: repeat: want a number above 0, not {repeat!r}")
    answers = item.get("answers") or {}
    if not isinstance(answers, dict):
        raise ConfigError(f"{where}: answers: want an object of clusters")
    upstream = item.get("upstream")
    try:
        sample = Sample(
            http_request(_plain({k: v for k, v in item.items() if k in REQUEST}, where)),
            _answer(upstream, f"{where}: upstream") if upstream is not None else None,
            {str(name): _answer(a, f"{where}: answers.{name}") for name, a in answers.items()},
            str(item.get("name", "")),
        )
    except (TypeError, ValueError, KeyError) as e:
        raise ConfigError(f"{where}: {e}") from e
    return [sample] * repeat


def _answer(value: Any, where: str) -> UpstreamResponse:
    _check(value, ANSWER, where)
    status = value.get("status", 200)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise ConfigError(f"{where}: status: {status!r} is no HTTP status")
    return upstream_response(_plain(value, where))


def _check(value: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: want an object, not {type(value).__name__}")
    for key in value:
        if key not in known:
            hint = nearest(str(key), list(known)) or f"; there are {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")


def _plain(value: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the object as recorded cases have it: headers as pairs, bodies as lists of pieces."""
    out = dict(value)
    for key in ("headers", "trailers"):
        given = out.get(key)
        if isinstance(given, dict):
            out[key] = [(str(k), str(v)) for k, v in given.items()]
        elif given is not None:
            if not isinstance(given, list) or any(not isinstance(p, list) or len(p) != 2 for p in given):
                raise ConfigError(f"{where}: {key}: want an object, or a list of [name, value]")
            out[key] = [(str(k), str(v)) for k, v in given]
    if "body" in out and not isinstance(out["body"], list):
        out["body"] = [out["body"]]
    return out
