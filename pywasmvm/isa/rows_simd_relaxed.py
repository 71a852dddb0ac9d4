"""Relaxed SIMD, as the deterministic profile fixes it: each is one of the strict instructions.

Spec: 4.3.2 and 4.3.3, the functions named `relaxed`; 5.4.8. The same on every machine and in both engines.
"""

from __future__ import annotations

from .build import vbinop, vternop, vunop
from .model import Feature, Nan, Op

RELAXED = Feature.RELAXED_SIMD
BLIND, ARITH = Nan.BLIND, Nan.ARITH

ROWS: tuple[Op, ...] = (
    vbinop("i8x16.relaxed_swizzle", 0x100, feature=RELAXED, py="i8x16_swizzle(a, b)"),
    vunop("i32x4.relaxed_trunc_f32x4_s", 0x101, feature=RELAXED, nan=BLIND, py="i32x4_trunc_sat_f32x4_s(a)"),
    vunop("i32x4.relaxed_trunc_f32x4_u", 0x102, feature=RELAXED, nan=BLIND, py="i32x4_trunc_sat_f32x4_u(a)"),
    vunop(
        "i32x4.relaxed_trunc_f64x2_s_zero",
        0x103,
        feature=RELAXED,
        nan=BLIND,
        py="i32x4_trunc_sat_f64x2_s_zero(a)",
    ),
    vunop(
        "i32x4.relaxed_trunc_f64x2_u_zero",
        0x104,
        feature=RELAXED,
        nan=BLIND,
        py="i32x4_trunc_sat_f64x2_u_zero(a)",
    ),
    vternop("f32x4.relaxed_madd", 0x105, feature=RELAXED, nan=ARITH, py="f32x4_add(f32x4_mul(a, b), c)"),
    vternop("f32x4.relaxed_nmadd", 0x106, feature=RELAXED, nan=ARITH, py="f32x4_sub(c, f32x4_mul(a, b))"),
    vternop("f64x2.relaxed_madd", 0x107, feature=RELAXED, nan=ARITH, py="f64x2_add(f64x2_mul(a, b), c)"),
    vternop("f64x2.relaxed_nmadd", 0x108, feature=RELAXED, nan=ARITH, py="f64x2_sub(c, f64x2_mul(a, b))"),
    vternop("i8x16.relaxed_laneselect", 0x109, feature=RELAXED, py="a & c | b & ~c"),
    vternop("i16x8.relaxed_laneselect", 0x10A, feature=RELAXED, py="a & c | b & ~c"),
    vternop("i32x4.relaxed_laneselect", 0x10B, feature=RELAXED, py="a & c | b & ~c"),
    vternop("i64x2.relaxed_laneselect", 0x10C, feature=RELAXED, py="a & c | b & ~c"),
    vbinop("f32x4.relaxed_min", 0x10D, feature=RELAXED, nan=ARITH, py="f32x4_min(a, b)"),
    vbinop("f32x4.relaxed_max", 0x10E, feature=RELAXED, nan=ARITH, py="f32x4_max(a, b)"),
    vbinop("f64x2.relaxed_min", 0x10F, feature=RELAXED, nan=ARITH, py="f64x2_min(a, b)"),
    vbinop("f64x2.relaxed_max", 0x110, feature=RELAXED, nan=ARITH, py="f64x2_max(a, b)"),
    vbinop("i16x8.relaxed_q15mulr_s", 0x111, feature=RELAXED, py="i16x8_q15mulr_sat_s(a, b)"),
    vbinop(
        "i16x8.relaxed_dot_i8x16_i7x16_s", 0x112, feature=RELAXED, py="i16x8_relaxed_dot_i8x16_i7x16_s(a, b)"
    ),
    vternop(
        "i32x4.relaxed_dot_i8x16_i7x16_add_s",
        0x113,
        feature=RELAXED,
        py="i32x4_relaxed_dot_i8x16_i7x16_add_s(a, b, c)",
    ),
)
