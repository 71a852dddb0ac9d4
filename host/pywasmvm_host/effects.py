"""The host without a proxy around it: events in, effects out.

    stream = EventStream(host)
    effects = stream.request_headers([(":method", "GET"), (":path", "/"), ...], end=True)

Every method feeds one event and returns what the embedder has to do next, in order. Nothing waits: a filter
that pauses
simply yields no effects until something (a timer, the answer of a callout) lets it go on; `poll` collects
those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .abi.enums import BodyAction, HeadersAction
from .chain import FilterManager
from .headers import HeaderMap, from_text, to_text, unsigned
from .host import Host
from .httpstream import HttpStream

__all__ = ["Effect", "EndStream", "EventStream", "ResetStream", "SendBody", "SendHeaders", "SendTrailers"]

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Effect:
    """Something the embedder has to do. `to` is "upstream" or "client"."""

    to: str


@dataclass(frozen=True)
class SendHeaders(Effect):
    """Send headers; `end` means the message has nothing more."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    end: bool = False


@dataclass(frozen=True)
class SendBody(Effect):
    """Send a piece of body."""

    data: bytes = b""
    end: bool = False


@dataclass(frozen=True)
class SendTrailers(Effect):
    """Send trailers; the message ends with them."""

    trailers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ResetStream(Effect):
    """Cut the stream off towards the client."""

    details: str = ""


@dataclass(frozen=True)
class EndStream(Effect):
    """The stream is over; its log callbacks have run."""


class _Upstream:
    """The last filter: turns what reaches it into effects."""

    def __init__(self, effects: list[Effect]) -> None:
        self.effects = effects
        self.manager: FilterManager | None = None

    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        self.effects.append(SendHeaders("upstream", to_text(headers), end))
        return HeadersAction.STOP_ITERATION

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        self.effects.append(SendBody("upstream", bytes(data), end))
        data.clear()
        return BodyAction.STOP_NO_BUFFER

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        self.effects.append(SendTrailers("upstream", to_text(trailers)))
        return False

    def on_local_reply(self) -> None:
        """The embedder sees the reply among the effects."""

    def on_destroy(self) -> None:
        """Nothing is held."""


class _Writer:
    """Turns what the client is sent into effects."""

    def __init__(self, effects: list[Effect]) -> None:
        self.effects = effects

    def headers(self, headers: HeaderMap, end: bool) -> None:
        self.effects.append(SendHeaders("client", to_text(headers), end))

    def data(self, data: bytes, end: bool) -> None:
        self.effects.append(SendBody("client", data, end))

    def trailers(self, trailers: HeaderMap) -> None:
        self.effects.append(SendTrailers("client", to_text(trailers)))

    def close(self) -> None:
        """The reset effect says it."""

    def drop_queued(self) -> None:
        """Nothing is queued here."""


class EventStream(HttpStream):
    """One HTTP stream driven by its embedder. Headers are used as given, pseudo-headers included."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.start().proxy, http2=True)
        self.effects: list[Effect] = []
        self.router: Any = _Upstream(self.effects)

    def request_headers_in(self, headers: Headers, end: bool) -> list[Effect]:
        """Feed the client's headers."""
        self.request_headers = HeaderMap("request", from_text(headers))
        self.original_headers = self.request_headers.copy()
        self.writer = _Writer(self.effects)
        self.find_route()
        self._make_filters()
        self.request_complete = end
        self.manager.request_headers(self.request_headers, end)
        return self.poll()

    def request_body_in(self, data: bytes, end: bool) -> list[Effect]:
        """Feed a piece of the client's body."""
        self.data(data, end)
        return self.poll()

    def request_trailers_in(self, trailers: Headers) -> list[Effect]:
        """Feed the client's trailers."""
        self.trailers(HeaderMap("request trailers", from_text(trailers)))
        return self.poll()

    def response_headers_in(self, headers: Headers, end: bool) -> list[Effect]:
        """Feed the upstream's headers."""
        shown = HeaderMap("response", from_text(headers))
        self.code = unsigned(shown.get(b":status")) or 0
        self.details = "via_upstream"
        self.manager.response_headers(shown, end)
        return self.poll()

    def response_body_in(self, data: bytes, end: bool) -> list[Effect]:
        """Feed a piece of the upstream's body."""
        self.manager.response_data(data, end)
        return self.poll()

    def response_trailers_in(self, trailers: Headers) -> list[Effect]:
        """Feed the upstream's trailers."""
        self.manager.response_trailers(HeaderMap("response trailers", from_text(trailers)))
        return self.poll()

    def poll(self) -> list[Effect]:
        """Return what is to be done now, and forget it."""
        self.world.end_event()
        out, self.effects[:] = list(self.effects), []
        return out

    def wait(self, direction: str, stop: bool) -> None:
        """Whoever feeds the events has no means to wait."""

    def reset(self, details: str) -> None:
        """Note the end towards the client."""
        self.effects.append(ResetStream("client", details))
        super().reset(details)

    def finish(self) -> None:
        """Log and take the filters down; the embedder is told once."""
        was_over = self.over
        super().finish()
        if not was_over:
            self.effects.append(EndStream("client"))
