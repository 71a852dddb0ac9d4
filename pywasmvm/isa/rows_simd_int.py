"""SIMD on integer lanes: comparison, arithmetic, widening and narrowing, i8x16 to i64x2.

Spec: 5.4.8. The codes of the shapes run in parallel blocks of 0x20, with holes.
"""

from __future__ import annotations

from .build import vbinop, vshiftop, vtestop, vunop
from .model import Op

ORDERED = ("lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u")
I8, I16, I32, I64 = "i8x16", "i16x8", "i32x4", "i64x2"


def _comparisons(shape: str, first: int, names: tuple[str, ...]) -> tuple[Op, ...]:
    return tuple(vbinop(f"{shape}.{name}", first + i) for i, name in enumerate(names))


def _block(shape: str, first: int, binops: tuple[tuple[str, int], ...]) -> tuple[Op, ...]:
    """Make what every shape has, then the binary operations given as (name, low part of the code)."""
    return (
        vunop(f"{shape}.abs", first),
        vunop(f"{shape}.neg", first + 0x01),
        vtestop(f"{shape}.all_true", first + 0x03),
        vtestop(f"{shape}.bitmask", first + 0x04),
        vshiftop(f"{shape}.shl", first + 0x0B),
        vshiftop(f"{shape}.shr_s", first + 0x0C),
        vshiftop(f"{shape}.shr_u", first + 0x0D),
        vbinop(f"{shape}.add", first + 0x0E),
        vbinop(f"{shape}.sub", first + 0x11),
        *(vbinop(f"{shape}.{name}", first + code) for name, code in binops),
    )


def _widening(shape: str, narrow: str, first: int) -> tuple[Op, ...]:
    """Make extend and extmul of the halves of a shape with twice as many lanes."""
    rows: list[Op] = []
    for i, (half, sign) in enumerate((("low", "s"), ("high", "s"), ("low", "u"), ("high", "u"))):
        rows.append(vunop(f"{shape}.extend_{half}_{narrow}_{sign}", first + 0x07 + i))
        rows.append(vbinop(f"{shape}.extmul_{half}_{narrow}_{sign}", first + 0x1C + i))
    return tuple(rows)


MINMAX = (("min_s", 0x16), ("min_u", 0x17), ("max_s", 0x18), ("max_u", 0x19))
SATURATING = (("add_sat_s", 0x0F), ("add_sat_u", 0x10), ("sub_sat_s", 0x12), ("sub_sat_u", 0x13))
AVGR = (("avgr_u", 0x1B),)
MUL = (("mul", 0x15),)

ROWS: tuple[Op, ...] = (
    *_comparisons(I8, 0x23, ("eq", "ne", *ORDERED)),
    *_comparisons(I16, 0x2D, ("eq", "ne", *ORDERED)),
    *_comparisons(I32, 0x37, ("eq", "ne", *ORDERED)),
    *_comparisons(I64, 0xD6, ("eq", "ne", "lt_s", "gt_s", "le_s", "ge_s")),
    *_block(I8, 0x60, (("narrow_i16x8_s", 0x05), ("narrow_i16x8_u", 0x06), *SATURATING, *MINMAX, *AVGR)),
    vunop("i8x16.popcnt", 0x62),
    vunop("i16x8.extadd_pairwise_i8x16_s", 0x7C),
    vunop("i16x8.extadd_pairwise_i8x16_u", 0x7D),
    vunop("i32x4.extadd_pairwise_i16x8_s", 0x7E),
    vunop("i32x4.extadd_pairwise_i16x8_u", 0x7F),
    *_block(
        I16,
        0x80,
        (
            ("q15mulr_sat_s", 0x02),
            ("narrow_i32x4_s", 0x05),
            ("narrow_i32x4_u", 0x06),
            *SATURATING,
            *MUL,
            *MINMAX,
            *AVGR,
        ),
    ),
    *_widening(I16, I8, 0x80),
    *_block(I32, 0xA0, (*MUL, *MINMAX, ("dot_i16x8_s", 0x1A))),
    *_widening(I32, I16, 0xA0),
    *_block(I64, 0xC0, MUL),
    *_widening(I64, I32, 0xC0),
)
