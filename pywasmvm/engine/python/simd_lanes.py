"""SIMD on integer lanes that takes them one by one: multiplying, widening, narrowing.

A vector is cut with `struct` and put together again. Spec: 4.3.5 to 4.3.6.
Rule 1: every maker returns the function for one shape; `HELPERS` holds them by instruction name.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add, mul
from struct import Struct

M64 = 0xFFFF_FFFF_FFFF_FFFF
# struct codes by lane width, signed and unsigned
CODES = {("s", 8): "b", ("s", 16): "h", ("s", 32): "i", ("s", 64): "q"}
CODES |= {("u", width): code.upper() for (_, width), code in CODES.items()}

Unary = Callable[[int], int]
Binary = Callable[[int, int], int]
Lanes = tuple[int, ...]

HELPERS: dict[str, Callable[..., int]] = {}


def lanes_of(sign: str, width: int, nbytes: int = 16) -> Struct:
    """Return the cutter of `nbytes` bytes into lanes of a width, read as signed (s) or unsigned (u)."""
    return Struct(f"<{8 * nbytes // width}{CODES[sign, width]}")


def _int(data: bytes) -> int:
    return int.from_bytes(data, "little")


def make_mul(width: int) -> Binary:
    """Multiply modulo 2**width."""
    lanes, mask = lanes_of("u", width), (1 << width) - 1

    def lanes_mul(a: int, b: int) -> int:
        xs = lanes.unpack(a.to_bytes(16, "little"))
        ys = lanes.unpack(b.to_bytes(16, "little"))
        return _int(lanes.pack(*[x & mask for x in map(mul, xs, ys)]))

    return lanes_mul


def _i64x2_mul(a: int, b: int) -> int:
    """Multiply modulo 2**64."""
    return (a & M64) * (b & M64) & M64 | ((a >> 64) * (b >> 64) & M64) << 64


def make_extend(width: int, high: bool, sign: str) -> Unary:
    """Widen one half's lanes of `width` bits to twice that."""
    narrow, wide = lanes_of(sign, width, 8), lanes_of(sign, 2 * width)
    shift = 64 if high else 0

    def extend(a: int) -> int:
        return _int(wide.pack(*narrow.unpack((a >> shift & M64).to_bytes(8, "little"))))

    return extend


def make_extmul(width: int, high: bool, sign: str) -> Binary:
    """Multiply one half's lanes of `width` bits into lanes twice as wide."""
    narrow, wide = lanes_of(sign, width, 8), lanes_of(sign, 2 * width)
    shift = 64 if high else 0

    def extmul(a: int, b: int) -> int:
        xs = narrow.unpack((a >> shift & M64).to_bytes(8, "little"))
        ys = narrow.unpack((b >> shift & M64).to_bytes(8, "little"))
        return _int(wide.pack(*map(mul, xs, ys)))

    return extmul


def make_extadd_pairwise(width: int, sign: str) -> Unary:
    """Add neighbours into lanes twice as wide."""
    narrow, wide = lanes_of(sign, width), lanes_of(sign, 2 * width)

    def extadd_pairwise(a: int) -> int:
        xs = narrow.unpack(a.to_bytes(16, "little"))
        return _int(wide.pack(*map(add, xs[::2], xs[1::2])))

    return extadd_pairwise


def make_narrow(width: int, sign: str) -> Binary:
    """Halve signed lanes of `width` bits, stopping at the ends of what the result can hold."""
    wide, narrow = lanes_of("s", width), lanes_of(sign, width // 2)
    half = width // 2
    low, high = (-(1 << half - 1), (1 << half - 1) - 1) if sign == "s" else (0, (1 << half) - 1)

    def narrowed(a: int, b: int) -> int:
        xs = wide.unpack(a.to_bytes(16, "little")) + wide.unpack(b.to_bytes(16, "little"))
        return _int(narrow.pack(*[low if x < low else high if x > high else x for x in xs]))

    return narrowed


_I8 = lanes_of("s", 8)
_I16 = lanes_of("s", 16)
_U16 = lanes_of("u", 16)
_U32 = lanes_of("u", 32)


def _i16x8_q15mulr_sat_s(a: int, b: int) -> int:
    """Multiply as fractions of 2**15 and round; only -1 times -1 does not fit and gives the greatest."""
    xs, ys = _I16.unpack(a.to_bytes(16, "little")), _I16.unpack(b.to_bytes(16, "little"))
    return _int(_I16.pack(*[min((x + 0x4000) >> 15, 0x7FFF) for x in map(mul, xs, ys)]))


def _i32x4_dot_i16x8_s(a: int, b: int) -> int:
    """Multiply and add neighbours; the sum of two greatest products wraps."""
    xs, ys = _I16.unpack(a.to_bytes(16, "little")), _I16.unpack(b.to_bytes(16, "little"))
    products = list(map(mul, xs, ys))
    return _int(_U32.pack(*[x & 0xFFFF_FFFF for x in map(add, products[::2], products[1::2])]))


def _i16x8_relaxed_dot_i8x16_i7x16_s(a: int, b: int) -> int:
    """Multiply signed bytes and add neighbours, wrapping."""
    xs, ys = _I8.unpack(a.to_bytes(16, "little")), _I8.unpack(b.to_bytes(16, "little"))
    products = list(map(mul, xs, ys))
    return _int(_U16.pack(*[x & 0xFFFF for x in map(add, products[::2], products[1::2])]))


def _i32x4_relaxed_dot_i8x16_i7x16_add_s(a: int, b: int, c: int) -> int:
    """Do the same, add neighbours once more, and add c."""
    pairs = _I16.unpack(_i16x8_relaxed_dot_i8x16_i7x16_s(a, b).to_bytes(16, "little"))
    fours = map(add, pairs[::2], pairs[1::2])
    return _int(_U32.pack(*[x & 0xFFFF_FFFF for x in map(add, fours, _U32.unpack(c.to_bytes(16, "little")))]))


def _fill() -> None:
    """Make the functions of all shapes."""
    for width, narrow, wide in ((8, "i8x16", "i16x8"), (16, "i16x8", "i32x4"), (32, "i32x4", "i64x2")):
        for sign in ("s", "u"):
            for high, half in ((False, "low"), (True, "high")):
                HELPERS[f"{wide}_extend_{half}_{narrow}_{sign}"] = make_extend(width, high, sign)
                HELPERS[f"{wide}_extmul_{half}_{narrow}_{sign}"] = make_extmul(width, high, sign)
            if width < 32:
                HELPERS[f"{wide}_extadd_pairwise_{narrow}_{sign}"] = make_extadd_pairwise(width, sign)
                HELPERS[f"{narrow}_narrow_{wide}_{sign}"] = make_narrow(2 * width, sign)


_fill()
HELPERS["i16x8_mul"] = make_mul(16)
HELPERS["i32x4_mul"] = make_mul(32)
HELPERS["i64x2_mul"] = _i64x2_mul
HELPERS["i16x8_q15mulr_sat_s"] = _i16x8_q15mulr_sat_s
HELPERS["i32x4_dot_i16x8_s"] = _i32x4_dot_i16x8_s
HELPERS["i16x8_relaxed_dot_i8x16_i7x16_s"] = _i16x8_relaxed_dot_i8x16_i7x16_s
HELPERS["i32x4_relaxed_dot_i8x16_i7x16_add_s"] = _i32x4_relaxed_dot_i8x16_i7x16_add_s
