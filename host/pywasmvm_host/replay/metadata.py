"""A stand-in for Envoy's set_metadata filter: it writes dynamic metadata for the filters behind it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..abi.enums import BodyAction, HeadersAction

if TYPE_CHECKING:
    from ..httpstream import HttpStream

__all__ = ["MetadataFilter"]


class MetadataFilter:
    """See the module docstring; `entries` are envoy.extensions.filters.http.set_metadata.v3.Metadata."""

    def __init__(self, entries: list[dict[str, Any]], stream: HttpStream) -> None:
        self.stream = stream
        self.entries = entries
        self.manager: Any = None

    def on_headers(self, direction: str, headers: Any, end: bool) -> HeadersAction:
        if direction == "request":
            for entry in self.entries:
                self._write(entry)
        return HeadersAction.CONTINUE

    def _write(self, entry: dict[str, Any]) -> None:
        space, overwrite = entry["metadata_namespace"], entry.get("allow_overwrite", False)
        typed = entry.get("typed_value")
        if typed is not None and (overwrite or space not in self.stream.typed_metadata):
            self.stream.typed_metadata[space] = typed
        value, old = entry.get("value"), self.stream.metadata.get(space)
        if value is None or (old is not None and not overwrite):
            return
        self.stream.metadata[space] = merged(old or {}, value)

    def on_data(self, direction: str, data: Any, end: bool) -> BodyAction:
        return BodyAction.CONTINUE

    def on_trailers(self, direction: str, trailers: Any) -> bool:
        return True

    def on_log(self) -> None:
        """It writes no log."""

    def on_destroy(self) -> None:
        """It holds nothing."""


def merged(old: Any, new: Any) -> Any:
    """Return a value updated by another: objects are joined, lists put together, all else replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{k: merged(old[k], v) if k in old else copy.deepcopy(v) for k, v in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    return copy.deepcopy(new)
