"""Header maps as Envoy keeps them: an ordered list of lower-case names and values.

Rule 1: pseudo-headers always stand before the others.
Rule 2: "inline" names occur once; a second value is joined to the first with a comma, as soon as it is added.
Rule 3: which names are inline depends on the kind of map (INLINE); the sets were measured on Envoy 1.40.
Rule 4: `host` means `:authority` in a request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

__all__ = ["INLINE", "HeaderMap", "Pair", "from_text", "to_text", "unsigned"]

MOST_DIGITS = 4300
_REQUEST = """
:authority :method :path :protocol :scheme accept accept-encoding access-control-request-headers access-
control-request-method access-control-request-private-network authorization cache-control cdn-loop
connection content-encoding content-length content-type expect grpc-accept-encoding grpc-timeout if-match
if-modified-since if-none-match if-range if-unmodified-since keep-alive origin pragma proxy-connection
proxy-status referer te transfer-encoding upgrade user-agent via x-client-trace-id x-envoy-attempt-count
x-envoy-decorator-operation x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-
expected-rq-timeout-ms x-envoy-external-address x-envoy-force-trace x-envoy-hedge-on-per-try-timeout
x-envoy-internal x-envoy-ip-tags x-envoy-is-timeout-retry x-envoy-max-retries x-envoy-original-host x-envoy-
original-path x-envoy-original-url x-envoy-retriable-header-names x-envoy-retriable-status-codes x-envoy-
retry-grpc-on x-envoy-retry-on x-envoy-upstream-alt-stat-name x-envoy-upstream-rq-per-try-timeout-ms
x-envoy-upstream-rq-timeout-alt-response x-envoy-upstream-rq-timeout-ms x-envoy-upstream-stream-duration-ms
x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id
"""
_RESPONSE = """
:status access-control-allow-credentials access-control-allow-headers access-control-allow-methods access-
control-allow-origin access-control-allow-private-network access-control-expose-headers access-control-max-
age age cache-control connection content-encoding content-length content-type date etag expires grpc-message
grpc-status keep-alive last-modified location proxy-connection proxy-status server transfer-encoding upgrade
vary via x-envoy-attempt-count x-envoy-decorator-operation x-envoy-degraded x-envoy-immediate-health-check-
fail x-envoy-ratelimited x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster x-envoy-upstream-
service-time x-request-id
"""

INLINE: dict[str, frozenset[bytes]] = {
    "request": frozenset(name.encode() for name in _REQUEST.split()),
    "response": frozenset(name.encode() for name in _RESPONSE.split()),
    "request trailers": frozenset(),
    "response trailers": frozenset({b"grpc-message", b"grpc-status"}),
}

Pair = tuple[bytes, bytes]


class HeaderMap:
    """An ordered multimap of headers; names are stored in lower case."""

    def __init__(self, kind: str, pairs: Iterable[Pair] = ()) -> None:
        self.kind = kind
        self.inline = INLINE[kind]
        self.items: list[list[bytes]] = []
        for key, value in pairs:
            self.add(key, value)

    def _name(self, key: bytes) -> bytes:
        key = key.lower()
        return b":authority" if key == b"host" and self.kind == "request" else key

    def add(self, key: bytes, value: bytes) -> None:
        """Append an entry, or join it to an inline one."""
        key = self._name(key)
        if key in self.inline:
            for item in self.items:
                if item[0] == key:
                    # Envoy joins only when both sides have something to join.
                    item[1] = b",".join(part for part in (item[1], value) if part)
                    return
        self._insert(key, value)

    def _insert(self, key: bytes, value: bytes) -> None:
        if not key.startswith(b":"):
            self.items.append([key, value])
            return
        at = 0
        while at < len(self.items) and self.items[at][0].startswith(b":"):
            at += 1
        self.items.insert(at, [key, value])

    def replace(self, key: bytes, value: bytes) -> None:
        """Remove every entry of the name and append one."""
        self.remove(key)
        self._insert(self._name(key), value)

    def set(self, key: bytes, value: bytes) -> None:
        """Change an inline entry where it stands, or append it."""
        key = self._name(key)
        for item in self.items:
            if item[0] == key:
                item[1] = value
                return
        self._insert(key, value)

    def remove(self, key: bytes) -> None:
        key = self._name(key)
        self.items = [item for item in self.items if item[0] != key]

    def remove_all(self, names: Collection[bytes]) -> None:
        """Remove every entry of the names, which are as they are stored."""
        self.items = [item for item in self.items if item[0] not in names]

    def get(self, key: bytes) -> bytes | None:
        """Return the first value of a name."""
        for name, value in self.items:
            if name == key:
                return value
        stored = self._name(key)
        # fast: nearly all who ask give the name as it is stored
        return self.get(stored) if stored != key else None

    def all(self, key: bytes) -> list[bytes]:
        """Return all values of a name."""
        key = self._name(key)
        return [item[1] for item in self.items if item[0] == key]

    def joined(self, key: bytes) -> bytes | None:
        """Return all values of a name joined with commas, as attributes show them."""
        values = self.all(key)
        return b",".join(values) if values else None

    def clear(self) -> None:
        self.items = []

    def pairs(self) -> list[Pair]:
        return [(item[0], item[1]) for item in self.items]

    def byte_size(self) -> int:
        """Return the sum of the lengths of names and values."""
        return sum(len(k) + len(v) for k, v in self.items)

    def copy(self) -> HeaderMap:
        new = HeaderMap(self.kind)
        new.items = [list(item) for item in self.items]
        return new

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs())

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def __repr__(self) -> str:
        return f"HeaderMap({self.kind!r}, {self.pairs()!r})"


def unsigned(text: bytes | None, bits: int = 64) -> int | None:
    """Return the number a value is; None for no text, anything but digits, or a number of more bits.

    why: Python raises an error for 4,301 digits, and a guest may write as many.
    """
    if not text or not text.isdigit() or len(text) > MOST_DIGITS:
        return None
    number = int(text)
    return number if number < 1 << bits else None


def to_text(pairs: Iterable[Pair]) -> list[tuple[str, str]]:
    """Show header bytes as text, one character per byte."""
    return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in pairs]


def from_text(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> list[Pair]:
    """Take headers given as text or bytes."""
    return [
        (
            k if isinstance(k, bytes) else k.encode("latin-1", "replace"),
            v
            if isinstance(v, bytes)
            else v.encode("latin-1")
            if v.isascii() or max(v) < "\u0100"
            else v.encode(),
        )
        for k, v in pairs
    ]
