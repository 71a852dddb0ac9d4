"""The simulated proxy around the filters: clusters, routes, access log, connections.

What a real Envoy configuration says in listeners, routes and clusters stands here as plain values; nothing
of it does
input or output.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .connmanager import ManagerOptions
from .routes.model import one_route
from .upstream import Cluster

if TYPE_CHECKING:
    from .httpstream import HttpStream
    from .world import World

__all__ = ["AccessEntry", "Proxy"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass
class AccessEntry:
    """One access log line, with Envoy's fields."""

    code: int
    flags: str
    details: str
    rx: int
    tx: int
    method: str | None
    path: str | None
    route: str | None
    cluster: str | None
    states: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


class Proxy:
    """Everything a stream needs that is not the stream's own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clusters: dict[str, Cluster] = world.clusters
        self.routes = one_route()
        self.options = ManagerOptions()
        self.envoy_headers = False  # whether the router tells upstreams and clients what it knows
        self.buffer_limit = 1 << 20
        self.route_timeout_ms = 15000
        self.access_log: list[AccessEntry] = []
        self.factories: list[Callable[[HttpStream], Any]] = []
        self.tcp_factories: list[Callable[[Any], Any]] = []
        self.loggers: list[Any] = []
        self.attributes: dict[str, Any] = {}
        self.listener_address = "127.0.0.1:61000"
        self.client_addresses: list[str] = []
        self.streams: list[HttpStream] = []
        self._client_port = 63000
        self._connection_id = 0
        self._request_id = 0

    # ---- what streams ask
    def make_filters(self, stream: HttpStream) -> list[Any]:
        """Make the chain of one stream; each factory gives a filter or None."""
        self.streams.append(stream)
        made = [factory(stream) for factory in self.factories]
        return [f for f in made if f is not None]

    def draw(self, below: int) -> int:
        """Return a number from the world's randomness."""
        return int.from_bytes(self.world.random_bytes(8), "little") % below

    def next_client_address(self) -> str:
        self._client_port += 1
        self.client_addresses.append(f"127.0.0.1:{self._client_port}")
        return self.client_addresses[-1]

    def next_connection_id(self) -> int:
        self._connection_id += 1
        return self._connection_id

    def new_request_id(self) -> bytes:
        """Return a version 4 UUID from the world's randomness."""
        h = self.world.random_bytes(16).hex()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}".encode()

    def date(self) -> bytes:
        """Return the time as HTTP writes it."""
        # why: neither strftime, which follows the locale, nor email.utils, which loads sockets and calendars.
        t = time.gmtime(self.world.now_ns // 1_000_000_000)
        day = f"{DAYS[t.tm_wday]}, {t.tm_mday:02} {MONTHS[t.tm_mon - 1]} {t.tm_year:04}"
        return f"{day} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT".encode()

    def log_access(self, s: HttpStream) -> None:
        headers = s.request_headers

        def text(name: bytes) -> str | None:
            value = headers.get(name) if headers is not None else None
            return value.decode("latin-1") if value is not None else None

        self.access_log.append(
            AccessEntry(
                code=s.code or 0,
                flags=",".join(s.flags) or "-",
                details=s.details or "",
                rx=s.rx,
                tx=s.tx,
                method=text(b":method"),
                path=text(b":path"),
                route=s.route.name if s.route is not None else None,
                cluster=s.cluster.name if s.cluster is not None else None,
                states=dict(s.states),
                objects=s.objects.logged(),
                metadata=dict(s.metadata),
            )
        )

    def tell_loggers(self, s: HttpStream) -> None:
        """Tell the access loggers among the plugins of a finished stream."""
        for logger in self.loggers:
            logger.revive()
            if not logger.vm.failed:
                logger.root.log_stream(s)

    def stream_over(self, stream: HttpStream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)
