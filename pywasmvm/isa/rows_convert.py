"""Constants and conversions between the number types.

Spec: 4.3.4. Truncations trap, or saturate in the `trunc_sat` forms.
"""

from __future__ import annotations

from .build import FC, const, cvtop
from .model import F32, F64, I32, I64, Feature, Imm, Nan, Op, TrapKind

TRUNC_TRAPS = (TrapKind.INTEGER_OVERFLOW, TrapKind.INVALID_CONVERSION)
SAT = Feature.SATURATING_FLOAT
BITS = Nan.BITS


def _trunc(target: str, source: str, sign: str, code: int) -> Op:
    n, s = target[1:], source[1:]
    helper = f"trunc{s}_{sign}{n}(a)"
    return cvtop(
        f"{target}.trunc_{source}_{sign}",
        code,
        source,
        target,
        traps=TRUNC_TRAPS,
        py=helper,
        pyf=f"ftrunc_{sign}{n}(a)",
        c=helper,
        check=f"check_{helper}",
    )


def _trunc_sat(target: str, source: str, sign: str, code: int) -> Op:
    n, s = target[1:], source[1:]
    helper = f"trunc_sat{s}_{sign}{n}(a)"
    name = f"{target}.trunc_sat_{source}_{sign}"
    pyf = f"ftrunc_sat_{sign}{n}(a)"
    return cvtop(name, FC | code, source, target, feature=SAT, py=helper, pyf=pyf, c=helper)


def _convert(target: str, source: str, sign: str, code: int) -> Op:
    t, s = target[1:], source[1:]
    value = f"((a ^ S{s}) - S{s})" if sign == "s" else "a"
    if target == F64:
        pyf = f"float({value})"
    else:
        pyf = f"fround_int({value})" if source == I64 else f"fround({value})"
    helper = f"convert{s}_{sign}_f{t}(a)"
    return cvtop(
        f"{target}.convert_{source}_{sign}", code, source, target, nan=Nan.NONE, py=helper, pyf=pyf, c=helper
    )


_PAIRS = ((I32, F32, "s"), (I32, F32, "u"), (I32, F64, "s"), (I32, F64, "u")) + (
    (I64, F32, "s"),
    (I64, F32, "u"),
    (I64, F64, "s"),
    (I64, F64, "u"),
)

ROWS: tuple[Op, ...] = (
    const(I32, 0x41, Imm.I32, py="imm", c="imm"),
    const(I64, 0x42, Imm.I64, py="imm", c="imm"),
    const(F32, 0x43, Imm.F32, nan=BITS, py="imm", pyf="f32_from_bits(imm)", c="imm"),
    const(F64, 0x44, Imm.F64, nan=BITS, py="imm", pyf="f64_from_bits(imm)", c="imm"),
    cvtop("i32.wrap_i64", 0xA7, I64, I32, py="a & M32", c="a", lazy="a"),
    *(_trunc(t, s, sign, 0xA8 + i) for i, (t, s, sign) in enumerate(_PAIRS[:4])),
    cvtop("i64.extend_i32_s", 0xAC, I32, I64, py="((a ^ S32) - S32) & M64", c="extend32_s64(a)"),
    cvtop("i64.extend_i32_u", 0xAD, I32, I64, py="a", c="a"),
    *(_trunc(t, s, sign, 0xAE + i) for i, (t, s, sign) in enumerate(_PAIRS[4:])),
    _convert(F32, I32, "s", 0xB2),
    _convert(F32, I32, "u", 0xB3),
    _convert(F32, I64, "s", 0xB4),
    _convert(F32, I64, "u", 0xB5),
    cvtop("f32.demote_f64", 0xB6, F64, F32, py="demote64(a)", pyf="fround(a)", c="demote64(a)"),
    _convert(F64, I32, "s", 0xB7),
    _convert(F64, I32, "u", 0xB8),
    _convert(F64, I64, "s", 0xB9),
    _convert(F64, I64, "u", 0xBA),
    cvtop("f64.promote_f32", 0xBB, F32, F64, py="promote32(a)", pyf="a", c="promote32(a)"),
    cvtop("i32.reinterpret_f32", 0xBC, F32, I32, nan=BITS, py="a", pyf="f32_to_bits(a)", c="f32_to_bits(a)"),
    cvtop("i64.reinterpret_f64", 0xBD, F64, I64, nan=BITS, py="a", pyf="f64_to_bits(a)", c="f64_to_bits(a)"),
    cvtop(
        "f32.reinterpret_i32", 0xBE, I32, F32, nan=BITS, py="a", pyf="f32_from_bits(a)", c="f32_from_bits(a)"
    ),
    cvtop(
        "f64.reinterpret_i64", 0xBF, I64, F64, nan=BITS, py="a", pyf="f64_from_bits(a)", c="f64_from_bits(a)"
    ),
    *(_trunc_sat(t, s, sign, i) for i, (t, s, sign) in enumerate(_PAIRS)),
)
