"""What Envoy's router does with the headers of a request before it sends them, of clients and of callouts.

Sources: the reference, section 15, and recordings of Envoy 1.40 with every one of these headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .headers import HeaderMap

__all__ = ["TOKEN", "Timeouts", "apply_route", "change_headers", "prepare_request", "request_problem"]

TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
SCHEMES = (b"http", b"https")
TIMEOUT = b"x-envoy-upstream-rq-timeout-ms"
PER_TRY = b"x-envoy-upstream-rq-per-try-timeout-ms"
HEDGE = b"x-envoy-hedge-on-per-try-timeout"
ALTERNATIVE = b"x-envoy-upstream-rq-timeout-alt-response"
EXPECTED = b"x-envoy-expected-rq-timeout-ms"
# Read by the router and taken out, so that the upstream does not see them.
CONTROLS = (
    TIMEOUT,
    PER_TRY,
    HEDGE,
    ALTERNATIVE,
    b"x-envoy-max-retries",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name",
)


@dataclass(frozen=True)
class Timeouts:
    """How long a request may take, in ms, 0 for ever; `code` is what the client gets after that."""

    whole: float
    per_try: float = 0
    code: int = 504


def prepare_request(headers: HeaderMap, timeout_ms: float, *, tell: bool) -> Timeouts:
    """Take the router's own headers out and give the request a scheme; `tell` the upstream the timeout."""
    whole = _number(headers, TIMEOUT, timeout_ms)
    per_try = _number(headers, PER_TRY, 0)
    if per_try >= whole > 0:
        per_try = 0
    expected = whole if headers.get(HEDGE) == b"true" or not per_try else per_try
    code = 204 if ALTERNATIVE in headers else 504
    for name in CONTROLS:
        headers.remove(name)
    if headers.get(b":scheme") not in SCHEMES:
        forwarded = headers.get(b"x-forwarded-proto")
        headers.set(b":scheme", forwarded if forwarded in SCHEMES else b"http")
    if tell and expected:
        headers.set(EXPECTED, b"%d" % expected)
    return Timeouts(whole, per_try, code)


def apply_route(headers: HeaderMap, route: dict[str, Any], *, tell: bool) -> None:
    """Change a request as its route says; `tell` the upstream the path it had."""
    change_headers(headers, route, "request")
    if route.get("host_rewrite"):
        headers.set(b":authority", route["host_rewrite"].encode())
    path = headers.get(b":path")
    matched = route.get("path") or route.get("prefix") or ""
    if route.get("prefix_rewrite") and path is not None and path.startswith(matched.encode()):
        headers.set(b":path", route["prefix_rewrite"].encode() + path[len(matched) :])
        if tell:
            headers.set(b"x-envoy-original-path", path)


def change_headers(headers: HeaderMap, route: dict[str, Any], direction: str) -> None:
    """Add and remove the headers a route names for requests or responses."""
    changes = route.get(f"{direction}_headers", {})
    for name, value in changes.get("add", ()):
        headers.add(name.encode(), value.encode())
    for name in changes.get("remove", ()):
        headers.remove(name.encode())


def _number(headers: HeaderMap, name: bytes, default: float) -> float:
    text = headers.get(name) or b""
    return int(text) if text.isdigit() else default


def request_problem(headers: HeaderMap) -> str:
    """Return what Envoy's codec refuses in a request, in its words."""
    missing = _missing(headers)
    if missing:
        return f"missing required header: {missing}"
    for key, value in headers:
        if not set(key.removeprefix(b":")) <= TOKEN:
            return f"invalid header name: {key.decode('latin-1')}"
        if any(c < 0x20 and c != 0x09 or c == 0x7F for c in value):
            return f"invalid header value for: {key.decode('latin-1')}"
    return ""


def _missing(headers: HeaderMap) -> str:
    if b":method" not in headers:
        return ":method"
    if headers.get(b":method") != b"CONNECT":
        return "" if b":path" in headers else ":path"
    if b":authority" not in headers:
        return ":authority"
    names = (":path", ":protocol")
    there = [name for name in names if name.encode() in headers]
    return next(name for name in names if name not in there) if len(there) == 1 else ""
