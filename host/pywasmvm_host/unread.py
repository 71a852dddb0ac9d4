"""What arrives on a connection that is not read for a while: it is read together when reading goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .headers import HeaderMap
    from .world import World

__all__ = ["Unread"]


class Reader(Protocol):
    """Who reads."""

    def data(self, data: bytes, end: bool) -> None: ...
    def trailers(self, trailers: HeaderMap) -> None: ...


class Unread:
    """A part of a message that waits. `waits` says whether what comes now has to be kept here."""

    def __init__(self, world: World, reader: Reader) -> None:
        self.world = world
        self.reader = reader
        self.waits = self.stopped = False
        self.body = b""
        self.end = False
        self.trailing: HeaderMap | None = None

    def wait(self, stop: bool) -> None:
        """Stop reading, or go on when what happens now is over."""
        self.stopped = stop
        if stop:
            self.waits = True
        else:
            self.world.soon(self._read)

    def keep(self, data: bytes, end: bool) -> None:
        self.body += data
        self.end = self.end or end

    def keep_trailers(self, trailers: HeaderMap) -> None:
        self.trailing = trailers

    def _read(self) -> None:
        if self.stopped:
            return
        self.waits = False
        body, self.body = self.body, b""
        if body:
            self.reader.data(body, False)
        if self.stopped:
            return
        trailing, end = self.trailing, self.end
        self.trailing, self.end = None, False
        if trailing is not None:
            self.reader.trailers(trailing)
        elif end:
            self.reader.data(b"", True)
