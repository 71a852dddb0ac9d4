"""Virtual hosts and their routes, and how one of them is found for a request.

Follows Envoy 1.40: a virtual host by the most specific of its domains, then the first of its routes whose
conditions the request meets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..headers import HeaderMap
from .changes import HeaderChanges
from .matching import Condition, PathRule
from .parts import Regex
from .retries import RetryPolicy

__all__ = [
    "Action",
    "Direct",
    "Found",
    "Redirect",
    "Route",
    "RouteTable",
    "Substitution",
    "VirtualHost",
    "Weighted",
    "one_route",
]

REFERENCE = re.compile(r"\\([\d\\])")


@dataclass(frozen=True)
class Substitution:
    """A regular expression, None for one that matches nowhere, and what stands in the place of each match.

    In `by` a backslash and a digit mean a group, two backslashes one.
    """

    pattern: Regex | None
    by: str

    def __call__(self, text: str) -> str:
        if self.pattern is None:
            return text
        return str(self.pattern.sub(lambda found: REFERENCE.sub(partial(_refer, found), self.by), text))


def _refer(found: Any, reference: re.Match[str]) -> str:
    named = reference[1]
    return named if named == "\\" else found[int(named)] or ""


@dataclass(frozen=True)
class Weighted:
    """One of the clusters a route chooses from."""

    name: str
    weight: int
    host: str = ""
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()


@dataclass(frozen=True)
class Rewrite:
    """How a path is rewritten."""

    prefix: str = ""
    regex: Substitution | None = None


@dataclass(frozen=True)
class Action:
    """What a route does that sends a request on. Times are in ms; None is the proxy's own."""

    cluster: str = ""
    cluster_header: str = ""
    weighted: tuple[Weighted, ...] = ()
    rewrite: Rewrite = Rewrite()
    host: str = ""
    host_header: str = ""
    host_regex: Substitution | None = None
    tell_old_host: bool = False
    timeout_ms: float | None = None
    idle_ms: float | None = None
    longest_ms: float | None = None
    retry: RetryPolicy | None = None
    missing_code: int = 503


@dataclass(frozen=True)
class Redirect:
    """Where a route sends the client."""

    code: int = 301
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    rewrite: Rewrite = Rewrite()
    strip_query: bool = False


@dataclass(frozen=True)
class Direct:
    """What a route answers itself."""

    status: int
    body: bytes = b""


@dataclass(frozen=True)
class Route:
    """One route: a rule for paths, more conditions, and what is done."""

    name: str
    path: PathRule
    does: Action | Redirect | Direct
    conditions: tuple[Condition, ...] = ()
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()
    metadata: dict[str, Any] | None = None
    filters: dict[str, bool] = field(default_factory=dict)  # whether a filter of that name is off

    def matches(self, headers: HeaderMap) -> bool:
        return self.path.matches(headers) and all(holds(headers) for holds in self.conditions)


@dataclass(frozen=True)
class VirtualHost:
    """The routes of some domains."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()
    metadata: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, bool] = field(default_factory=dict)
    retry: RetryPolicy | None = None
    tls_only: bool = False
    count_to_upstream: bool = False
    count_to_client: bool = False


TLS_REDIRECT = Route("", PathRule("prefix", "/"), Redirect(scheme="https"))


@dataclass(frozen=True)
class Found:
    """Where the search for a request's route ended; `weighted` is what was chosen of several clusters."""

    table: RouteTable
    host: VirtualHost
    route: Route
    cluster: str | None = None
    weighted: Weighted | None = None

    @property
    def name(self) -> str:
        return self.route.name

    @property
    def action(self) -> Action:
        """What is done; for a route that sends nothing on, an action without effect."""
        does = self.route.does
        return does if isinstance(does, Action) else NO_ACTION

    @property
    def forwards(self) -> bool:
        """Whether the route sends requests on, and does not answer them itself."""
        return isinstance(self.route.does, Action)

    @property
    def retry(self) -> RetryPolicy | None:
        return self.action.retry or self.host.retry

    def disables(self, filter_name: str) -> bool:
        off = self.route.filters.get(filter_name, self.host.filters.get(filter_name))
        return bool(off)

    def changes(self, direction: str) -> list[HeaderChanges]:
        """Return the changes of headers in the order in which they are made."""
        levels = [x for x in (self.weighted, self.route, self.host, self.table) if x is not None]
        if self.table.specific_wins:
            levels.reverse()
        return [getattr(level, direction) for level in levels]


NO_ACTION = Action()


@dataclass
class RouteTable:
    """A route configuration."""

    name: str = ""
    hosts: Sequence[VirtualHost] = ()
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()
    specific_wins: bool = False
    ignore_port: bool = False

    def find_host(self, headers: HeaderMap) -> VirtualHost | None:
        """Return the virtual host of a request: by its name, then by the longest ending, then beginning."""
        name = (headers.get(b":authority") or b"").decode("latin-1").lower()
        if self.ignore_port:
            name = re.sub(r":\d*$", "", name)
        best: tuple[int, int] | None = None
        found = None
        for host in self.hosts:
            for domain in host.domains:
                rank = _rank(domain, name)
                if rank is not None and (best is None or rank > best):
                    best, found = rank, host
        return found

    def find(
        self, headers: HeaderMap | None, draw: Callable[[int], int]
    ) -> tuple[VirtualHost | None, Found | None]:
        """Return the virtual host and the route of a request; `draw(n)` picks a number below n."""
        host = self.find_host(headers) if headers is not None else None
        # why: Envoy's search gives up without x-forwarded-proto, which set_header_map_pairs easily removes
        proto = headers.get(b"x-forwarded-proto") if headers is not None else None
        if headers is None or host is None or not proto:
            return host, None
        if host.tls_only and proto != b"https":
            return host, Found(self, host, TLS_REDIRECT)
        route = next((r for r in host.routes if r.matches(headers)), None)
        return host, None if route is None else self._resolve(host, route, headers, draw)

    def _resolve(
        self, host: VirtualHost, route: Route, headers: HeaderMap, draw: Callable[[int], int]
    ) -> Found:
        action = route.does
        if not isinstance(action, Action):
            return Found(self, host, route)
        if action.weighted:
            at = draw(sum(w.weight for w in action.weighted))
            for chosen in action.weighted:
                if at < chosen.weight:
                    break
                at -= chosen.weight
            return Found(self, host, route, chosen.name, chosen)
        if action.cluster_header:
            value = headers.get(action.cluster_header.encode("latin-1"))
            return Found(self, host, route, (value or b"").decode("latin-1"))
        return Found(self, host, route, action.cluster)


def _rank(domain: str, name: str) -> tuple[int, int] | None:
    """Return how specific a domain is that means a host, None if it does not."""
    if domain == "*":
        return (0, 0)
    if domain == name:
        return (3, 0)
    if domain.startswith("*") and len(name) >= len(domain) and name.endswith(domain[1:]):
        return (2, len(domain))
    if domain.endswith("*") and len(name) >= len(domain) and name.startswith(domain[:-1]):
        return (1, len(domain))
    return None


def one_route(
    cluster: str = "up", *, name: str = "route-1", host: str = "vh-1", path: str = "/"
) -> RouteTable:
    """Return a table in which every request meets one route."""
    route = Route(name, PathRule("prefix", path), Action(cluster))
    return RouteTable("rc-1", [VirtualHost(host, ("*",), (route,))])
