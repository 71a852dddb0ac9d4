"""How long a stream may take: its idle time, its whole time, the time of its request.

Only what a configuration asks for has a timer here; Envoy's own default for idle streams is five minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .localreply import LocalReply

if TYPE_CHECKING:
    from .httpstream import HttpStream

__all__ = ["StreamClocks"]

REQUEST_TIMEOUT, GATEWAY_TIMEOUT = 408, 504


class StreamClocks:
    """The timers of one stream."""

    def __init__(self, stream: HttpStream) -> None:
        self.stream = stream
        self.world = stream.world
        options = stream.proxy.options
        self.idle_ms, self.longest_ms = options.idle_ms, options.longest_ms
        self.idle: Any = None
        self.request: Any = None
        self.longest: Any = None
        if options.request_ms:
            self.request = self.world.after(options.request_ms, self._request_too_long)
        self._bound()

    def routed(self) -> None:
        """Take the route's times instead of the proxy's."""
        action = self.stream.route.action if self.stream.route is not None else None
        if action is None:
            return
        if action.idle_ms is not None:
            self.idle_ms = action.idle_ms
            self.touch()
        if action.longest_ms is not None:
            self.longest_ms = action.longest_ms
            self._bound()

    def _bound(self) -> None:
        if self.longest is not None:
            self.longest.cancel()
        if self.longest_ms:
            self.longest = self.world.after(self.longest_ms, self._too_long)

    def touch(self) -> None:
        """Something has happened on the stream."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None
        if self.idle_ms:
            self.idle = self.world.after(self.idle_ms, self._idle_too_long)

    def request_ended(self) -> None:
        if self.request is not None:
            self.request.cancel()

    def stop(self) -> None:
        for timer in (self.idle, self.request, self.longest):
            if timer is not None:
                timer.cancel()

    def _idle_too_long(self) -> None:
        self._answer(b"stream timeout", "stream_idle_timeout", "SI")

    def _request_too_long(self) -> None:
        self._answer(b"request timeout", "request_overall_timeout")

    def _too_long(self) -> None:
        self._answer(b"downstream duration timeout", "max_duration_timeout")

    def _answer(self, text: bytes, details: str, flag: str = "") -> None:
        s = self.stream
        if not s.over:
            code = GATEWAY_TIMEOUT if s.request_complete else REQUEST_TIMEOUT
            s.manager.send_local_reply(LocalReply(code, text, details=details, flag=flag))
