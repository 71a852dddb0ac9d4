"""Loads, stores and the other memory instructions, v128 excepted.

Spec: 5.4.6. `x` is the number in memory; a store writes the low `access` bytes of its expression, so those
of the narrow stores cut the operand themselves.
"""

from __future__ import annotations

from .build import FC, OUT_OF_BOUNDS, load, special, store
from .model import ADDR, F32, F64, I32, I64, Feature, Fuel, Imm, Nan, Op

BULK = Feature.BULK_MEMORY
BITS = Nan.BITS

ROWS: tuple[Op, ...] = (
    load("i32.load", 0x28, I32, 4, c="x"),
    load("i64.load", 0x29, I64, 8, c="x"),
    load("f32.load", 0x2A, F32, 4, nan=BITS, pyf="f32_from_bits(x)", c="x"),
    load("f64.load", 0x2B, F64, 8, nan=BITS, pyf="f64_from_bits(x)", c="x"),
    load("i32.load8_s", 0x2C, I32, 1, py="((x ^ 0x80) - 0x80) & M32", c="extend8_s32(x)"),
    load("i32.load8_u", 0x2D, I32, 1, c="x"),
    load("i32.load16_s", 0x2E, I32, 2, py="((x ^ 0x8000) - 0x8000) & M32", c="extend16_s32(x)"),
    load("i32.load16_u", 0x2F, I32, 2, c="x"),
    load("i64.load8_s", 0x30, I64, 1, py="((x ^ 0x80) - 0x80) & M64", c="extend8_s64(x)"),
    load("i64.load8_u", 0x31, I64, 1, c="x"),
    load("i64.load16_s", 0x32, I64, 2, py="((x ^ 0x8000) - 0x8000) & M64", c="extend16_s64(x)"),
    load("i64.load16_u", 0x33, I64, 2, c="x"),
    load("i64.load32_s", 0x34, I64, 4, py="((x ^ S32) - S32) & M64", c="extend32_s64(x)"),
    load("i64.load32_u", 0x35, I64, 4, c="x"),
    store("i32.store", 0x36, I32, 4, c="b"),
    store("i64.store", 0x37, I64, 8, c="b"),
    store("f32.store", 0x38, F32, 4, nan=BITS, pyf="f32_to_bits(b)", c="b"),
    store("f64.store", 0x39, F64, 8, nan=BITS, pyf="f64_to_bits(b)", c="b"),
    store("i32.store8", 0x3A, I32, 1, py="b & 0xFF", c="b", lazy="b"),
    store("i32.store16", 0x3B, I32, 2, py="b & 0xFFFF", c="b", lazy="b"),
    store("i64.store8", 0x3C, I64, 1, py="b & 0xFF", c="b", lazy="b"),
    store("i64.store16", 0x3D, I64, 2, py="b & 0xFFFF", c="b", lazy="b"),
    store("i64.store32", 0x3E, I64, 4, py="b & M32", c="b", lazy="b"),
    special("memory.size", 0x3F, Imm.MEMIDX, params=(), results=(ADDR,)),
    special("memory.grow", 0x40, Imm.MEMIDX, params=(ADDR,), results=(ADDR,), fuel=Fuel.PER_UNIT),
    special(
        "memory.init",
        FC | 8,
        Imm.DATAIDX,
        Imm.MEMIDX,
        params=(ADDR, I32, I32),
        results=(),
        feature=BULK,
        fuel=Fuel.PER_UNIT,
        traps=OUT_OF_BOUNDS,
    ),
    special("data.drop", FC | 9, Imm.DATAIDX, params=(), results=(), feature=BULK),
    special(
        "memory.copy", FC | 10, Imm.MEMIDX, Imm.MEMIDX, feature=BULK, fuel=Fuel.PER_UNIT, traps=OUT_OF_BOUNDS
    ),
    special(
        "memory.fill",
        FC | 11,
        Imm.MEMIDX,
        params=(ADDR, I32, ADDR),
        results=(),
        feature=BULK,
        fuel=Fuel.PER_UNIT,
        traps=OUT_OF_BOUNDS,
    ),
)
