"""SIMD on float lanes and the conversions between float and integer lanes.

Spec: 5.4.8. The NaN rule holds lane by lane.
"""

from __future__ import annotations

from typing import Any

from .build import vbinop, vunop
from .model import Nan, Op

F32, F64 = "f32x4", "f64x2"
ARITH: dict[str, Any] = {"nan": Nan.ARITH}
BLIND: dict[str, Any] = {"nan": Nan.BLIND}
BITS: dict[str, Any] = {"nan": Nan.BITS}
ROUNDING = (
    (F32, "ceil", 0x67),
    (F32, "floor", 0x68),
    (F32, "trunc", 0x69),
    (F32, "nearest", 0x6A),
    (F64, "ceil", 0x74),
    (F64, "floor", 0x75),
    (F64, "trunc", 0x7A),
    (F64, "nearest", 0x94),
)


def _comparisons(shape: str, first: int) -> tuple[Op, ...]:
    names = ("eq", "ne", "lt", "gt", "le", "ge")
    return tuple(vbinop(f"{shape}.{name}", first + i, **BLIND) for i, name in enumerate(names))


def _arithmetic(shape: str, first: int) -> tuple[Op, ...]:
    names = ("add", "sub", "mul", "div", "min", "max")
    sign = "0x80000000800000008000000080000000" if shape == F32 else "0x80000000000000008000000000000000"
    return (
        vunop(f"{shape}.abs", first, py=f"a & ~{sign}", **BITS),
        vunop(f"{shape}.neg", first + 1, py=f"a ^ {sign}", **BITS),
        vunop(f"{shape}.sqrt", first + 3, **ARITH),
        *(vbinop(f"{shape}.{name}", first + 4 + i, **ARITH) for i, name in enumerate(names)),
        # spec: pmin and pmax choose one operand as it is, so a NaN keeps its payload.
        vbinop(f"{shape}.pmin", first + 10, **BITS),
        vbinop(f"{shape}.pmax", first + 11, **BITS),
    )


ROWS: tuple[Op, ...] = (
    *_comparisons(F32, 0x41),
    *_comparisons(F64, 0x47),
    vunop("f32x4.demote_f64x2_zero", 0x5E, **ARITH),
    vunop("f64x2.promote_low_f32x4", 0x5F, **ARITH),
    *(vunop(f"{shape}.{name}", code, **ARITH) for shape, name, code in ROUNDING),
    *_arithmetic(F32, 0xE0),
    *_arithmetic(F64, 0xEC),
    vunop("i32x4.trunc_sat_f32x4_s", 0xF8, **BLIND),
    vunop("i32x4.trunc_sat_f32x4_u", 0xF9, **BLIND),
    vunop("f32x4.convert_i32x4_s", 0xFA),
    vunop("f32x4.convert_i32x4_u", 0xFB),
    vunop("i32x4.trunc_sat_f64x2_s_zero", 0xFC, **BLIND),
    vunop("i32x4.trunc_sat_f64x2_u_zero", 0xFD, **BLIND),
    vunop("f64x2.convert_low_i32x4_s", 0xFE),
    vunop("f64x2.convert_low_i32x4_u", 0xFF),
)
