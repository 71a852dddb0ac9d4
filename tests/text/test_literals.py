"""Numbers and strings: exact rounding against fractions, and what is printed reads back to the same bits."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pywasmvm.text.literals import (
    float_bits,
    float_text,
    int_bits,
    is_nat,
    is_number,
    nat_value,
    string_bytes,
    string_text,
)


def nearest_f32(value: Fraction) -> int:
    """Return the bits of the f32 nearest to a non-negative number, ties to even, by trying the neighbours."""
    guess = int.from_bytes(struct.pack("<f", min(float(value), 3.4028234663852886e38)), "little")
    candidates = [bits for bits in range(max(guess - 2, 0), min(guess + 3, 0x7F800000))]

    def distance(bits: int) -> tuple[Fraction, int]:
        number = Fraction(struct.unpack("<f", bits.to_bytes(4, "little"))[0])
        return abs(number - value), bits & 1

    return min(candidates, key=distance)


@given(st.integers(0, 10**30), st.integers(-60, 30))
@example(16777217, 0)
@example(8388608500000001, -9)
@example(7006492321624085, -61)
def test_decimal_f32_is_rounded_once(digits: int, exponent: int) -> None:
    exact = Fraction(digits) * Fraction(10) ** exponent
    if exact < Fraction(2) ** 127:
        assert float_bits(f"{digits}e{exponent}", 32) == nearest_f32(exact)


@given(st.integers(0, 1 << 90), st.integers(-240, 30))
@example((1 << 60) + (1 << 36), -60)
@example((1 << 60) + (1 << 36) + 1, -60)
@example((1 << 80) + 1, -230)
def test_hexadecimal_f32_is_rounded_once(digits: int, exponent: int) -> None:
    exact = Fraction(digits) * Fraction(2) ** exponent
    if exact < Fraction(2) ** 127:
        assert float_bits(f"0x{digits:x}p{exponent}", 32) == nearest_f32(exact)


def test_halfway_with_a_long_tail() -> None:
    one_and_half_ulp = "1.000000059604644775390625"  # exactly between 1 and the next f32
    assert float_bits(one_and_half_ulp, 32) == 0x3F800000
    assert float_bits(one_and_half_ulp + "0" * 5000 + "1", 32) == 0x3F800001
    assert float_bits("0x1.000001" + "0" * 500 + "1p0", 32) == 0x3F800001


@given(st.integers(0, (1 << 32) - 1))
def test_f32_text_reads_back(bits: int) -> None:
    assert float_bits(float_text(bits, 32), 32) == bits


@given(st.integers(0, (1 << 64) - 1))
@example(0x7FF0000000000001)
@example(0xFFF8000000000000)
@example(1)
def test_f64_text_reads_back(bits: int) -> None:
    assert float_bits(float_text(bits, 64), 64) == bits


@pytest.mark.parametrize(
    ("token", "width", "bits"),
    [
        ("nan", 32, 0x7FC00000),
        ("-nan", 64, 0xFFF8000000000000),
        ("nan:0x1", 32, 0x7F800001),
        ("nan:0xf_ffff_ffff_ffff", 64, 0x7FFFFFFFFFFFFFFF),
        ("-inf", 32, 0xFF800000),
        ("-0", 32, 0x80000000),
        ("0x1.fffffefffffff8p127", 32, 0x7F7FFFFF),
        ("1e-400", 64, 0),
    ],
)
def test_special_floats(token: str, width: int, bits: int) -> None:
    assert float_bits(token, width) == bits


@pytest.mark.parametrize(
    ("token", "width"),
    [
        ("0x1p128", 32),
        ("0x1.ffffffp127", 32),
        ("1e39", 32),
        ("1e309", 64),
        ("nan:0x0", 32),
        ("nan:0x800000", 32),
    ],
)
def test_floats_out_of_range(token: str, width: int) -> None:
    with pytest.raises(OverflowError):
        float_bits(token, width)


def test_integers() -> None:
    assert int_bits("-1", 32) == 0xFFFFFFFF
    assert int_bits("-0x8000_0000", 32) == 0x80000000
    assert int_bits("+4_294_967_295", 32) == 0xFFFFFFFF
    assert nat_value("0" * 5000 + "7") == 7
    for token, width in (("0x1_0000_0000", 32), ("-0x8000_0001", 32), ("9" * 5000, 64)):
        with pytest.raises(OverflowError):
            int_bits(token, width)


@pytest.mark.parametrize(
    "token", ["_1", "1_", "1__0", "0x_1", "0x", "1e", "0x1.p", "١", "0b1", "1 ", "", "inf0"]
)
def test_these_are_no_numbers(token: str) -> None:
    assert not is_number(token)
    assert not is_nat(token)


@given(st.binary())
def test_bytes_read_back(data: bytes) -> None:
    assert string_bytes(string_text(data)) == data


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_names_read_back(name: str) -> None:
    assert string_bytes(string_text(name)).decode() == name


def test_escapes() -> None:
    assert string_bytes(r'"\t\n\r\"\'\\\u{1F_600}\ff"') == b"\t\n\r\"'\\" + "\U0001f600".encode() + b"\xff"
