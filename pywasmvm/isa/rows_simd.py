"""SIMD, the part that knows no arithmetic: memory, constants, lanes, bits.

Spec: 5.4.8. Every pure row's `py` is the helper named like the row in `engine/python/simd*.py` (lane and
immediate after the operands) unless it is short enough to be written out.
"""

from __future__ import annotations

from .build import FD, const, lane_load, lane_store, store, vbinop, vector, vload, vternop, vtestop, vunop
from .model import F32, F64, I32, I64, V128, Feature, Imm, Nan, Op

LANE = (Imm.LANEIDX,)
BITS = Nan.BITS


def _extract(shape: str, code: int, t: str, lanes: int, sign: str = "") -> Op:
    width = 128 // lanes
    py = f"(a >> lane * {width}) & {hex((1 << width) - 1)}"
    if sign == "_s":
        half = hex(1 << width - 1)
        py = f"((({py}) ^ {half}) - {half}) & M32"
    nan = BITS if t in (F32, F64) else Nan.NONE
    pyf = {F32: f"f32_from_bits({py})", F64: f"f64_from_bits({py})"}.get(t)
    name = f"{shape}.extract_lane{sign}"
    return vector(name, code, (V128,), (t,), imms=LANE, lanes=lanes, py=py, pyf=pyf, nan=nan)


def _replace(shape: str, code: int, t: str, lanes: int) -> Op:
    width = 128 // lanes
    mask = hex((1 << width) - 1)
    value = f"(b & {mask})" if width < 32 else "b"
    py = "(a & ~({} << lane * {}) | {} << lane * {})"
    nan = BITS if t in (F32, F64) else Nan.NONE
    pyf = None
    if nan:
        pyf = py.format(mask, width, f"{t}_to_bits(b)", width)
    columns = {
        "imms": LANE,
        "lanes": lanes,
        "py": py.format(mask, width, value, width),
        "pyf": pyf,
        "nan": nan,
    }
    return vector(f"{shape}.replace_lane", code, (V128, t), (V128,), **columns)


def _splat(shape: str, code: int, t: str, lanes: int) -> Op:
    width = 128 // lanes
    ones = hex(sum(1 << width * i for i in range(lanes)))
    value = f"(a & {hex((1 << width) - 1)})" if width < 32 else "a"
    nan = BITS if t in (F32, F64) else Nan.NONE
    pyf = f"{t}_to_bits(a) * {ones}" if nan else None
    return vector(f"{shape}.splat", code, (t,), (V128,), py=f"{value} * {ones}", pyf=pyf, nan=nan)


def _memory() -> tuple[Op, ...]:
    return (
        vload("v128.load", 0x00, 16),
        vload("v128.load8x8_s", 0x01, 8, py="i16x8_extend_low_i8x16_s(x)"),
        vload("v128.load8x8_u", 0x02, 8, py="i16x8_extend_low_i8x16_u(x)"),
        vload("v128.load16x4_s", 0x03, 8, py="i32x4_extend_low_i16x8_s(x)"),
        vload("v128.load16x4_u", 0x04, 8, py="i32x4_extend_low_i16x8_u(x)"),
        vload("v128.load32x2_s", 0x05, 8, py="i64x2_extend_low_i32x4_s(x)"),
        vload("v128.load32x2_u", 0x06, 8, py="i64x2_extend_low_i32x4_u(x)"),
        vload("v128.load8_splat", 0x07, 1, py="x * 0x1010101010101010101010101010101"),
        vload("v128.load16_splat", 0x08, 2, py="x * 0x10001000100010001000100010001"),
        vload("v128.load32_splat", 0x09, 4, py="x * 0x1000000010000000100000001"),
        vload("v128.load64_splat", 0x0A, 8, py="x * 0x10000000000000001"),
        store("v128.store", FD | 0x0B, V128, 16, feature=Feature.SIMD),
        *(
            lane_load(
                f"v128.load{8 * n}_lane",
                0x54 + i,
                n,
                py=f"(b & ~({hex((1 << 8 * n) - 1)} << lane * {8 * n}) | x << lane * {8 * n})",
            )
            for i, n in enumerate((1, 2, 4, 8))
        ),
        *(
            lane_store(
                f"v128.store{8 * n}_lane",
                0x58 + i,
                n,
                py=f"(b >> lane * {8 * n}) & {hex((1 << 8 * n) - 1)}",
            )
            for i, n in enumerate((1, 2, 4, 8))
        ),
        vload("v128.load32_zero", 0x5C, 4),
        vload("v128.load64_zero", 0x5D, 8),
    )


ROWS: tuple[Op, ...] = (
    *_memory(),
    const(V128, FD | 0x0C, Imm.V128, feature=Feature.SIMD, py="imm"),
    vector(
        "i8x16.shuffle",
        0x0D,
        (V128, V128),
        (V128,),
        imms=(Imm.LANEIDX_16,),
        lanes=32,
        py="i8x16_shuffle(a, b, imm)",
    ),
    vbinop("i8x16.swizzle", 0x0E),
    _splat("i8x16", 0x0F, I32, 16),
    _splat("i16x8", 0x10, I32, 8),
    _splat("i32x4", 0x11, I32, 4),
    _splat("i64x2", 0x12, I64, 2),
    _splat("f32x4", 0x13, F32, 4),
    _splat("f64x2", 0x14, F64, 2),
    _extract("i8x16", 0x15, I32, 16, "_s"),
    _extract("i8x16", 0x16, I32, 16, "_u"),
    _replace("i8x16", 0x17, I32, 16),
    _extract("i16x8", 0x18, I32, 8, "_s"),
    _extract("i16x8", 0x19, I32, 8, "_u"),
    _replace("i16x8", 0x1A, I32, 8),
    _extract("i32x4", 0x1B, I32, 4),
    _replace("i32x4", 0x1C, I32, 4),
    _extract("i64x2", 0x1D, I64, 2),
    _replace("i64x2", 0x1E, I64, 2),
    _extract("f32x4", 0x1F, F32, 4),
    _replace("f32x4", 0x20, F32, 4),
    _extract("f64x2", 0x21, F64, 2),
    _replace("f64x2", 0x22, F64, 2),
    vunop("v128.not", 0x4D, py="a ^ M128"),
    vbinop("v128.and", 0x4E, py="a & b"),
    vbinop("v128.andnot", 0x4F, py="a & ~b"),
    vbinop("v128.or", 0x50, py="a | b"),
    vbinop("v128.xor", 0x51, py="a ^ b"),
    vternop("v128.bitselect", 0x52, py="a & c | b & ~c"),
    vtestop("v128.any_true", 0x53, py="+(a != 0)"),
)
