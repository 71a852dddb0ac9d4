"""The filter chain with filters made of tables: what each returned, who then saw what."""

from __future__ import annotations

from typing import Any

import pytest
from pywasmvm_host.abi.enums import BodyAction, HeadersAction
from pywasmvm_host.chain import FilterManager
from pywasmvm_host.headers import HeaderMap
from pywasmvm_host.localreply import LocalReply

C, STOP, ALL = HeadersAction.CONTINUE, HeadersAction.STOP_ITERATION, HeadersAction.STOP_ALL_WATERMARK
GO, HOLD, WATER, DROP = (
    BodyAction.CONTINUE,
    BodyAction.STOP_BUFFER,
    BodyAction.STOP_WATERMARK,
    BodyAction.STOP_NO_BUFFER,
)


class Scripted:
    """Returns what it is told, in order (the last answer repeats), and notes what it saw."""

    def __init__(self, headers: Any = (C,), data: Any = (GO,), trailers: Any = (True,)) -> None:
        self.answers = {"headers": list(headers), "data": list(data), "trailers": list(trailers)}
        self.seen: list[str] = []

    def _next(self, kind: str) -> Any:
        answers = self.answers[kind]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def on_headers(self, direction: str, headers: HeaderMap, end: bool) -> HeadersAction:
        self.seen.append(f"{direction} headers {int(end)}")
        return self._next("headers")

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        self.seen.append(f"{direction} {bytes(data).decode()} {int(end)}")
        return self._next("data")

    def on_trailers(self, direction: str, trailers: HeaderMap) -> bool:
        self.seen.append(f"{direction} trailers")
        return self._next("trailers")

    def on_destroy(self) -> None:
        self.seen.append("destroy")


class Router(Scripted):
    """Takes everything."""

    def on_data(self, direction: str, data: bytearray, end: bool) -> BodyAction:
        super().on_data(direction, data, end)
        del data[:]
        return DROP

    def on_local_reply(self) -> None:
        """It asks nobody."""


class Client:
    destroyed = False

    def __init__(self) -> None:
        self.seen: list[str] = []

    def response_headers(self, headers: HeaderMap, end: bool) -> None:
        self.seen.append(f"{(headers.get(b':status') or b'').decode()} {int(end)}")

    def response_data(self, data: bytes, end: bool) -> None:
        self.seen.append(f"{data.decode()} {int(end)}")

    def response_trailers(self, trailers: HeaderMap) -> None:
        self.seen.append("trailers")

    def reset(self, details: str) -> None:
        self.seen.append("reset")

    def end(self) -> None:
        self.seen.append("end")

    def set_code(self, code: int) -> None:
        """Nothing is logged here."""

    def local_reply(self, code: int) -> None:
        """There is no connection here."""

    def reply_headers(self) -> list[tuple[bytes, bytes]]:
        return []

    def responding(self) -> None: ...

    def wait(self, direction: str, stop: bool) -> None: ...

    def refresh_route(self) -> None:
        """There are no routes here."""

    def set_details(self, details: str, flag: str = "") -> None:
        self.seen.append(f"details {details}")


def chain(*filters: Scripted, limit: int = 1000) -> tuple[FilterManager, Router, Client]:
    client, router = Client(), Router(headers=(STOP,))
    return FilterManager(client, list(filters), router, buffer_limit=limit), router, client


def request() -> HeaderMap:
    return HeaderMap("request", [(b":path", b"/"), (b":method", b"POST")])


def response() -> HeaderMap:
    return HeaderMap("response", [(b":status", b"200")])


# what the filter answers to (headers, data...), then what the router saw of "abc", "defg", ""
HELD = [
    ((C,), (GO,), ["headers 0", "abc 0", "defg 0", " 1"]),
    ((C,), (HOLD, HOLD, GO), ["headers 0", "abcdefg 1"]),
    ((C,), (WATER, WATER, GO), ["headers 0", "abcdefg 1"]),
    ((C,), (DROP, GO, GO), ["headers 0", "defg 0", " 1"]),
    ((STOP,), (HOLD, HOLD, GO), ["headers 0", "abcdefg 1"]),
    ((STOP,), (HOLD,), []),
    ((ALL,), (GO,), []),
]


@pytest.mark.parametrize(("headers", "data", "want"), HELD)
def test_what_reaches_the_router(headers: Any, data: Any, want: list[str]) -> None:
    m, router, _ = chain(Scripted(headers, data))
    m.request_headers(request(), False)
    for piece, end in ((b"abc", False), (b"defg", False), (b"", True)):
        m.request_data(piece, end)
    assert [s.removeprefix("request ") for s in router.seen] == want


def test_resume_after_stop_all_shows_held_data_to_the_same_filter_at_once() -> None:
    f = Scripted((ALL,))
    m, router, _ = chain(f)
    m.request_headers(request(), False)
    m.request_data(b"abc", False)
    m.request_data(b"def", True)
    assert f.seen == ["request headers 0"]
    m.request.entry_of(f).resume()
    assert f.seen == ["request headers 0", "request abcdef 1"]
    assert router.seen == ["request headers 0", "request abcdef 1"]


def test_responses_pass_in_reverse_order() -> None:
    order: list[str] = []
    a, b = Scripted(), Scripted()
    for name, f in (("a", a), ("b", b)):
        original = f.on_headers
        f.on_headers = lambda d, h, e, name=name, original=original: (
            order.append(f"{name} {d}"),
            original(d, h, e),
        )[1]  # type: ignore[method-assign]
    m, _, client = chain(a, b)
    m.request_headers(request(), True)
    m.response_headers(response(), False)
    m.response_data(b"x", True)
    assert order == ["a request", "b request", "b response", "a response"]
    assert client.seen == ["200 0", "x 1", "end"]


def test_local_reply_from_the_request_passes_the_response_side() -> None:
    f = Scripted()
    m, router, client = chain(f)
    m.request_headers(request(), False)
    m.send_local_reply(LocalReply(403, b"no", details="d"))
    assert client.seen == ["details d", "403 0", "no 1", "end"]
    assert f.seen[1:] == ["response headers 0", "response no 1"]
    m.request_data(b"late", True)
    assert router.seen == ["request headers 0"]


def test_local_reply_after_the_head_was_sent_cuts_the_stream() -> None:
    m, _, client = chain(Scripted())
    m.request_headers(request(), True)
    m.response_headers(response(), False)
    m.send_local_reply(LocalReply(500, b"x", details="late"))
    assert client.seen == ["200 0", "details late", "reset"]


def test_a_body_beyond_the_buffer_is_413() -> None:
    m, router, client = chain(Scripted(data=(HOLD,)), limit=4)
    m.request_headers(request(), False)
    m.request_data(b"abcde", False)
    assert client.seen[:2] == ["details request_payload_too_large", "413 0"]
    assert router.seen == ["request headers 0"]


def test_a_response_without_status_becomes_502() -> None:
    m, _, client = chain(Scripted())
    m.request_headers(request(), True)
    m.response_headers(HeaderMap("response", [(b"x", b"1")]), True)
    assert client.seen[1] == "502 0"
