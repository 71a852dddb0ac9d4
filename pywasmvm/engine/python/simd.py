"""SIMD on integer lanes that works on all lanes at once, a v128 being one Python int.

Lane 0 is in the lowest bits. What needs the lanes one by one is in simd_lanes.py,
floats are in simd_float.py.
Spec: 4.3.5 to 4.3.6.
Rule 1: every maker below returns the function for one lane width; `HELPERS` holds them by instruction name.

fast: three to eight operations on 128-bit ints take 0.06 to 0.4 microseconds, a round trip through numpy
takes 1.05. Only multiplying lane by lane (simd_lanes.py) costs as much as numpy; measured with CPython 3.11.
"""

from __future__ import annotations

from collections.abc import Callable

M128 = (1 << 128) - 1
SHAPES = {8: "i8x16", 16: "i16x8", 32: "i32x4", 64: "i64x2"}

Unary = Callable[[int], int]
Binary = Callable[[int, int], int]

HELPERS: dict[str, Callable[..., int]] = {}


def ones(width: int) -> int:
    """Return the vector with a 1 in every lane."""
    return M128 // ((1 << width) - 1)


def high_bits(width: int) -> int:
    """Return the vector with only the top bit of every lane set."""
    return ones(width) << width - 1


# -- arithmetic ---------------------------------------------------------------------------------------


def make_add(width: int) -> Binary:
    """Add modulo 2**width: the top bits are left out and put in by xor, so that nothing carries over."""
    high = high_bits(width)
    low = M128 ^ high

    def add(a: int, b: int) -> int:
        return ((a & low) + (b & low)) ^ ((a ^ b) & high)

    return add


def make_sub(width: int) -> Binary:
    """Subtract modulo 2**width: every lane lends itself its top bit."""
    high = high_bits(width)
    low = M128 ^ high

    def sub(a: int, b: int) -> int:
        return ((a | high) - (b & low)) ^ ((a ^ b ^ high) & high)

    return sub


def make_neg(width: int) -> Unary:
    """Negate modulo 2**width."""
    high = high_bits(width)
    low = M128 ^ high

    def neg(a: int) -> int:
        return (high - (a & low)) ^ ((a ^ high) & high)

    return neg


def make_abs(width: int) -> Unary:
    """Return the magnitude; the least number stays what it is."""
    high = high_bits(width)
    full = (1 << width) - 1
    sub = make_sub(width)

    def abs_(a: int) -> int:
        sign = ((a & high) >> width - 1) * full
        return sub(a ^ sign, sign)

    return abs_


def make_avgr_u(width: int) -> Binary:
    """Return the mean, rounded up: what both have plus half of what one has, counted from above."""
    low = M128 ^ high_bits(width)

    def avgr_u(a: int, b: int) -> int:
        return (a | b) - (((a ^ b) >> 1) & low)

    return avgr_u


# -- comparison ---------------------------------------------------------------------------------------


def make_eq(width: int, invert: int) -> Binary:
    """Compare for equality; `invert` 0 asks for difference, M128 for equality."""
    high = high_bits(width)
    low = M128 ^ high
    full = (1 << width) - 1

    def eq(a: int, b: int) -> int:
        x = a ^ b
        different = (((x & low) + low) | x) & high
        return (different >> width - 1) * full ^ invert

    return eq


def make_less(width: int, signed: bool, swap: bool, invert: bool) -> Binary:
    """Compare for order; `swap` exchanges the operands, `invert` negates: ge is lt inverted."""
    high = high_bits(width)
    low = M128 ^ high
    full = (1 << width) - 1
    flip = high if signed else 0
    turn = M128 if invert else 0

    def less(a: int, b: int) -> int:
        a ^= flip
        b ^= flip
        # The top bit of a lane of the difference is 1 where the low bits of a reach those of b.
        reach = (a | high) - (b & low)
        below = (~a & b | ~(a ^ b) & ~reach) & high
        return (below >> width - 1) * full ^ turn

    if not swap:
        return less
    return lambda a, b: less(b, a)


def make_choice(less: Binary) -> Binary:
    """Take each lane from the first operand where `less` holds, else from the second: minimum, or maximum."""

    def choice(a: int, b: int) -> int:
        return b ^ (a ^ b) & less(a, b)

    return choice


def make_all_true(width: int) -> Unary:
    """Tell whether no lane is zero."""
    high = high_bits(width)
    low = M128 ^ high

    def all_true(a: int) -> int:
        return 1 if (((a & low) + low) | a) & high == high else 0

    return all_true


def make_bitmask(width: int) -> Unary:
    """Collect the top bits: a product moves bit `width * i` to bit `i` above a base, without a carry."""
    high = high_bits(width)
    lanes = 128 // width
    gather = sum(1 << (width - 1) * j for j in range(lanes))
    base = (width - 1) * (lanes - 1)
    keep = (1 << lanes) - 1

    def bitmask(a: int) -> int:
        return ((a & high) >> width - 1) * gather >> base & keep

    return bitmask


def _i8x16_bitmask(a: int) -> int:
    """Collect the bytes' top bits, eight at a time: with sixteen the product's terms would meet."""
    bits = (a & 0x80808080808080808080808080808080) >> 7
    low = (bits & 0xFFFF_FFFF_FFFF_FFFF) * 0x0002040810204081 >> 49 & 0xFF
    return low | ((bits >> 64) * 0x0002040810204081 >> 49 & 0xFF) << 8


# -- saturation ---------------------------------------------------------------------------------------


def make_add_sat_u(width: int) -> Binary:
    """Add, and stop at the greatest: a sum below its operand has wrapped."""
    add, less = make_add(width), make_less(width, signed=False, swap=False, invert=False)

    def add_sat_u(a: int, b: int) -> int:
        total = add(a, b)
        return total | less(total, a)

    return add_sat_u


def make_sub_sat_u(width: int) -> Binary:
    """Subtract, and stop at zero."""
    sub, reaches = make_sub(width), make_less(width, signed=False, swap=False, invert=True)

    def sub_sat_u(a: int, b: int) -> int:
        return sub(a, b) & reaches(a, b)

    return sub_sat_u


def make_sat_s(width: int, subtract: bool) -> Binary:
    """Add or subtract signed lanes and stop at the ends: at the end on the side of the first operand."""
    high = high_bits(width)
    full = (1 << width) - 1
    top = M128 ^ high
    same = 0 if subtract else M128
    operation = (make_sub if subtract else make_add)(width)

    def sat_s(a: int, b: int) -> int:
        result = operation(a, b)
        wrapped = ((a ^ b ^ same) & (a ^ result) & high) >> width - 1
        if not wrapped:
            return result
        end = ((a & high) >> width - 1) * full ^ top
        return result ^ (result ^ end) & wrapped * full

    return sat_s


# -- shifts and bits ----------------------------------------------------------------------------------


def make_shl(width: int) -> Binary:
    """Shift left; the count is taken modulo the width."""
    full, lanes, mask = (1 << width) - 1, ones(width), width - 1
    keep = [(full << k & full) * lanes for k in range(width)]

    def shl(a: int, b: int) -> int:
        k = b & mask
        return a << k & keep[k]

    return shl


def make_shr_u(width: int) -> Binary:
    """Shift right, zeros coming in."""
    full, lanes, mask = (1 << width) - 1, ones(width), width - 1
    keep = [(full >> k) * lanes for k in range(width)]

    def shr_u(a: int, b: int) -> int:
        k = b & mask
        return a >> k & keep[k]

    return shr_u


def make_shr_s(width: int) -> Binary:
    """Shift right, the sign coming in."""
    full, lanes, mask, high = (1 << width) - 1, ones(width), width - 1, high_bits(width)
    keep = [(full >> k) * lanes for k in range(width)]

    def shr_s(a: int, b: int) -> int:
        k = b & mask
        sign = ((a & high) >> width - 1) * full
        return a >> k & keep[k] | sign & ~keep[k]

    return shr_s


def _i8x16_popcnt(a: int) -> int:
    """Count the ones of every byte, in pairs, then fours, then eights."""
    a -= a >> 1 & 0x55555555555555555555555555555555
    a = (a & 0x33333333333333333333333333333333) + (a >> 2 & 0x33333333333333333333333333333333)
    return a + (a >> 4) & 0x0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F


_ZEROS_240 = bytes(240)
_ZEROS_224 = bytes(224)


def _i8x16_swizzle(a: int, b: int) -> int:
    """Pick bytes of a by the bytes of b; what is out of range gives 0."""
    # fast: translate looks up all sixteen in one call.
    table = a.to_bytes(16, "little") + _ZEROS_240
    return int.from_bytes(b.to_bytes(16, "little").translate(table), "little")


def _i8x16_shuffle(a: int, b: int, lanes: bytes) -> int:
    """Pick bytes of both operands by the immediate."""
    table = a.to_bytes(16, "little") + b.to_bytes(16, "little") + _ZEROS_224
    return int.from_bytes(lanes.translate(table), "little")


# -- the functions ------------------------------------------------------------------------------------


def _fill() -> None:
    """Make the functions of all four shapes."""
    for width, shape in SHAPES.items():
        made: dict[str, Callable[..., int]] = {
            "add": make_add(width),
            "sub": make_sub(width),
            "neg": make_neg(width),
            "abs": make_abs(width),
            "eq": make_eq(width, M128),
            "ne": make_eq(width, 0),
            "all_true": make_all_true(width),
            "bitmask": make_bitmask(width) if width > 8 else _i8x16_bitmask,
            "shl": make_shl(width),
            "shr_s": make_shr_s(width),
            "shr_u": make_shr_u(width),
        }
        # why: i64x2 has no unsigned order, and only the two narrow shapes saturate and average.
        for sign in ("s", "u") if width < 64 else ("s",):
            less = make_less(width, sign == "s", swap=False, invert=False)
            greater = make_less(width, sign == "s", swap=True, invert=False)
            made[f"lt_{sign}"], made[f"gt_{sign}"] = less, greater
            made[f"le_{sign}"] = make_less(width, sign == "s", swap=True, invert=True)
            made[f"ge_{sign}"] = make_less(width, sign == "s", swap=False, invert=True)
            if width < 64:
                made[f"min_{sign}"], made[f"max_{sign}"] = make_choice(less), make_choice(greater)
        if width < 32:
            made["avgr_u"] = make_avgr_u(width)
            made["add_sat_u"], made["sub_sat_u"] = make_add_sat_u(width), make_sub_sat_u(width)
            made["add_sat_s"], made["sub_sat_s"] = make_sat_s(width, False), make_sat_s(width, True)
        HELPERS.update({f"{shape}_{name}": function for name, function in made.items()})


_fill()
HELPERS["i8x16_popcnt"] = _i8x16_popcnt
HELPERS["i8x16_swizzle"] = _i8x16_swizzle
HELPERS["i8x16_shuffle"] = _i8x16_shuffle
