"""The attributes of the proxy in recorded cases: node, listener, route and cluster names and metadata."""

from __future__ import annotations

from typing import Any

__all__ = ["NS", "stream_attributes"]

NS = "test.ns"


def stream_attributes(case: dict[str, Any]) -> dict[str, Any]:
    """Return what properties show of the proxy's own configuration."""
    direction = {"INBOUND": 1, "OUTBOUND": 2}.get(case.get("traffic_direction", "INBOUND"), 0)
    return {
        "node": {
            "id": "node-1",
            "cluster": "node-cluster-1",
            "locality": {"region": "r1", "zone": "z1"},
            "metadata": {"md_key": "md_value", "nested": {"a": 1, "b": [True, "x"]}},
        },
        "listener_metadata": {"filter_metadata": {NS: {"listener_key": "listener-value"}}},
        "route_metadata": {"filter_metadata": {NS: {"route_key": "route-value"}}},
        "cluster_metadata": {"filter_metadata": {NS: {"cluster_key": "cluster-value", "num": 7}}},
        "host_metadata": {"filter_metadata": {NS: {"endpoint": "ep-1"}}},
        "upstream_locality": {"region": "region-u", "zone": "zone-u"},
        "listener_direction": direction,
        "virtual_host": "vh-1",
        "route_config": "rc-1",
        "filter_chain": "fc-1",
    }
