"""When a request is sent again: what a route and the request's own headers say, and what Envoy decides.

Reference: Envoy's documentation of x-envoy-retry-on and of the RetryPolicy of a route.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ..connpool import NO_CONNECTION
from ..headers import HeaderMap, unsigned
from .matching import Condition, header_condition
from .parts import Part

__all__ = ["RetryPolicy", "RetryState", "Verdict", "read_retry_policy"]

# Words of `retry_on` that look at a response's status, at gRPC's own, or at the reason of a reset.
STATUSES = {"5xx": range(500, 600), "gateway-error": range(502, 505), "retriable-4xx": range(409, 410)}
GRPC = {
    "cancelled": 1,
    "deadline-exceeded": 4,
    "resource-exhausted": 8,
    "internal": 13,
    "unavailable": 14,
}
ANY_RESET = ("5xx", "gateway-error", "reset")
OTHERS = (
    "connect-failure", "envoy-ratelimited", "http3-post-connect-failure", "refused-stream", "reset",
    "reset-before-request", "retriable-headers", "retriable-status-codes",
)  # fmt: skip
WORDS = frozenset((*STATUSES, *OTHERS))
REFUSED = "remote refused stream reset"
BASE_MS = 25.0
FURTHER = 10  # times the base interval: the longest wait


class Verdict(Enum):
    """What is done with a try that did not succeed."""

    NO = 0
    AGAIN = 1
    EXHAUSTED = 2


@dataclass(frozen=True)
class RetryPolicy:
    """A route's retry policy. Times in ms."""

    on: frozenset[str] = frozenset()
    times: int = 1
    per_try_ms: float = 0
    per_try_idle_ms: float = 0
    codes: tuple[int, ...] = ()
    headers: tuple[Condition, ...] = ()
    only_for: tuple[Condition, ...] = ()
    base_ms: float = BASE_MS
    longest_ms: float = BASE_MS * FURTHER


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",")) & (WORDS | GRPC.keys())


def read_retry_policy(part: Part | None) -> RetryPolicy | None:
    """Read a RetryPolicy."""
    if part is None:
        return None
    back_off = part.part("retry_back_off")
    base = longest = None
    if back_off is not None:
        base, longest = back_off.duration("base_interval"), back_off.duration("max_interval")
        back_off.done()
    base = base or BASE_MS
    policy = RetryPolicy(
        on=_words(part.text("retry_on")),
        times=part.number("num_retries", 1),
        per_try_ms=part.duration("per_try_timeout") or 0,
        per_try_idle_ms=part.duration("per_try_idle_timeout") or 0,
        codes=tuple(part.numbers("retriable_status_codes")),
        headers=tuple(header_condition(p) for p in part.parts("retriable_headers")),
        only_for=tuple(header_condition(p) for p in part.parts("retriable_request_headers")),
        base_ms=base,
        longest_ms=longest or base * FURTHER,
    )
    # With one host per cluster it makes no difference how another one is chosen.
    part.done("retry_host_predicate", "retry_priority", "host_selection_retry_max_attempts")
    return policy


@dataclass
class RetryState:
    """What is left of a request's retries."""

    on: frozenset[str]
    left: int
    codes: tuple[int, ...]
    headers: tuple[Condition, ...]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    waits: int = 0

    @classmethod
    def of(cls, request: HeaderMap, policy: RetryPolicy | None) -> RetryState | None:
        """Return what a request with these headers may do on a route with this policy; None if nothing."""
        policy = policy or RetryPolicy()
        on = policy.on | (_words(_text(request, b"x-envoy-retry-on")) & WORDS)
        on |= _words(_text(request, b"x-envoy-retry-grpc-on")) & GRPC.keys()
        if not on or (policy.only_for and not any(holds(request) for holds in policy.only_for)):
            return None
        most = unsigned(request.get(b"x-envoy-max-retries"), 32)
        words = (request.get(b"x-envoy-retriable-status-codes") or b"").split(b",")
        codes = [unsigned(word.strip(), 32) for word in words]
        names = [n.strip() for n in _text(request, b"x-envoy-retriable-header-names").split(",") if n.strip()]
        more = tuple(
            header_condition(Part({"name": name}, "x-envoy-retriable-header-names")) for name in names
        )
        return cls(
            on,
            policy.times if most is None else most,
            policy.codes + tuple(code for code in codes if code is not None),
            policy.headers + more,
            policy,
        )

    def on_headers(self, response: HeaderMap) -> Verdict:
        """Decide after the headers of a response."""
        return self._spend(self._wants(response))

    def on_reset(self, reason: str, *, sent: bool) -> Verdict:
        """Decide after a reset, or a try that took too long; `sent` tells whether the request was begun."""
        wants = any(word in self.on for word in ANY_RESET)
        wants = wants or (REFUSED == reason and "refused-stream" in self.on)
        wants = wants or (NO_CONNECTION == reason and "connect-failure" in self.on)
        return self._spend(wants or (not sent and "reset-before-request" in self.on))

    def wait_ms(self) -> float:
        """Return how long to wait before the next try: the middle of what Envoy draws from."""
        self.waits += 1
        longest = min(self.policy.base_ms * (2.0**self.waits - 1), self.policy.longest_ms)
        return longest / 2

    def _wants(self, response: HeaderMap) -> bool:
        if b"x-envoy-ratelimited" in response:
            return "envoy-ratelimited" in self.on
        status, grpc = _number(response, b":status"), _number(response, b"grpc-status")
        if any(status in codes and word in self.on for word, codes in STATUSES.items()):
            return True
        if "retriable-status-codes" in self.on and status in self.codes:
            return True
        if "retriable-headers" in self.on and any(holds(response) for holds in self.headers):
            return True
        return any(grpc == code and word in self.on for word, code in GRPC.items())

    def _spend(self, wants: bool) -> Verdict:
        if not wants:
            return Verdict.NO
        if not self.left:
            return Verdict.EXHAUSTED
        self.left -= 1
        return Verdict.AGAIN


def _text(headers: HeaderMap, name: bytes) -> str:
    return (headers.get(name) or b"").decode("latin-1")


def _number(headers: HeaderMap, name: bytes) -> int:
    number = unsigned(headers.get(name))
    return -1 if number is None else number
