"""Heads and trailers of HTTP/2 requests and answers as Envoy's codec reads them, and what it refuses.

Measured on Envoy 1.40 with one message for each rule here. A request that is refused gets no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .headers import Pair
from .http1answer import NO_CONTENT, NOT_MODIFIED
from .routing import valid_name, valid_value

__all__ = ["FIELD", "RULE", "answer_problem", "head_problem", "read_fields", "trailers_problem"]

FIELD = "http2.invalid.header.field"
RULE = "http2.violation.of.messaging.rule"
HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
AUTHORITY = re.compile(rb"[^\x00-\x20/?#@\x7f-\xff]+$")
STATUS = re.compile(rb"[1-9]\d\d$")
PSEUDO = {
    b":method": re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    b":scheme": re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*$"),
    b":authority": AUTHORITY,
    b":path": re.compile(rb"[^\x00-\x20\x7f]+$"),
}


def _plain_fields(pairs: Sequence[Pair]) -> bool:
    """Tell whether the fields that are no pseudo-headers may be sent."""
    return all(
        valid_name(k)
        and k == k.lower()
        and valid_value(v)
        and k not in HOP
        and (k != b"te" or v.lower() == b"trailers")
        and (k != b"content-length" or v.isdigit())
        for k, v in pairs
    )


def head_problem(pairs: Sequence[Pair], end: bool) -> str:
    """Return why a request with these headers is refused, or ""; `end` if nothing follows them."""
    pseudo = [(k, v) for k, v in pairs if k.startswith(b":")]
    plain = [(k, v) for k, v in pairs if not k.startswith(b":")]
    named = dict(pseudo)
    hosts = [v for k, v in plain if k == b"host"]
    lengths = [v for k, v in plain if k == b"content-length"]
    if (
        list(pairs[: len(pseudo)]) != pseudo
        or len(named) != len(pseudo)
        or not all(k in PSEUDO and PSEUDO[k].match(v) for k, v in pseudo)
        or not _plain_fields(plain)
        or len(hosts) > 1
        or not all(AUTHORITY.match(host) for host in hosts)
        or len(lengths) > 1
    ):
        return FIELD
    path, method = named.get(b":path", b""), named.get(b":method")
    ours = path.startswith(b"/") or (path == b"*" and method == b"OPTIONS")
    if method == b"CONNECT" or not ours or (end and lengths and int(lengths[0])):
        return RULE
    return ""


def answer_problem(status: int, pairs: Sequence[Pair], end: bool) -> str:
    """Return why an answer with these headers is refused, or ""; `end` if a body is missing behind them."""
    lengths = [v for k, v in pairs if k == b"content-length"]
    if not STATUS.match(str(status).encode()) or not _plain_fields(pairs) or len(lengths) > 1:
        return FIELD
    missing = lengths and int(lengths[0]) and status != NOT_MODIFIED
    return RULE if missing and (end or status == NO_CONTENT) else ""


def trailers_problem(pairs: Sequence[Pair]) -> str:
    """Return why trailers are refused, or ""."""
    if not _plain_fields(pairs):
        return FIELD
    return RULE if any(k == b"content-length" for k, _ in pairs) else ""


def read_fields(pairs: Sequence[Pair]) -> list[Pair]:
    """Return headers or trailers as they reach the filters: the crumbs of the cookie together, and last."""
    named = any(k == b":authority" for k, _ in pairs)
    kept = [(k, v) for k, v in pairs if k != b"cookie" and not (named and k == b"host")]
    cookie = b"; ".join(v for k, v in pairs if k == b"cookie" and v)
    return [*kept, (b"cookie", cookie)] if cookie else kept
