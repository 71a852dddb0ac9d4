"""Snapshots of a started host: configured once, gone on from as often as you like.

    snapshot = host.start().snapshot()
    assert snapshot.restore().request(HttpRequest()).response.status == 200

A copy has guests, contexts, shared data, metrics, queues, clusters, time, randomness and records of its own,
as they stood; engine, modules, profile, limits and plugin descriptions are shared: nothing changes them.
Rule 1: a host is taken at rest. With a stream open, a callout or anything else on its way, or a VM that
        failed, taking is refused in one line: what waits in Python code cannot be copied.
Rule 2: nothing is done that was not asked for. A copy answers as the original would have, its clock and
        random numbers included; so it is not a start: what a plugin did while starting happened once.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

from .context import RootContext
from .errors import HostError

if TYPE_CHECKING:
    from .guest import State
    from .host import Host

__all__ = ["HostSnapshot"]


class HostSnapshot:
    """The state of a host at rest. Made by `Host.snapshot`."""

    def __init__(self, host: Host) -> None:
        """Take it. Raise HostError if the host is not at rest."""
        _check_rest(host)
        vms = host.vms()
        self._shared: list[Any] = [host.engine, host.loader, host.profile, host.limits]
        self._shared += [*host.plugins, *host.services, *(vm.loaded for vm in vms)]
        self._guests: list[State] = [vm.state() for vm in vms]
        self._state = _freeze(host, self._shared)

    @property
    def nbytes(self) -> int:
        """Return how many bytes the snapshot keeps."""
        return len(self._state) + sum(guest.kept for guest in self._guests)

    def restore(self) -> Host:
        """Return another host in the same state."""
        host = _Thawer(io.BytesIO(self._state), self._shared).load()
        for vm, guest in zip(host.vms(), self._guests, strict=True):
            vm.restore(guest)
        made: Host = host
        return made


def _check_rest(host: Host) -> None:
    why = ""
    if not host.started:
        why = "it is not started"
    elif host.proxy.streams:
        why = "streams are open"
    for vm in host.vms():
        if vm.failed:
            why = f"a plugin has failed: {vm.failure.splitlines()[0]}"
        elif not all(isinstance(context, RootContext) for context in vm.contexts.values()):
            why = "streams are open"
    if why:
        raise _refused(why)


def _refused(why: str) -> HostError:
    return HostError(
        f"cannot take a snapshot of this host: {why}",
        advice="Take it after start(), or when its requests are answered and its callouts are over",
    )


def _freeze(host: Host, shared: list[Any]) -> bytes:
    file = io.BytesIO()
    try:
        _Freezer(file, shared).dump(host)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        # why: what waits for an answer is a function within a function, which has no copy.
        raise _refused(f"something is on its way ({error})") from error
    return file.getvalue()


class _Freezer(pickle.Pickler):
    """Writes a host, and of what is shared only its place among `shared`."""

    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._places = {id(thing): place for place, thing in enumerate(shared)}

    def persistent_id(self, thing: Any) -> int | None:
        """Return the place of a shared thing, None for what is to be copied."""
        return self._places.get(id(thing))


class _Thawer(pickle.Unpickler):
    """Reads what the other wrote; the bytes never leave the process."""

    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, place: Any) -> Any:
        """Return the shared thing at a place."""
        return self._shared[place]
