"""What a run leaves behind: log lines, host lines and one record per guest call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .trapreport import TrapReport

__all__ = ["CallRecord", "HostLine", "LogLine"]


class LogLine(NamedTuple):
    """A line a plugin wrote. `plugin` is Envoy's prefix: name, root_id and vm_id, empty parts left out."""

    level: str
    plugin: str
    message: bytes
    thread: str = "worker"
    phase: str = ""

    @property
    def text(self) -> str:
        return self.message.decode("utf-8", "replace")


class HostLine(NamedTuple):
    """A line of the host about a plugin."""

    level: str
    message: str
    thread: str = "worker"
    phase: str = ""


@dataclass
class CallRecord:
    """One call into a guest.

    fuel          units spent, callees and the allocator included; None when the engine counts none.
    memory_bytes  size of linear memory when the call ended, which is its peak since memory never shrinks.
    host_calls    names of the host calls made, in order.
    result        what it returned; None for no result or a failure.
    copied_bytes  bytes that host calls copied out of the guest's memory or into it.
    nested        it ran inside a host call (the allocator).
    name          name of the plugin it was for; empty for what the VM does for itself.
    failed, trap  what Envoy would log of a failure, and all that is known of it.
    """

    callback: str
    context_id: int
    args: tuple[int, ...]
    plugin: str
    thread: str
    phase: str
    result: int | None = None
    fuel: int | None = None
    memory_bytes: int = 0
    grew_bytes: int = 0
    host_calls: list[str] = field(default_factory=list)
    failed: str = ""
    trap: TrapReport | None = None
    nested: bool = False
    copied_bytes: int = 0
    name: str = ""
