"""The meaning columns among themselves: they compile, name only what exists, and agree with one another."""

from __future__ import annotations

import ast
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm.engine.python import numeric
from pywasmvm.engine.python.numeric_names import expression_names, words_of
from pywasmvm.errors import Trap
from pywasmvm.isa import OPS, Kind, Nan, Op, TrapKind

Operands = Callable[[Op, tuple[str, ...]], list[tuple[int, ...]]]
FLOAT = {"f32", "f64"}
BITS = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
WITH_PYF = [op for op in OPS if op.pyf is not None]
LAZY = [op for op in OPS if op.lazy]


def _names(op: Op) -> list[tuple[str, str]]:
    """Return (name, type) of the operands that the row's expressions may name."""
    return [(name, t) for name, t in zip("abcd", op.params or (), strict=False) if t != "addr"]


def _compile(op: Op, expression: str) -> Callable[..., Any]:
    names = ", ".join(["x", *(name for name, _ in _names(op))])
    return eval(
        f"lambda {names}: ({expression})", dict(expression_names(), lane=op.lanes // 2, imm=0x7FA00001)
    )


def _outcome(function: Callable[..., Any], *values: Any) -> Any:
    try:
        return function(*values)
    except Trap as trap:
        return trap.kind


def _allowed(op: Op) -> set[str]:
    names = {name for name, _ in _names(op)}
    names |= {"lane"} if op.lanes else set()
    names |= {"imm"} if op.imms else set()
    return names | ({"x"} if op.access else set())


@pytest.mark.parametrize("column", ["py", "pyf"])
def test_expressions_name_only_operands_and_helpers(column: str) -> None:
    helpers = set(expression_names()) | {"abs", "float"}
    for op in OPS:
        text = getattr(op, column)
        if text is None:
            continue
        used = {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
        assert used <= helpers | _allowed(op), op.name
        assert words_of(text) <= helpers, op.name


def test_every_row_with_floats_on_the_stack_has_pyf() -> None:
    scalar = {op.name for op in OPS if op.py and FLOAT & {*(op.params or ()), *(op.results or ())}}
    assert scalar == {op.name for op in WITH_PYF}
    assert {op.name for op in OPS if op.nan is not Nan.NONE and "v128" not in (op.params or ())} <= scalar


@pytest.mark.parametrize("op", WITH_PYF, ids=[op.name for op in WITH_PYF])
def test_pyf_gives_the_bits_of_py(op: Op, operands_for: Operands) -> None:
    on_bits, on_floats = _compile(op, op.py or ""), _compile(op, op.pyf or "")
    types = [t for _, t in _names(op)]
    from_bits = [_FROM_BITS.get(t, int) for t in types]
    result = (op.results or ("none",))[0]
    rows = operands_for(op, tuple(types)) if types else [()]
    tried = 0
    for values in rows:
        for x in operands_for(op, (result,)) if op.kind is Kind.LOAD else [(0,)]:
            want = _outcome(on_bits, *x, *values)
            got = _outcome(on_floats, *x, *(f(value) for f, value in zip(from_bits, values, strict=True)))
            if isinstance(got, float):
                got = _TO_BITS[result](numeric.canon(got) if op.nan is Nan.ARITH else got)
            assert got == want, f"{op.name} {[hex(value) for value in values]}"
            tried += 1
    assert tried >= 10 or op.kind is Kind.CONST


_FROM_BITS: dict[str, Callable[[int], Any]] = {"f32": numeric.f32_from_bits, "f64": numeric.f64_from_bits}
_TO_BITS = {"f32": numeric.f32_to_bits, "f64": numeric.f64_to_bits}


@pytest.mark.parametrize("op", LAZY, ids=[op.name for op in LAZY])
def test_lazy_operands_matter_only_modulo_their_width(op: Op, operands_for: Operands) -> None:
    function = _compile(op, op.py or "")
    names = _names(op)
    source = random.Random(op.name)
    for values in operands_for(op, tuple(t for _, t in names)):
        unreduced = [
            value + (source.choice((-3, -1, 1, 1 << 70)) << BITS[t]) if name in op.lazy else value
            for (name, t), value in zip(names, values, strict=True)
        ]
        x = source.choice([0, 1, 0x80, 0xFF])
        assert _outcome(function, x, *unreduced) == _outcome(function, x, *values), op.name


def test_operands_that_are_not_lazy_would_notice() -> None:
    """The marks are not only right but complete for plain binary integer rows."""
    tried = 0
    for op in OPS:
        if (
            op.kind is not Kind.BINOP
            or op.nan is not Nan.NONE
            or op.traps
            or (op.params or ("",))[0] not in BITS
        ):
            continue
        function, width = _compile(op, op.py or ""), BITS[(op.params or ("",))[0]]
        eager = [name for name in "ab" if name not in op.lazy]
        if eager:
            # why: both at once, since `and` with one unreduced operand is still right; by different amounts,
            # since `xor` with equal ones is.
            reduced = {"a": 0x55, "b": 0x33}
            amounts = {"a": 1 << width, "b": 3 << width}
            unreduced = {name: value - amounts[name] * (name in eager) for name, value in reduced.items()}
            assert function(0, *unreduced.values()) != function(0, *reduced.values()), op.name
            tried += 1
    assert tried == 14


def test_a_double_that_rounds_twice_is_rounded_once() -> None:
    """What a detour over double would get wrong: 2**63 + 2**39 + 1 lies just above a tie of f32."""
    tie = (1 << 63) + (1 << 39)
    assert numeric.fround_int(tie) == float(1 << 63)
    assert numeric.fround_int(tie + 1) == float((1 << 63) + (1 << 40))
    assert numeric.fround(float(tie + 1)) == float(1 << 63)
    assert numeric.fround_int(-tie - 1) == -float((1 << 63) + (1 << 40))


def test_float_helpers_keep_signalling_nans() -> None:
    for bits in (0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF, 0x7FBFFFFF):
        assert numeric.f32_to_bits(numeric.f32_from_bits(bits)) == bits
    for bits in (0x7FF0000000000001, 0xFFF0000000000001, 0x7FF7FFFFFFFFFFFF):
        assert numeric.f64_to_bits(numeric.f64_from_bits(bits)) == bits
        assert numeric.f64_to_bits(numeric.canon(numeric.f64_from_bits(bits))) == numeric.NAN64_BITS
    assert struct.pack("<d", numeric.NAN) == struct.pack("<Q", numeric.NAN64_BITS)
    assert numeric.f32_to_bits(numeric.NAN) == numeric.NAN32_BITS


def test_traps_are_named() -> None:
    with pytest.raises(Trap, match="integer divide by zero") as caught:
        numeric.div_zero()
    assert caught.value.kind is TrapKind.DIVIDE_BY_ZERO
