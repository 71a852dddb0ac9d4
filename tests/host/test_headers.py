"""Header maps: order, joining of inline names, the alias of host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Plugin
from pywasmvm_host.headers import HeaderMap, unsigned

from pywasmvm import wat2wasm


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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", None),
        (b"9" * 5000, None),
        (b"", None),
        (None, None),
        (b"-1", None),
        (b"+1", None),
        (b"1_0", None),
        (b" 1", None),
        ("\u00b2".encode("latin-1"), None),
    ],
)
def test_a_number_is_digits_and_fits(text: bytes | None, number: int | None) -> None:
    assert unsigned(text) == number
    assert unsigned(b"255", 8) == 255 and unsigned(b"256", 8) is None


# Sets a header of the request and of the response to five thousand digits.
DIGITS = """(module
  (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "{name}")
  (func $digits (param i32) (memory.fill (i32.const 8192) (i32.const {digit}) (i32.const 5000))
    (drop (call $set (local.get 0) (i32.const 0) (i32.const {size}) (i32.const 8192) (i32.const 5000))))
  (func (export "proxy_on_{side}_headers") (param i32 i32 i32) (result i32)
    (call $digits (i32.const {map})) (i32.const 0)))"""


@pytest.mark.parametrize("digit", "9\u00b2")
@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize(("side", "map"), [("request", 0), ("response", 2)])
@pytest.mark.parametrize("name", ["content-length", ":status", "grpc-status", "x-envoy-max-retries"])
def test_a_host_stands_any_number_of_digits(
    make_engine: Callable[..., Any], name: str, side: str, map: int, http2: bool, digit: str
) -> None:
    text = DIGITS.format(name=name, size=len(name), side=side, map=map, digit=ord(digit))
    host = Host([Plugin(bytes(wat2wasm(text)))], engine=make_engine(consume_fuel=True))
    exchange = host.request(HttpRequest("POST", "/", body_chunks=[b"x"], http2=http2, timeout_ms=500))
    assert exchange.response.status is not None or exchange.response.error
    assert not exchange.failure
