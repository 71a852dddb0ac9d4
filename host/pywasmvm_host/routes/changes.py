"""Headers that routes, virtual hosts and the like add to requests or responses, and remove from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..formats import Format, read_format
from ..headers import HeaderMap
from .parts import Part, refuse

__all__ = ["HeaderChanges", "added_header", "read_changes"]

ACTIONS = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")


@dataclass(frozen=True)
class Added:
    """A header to add."""

    name: bytes
    value: Format
    action: str
    keep_empty: bool


@dataclass(frozen=True)
class HeaderChanges:
    """Removed first, then overwritten, then added; all values are made before anything is overwritten."""

    added: tuple[Added, ...] = ()
    removed: tuple[bytes, ...] = ()

    def apply(self, headers: HeaderMap, stream: Any, request: HeaderMap | None) -> None:
        """Change request headers, or response headers of a request."""
        for name in self.removed:
            headers.remove(name)
        response = None if headers is request else headers
        overwrite: list[tuple[bytes, bytes]] = []
        append: list[tuple[bytes, bytes]] = []
        for a in self.added:
            value = a.value(stream, request, response).encode("latin-1", "replace")
            if not value and not a.keep_empty:
                continue
            there = a.name in headers
            if a.action.startswith("OVERWRITE"):
                if there or a.action == "OVERWRITE_IF_EXISTS_OR_ADD":
                    overwrite.append((a.name, value))
            elif not there or a.action == "APPEND_IF_EXISTS_OR_ADD":
                append.append((a.name, value))
        for name, value in overwrite:
            headers.replace(name, value)
        for name, value in append:
            headers.add(name, value)


def added_header(part: Part) -> Added:
    """Read a HeaderValueOption."""
    header = part.part("header")
    if header is None:
        raise refuse(part.path, "header is missing")
    name = header.text("key").lower()
    if name.startswith(":") or name == "host":
        reason = ":-prefixed or host headers may not be modified"
        raise refuse(header.at("key"), reason, reason=reason)
    value = header.text("value")
    header.done()
    action = part.choice("append_action", {a: a for a in ACTIONS}, ACTIONS[0])
    if not part.flag("append", True):
        action = "OVERWRITE_IF_EXISTS_OR_ADD"
    keep_empty = part.flag("keep_empty_value")
    part.done()
    return Added(name.encode("latin-1"), read_format(value, header.at("value")), action, keep_empty)


def read_changes(part: Part, direction: str) -> HeaderChanges:
    """Read `request_headers_to_add` and its like."""
    added = tuple(added_header(p) for p in part.parts(f"{direction}_headers_to_add"))
    field = f"{direction}_headers_to_remove"
    removed = tuple(name.lower().encode("latin-1") for name in part.texts(field))
    for name in removed:
        if name.startswith(b":") or (name == b"host" and direction == "request"):
            reason = ":-prefixed or host headers may not be removed"
            raise refuse(part.at(field), reason, reason=reason)
    return HeaderChanges(added, removed)
