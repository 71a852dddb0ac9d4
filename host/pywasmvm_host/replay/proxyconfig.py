"""What a case says of the proxy around its plugins: route, hcm, listener."""

from __future__ import annotations

from typing import Any

from ..proxy import Proxy
from ..routes import read_routes
from .attributes import NS

__all__ = ["configure_proxy"]


def route_config(case: dict[str, Any]) -> dict[str, Any]:
    """Return the route configuration of a case, as the recordings' tool makes it."""
    given = case.get("route") or {}
    metadata = {"filter_metadata": {NS: {"route_key": "route-value"}}}
    action = {"cluster": "up", **given.get("action", {})}
    one = {"name": "route-1", "match": {"prefix": "/"}, "route": action, "metadata": metadata}
    routes = given.get("routes") or [one]
    return {"name": "rc-1", "virtual_hosts": [{"name": "vh-1", "domains": ["*"], "routes": routes}]}


def configure_proxy(proxy: Proxy, case: dict[str, Any]) -> None:
    """Give a proxy the routes and the options of a case. Raises ConfigError for what this host lacks."""
    manager = dict(case.get("hcm") or {})
    routes = manager.pop("route_config", None)
    proxy.routes = (
        read_routes(route_config(case), proxy.clusters, "route")
        if routes is None
        else read_routes(routes, proxy.clusters, "hcm.route_config")
    )
