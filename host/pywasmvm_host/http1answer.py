"""An HTTP/1 answer as its server writes it, and as the proxy's codec reads it.

The server follows its script, right or wrong: what a length announces need not be what is sent.
Measured on Envoy 1.40 with one answer for each rule here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from .headers import from_text, unsigned
from .routing import valid_name, valid_value

if TYPE_CHECKING:
    from .answers import UpstreamResponse
    from .headers import Pair

__all__ = ["Answer", "End", "read_answer"]

SWITCHING_PROTOCOLS, OK, NO_CONTENT, NOT_MODIFIED = 101, 200, 204, 304


class End(Enum):
    """Where the codec sees the end of an answer."""

    HEADERS = "headers"
    AT_ONCE = "an empty body right behind the headers"
    LAST = "with the last piece"
    AFTER = "one piece later"
    NEVER = "never"
    IGNORED = "it is no final answer"


@dataclass
class Answer:
    """What the codec makes of an answer: its headers, the body in the pieces that arrive, and its end."""

    headers: list[Pair]
    end: End
    pieces: list[bytes] = field(default_factory=list)


def is_informational(status: int) -> bool:
    """Tell whether an answer only announces another one, so that the proxy waits on."""
    return SWITCHING_PROTOCOLS != status and 100 <= status < OK  # noqa: PLR2004


def read_answer(r: UpstreamResponse, body: Sequence[bytes], head: bool) -> Answer | None:
    """Return what the codec reads, or None where it refuses; `head` if the request was a HEAD."""
    headers = [(k.lower(), v.strip(b" \t")) for k, v in from_text(r.headers)]
    silent = r.framing == "none" or head or r.status in (NO_CONTENT, NOT_MODIFIED)
    chunked = (r.framing or ("length" if len(r.body) <= 1 and not r.trailers else "chunked")) == "chunked"
    if not silent and not any(k == b"content-length" for k, _ in headers):
        size = str(sum(map(len, body))).encode()
        headers.append((b"transfer-encoding", b"chunked") if chunked else (b"content-length", size))
    written: list[bytes] = []
    if not silent:
        written = [b"%x\r\n" % len(piece) + piece + b"\r\n" if chunked else piece for piece in body]
        written += [b"0\r\n\r\n"] if chunked else []
    return _read(r.status, headers, written, body, head)


def _read(
    status: int, headers: list[Pair], written: list[bytes], body: Sequence[bytes], head: bool
) -> Answer | None:
    lengths, codings = (
        [v for k, v in headers if k == name] for name in (b"content-length", b"transfer-encoding")
    )
    bodiless = status < OK or status == NO_CONTENT
    if (
        not all(valid_name(k) and valid_value(v) for k, v in headers)
        or len(lengths) > 1
        or any(unsigned(v) is None for v in lengths)
        or (codings and (lengths or codings != [b"chunked"] or bodiless))
        or (bodiless and lengths not in ([], [b"0"]))
    ):
        return None
    if is_informational(status):
        return Answer([], End.IGNORED)
    if bodiless:
        headers = [(k, v) for k, v in headers if k != b"content-length"]
    if status == SWITCHING_PROTOCOLS and not head:
        return Answer(headers, End.AT_ONCE)
    if bodiless or head or status == NOT_MODIFIED or lengths == [b"0"]:
        return Answer(headers, End.HEADERS)
    if codings:
        return Answer(headers, End.AFTER, list(body))
    if not lengths:
        return Answer(headers, End.NEVER, written)
    return _cut(headers, written, int(lengths[0]))


def _cut(headers: list[Pair], written: list[bytes], length: int) -> Answer:
    """Take as body what a length announces of all that is written, whatever it is."""
    pieces = []
    for piece in written:
        pieces.append(piece[:length])
        length -= len(piece)
        if length <= 0:
            return Answer(headers, End.LAST, pieces)
    return Answer(headers, End.NEVER, pieces)
