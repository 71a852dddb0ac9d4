"""Objects of the proxy's own in the filter state: what set_envoy_filter_state makes, and who sees it.

Measured on Envoy 1.40: which names have a factory, what it takes, and what of an object can be read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

__all__ = ["FACTORIES", "StateObjects"]

CONNECTION = 2
SPANS = (0, 1, CONNECTION)  # of the filter chain, of the request, of the connection
PROTOCOLS = "envoy.network.application_protocols"
DESTINATION = "envoy.network.transport_socket.original_dst_address"


def _any(value: bytes) -> bool:
    return True


def _is_ip(value: bytes) -> bool:
    try:
        ipaddress.ip_address(value.decode("latin-1"))
    except ValueError:
        return False
    return True


def _is_address(value: bytes) -> bool:
    host, colon, port = value.rpartition(b":")
    return bool(colon) and port.isdigit() and _is_ip(host.strip(b"[]"))


FACTORIES: dict[str, Callable[[bytes], bool]] = {
    "envoy.hashable_string": _any,
    "envoy.network.application_protocols": _any,
    "envoy.network.ip": _is_ip,
    "envoy.network.network_namespace": _any,
    "envoy.network.upstream_server_name": _any,
    "envoy.network.upstream_subject_alt_names": _any,
    "envoy.ratelimit.hits_addend": bytes.isdigit,
    "envoy.string": _any,
    "envoy.tcp_proxy.cluster": _any,
    "envoy.tcp_proxy.per_connection_idle_timeout_ms": bytes.isdigit,
    "envoy.upstream.dynamic_host": _any,
    DESTINATION: _is_address,
}


class StateObjects:
    """The objects of a stream; those of its connection live there, for its next requests, too."""

    def __init__(self, connection: StateObjects | None = None) -> None:
        self.own: dict[str, tuple[int, bytes]] = {}
        self.below = connection

    def put(self, name: str, value: bytes, span: int) -> None:
        """Keep an object; one that is there with another span stays."""
        span = span if span in SPANS else 0
        known = self._find(name)
        if known is not None and known[0] != span:
            return
        place = self.below if span == CONNECTION and self.below is not None else self
        place.own[name] = (span, value)

    def _find(self, name: str) -> tuple[int, bytes] | None:
        found = self.own.get(name)
        return self.below._find(name) if found is None and self.below is not None else found

    def shown(self, name: str) -> bytes | None:
        """Return an object as a property, or None."""
        found = self._find(name)
        if found is None or name == PROTOCOLS:
            return None
        return bytes(4) if name == DESTINATION else found[1]

    def logged(self) -> dict[str, bytes]:
        """Return the objects as the access log shows them."""
        below = self.below.logged() if self.below is not None else {}
        return {**below, **{name: value for name, (_, value) in self.own.items() if name != PROTOCOLS}}
