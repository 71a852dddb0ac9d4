"""Header maps: order, joining of inline names, the alias of host."""

from __future__ import annotations

from pywasmvm_host.headers import HeaderMap


def request(*pairs: tuple[bytes, bytes]) -> HeaderMap:
    return HeaderMap("request", pairs)


def test_pseudo_headers_stand_first() -> None:
    h = request((b"x-a", b"1"), (b":path", b"/"), (b"x-b", b"2"), (b":method", b"GET"))
    assert [k for k, _ in h] == [b":path", b":method", b"x-a", b"x-b"]


def test_ordinary_names_stay_apart_and_get_gives_the_first() -> None:
    h = request((b"X-A", b"1"), (b"x-a", b"2"))
    assert len(h) == 2
    assert h.get(b"x-A") == b"1"
    assert h.joined(b"x-a") == b"1,2"


def test_inline_names_are_joined_at_once() -> None:
    h = request((b"accept", b"x"), (b"Accept", b"y"))
    assert h.pairs() == [(b"accept", b"x,y")]


def test_inline_depends_on_the_kind_of_map() -> None:
    assert len(HeaderMap("response", [(b"accept", b"x"), (b"accept", b"y")])) == 2
    assert len(HeaderMap("response trailers", [(b"grpc-status", b"1"), (b"grpc-status", b"2")])) == 1
    assert len(HeaderMap("request trailers", [(b"accept", b"x"), (b"accept", b"y")])) == 2


def test_replace_removes_all_and_appends() -> None:
    h = request((b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"))
    h.replace(b"X-A", b"n")
    assert h.pairs() == [(b"x-b", b"2"), (b"x-a", b"n")]


def test_host_means_authority_in_requests_only() -> None:
    h = request((b":authority", b"a"))
    h.replace(b"host", b"b")
    assert h.pairs() == [(b":authority", b"b")]
    assert HeaderMap("response", [(b"host", b"x")]).pairs() == [(b"host", b"x")]


def test_byte_size_counts_names_and_values() -> None:
    assert request((b"ab", b"123"), (b"c", b"")).byte_size() == 6
