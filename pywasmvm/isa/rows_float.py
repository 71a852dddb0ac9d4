"""Float arithmetic and comparison.

Spec: 4.3.3. `py` works on bits through a helper named like the instruction; `pyf` works on Python floats. An
f32 result is computed as a double and rounded once more, which is exact for + - * / sqrt as 53 >= 2 * 24 + 2.
"""

from __future__ import annotations

from .build import binop, relop, unop
from .model import F32, F64, Nan, Op

BITS = Nan.BITS


def _comparisons(t: str, first: int) -> tuple[Op, ...]:
    rows = []
    for i, (name, sign) in enumerate(
        (("eq", "=="), ("ne", "!="), ("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">="))
    ):
        meaning = f"a {sign} b"
        rows.append(relop(f"{t}.{name}", first + i, t, py=f"{t}_{name}(a, b)", pyf=meaning, c=meaning))
    return tuple(rows)


def _unop(t: str, name: str, code: int, pyf: str, c: str) -> Op:
    return unop(f"{t}.{name}", code, t, py=f"{t}_{name}(a)", pyf=pyf, c=c)


def _binop(t: str, name: str, code: int, pyf: str, c: str) -> Op:
    return binop(f"{t}.{name}", code, t, py=f"{t}_{name}(a, b)", pyf=pyf, c=c)


def _arithmetic(t: str, first: int) -> tuple[Op, ...]:
    """Make the fourteen operations of one type; f32 differs by width and by rounding what is not exact."""
    n = t[1:]
    sign, rest = f"S{n}", f"M{int(n) - 1}"
    rounded = "fround({})" if t == F32 else "{}"
    return (
        unop(f"{t}.abs", first, t, nan=BITS, py=f"a & {rest}", pyf="abs(a)", c=f"fabs{n}(a)"),
        unop(f"{t}.neg", first + 1, t, nan=BITS, py=f"a ^ {sign}", pyf="-a", c="-a"),
        _unop(t, "ceil", first + 2, "fceil(a)", f"canon{n}(ceil{n}(a))"),
        _unop(t, "floor", first + 3, "ffloor(a)", f"canon{n}(floor{n}(a))"),
        _unop(t, "trunc", first + 4, "ftrunc(a)", f"canon{n}(trunc{n}(a))"),
        _unop(t, "nearest", first + 5, "fnearest(a)", f"canon{n}(nearest{n}(a))"),
        _unop(t, "sqrt", first + 6, rounded.format("fsqrt(a)"), f"canon{n}(sqrt{n}(a))"),
        _binop(t, "add", first + 7, rounded.format("a + b"), f"canon{n}(a + b)"),
        _binop(t, "sub", first + 8, rounded.format("a - b"), f"canon{n}(a - b)"),
        _binop(t, "mul", first + 9, rounded.format("a * b"), f"canon{n}(a * b)"),
        _binop(t, "div", first + 10, rounded.format("a / b if b else fdiv0(a, b)"), f"canon{n}(a / b)"),
        _binop(t, "min", first + 11, "fmin(a, b)", f"min{n}(a, b)"),
        _binop(t, "max", first + 12, "fmax(a, b)", f"max{n}(a, b)"),
        binop(
            f"{t}.copysign",
            first + 13,
            t,
            nan=BITS,
            py=f"a & {rest} | b & {sign}",
            pyf="copysign(a, b)",
            c=f"copysign{n}(a, b)",
        ),
    )


ROWS: tuple[Op, ...] = (
    *_comparisons(F32, 0x5B),
    *_comparisons(F64, 0x61),
    *_arithmetic(F32, 0x8B),
    *_arithmetic(F64, 0x99),
)
