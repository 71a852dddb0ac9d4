"""The connections from one thread of the proxy to one cluster.

Follows Envoy's connection pools: a request takes a connection that is ready, or waits in line; whoever
waits longest gets the next one, be it new or given back. A connection that fails takes all who wait with it.
Over HTTP/2 one connection serves all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .upstream import Cluster

__all__ = ["NO_CONNECTION", "Connection", "ConnectionPool"]

# Why a request is lost whose connection could not be made.
NO_CONNECTION = "remote connection failure"


class Connection:
    """A connection to a server. `left` is what was sent after a request's end: the next begins with it."""

    def __init__(self) -> None:
        self.left = b""


class Waiter(Protocol):
    """A request that wants a connection."""

    def on_connection(self, connection: Connection) -> None: ...
    def on_refusal(self) -> None: ...


class ConnectionPool:
    """See the module docstring."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.ready: list[Connection] = []
        self.connecting = 0
        self.reading = False  # while what the servers sent is being dealt with
        self.waiting: list[Waiter] = []

    def ask(self, waiter: Waiter) -> None:
        """Give the request a connection: at once if one is ready."""
        if self.ready:
            self._give(waiter)
            return
        self.waiting.append(waiter)
        enough = 1 if self.cluster.http2 else len(self.waiting)
        if self.connecting < enough:
            self.connecting += 1
            self.cluster.world.after(self.cluster.connect_ms, self._connected)

    def forget(self, waiter: Waiter) -> None:
        """Drop a request that may still wait; its connection is for the next."""
        if waiter in self.waiting:
            self.waiting.remove(waiter)

    def put_back(self, connection: Connection) -> None:
        """Take a connection back from a request that is over."""
        if not self.cluster.http2:
            self.ready.append(connection)
            self.cluster.world.soon(self._serve)

    def lose(self) -> None:
        """Note that the server has closed the connection; over HTTP/2 it is the one for all."""
        if self.cluster.http2:
            self.ready.clear()

    def _connected(self) -> None:
        self.connecting -= 1
        if self.cluster.dead:
            refused, self.waiting = self.waiting, []
            for waiter in refused:
                waiter.on_refusal()
            return
        self.ready.append(Connection())
        self._serve()

    def _serve(self) -> None:
        while self.ready and self.waiting:
            self._give(self.waiting.pop(0))

    def _give(self, waiter: Waiter) -> None:
        # the one used last, as Envoy does
        waiter.on_connection(self.ready[-1] if self.cluster.http2 else self.ready.pop())
