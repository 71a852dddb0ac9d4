"""Operands for the tests of rows: the corners of every type, as bits."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from pywasmvm.isa import Op

INTS = {
    32: [0, 1, 2, 7, 31, 32, 33, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x12345678, 0x7FFFFFFF, 0x80000000],
    64: [0, 1, 2, 63, 64, 65, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, 0x20000000000001],
}
INTS[32] += [0x80000001, 0xFFFFFF01, 0xFFFFFFFE, 0xFFFFFFFF]
INTS[64] += [0x123456789ABCDEF0, 0x7FFFFF4000000001, 0x8000008000000001, 0xFFFFFE8000000001]
INTS[64] += [0x7FFFFFBFFFFFFFFF, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 2, (1 << 64) - 1]
# 0, least and greatest subnormal, least normal, 0.5 and neighbours, 1, 1.5, 2.5, 2^23 - 0.5; 2^31, 2^32,
# 2^63 and 2^64 with lower neighbours; greatest, infinity, four NaNs: canonical, quiet, signalling, all ones
F32 = [
    0,
    1,
    0x7FFFFF,
    0x800000,
    0x3EFFFFFF,
    0x3F000000,
    0x3F000001,
    0x3F7FFFFF,
    0x3F800000,
    0x3F800001,
    0x3FC00000,
]
F32 += [
    0x40200000,
    0x40490FDB,
    0x4AFFFFFF,
    0x4B000001,
    0x4EFFFFFF,
    0x4F000000,
    0x4F7FFFFF,
    0x4F800000,
    0x5EFFFFFF,
]
F32 += [
    0x5F000000,
    0x5F7FFFFF,
    0x5F800000,
    0x7F7FFFFF,
    0x7F800000,
    0x7FC00000,
    0x7FD23456,
    0x7F812345,
    0x7FFFFFFF,
]
F64 = [0, 1, 0xFFFFFFFFFFFFF, 1 << 52, 0x3FDFFFFFFFFFFFFF, 0x3FE0000000000000, 0x3FE0000000000001]
F64 += [0x3FEFFFFFFFFFFFFF, 0x3FF0000000000000, 0x3FF8000000000000, 0x4004000000000000, 0x400921FB54442D18]
F64 += [0x432FFFFFFFFFFFFF, 0x4330000000000001, 0x41DFFFFFFFE00000, 0x41DFFFFFFFC00000, 0x41DFFFFFFFFFFFFF]
F64 += [0x41E0000000000000, 0x41E0000000200000, 0x41EFFFFFFFE00000, 0x41EFFFFFFFFFFFFF, 0x41F0000000000000]
F64 += [0x43DFFFFFFFFFFFFF, 0x43E0000000000000, 0x43E0000000000001, 0x43EFFFFFFFFFFFFF, 0x43F0000000000000]
# around what an f32 can hold: halfway to 1 + ulp, its neighbours, the greatest and just beyond, the least
F64 += [0x3FF0000010000000, 0x3FF0000010000001, 0x3FF0000030000000, 0x47EFFFFFE0000000, 0x47EFFFFFEFFFFFFF]
F64 += [0x47EFFFFFF0000000, 0x36A0000000000000, 0x3690000000000000, 0x3690000000000001, 0x380FFFFFE0000000]
F64 += [0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000, 0x7FFA345678900000, 0x7FF1234567890000]
F64 += [0x7FFFFFFFFFFFFFFF]
CORNERS = {
    "i32": INTS[32],
    "i64": INTS[64],
    "f32": [bits | sign for sign in (0, 1 << 31) for bits in F32],
    "f64": [bits | sign for sign in (0, 1 << 63) for bits in F64],
}
LANES = {
    8: [0, 1, 2, 0x0F, 0x10, 0x55, 0x7E, 0x7F, 0x80, 0x81, 0xAA, 0xFE, 0xFF],
    16: [0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x4000, 0x7FFF, 0x8000, 0x8001, 0xFF7F, 0xFF80, 0xFFFE, 0xFFFF],
    32: [*INTS[32], *CORNERS["f32"]],
    64: [*INTS[64], *CORNERS["f64"]],
}
VECTORS = 400


def _vector(source: random.Random, width: int) -> int:
    """Return a v128 whose lanes are corners, now and then all the same or just noise."""
    shape = source.random()
    if shape < 0.1:
        return source.getrandbits(128)
    lanes = 128 // width
    values = [source.choice(LANES[width])] * lanes if shape < 0.2 else source.choices(LANES[width], k=lanes)
    return sum(value << width * i for i, value in enumerate(values))


def _lane_width(op: Op) -> int:
    """Return the lane width that a SIMD row reads, from its name."""
    for text, width in (("8x16", 8), ("16x8", 16), ("32x4", 32), ("64x2", 64)):
        if text in op.name.rsplit("_", 1)[-1 if op.name[-1].isdigit() else 0] or op.name.startswith(
            f"i{text}"
        ):
            return width
    return 64 if "64x2" in op.name else 32 if "32x4" in op.name else 8


def _samples(op: Op, types: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
    """Draw operands: scalars in all combinations, vectors and four operands at random."""
    source = random.Random(op.name)
    if "v128" not in types and len(types) <= 2:
        yield from itertools.product(*(CORNERS[t] for t in types))
        return
    widths = [8, 16, 32, 64, _lane_width(op), _lane_width(op), _lane_width(op), _lane_width(op)]
    for _ in range(VECTORS):
        width = source.choice(widths)
        yield tuple(_vector(source, width) if t == "v128" else source.choice(CORNERS[t]) for t in types)


@pytest.fixture(scope="session")
def operands_for() -> Callable[[Op, tuple[str, ...]], list[tuple[int, ...]]]:
    """Return the operands to try a row on, for the given operand types."""
    return lambda op, types: list(_samples(op, types))
