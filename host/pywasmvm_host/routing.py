"""What Envoy's router does with the headers of a request before it sends them, of clients and of callouts.

Sources: the reference, section 15, and recordings of Envoy 1.40 with every one of these headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .headers import HeaderMap, unsigned
from .routes.retries import RetryPolicy, RetryState

__all__ = [
    "EXPECTED",
    "Timeouts",
    "finish_request",
    "read_timeouts",
    "request_problem",
    "valid_name",
    "valid_value",
]

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-zA-Z-]+")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
SCHEMES = (b"http", b"https")
TIMEOUT = b"x-envoy-upstream-rq-timeout-ms"
PER_TRY = b"x-envoy-upstream-rq-per-try-timeout-ms"
HEDGE = b"x-envoy-hedge-on-per-try-timeout"
ALTERNATIVE = b"x-envoy-upstream-rq-timeout-alt-response"
EXPECTED = b"x-envoy-expected-rq-timeout-ms"
# Taken out, so that the upstream does not see them: before the route makes its changes, and after that.
TIMES = frozenset({TIMEOUT, PER_TRY, ALTERNATIVE, b"x-envoy-upstream-alt-stat-name"})
RETRIES = frozenset(
    {
        HEDGE,
        b"x-envoy-max-retries",
        b"x-envoy-retriable-header-names",
        b"x-envoy-retriable-status-codes",
        b"x-envoy-retry-grpc-on",
        b"x-envoy-retry-on",
    }
)


@dataclass(frozen=True)
class Timeouts:
    """How long a request may take, in ms, 0 for ever; `code` is what the client gets after that.

    `told` is whether the upstream learns it, `expected` what it learns.
    """

    whole: float
    per_try: float = 0
    code: int = 504
    per_try_idle: float = 0
    expected: float = 0
    told: bool = False

    def tell(self, headers: HeaderMap, elapsed_ms: float) -> None:
        """Tell the upstream how long it has, when so much of the time is over."""
        if not self.told or not self.expected:
            return
        left = max(self.whole - elapsed_ms, 1) if self.whole else self.expected
        headers.set(EXPECTED, b"%d" % min(self.expected, left))


def read_timeouts(
    headers: HeaderMap, timeout_ms: float, policy: RetryPolicy | None = None, *, tell: bool
) -> Timeouts:
    """Read how long a request may take from its own headers and its route; `tell` the upstream."""
    whole = _number(headers, TIMEOUT, timeout_ms)
    per_try = _number(headers, PER_TRY, policy.per_try_ms if policy is not None else 0)
    if per_try >= whole > 0:
        per_try = 0
    timeouts = Timeouts(
        whole,
        per_try,
        204 if ALTERNATIVE in headers else 504,
        policy.per_try_idle_ms if policy is not None else 0,
        whole if headers.get(HEDGE) == b"true" or not per_try else per_try,
        tell,
    )
    headers.remove_all(TIMES)
    timeouts.tell(headers, 0)
    return timeouts


def finish_request(headers: HeaderMap, policy: RetryPolicy | None = None) -> RetryState | None:
    """Give a request a scheme, and take out what it says of retries; return what it may do."""
    if headers.get(b":scheme") not in SCHEMES:
        forwarded = headers.get(b"x-forwarded-proto")
        headers.set(b":scheme", forwarded if forwarded in SCHEMES else b"http")
    state = RetryState.of(headers, policy)
    headers.remove_all(RETRIES)
    return state


def _number(headers: HeaderMap, name: bytes, default: float) -> float:
    number = unsigned(headers.get(name))
    return default if number is None else number


def valid_name(name: bytes) -> bool:
    """Tell whether a header may be named so."""
    return TOKEN.fullmatch(name) is not None


def valid_value(value: bytes) -> bool:
    """Tell whether a header may have this value: no control characters but the tabulator."""
    return CONTROL.search(value) is None


def request_problem(headers: HeaderMap) -> str:
    """Return what Envoy's codec refuses in a request, in its words."""
    missing = _missing(headers)
    if missing:
        return f"missing required header: {missing}"
    for key, value in headers:
        if not valid_name(key.removeprefix(b":")):
            return f"invalid header name: {key.decode('latin-1')}"
        if not valid_value(value):
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
