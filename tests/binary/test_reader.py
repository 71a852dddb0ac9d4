"""Integers, names and vectors at their edges."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywasmvm.binary.leb import encode_signed, encode_unsigned
from pywasmvm.binary.reader import Reader
from pywasmvm.errors import DecodeError

U32: Callable[[Reader], int] = Reader.read_u32
U64: Callable[[Reader], int] = Reader.read_u64


def s32(reader: Reader) -> int:
    return reader.read_signed(32)


def s64(reader: Reader) -> int:
    return reader.read_signed(64)


@pytest.mark.parametrize(
    ("read", "data", "value"),
    [
        (U32, "00", 0),
        (U32, "7f", 127),
        (U32, "8001", 128),
        (U32, "8080808000", 0),
        (U32, "ffffffff0f", 2**32 - 1),
        (U64, "ffffffffffffffffff01", 2**64 - 1),
        (s32, "7f", -1),
        (s32, "ffffffff7f", -1),
        (s32, "8080808078", -(2**31)),
        (s32, "ffffffff07", 2**31 - 1),
        (s64, "8080808080808080807f", -(2**63)),
        (Reader.read_s33, "ffffffff0f", 2**32 - 1),
    ],
)
def test_integers(read: Callable[[Reader], int], data: str, value: int) -> None:
    reader = Reader(bytes.fromhex(data))
    assert read(reader) == value
    assert reader.pos == len(data) // 2


@pytest.mark.parametrize(
    ("read", "data", "message", "offset"),
    [
        (U32, "8080808080", "integer representation too long", 5),
        (U32, "8080808010", "integer too large", 4),
        (U32, "80808080c0", "integer too large", 4),
        (U32, "8080", "unexpected end", 2),
        (U64, "80808080808080808002", "integer too large", 9),
        (U64, "8080808080808080808080", "integer representation too long", 10),
        (s32, "8080808070", "integer too large", 4),
        (s32, "ffffffff0f", "integer too large", 4),
        (s64, "ffffffffffffffffff01", "integer too large", 9),
        (Reader.read_s33, "8080808010", "integer too large", 4),
        (Reader.read_s7, "e07f", "integer representation too long", 1),
    ],
)
def test_malformed_integers(read: Callable[[Reader], int], data: str, message: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read(Reader(bytes.fromhex(data)))
    assert caught.value.message.startswith(message)
    assert caught.value.offset == offset


@given(st.integers(0, 2**64 - 1))
def test_unsigned_round_trip(value: int) -> None:
    data = encode_unsigned(value)
    assert Reader(data).read_u64() == value
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_round_trip(value: int) -> None:
    data = encode_signed(value)
    assert s64(Reader(data)) == value
    if len(data) > 1:  # one byte less could not say it
        assert not -(1 << (7 * (len(data) - 1) - 1)) <= value < 1 << (7 * (len(data) - 1) - 1)


@pytest.mark.parametrize(
    "text",
    [b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"a\xe2\x82"],
)
def test_names_that_are_no_utf8(text: bytes) -> None:
    with pytest.raises(DecodeError, match="malformed UTF-8 encoding"):
        Reader(bytes([len(text)]) + text).read_name()


def test_a_name_may_hold_any_character() -> None:
    text = "\0\n\u202e\U0001f600"
    data = text.encode()
    assert Reader(bytes([len(data)]) + data).read_name() == text


def test_a_name_longer_than_the_data() -> None:
    with pytest.raises(DecodeError, match="length out of bounds"):
        Reader(b"\xff\xff\xff\xff\x0fa").read_name()


def test_a_lying_count_allocates_nothing() -> None:
    read: list[int] = []

    def item(reader: Reader) -> int:
        read.append(reader.read_byte())
        return 0

    with pytest.raises(DecodeError, match="unexpected end"):
        Reader(b"\xff\xff\xff\xff\x0fabc").read_vec(item)
    assert len(read) == 3
