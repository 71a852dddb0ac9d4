"""Of two traps the one that comes first in the code is the one that happens.

Found by no-diff runs: an operand that may trap was still waiting on the stack when a later one was evaluated,
because that had grown too long to go on waiting, or because its instruction uses it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm import Instance, Module, Store, Trap, TrapKind

OVERFLOW = "(i64.trunc_f64_u (f64.const -1e99))"
OUTSIDE = "(i64.load (i32.const -1))"
DEEP = f"{'(i64.xor (i64.const 1) (i64.rotl (i64.const 3) ' * 20}{OUTSIDE}{'))' * 20}"
VECTOR = f"(i64x2.splat {OVERFLOW})"
OUTSIDE_VECTOR = "(v128.load (i32.const -1))"
F32 = "(f32x4.splat (f32.convert_i64_u {}))"
FMA = "f32x4.relaxed_nmadd"

# name -> body, what happens
BODIES = {
    "a long operand": (f"{OVERFLOW} {DEEP} i64.add drop", TrapKind.INTEGER_OVERFLOW),
    "below a long operand": (f"{OVERFLOW} {DEEP} (i64.eqz) drop drop", TrapKind.INTEGER_OVERFLOW),
    "a float": (
        f"(f64.sqrt (f64.convert_i64_u {OVERFLOW})) (block (result f64) (f64.sqrt (f64.load (i32.const -1)))"
        " (br_if 0 (i32.const 0))) drop drop",
        TrapKind.INTEGER_OVERFLOW,
    ),
    "an operand used twice": (
        f"(v128.bitselect {VECTOR} {OUTSIDE_VECTOR} {OUTSIDE_VECTOR}) drop",
        TrapKind.INTEGER_OVERFLOW,
    ),
    "the last used twice": (
        f"(v128.bitselect {OUTSIDE_VECTOR} {VECTOR} {VECTOR}) drop",
        TrapKind.MEMORY_OUT_OF_BOUNDS,
    ),
    "an operand used first": (
        f"({FMA} {F32.format(OVERFLOW)} {OUTSIDE_VECTOR} {OUTSIDE_VECTOR}) drop",
        TrapKind.INTEGER_OVERFLOW,
    ),
    "the last used first": (
        f"({FMA} {OUTSIDE_VECTOR} {OUTSIDE_VECTOR} {F32.format(OVERFLOW)}) drop",
        TrapKind.MEMORY_OUT_OF_BOUNDS,
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_first_trap_happens(make_engine: Callable[..., Any], name: str) -> None:
    body, kind = BODIES[name]
    store = Store(make_engine())
    module = Module(store.engine, f'(module (memory 1) (func (export "f") {body}))')
    with pytest.raises(Trap) as caught:
        Instance(store, module).exports(store)["f"](store)
    assert caught.value.kind is kind
