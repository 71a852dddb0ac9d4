"""What the script of an upstream server says, and what the server received."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["DEFAULT_RESPONSE", "Received", "Script", "UpstreamResponse"]


@dataclass
class UpstreamResponse:
    """One answer. Times are milliseconds of virtual time; `body` is one piece per chunk.

    refused  there is no server: the connection fails. reset: it is lost before, reset_mid: during the answer.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: Sequence[bytes] = ()
    trailers: Sequence[tuple[str, str]] = ()
    framing: str = ""
    delay_ms: float = 0
    pace_ms: float = 25
    hang: bool = False
    refused: bool = False
    reset: bool = False
    reset_mid: bool = False
    reset_code: int = 2  # with which an HTTP/2 server resets the stream
    early: bool = False
    echo: bool = False
    stalls: bool = False  # after its body comes nothing more, not even the end


DEFAULT_RESPONSE = UpstreamResponse(
    200, [("content-type", "text/plain"), ("x-upstream", "up")], [b"hello from upstream"]
)


@dataclass
class Received:
    """A request as the upstream saw it."""

    method: str = ""
    path: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    incomplete: bool = False
    complete: bool = False
    reset_by_peer: int | None = None
    head_sent: bool = False


# A response, or a function that makes one of what was received.
Script = UpstreamResponse | Callable[[Received], UpstreamResponse]
