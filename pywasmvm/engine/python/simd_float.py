"""SIMD on float lanes: the scalar functions of numeric.py, lane by lane.

A NaN lane that arithmetic makes becomes the canonical NaN here, since the result is bits. Spec: 4.3.3, 4.3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from struct import Struct

from .numeric import (
    NAN,
    fceil,
    fdiv0,
    ffloor,
    fmax,
    fmin,
    fnearest,
    fround,
    fsqrt,
    ftrunc,
    ftrunc_sat_s32,
    ftrunc_sat_u32,
)

Unary = Callable[[int], int]
Binary = Callable[[int, int], int]
# shape -> cutter into floats, number of lanes
SHAPES = {"f32x4": Struct("<4f"), "f64x2": Struct("<2d")}
_I32, _U32, _U64, _F32, _F64 = Struct("<4i"), Struct("<4I"), Struct("<2Q"), Struct("<4f"), Struct("<2d")
_F32X2, _I32X2, _U32X2 = Struct("<2f"), Struct("<2i"), Struct("<2I")

HELPERS: dict[str, Callable[..., int]] = {}


def _int(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _join(lanes: Struct, values: Sequence[float]) -> int:
    """Put lanes together, rounding to their width and making NaNs canonical."""
    values = [x if x == x else NAN for x in values]
    try:
        return _int(lanes.pack(*values))
    except OverflowError:
        # why: struct refuses what rounds to infinity as an f32.
        return _int(lanes.pack(*map(fround, values)))


def _div(x: float, y: float) -> float:
    return x / y if y else fdiv0(x, y)


def make_unary(lanes: Struct, function: Callable[[float], float]) -> Unary:
    """Apply a function to every lane."""

    def unary(a: int) -> int:
        return _join(lanes, list(map(function, lanes.unpack(a.to_bytes(16, "little")))))

    return unary


def make_binary(lanes: Struct, function: Callable[[float, float], float]) -> Binary:
    """Apply a function to every pair of lanes."""

    def binary(a: int, b: int) -> int:
        xs, ys = lanes.unpack(a.to_bytes(16, "little")), lanes.unpack(b.to_bytes(16, "little"))
        return _join(lanes, list(map(function, xs, ys)))

    return binary


def make_comparison(lanes: Struct, function: Callable[[float, float], bool]) -> Binary:
    """Compare every pair of lanes; the result's lanes are all ones or zero."""
    width = lanes.size * 8 // len(lanes.unpack(bytes(16)))
    masks = tuple((1 << width) - 1 << shift for shift in range(0, 128, width))

    def comparison(a: int, b: int) -> int:
        xs, ys = lanes.unpack(a.to_bytes(16, "little")), lanes.unpack(b.to_bytes(16, "little"))
        return sum(compress(masks, map(function, xs, ys)))

    return comparison


def make_choice(below: Binary) -> Binary:
    """Take b's lane where `below` holds of (b, a) for pmin, of (a, b) for pmax, else a's, bits untouched."""

    def choice(a: int, b: int) -> int:
        return a ^ (a ^ b) & below(a, b)

    return choice


def make_trunc_sat(lanes: Struct, function: Callable[[float], int]) -> Unary:
    """Truncate every lane into 32 bits; an f64x2 fills the low half."""

    def trunc_sat(a: int) -> int:
        values = [function(x) for x in lanes.unpack(a.to_bytes(16, "little"))]
        return sum(x << 32 * i for i, x in enumerate(values))

    return trunc_sat


def make_convert(source: Struct, target: Struct) -> Unary:
    """Turn integer lanes into floats; of an f64x2 the low half is the source."""
    nbytes, mask = source.size, (1 << source.size * 8) - 1

    def convert(a: int) -> int:
        return _int(target.pack(*source.unpack((a & mask).to_bytes(nbytes, "little"))))

    return convert


def _f32x4_demote_f64x2_zero(a: int) -> int:
    """Round two doubles into the low half."""
    return _join(_F32X2, _F64.unpack(a.to_bytes(16, "little")))


def _f64x2_promote_low_f32x4(a: int) -> int:
    """Widen the two floats of the low half."""
    return _join(_F64, _F32X2.unpack((a & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little")))


def _fill() -> None:
    """Make the functions of both shapes."""
    unary = {"ceil": fceil, "floor": ffloor, "trunc": ftrunc, "nearest": fnearest, "sqrt": fsqrt}
    binary = {"add": add, "sub": sub, "mul": mul, "div": _div, "min": fmin, "max": fmax}
    compare = {"eq": eq, "ne": ne, "lt": lt, "gt": gt, "le": le, "ge": ge}
    for shape, lanes in SHAPES.items():
        HELPERS.update({f"{shape}_{name}": make_unary(lanes, function) for name, function in unary.items()})
        HELPERS.update({f"{shape}_{name}": make_binary(lanes, function) for name, function in binary.items()})
        HELPERS.update(
            {f"{shape}_{name}": make_comparison(lanes, function) for name, function in compare.items()}
        )
        # spec: pmin(a, b) is b if b < a, else a; pmax(a, b) is b if a < b, else a.
        HELPERS[f"{shape}_pmin"] = make_choice(HELPERS[f"{shape}_gt"])
        HELPERS[f"{shape}_pmax"] = make_choice(HELPERS[f"{shape}_lt"])


_fill()
HELPERS["f32x4_demote_f64x2_zero"] = _f32x4_demote_f64x2_zero
HELPERS["f64x2_promote_low_f32x4"] = _f64x2_promote_low_f32x4
HELPERS["i32x4_trunc_sat_f32x4_s"] = make_trunc_sat(_F32, ftrunc_sat_s32)
HELPERS["i32x4_trunc_sat_f32x4_u"] = make_trunc_sat(_F32, ftrunc_sat_u32)
HELPERS["i32x4_trunc_sat_f64x2_s_zero"] = make_trunc_sat(_F64, ftrunc_sat_s32)
HELPERS["i32x4_trunc_sat_f64x2_u_zero"] = make_trunc_sat(_F64, ftrunc_sat_u32)
HELPERS["f32x4_convert_i32x4_s"] = make_convert(_I32, _F32)
HELPERS["f32x4_convert_i32x4_u"] = make_convert(_U32, _F32)
HELPERS["f64x2_convert_low_i32x4_s"] = make_convert(_I32X2, _F64)
HELPERS["f64x2_convert_low_i32x4_u"] = make_convert(_U32X2, _F64)
