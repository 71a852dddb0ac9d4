"""Numbers: folding, ranges, lazy masks, order of evaluation, and floats bit by bit."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store, Trap, TrapKind
from pywasmvm.engine.python.numeric_names import expression_names
from pywasmvm.isa import BY_NAME

CORNERS = {
    "i32": [
        0,
        1,
        2,
        31,
        32,
        0x7F,
        0x80,
        0xFF,
        0x8000,
        0xFFFF,
        2**31 - 1,
        2**31,
        2**31 + 1,
        2**32 - 2,
        2**32 - 1,
    ],
    "i64": [0, 1, 63, 64, 0xFF, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1],
}
OPS = "add sub mul and or xor shl shr_s shr_u rotl rotr eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split()
UNARY = {
    "i32": "clz ctz popcnt eqz extend8_s extend16_s".split(),
    "i64": "clz ctz popcnt extend8_s extend32_s".split(),
}


@pytest.fixture
def instance(make_engine: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    def make(text: str) -> tuple[Any, Any]:
        engine = make_engine()
        store = Store(engine)
        return store, Instance(store, Module(engine, text), []).exports(store)

    return make


def random_expression(rng: random.Random, t: str, depth: int, values: list[int]) -> tuple[str, int]:
    """Return an expression in the text format and its value by the table's own column."""
    kind = rng.randrange(8) if depth else rng.randrange(2)
    names = expression_names()
    if kind == 0:
        i = rng.randrange(len(values))
        return f"(local.get ${t}{i})", values[i]
    if kind == 1:
        number = rng.choice([*CORNERS[t], rng.getrandbits(int(t[1:]))])
        return f"({t}.const {number})", number
    if kind == 2:
        op = BY_NAME[f"{t}.{rng.choice(UNARY[t])}"]
        text, a = random_expression(rng, t, depth - 1, values)
        made, result = f"({op.name} {text})", int(eval(op.py or "", dict(names), {"a": a}))
        return (f"(i64.extend_i32_u {made})", result) if op.results != (t,) else (made, result)
    op = BY_NAME[f"{t}.{rng.choice(OPS)}"]
    left, a = random_expression(rng, t, depth - 1, values)
    right, b = random_expression(rng, t, depth - 1, values)
    result = int(eval(op.py or "", dict(names), {"a": a, "b": b}))
    made = f"({op.name} {left} {right})"
    return (f"(i64.extend_i32_u {made})", result) if op.results != (t,) else (made, result)


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_equal_the_table(instance: Callable[..., Any], seed: int) -> None:
    rng = random.Random(seed)
    t = rng.choice(["i32", "i64"])
    values = [rng.choice(CORNERS[t]) for _ in range(4)]
    expressions = [random_expression(rng, t, 5, values) for _ in range(8)]
    params = " ".join(f"(param ${t}{i} {t})" for i in range(4))
    funcs = "".join(
        f'(func (export "f{n}") {params} (result {t}) {text})' for n, (text, _) in enumerate(expressions)
    )
    # the same once more through a local and a memory, where masks are applied
    kept = "".join(
        f'(func (export "g{n}") {params} (result {t}) (local $r {t}) (local.set $r {text})'
        f" ({t}.store (i32.const 8) (local.get $r)) ({t}.load (i32.const 8)))"
        for n, (text, _) in enumerate(expressions)
    )
    _, items = instance(f"(module (memory 1) {funcs} {kept})")
    wanted = [value for _, value in expressions]
    assert [items[f"f{n}"].invoke(values) for n in range(8)] == [[value] for value in wanted]
    assert [items[f"g{n}"].invoke(values) for n in range(8)] == [[value] for value in wanted]


def test_what_is_on_the_stack_is_not_changed_by_what_comes_later(instance: Callable[..., Any]) -> None:
    _, items = instance(
        """(module (memory 1) (global $g (mut i32) (i32.const 5))
          (func (export "local") (param i32) (result i32)
            (local.get 0) (local.set 0 (i32.const 9)) (local.get 0) (i32.sub))
          (func (export "sum") (param i32) (result i32)
            (i32.add (local.get 0) (i32.const 1)) (local.set 0 (i32.const 100)) (local.get 0) (i32.add))
          (func (export "memory") (result i32)
            (i32.store (i32.const 0) (i32.const 1))
            (i32.load (i32.const 0)) (i32.store (i32.const 0) (i32.const 2)) (i32.load (i32.const 0))
            (i32.const 10) (i32.mul) (i32.add))
          (func $bump (result i32) (global.set $g (i32.const 7)) (i32.const 100))
          (func (export "global") (result i32) (i32.add (global.get $g) (call $bump))))"""
    )
    assert items["local"].invoke([20]) == [11]
    assert items["sum"].invoke([20]) == [121]
    assert items["memory"].invoke() == [21]
    assert items["global"].invoke() == [105]


def test_a_trap_is_not_lost_with_the_value_and_comes_in_order(instance: Callable[..., Any]) -> None:
    _, items = instance(
        """(module (memory 1) (global (export "g") (mut i32) (i32.const 0))
          (func (export "drop") (drop (i32.load (i32.const 70000))))
          (func (export "skipped") (param i32) (result i32)
            (block (result i32) (i32.load (i32.const 70000)) (i32.const 3) (br_if 0 (local.get 0)) (drop)))
          (func (export "first") (result i32)
            (i32.div_u (i32.const 1) (i32.const 0)) (i32.load (i32.const 70000)) (i32.add))
          (func (export "before") (result i32)
            (i32.load (i32.const 70000)) (global.set 0 (i32.const 1)))
          (func (export "select") (param i32) (result i32)
            (select (i32.const 1) (i32.div_u (i32.const 1) (local.get 0)) (i32.const 1)))
          (func (export "store")
            (i32.store (i32.div_u (i32.const 1) (i32.const 0)) (i32.load (i32.const 70000)))))"""
    )
    kinds = {
        "drop": TrapKind.MEMORY_OUT_OF_BOUNDS,
        "skipped": TrapKind.MEMORY_OUT_OF_BOUNDS,
        "first": TrapKind.DIVIDE_BY_ZERO,
        "before": TrapKind.MEMORY_OUT_OF_BOUNDS,
        "select": TrapKind.DIVIDE_BY_ZERO,
        "store": TrapKind.DIVIDE_BY_ZERO,
    }
    for name, kind in kinds.items():
        with pytest.raises(Trap) as caught:
            items[name].invoke([0] if name in ("skipped", "select") else [])
        assert caught.value.kind is kind, name
    assert items["g"].raw == 0


F32 = [
    0x7FA00001,
    0xFFA00001,
    0x7F800001,
    0x7FC00000,
    0xFFC12345,
    0x00000001,
    0x80000000,
    0x7F7FFFFF,
    0x3F800000,
]
F64 = [
    0x7FF0000000000001,
    0xFFF4000000000000,
    0x7FF8000000000000,
    0xFFF8000000000123,
    1,
    1 << 63,
    0x3FF0000000000000,
]


@pytest.mark.parametrize(("t", "bits"), [("f32", b) for b in F32] + [("f64", b) for b in F64])
def test_floats_keep_their_bits_wherever_they_only_pass(
    instance: Callable[..., Any], t: str, bits: int
) -> None:
    i = "i" + t[1:]
    _, items = instance(
        f"""(module (memory 1) (global $g (mut {t}) ({t}.const 0)) (table 1 funcref) (elem (i32.const 0) $id)
          (type $ft (func (param {t}) (result {t})))
          (func $id (type $ft) (local.get 0))
          (func (export "id") (param {t}) (result {t}) (local {t}) (local.set 1 (local.get 0))
            (select (local.get 1) ({t}.const 1) (i32.const 1)))
          (func (export "call") (param {t}) (result {t}) (call_indirect (type $ft) (call $id (local.get 0))
          (i32.const 0)))
          (func (export "memory") (param {t}) (result {i})
            ({t}.store (i32.const 3) (local.get 0)) ({t}.store (i32.const 32) ({t}.load (i32.const 3)))
            ({i}.load (i32.const 32)))
          (func (export "global") (param {t}) (result {t}) (global.set $g (local.get 0)) (global.get $g))
          (func (export "bits") (param {t}) (result {i}) ({i}.reinterpret_{t} (local.get 0)))
          (func (export "back") (param {i}) (result {t}) ({t}.reinterpret_{i} (local.get 0)))
          (func (export "const") (result {t}) ({t}.reinterpret_{i} ({i}.const {bits})))
          (func (export "neg") (param {t}) (result {t}) ({t}.neg ({t}.neg (local.get 0))))
          (func (export "block") (param {t}) (result {t})
            (block (result {t}) (br_if 0 (local.get 0) (i32.const 1)) (drop) ({t}.const 0))))"""
    )
    for name in "id call memory global bits back neg block".split():
        assert items[name].invoke([bits]) == [bits], name
    assert items["const"].invoke() == [bits]


@pytest.mark.parametrize("t", ["f32", "f64"])
def test_a_nan_that_arithmetic_makes_is_canonical_wherever_it_is_looked_at(
    instance: Callable[..., Any], t: str
) -> None:
    i, canonical = ("i32", 0x7FC00000) if t == "f32" else ("i64", 0x7FF8000000000000)
    odd = 0xFFFFFFFF if t == "f32" else 2**64 - 1
    _, items = instance(
        f"""(module (memory 1) (global $g (mut {t}) ({t}.const 0))
          (func (export "add") (param {t}) (result {t}) ({t}.add (local.get 0) (local.get 0)))
          (func (export "local") (param {t}) (result {t}) (local {t})
            (local.set 1 ({t}.mul (local.get 0) ({t}.const 2))) (local.get 1))
          (func (export "param") (param {t}) (result {t})
            (local.set 0 ({t}.mul (local.get 0) ({t}.const 2))) (local.get 0))
          (func (export "store") (param {t}) (result {i})
            ({t}.store (i32.const 5) ({t}.sub (local.get 0) ({t}.const 1))) ({i}.load (i32.const 5)))
          (func (export "global") (param {t}) (result {t})
            (global.set $g ({t}.sub (local.get 0) ({t}.const 1))) (global.get $g))
          (func (export "bits") (param {t}) (result {i}) ({i}.reinterpret_{t} ({t}.sqrt (local.get 0))))
          (func (export "if") (param {t}) (result {t})
            (if (result {t}) (i32.const 1) (then ({t}.add (local.get 0) ({t}.const 1))) (else ({t}.const 0))))
          (func (export "abs") (param {t}) (result {t}) ({t}.abs ({t}.neg ({t}.add (local.get 0) ({t}.const
          1))))))"""
    )
    for name in "add local param store global bits if abs".split():
        assert items[name].invoke([odd]) == [canonical], name


def test_f32_arithmetic_is_rounded_once_and_overflows_to_infinity(instance: Callable[..., Any]) -> None:
    _, items = instance(
        """(module (memory 1)
          (func (export "mul") (param f32 f32) (result f32) (f32.mul (local.get 0) (local.get 1)))
          (func (export "store") (param f32 f32) (result i32)
            (f32.store (i32.const 4) (f32.mul (local.get 0) (local.get 1))) (i32.load (i32.const 4))))"""
    )
    rng = random.Random(5)
    cases = [(0x7F000000, 0x7F000000), (0xFF000000, 0x7F000000), (1, 0x3F000000), (0x00800000, 0x3F000000)]
    cases += [(rng.getrandbits(31), rng.getrandbits(31)) for _ in range(200)]
    for a, b in cases:
        x, y = (struct.unpack("<f", struct.pack("<I", bits))[0] for bits in (a, b))
        if x != x or y != y:
            continue
        product = x * y
        try:
            wanted = struct.unpack("<I", struct.pack("<f", product))[0]
        except OverflowError:
            wanted = 0x7F800000 if product > 0 else 0xFF800000
        wanted = wanted if product == product else 0x7FC00000
        assert items["mul"].invoke([a, b]) == items["store"].invoke([a, b]) == [wanted]
