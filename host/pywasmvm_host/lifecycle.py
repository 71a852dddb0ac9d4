"""A stream context's life as a table: (phase, event) -> phase.

Whatever is not in the table cannot happen; `step` raises InternalError then. The table is also the source
of the
state diagram in the documentation.
"""

from __future__ import annotations

from .errors import HostError

__all__ = ["TABLE", "step"]

_EVENTS = (
    "request headers",
    "request body",
    "request trailers",
    "response headers",
    "response body",
    "response trailers",
)

TABLE: dict[tuple[str, str], str] = {
    ("new", "create"): "open",
    ("open", "create"): "open",
    **{("open", event): "open" for event in _EVENTS},
    # why: a plugin that answers and closes the stream in one callback sees its answer afterwards, and one
    # that closes it in proxy_on_context_create the request
    **{(phase, event): phase for phase in ("logged", "done", "deleted") for event in _EVENTS},
    # why: log twice, since a plugin that answers in proxy_on_done makes Envoy log again
    ("open", "log"): "logged",
    ("logged", "log"): "logged",
    ("open", "done"): "done",
    ("logged", "done"): "done",
    ("open", "tcp"): "open",
    # why: TCP logs after done, HTTP before
    ("done", "log"): "done",
    ("done", "delete"): "deleted",
}


def step(phase: str, event: str) -> str:
    """Return the phase after an event."""
    try:
        return TABLE[phase, event]
    except KeyError as e:
        raise HostError(f"internal: a stream context in phase {phase!r} got the event {event!r}") from e
