"""What the `py` and `pyf` columns of the scalar rows call, and the constants they name.

Integers are unsigned. Floats are Python floats here; the same operations on bits are generated from the `pyf`
column into `_generated_numeric_bits.py`. The C twins, by the same names, stand in `_fast/numeric.pxd`.
Spec: 4.3.2 (integers), 4.3.3 (floats), 4.3.4 (conversions).
Rule 1: an f32 is the Python float of equal value; its NaNs carry their payload in the upper bits.
Rule 2: a NaN that arithmetic makes may be any NaN until `canon` is applied; nothing here branches on which.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, inf, nan, sqrt
from struct import Struct
from typing import NoReturn

from ...errors import Trap
from ...isa import TrapKind

M32, M64, M128 = 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF, (1 << 128) - 1
M31, M63 = M32 >> 1, M64 >> 1
S32, S64 = 1 << 31, 1 << 63
INF = inf
# why: not math.nan itself, whose sign is up to the platform.
NAN = copysign(nan, 1.0)
NAN32_BITS, NAN64_BITS = 0x7FC0_0000, 0x7FF8_0000_0000_0000

_pack_f, _unpack_f = Struct("<f").pack, Struct("<f").unpack
_pack_d, _unpack_d = Struct("<d").pack, Struct("<d").unpack
_pack_i, _unpack_i = Struct("<I").pack, Struct("<I").unpack
_pack_q, _unpack_q = Struct("<Q").pack, Struct("<Q").unpack

# From here on a float has no fraction, so adding and subtracting it rounds to
# the nearest integer, ties to even.
_INTEGRAL = 2.0**52


# -- traps --------------------------------------------------------------------------------------------


def div_zero() -> NoReturn:
    """Raise the trap of a division by zero; stands as `b or div_zero()` in a divisor."""
    raise Trap(TrapKind.DIVIDE_BY_ZERO)


def _no_integer(x: float) -> NoReturn:
    """Raise the trap of a truncation that has no result."""
    raise Trap(TrapKind.INTEGER_OVERFLOW if x == x else TrapKind.INVALID_CONVERSION)


# -- integers -----------------------------------------------------------------------------------------


def _make_div_s(bits: int) -> Callable[[int, int], int]:
    sign, mask = 1 << bits - 1, (1 << bits) - 1

    def div_s(a: int, b: int) -> int:
        """Divide as signed numbers, rounding towards zero."""
        if not b:
            div_zero()
        x = (a ^ sign) - sign
        y = (b ^ sign) - sign
        # why: Python rounds down; the quotient of the absolute values rounds towards zero.
        quotient = x // y if (x < 0) == (y < 0) else -(-x // y)
        if quotient == sign:
            raise Trap(TrapKind.INTEGER_OVERFLOW)
        return quotient & mask

    return div_s


def _make_rem_s(bits: int) -> Callable[[int, int], int]:
    sign, mask = 1 << bits - 1, (1 << bits) - 1

    def rem_s(a: int, b: int) -> int:
        """Return the remainder of signed division; it has the sign of the dividend."""
        if not b:
            div_zero()
        y = abs((b ^ sign) - sign)
        if a & sign:
            return -((sign - (a ^ sign)) % y) & mask
        return a % y

    return rem_s


div_s32, div_s64 = _make_div_s(32), _make_div_s(64)
rem_s32, rem_s64 = _make_rem_s(32), _make_rem_s(64)


def split128(x: int) -> tuple[int, int]:
    """Return the low and the high half of a number modulo 2**128."""
    return x & M64, x >> 64 & M64


# -- floats and their bits ----------------------------------------------------------------------------


def canon(x: float) -> float:
    """Return x, or the canonical NaN if x is any NaN."""
    return x if x == x else NAN


def f64_from_bits(bits: int) -> float:
    """Return the float with these 64 bits; NaNs keep theirs."""
    value: float = _unpack_d(_pack_q(bits))[0]
    return value


def f64_to_bits(x: float) -> int:
    """Return the 64 bits of a float."""
    bits: int = _unpack_q(_pack_d(x))[0]
    return bits


def f32_from_bits(bits: int) -> float:
    """Return the float of the f32 with these bits; a NaN keeps its payload in the upper bits."""
    if bits & 0x7F80_0000 == 0x7F80_0000 and bits & 0x7F_FFFF:
        # why: converting a signalling NaN from float to double would make it quiet.
        return f64_from_bits((bits & S32) << 32 | 0x7FF << 52 | (bits & 0x7F_FFFF) << 29)
    value: float = _unpack_f(_pack_i(bits))[0]
    return value


def f32_to_bits(x: float) -> int:
    """Return the f32 bits of a float that is an f32 by rule 1."""
    if x == x:
        bits: int = _unpack_i(_pack_f(x))[0]
        return bits
    wide = f64_to_bits(x)
    return wide >> 32 & S32 | 0x7F80_0000 | wide >> 29 & 0x7F_FFFF


def fround(x: float) -> float:
    """Round to the nearest f32, ties to even; what is too large becomes infinite."""
    try:
        value: float = _unpack_f(_pack_f(x))[0]
    except OverflowError:
        return copysign(INF, x)
    return value


def fround_int(x: int) -> float:
    """Round an integer of up to 64 bits to the nearest f32."""
    magnitude = abs(x)
    if magnitude >> 53:
        # why: float() would round once and fround again. Folding the low bits into a sticky one keeps
        # at least 42 significant bits, enough for the one rounding that remains.
        magnitude = magnitude >> 11 << 11 | (0x800 if magnitude & 0x7FF else 0)
        return fround(-float(magnitude) if x < 0 else float(magnitude))
    return fround(float(x))


# -- float arithmetic ---------------------------------------------------------------------------------


def fdiv0(a: float, b: float) -> float:
    """Divide by a zero."""
    if a != a or not a:
        return NAN
    return copysign(INF, a) * copysign(1.0, b)


def fsqrt(x: float) -> float:
    """Return the square root, NaN for what has none."""
    return sqrt(x) if x >= 0.0 else NAN


def ffloor(x: float) -> float:
    """Round down to an integer; zeros, infinities and NaNs stay."""
    return x // 1.0 if -INF < x < INF else x


def fceil(x: float) -> float:
    """Round up to an integer; what rounds to zero from below gives -0."""
    return -(-x // 1.0) if -INF < x < INF else x


def ftrunc(x: float) -> float:
    """Round towards zero to an integer."""
    if -INF < x < INF:
        return x // 1.0 if x > 0.0 else -(-x // 1.0)
    return x


def fnearest(x: float) -> float:
    """Round to the nearest integer, ties to even."""
    magnitude = abs(x)
    if magnitude < _INTEGRAL:
        return copysign((magnitude + _INTEGRAL) - _INTEGRAL, x)
    return x


def fmin(a: float, b: float) -> float:
    """Return the lesser; -0 is less than 0, and a NaN wins."""
    if a < b:
        return a
    if a > b:
        return b
    if a == b:
        return a if copysign(1.0, a) < 0.0 else b
    return NAN


def fmax(a: float, b: float) -> float:
    """Return the greater; 0 is greater than -0, and a NaN wins."""
    if a > b:
        return a
    if a < b:
        return b
    if a == b:
        return b if copysign(1.0, a) < 0.0 else a
    return NAN


# -- truncation ---------------------------------------------------------------------------------------


def _make_trunc(low: float, high: float, mask: int) -> Callable[[float], int]:
    def trunc(x: float) -> int:
        """Drop the fraction. Trap unless the result fits, that is unless low < x < high."""
        if low < x < high:
            return int(x) & mask
        _no_integer(x)

    return trunc


def _make_trunc_sat(low: float, high: float, mask: int) -> Callable[[float], int]:
    top = int(high) - 1
    bottom = top + 1 & mask if low < -1.0 else 0

    def trunc_sat(x: float) -> int:
        """Drop the fraction; what does not fit becomes the nearest that does, a NaN becomes 0."""
        if low < x < high:
            return int(x) & mask
        if x >= high:
            return top
        return bottom if x < 0.0 else 0

    return trunc_sat


# Open intervals. why: the float below -2**63 differs by 2048, so that bound is further out.
_BELOW_S64 = -(2.0**63) - 2048.0
ftrunc_s32, ftrunc_sat_s32 = (make(-(2.0**31) - 1.0, 2.0**31, M32) for make in (_make_trunc, _make_trunc_sat))
ftrunc_u32, ftrunc_sat_u32 = (make(-1.0, 2.0**32, M32) for make in (_make_trunc, _make_trunc_sat))
ftrunc_s64, ftrunc_sat_s64 = (make(_BELOW_S64, 2.0**63, M64) for make in (_make_trunc, _make_trunc_sat))
ftrunc_u64, ftrunc_sat_u64 = (make(-1.0, 2.0**64, M64) for make in (_make_trunc, _make_trunc_sat))
