"""Integer arithmetic, comparison and the proposal wide-arithmetic.

Spec: 4.3.2 (meaning), 5.4.7 (encoding).
"""

from __future__ import annotations

from .build import FC, binop, relop, testop, unop
from .model import I32, I64, Feature, Kind, Op, TrapKind

DIV = (TrapKind.DIVIDE_BY_ZERO,)
DIV_S = (TrapKind.DIVIDE_BY_ZERO, TrapKind.INTEGER_OVERFLOW)
SIGN = Feature.SIGN_EXTENSION


def wideop(name: str, code: int, nparams: int, py: str) -> Op:
    """Make a row that takes i64 operands and gives the low and the high half."""
    results = (I64, I64)
    return Op(
        name, FC | code, (), (I64,) * nparams, results, Feature.WIDE_ARITHMETIC, kind=Kind.WIDEOP, py=py
    )


def _comparisons(t: str, first: int, bits: int) -> tuple[Op, ...]:
    """Make the eleven comparisons of one type; only the width differs between the two."""
    s, sx = f"S{bits}", f"signed{bits}"
    rows = [
        testop(f"{t}.eqz", first, t, py="not a", c="a == 0"),
        relop(f"{t}.eq", first + 1, t, py="a == b", c="a == b"),
        relop(f"{t}.ne", first + 2, t, py="a != b", c="a != b"),
    ]
    for i, (name, sign) in enumerate((("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">="))):
        code = first + 3 + 2 * i
        c = f"{sx}(a) {sign} {sx}(b)"
        rows.append(relop(f"{t}.{name}_s", code, t, py=f"(a ^ {s}) {sign} (b ^ {s})", c=c))
        rows.append(relop(f"{t}.{name}_u", code + 1, t, py=f"a {sign} b", c=f"a {sign} b"))
    return tuple(rows)


ROWS: tuple[Op, ...] = (
    *_comparisons(I32, 0x45, 32),
    *_comparisons(I64, 0x50, 64),
    unop("i32.clz", 0x67, I32, py="32 - a.bit_length()", c="clz32(a)"),
    unop("i32.ctz", 0x68, I32, py="(a & -a).bit_length() - 1 if a else 32", c="ctz32(a)"),
    unop("i32.popcnt", 0x69, I32, py="a.bit_count()", c="popcnt32(a)"),
    binop("i32.add", 0x6A, I32, py="(a + b) & M32", c="a + b", lazy="ab", const=True),
    binop("i32.sub", 0x6B, I32, py="(a - b) & M32", c="a - b", lazy="ab", const=True),
    binop("i32.mul", 0x6C, I32, py="(a * b) & M32", c="a * b", lazy="ab", const=True),
    binop(
        "i32.div_s",
        0x6D,
        I32,
        py="div_s32(a, b)",
        c="div_s32(a, b)",
        check="check_div_s32(a, b)",
        traps=DIV_S,
    ),
    binop(
        "i32.div_u", 0x6E, I32, py="a // (b or div_zero())", c="a / b", check="check_div_u32(b)", traps=DIV
    ),
    binop("i32.rem_s", 0x6F, I32, py="rem_s32(a, b)", c="rem_s32(a, b)", check="check_div_u32(b)", traps=DIV),
    binop("i32.rem_u", 0x70, I32, py="a % (b or div_zero())", c="a % b", check="check_div_u32(b)", traps=DIV),
    binop("i32.and", 0x71, I32, py="a & b", c="a & b"),
    binop("i32.or", 0x72, I32, py="a | b", c="a | b"),
    binop("i32.xor", 0x73, I32, py="a ^ b", c="a ^ b"),
    binop("i32.shl", 0x74, I32, py="(a << (b & 31)) & M32", c="a << (b & 31)", lazy="ab"),
    binop("i32.shr_s", 0x75, I32, py="(((a ^ S32) - S32) >> (b & 31)) & M32", c="shr_s32(a, b)", lazy="b"),
    binop("i32.shr_u", 0x76, I32, py="a >> (b & 31)", c="a >> (b & 31)", lazy="b"),
    binop("i32.rotl", 0x77, I32, py="(a << (b & 31) | a >> (-b & 31)) & M32", c="rotl32(a, b)", lazy="b"),
    binop("i32.rotr", 0x78, I32, py="(a >> (b & 31) | a << (-b & 31)) & M32", c="rotr32(a, b)", lazy="b"),
    unop("i64.clz", 0x79, I64, py="64 - a.bit_length()", c="clz64(a)"),
    unop("i64.ctz", 0x7A, I64, py="(a & -a).bit_length() - 1 if a else 64", c="ctz64(a)"),
    unop("i64.popcnt", 0x7B, I64, py="a.bit_count()", c="popcnt64(a)"),
    binop("i64.add", 0x7C, I64, py="(a + b) & M64", c="a + b", lazy="ab", const=True),
    binop("i64.sub", 0x7D, I64, py="(a - b) & M64", c="a - b", lazy="ab", const=True),
    binop("i64.mul", 0x7E, I64, py="(a * b) & M64", c="a * b", lazy="ab", const=True),
    binop(
        "i64.div_s",
        0x7F,
        I64,
        py="div_s64(a, b)",
        c="div_s64(a, b)",
        check="check_div_s64(a, b)",
        traps=DIV_S,
    ),
    binop(
        "i64.div_u", 0x80, I64, py="a // (b or div_zero())", c="a / b", check="check_div_u64(b)", traps=DIV
    ),
    binop("i64.rem_s", 0x81, I64, py="rem_s64(a, b)", c="rem_s64(a, b)", check="check_div_u64(b)", traps=DIV),
    binop("i64.rem_u", 0x82, I64, py="a % (b or div_zero())", c="a % b", check="check_div_u64(b)", traps=DIV),
    binop("i64.and", 0x83, I64, py="a & b", c="a & b"),
    binop("i64.or", 0x84, I64, py="a | b", c="a | b"),
    binop("i64.xor", 0x85, I64, py="a ^ b", c="a ^ b"),
    binop("i64.shl", 0x86, I64, py="(a << (b & 63)) & M64", c="a << (b & 63)", lazy="ab"),
    binop("i64.shr_s", 0x87, I64, py="(((a ^ S64) - S64) >> (b & 63)) & M64", c="shr_s64(a, b)", lazy="b"),
    binop("i64.shr_u", 0x88, I64, py="a >> (b & 63)", c="a >> (b & 63)", lazy="b"),
    binop("i64.rotl", 0x89, I64, py="(a << (b & 63) | a >> (-b & 63)) & M64", c="rotl64(a, b)", lazy="b"),
    binop("i64.rotr", 0x8A, I64, py="(a >> (b & 63) | a << (-b & 63)) & M64", c="rotr64(a, b)", lazy="b"),
    unop(
        "i32.extend8_s",
        0xC0,
        I32,
        feature=SIGN,
        py="(((a & 0xFF) ^ 0x80) - 0x80) & M32",
        c="extend8_s32(a)",
        lazy="a",
    ),
    unop(
        "i32.extend16_s",
        0xC1,
        I32,
        feature=SIGN,
        py="(((a & 0xFFFF) ^ 0x8000) - 0x8000) & M32",
        c="extend16_s32(a)",
        lazy="a",
    ),
    unop(
        "i64.extend8_s",
        0xC2,
        I64,
        feature=SIGN,
        py="(((a & 0xFF) ^ 0x80) - 0x80) & M64",
        c="extend8_s64(a)",
        lazy="a",
    ),
    unop(
        "i64.extend16_s",
        0xC3,
        I64,
        feature=SIGN,
        py="(((a & 0xFFFF) ^ 0x8000) - 0x8000) & M64",
        c="extend16_s64(a)",
        lazy="a",
    ),
    unop(
        "i64.extend32_s",
        0xC4,
        I64,
        feature=SIGN,
        py="(((a & M32) ^ S32) - S32) & M64",
        c="extend32_s64(a)",
        lazy="a",
    ),
    wideop("i64.add128", 19, 4, "split128((b << 64 | a) + (d << 64 | c))"),
    wideop("i64.sub128", 20, 4, "split128((b << 64 | a) - (d << 64 | c))"),
    wideop("i64.mul_wide_s", 21, 2, "split128(((a ^ S64) - S64) * ((b ^ S64) - S64))"),
    wideop("i64.mul_wide_u", 22, 2, "split128(a * b)"),
)
