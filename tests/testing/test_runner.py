"""The script runner must be able to fail: every kind of assertion, once right and in every way wrong."""

from __future__ import annotations

import pytest

from pywasmvm.config import Features
from pywasmvm.testing.runner import Outcome, new_session, says
from pywasmvm.testing.wast import parse_script

MODULE = """
(module
  (func (export "i32") (result i32) (i32.const 7))
  (func (export "i64") (result i64) (i64.const 7))
  (func (export "none"))
  (func (export "two") (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "nan") (result f32) (f32.const nan:0x200000))
  (func (export "qnan") (result f32) (f32.const nan:0x600000))
  (func (export "cnan") (result f64) (f64.const -nan))
  (func (export "zero") (result f32) (f32.const -0))
  (func (export "v") (result v128) (v128.const f32x4 nan 1 -0 nan:0x600000))
  (func (export "null") (result funcref) (ref.null func))
  (func $self (export "func") (result funcref) (ref.func $self))
  (func (export "id") (param externref) (result externref) (local.get 0))
  (func (export "i31") (result anyref) (ref.i31 (i32.const 1)))
  (func (export "trap") unreachable)
  (func (export "div") (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (tag $e) (func (export "throw") (throw $e))
  (func $loop (export "deep") (call $loop))
  (global (export "g") i32 (i32.const 5))
)
"""


def outcomes(script: str, engine: str) -> list[Outcome]:
    session = new_session(engine, Features())
    return [session.run(command) for command in parse_script(script)]


RIGHT = [
    '(assert_return (invoke "i32") (i32.const 7))',
    '(assert_return (invoke "none"))',
    '(assert_return (invoke "two") (i32.const 1) (i32.const 2))',
    '(assert_return (invoke "nan") (f32.const nan:0x200000))',
    '(assert_return (invoke "qnan") (f32.const nan:arithmetic))',
    '(assert_return (invoke "cnan") (f64.const nan:canonical))',
    '(assert_return (invoke "zero") (f32.const -0))',
    '(assert_return (invoke "v") (v128.const f32x4 nan:canonical 1 -0 nan:arithmetic))',
    '(assert_return (invoke "null") (ref.null func))',
    '(assert_return (invoke "null") (ref.null))',
    '(assert_return (invoke "func") (ref.func))',
    '(assert_return (invoke "id" (ref.extern 0)) (ref.extern 0))',
    '(assert_return (invoke "id" (ref.extern 3)) (ref.extern))',
    '(assert_return (invoke "id" (ref.null extern)) (ref.null extern))',
    '(assert_return (invoke "i31") (ref.i31))',
    '(assert_return (invoke "i31") (ref.eq))',
    '(assert_return (invoke "i31") (either (ref.struct) (ref.i31)))',
    '(assert_return (get "g") (i32.const 5))',
    '(assert_trap (invoke "trap") "unreachable")',
    '(assert_exception (invoke "throw"))',
    '(assert_exhaustion (invoke "deep") "call stack exhausted")',
    '(assert_malformed (module quote "(func) (bad)") "unknown operator")',
    '(assert_malformed (module binary "wasm") "magic header not detected")',
    '(assert_invalid (module (func (result i32))) "type mismatch")',
    '(assert_unlinkable (module (import "spectest" "unknown" (func))) "unknown import")',
    '(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible import type")',
    '(assert_trap (module (func $s unreachable) (start $s)) "unreachable")',
    '(register "M")',
    '(invoke "none")',
    '(module (import "spectest" "table64" (table i64 10 20 funcref)))',
]

WRONG = [
    '(assert_return (invoke "i32") (i32.const 8))',
    '(assert_return (invoke "i32") (i64.const 7))',
    '(assert_return (invoke "i32"))',
    '(assert_return (invoke "none") (i32.const 7))',
    '(assert_return (invoke "two") (i32.const 1))',
    '(assert_return (invoke "two") (i32.const 2) (i32.const 1))',
    '(assert_return (invoke "nan") (f32.const nan:arithmetic))',
    '(assert_return (invoke "nan") (f32.const nan:0x200001))',
    '(assert_return (invoke "qnan") (f32.const nan:canonical))',
    '(assert_return (invoke "cnan") (f32.const nan:canonical))',
    '(assert_return (invoke "zero") (f32.const 0))',
    '(assert_return (invoke "v") (v128.const f32x4 nan:canonical 1 0 nan:arithmetic))',
    '(assert_return (invoke "v") (v128.const f32x4 nan:canonical 1 -0 nan:canonical))',
    '(assert_return (invoke "v") (v128.const f64x2 nan:canonical nan:arithmetic))',
    '(assert_return (invoke "null") (ref.func))',
    '(assert_return (invoke "func") (ref.null func))',
    '(assert_return (invoke "func") (ref.extern))',
    '(assert_return (invoke "id" (ref.extern 0)) (ref.extern 1))',
    '(assert_return (invoke "id" (ref.extern 0)) (ref.null extern))',
    '(assert_return (invoke "id" (ref.extern 0)) (ref.host 0))',
    '(assert_return (invoke "i31") (ref.struct))',
    '(assert_return (invoke "i31") (i32.const 1))',
    '(assert_return (invoke "i31") (either (ref.struct) (ref.array)))',
    '(assert_return (get "g") (i32.const 6))',
    '(assert_return (invoke "missing"))',
    '(assert_return (invoke "g"))',
    '(assert_return (get "i32") (i32.const 7))',
    '(assert_return (invoke "id") (ref.null))',
    '(assert_return (invoke "trap"))',
    '(assert_trap (invoke "i32") "unreachable")',
    '(assert_trap (invoke "trap") "integer divide by zero")',
    '(assert_trap (invoke "div") "unreachable")',
    '(assert_trap (invoke "throw") "unreachable")',
    '(assert_trap (invoke "deep") "unreachable")',
    '(assert_trap (invoke "missing") "unreachable")',
    '(assert_exception (invoke "trap"))',
    '(assert_exception (invoke "none"))',
    '(assert_exhaustion (invoke "trap") "call stack exhausted")',
    '(assert_exhaustion (invoke "deep") "out of memory")',
    '(assert_malformed (module quote "(func)") "unknown operator")',
    '(assert_malformed (module quote "(bad)") "unexpected token")',
    '(assert_malformed (module quote "(func (result i32))") "type mismatch")',
    '(assert_malformed (module binary "\\00asm\\01\\00\\00\\00") "magic header not detected")',
    '(assert_invalid (module (func)) "type mismatch")',
    '(assert_invalid (module quote "(bad)") "unknown operator")',
    '(assert_invalid (module (func (result i32))) "unknown type")',
    '(assert_unlinkable (module (func)) "unknown import")',
    '(assert_unlinkable (module (import "spectest" "unknown" (func))) "incompatible import type")',
    '(assert_unlinkable (module (func $s unreachable) (start $s)) "unknown import")',
    '(assert_trap (module (func)) "unreachable")',
    '(assert_trap (module (func (result i32))) "unreachable")',
    "(module (func (result i32)))",
    '(module (import "M" "nothing" (func)))',
    "(module (bad))",
    '(register "N" $unknown)',
    '(invoke "trap")',
    "(module instance $i $unknown)",
    "(nonsense)",
]


@pytest.mark.parametrize("command", RIGHT)
def test_what_is_right_passes(command: str, wasm_engine: str) -> None:
    assert [outcome.problem for outcome in outcomes(MODULE + command, wasm_engine)] == ["", ""]


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_fails(command: str, wasm_engine: str) -> None:
    module, outcome = outcomes(MODULE + command, wasm_engine)
    assert module.problem == ""
    assert outcome.problem != ""


def test_nothing_falls_back_to_an_older_instance(wasm_engine: str) -> None:
    script = MODULE + '(module (import "no" "no" (func))) (assert_return (invoke "i32") (i32.const 7))'
    assert [bool(outcome.problem) for outcome in outcomes(script, wasm_engine)] == [False, True, True]


def test_definitions_make_instances_of_their_own(wasm_engine: str) -> None:
    script = """
      (module definition $M (global (export "g") (mut i32) (i32.const 1))
        (func (export "set") (global.set 0 (i32.const 9))))
      (module instance $a $M) (module instance $b $M)
      (invoke $a "set")
      (assert_return (get $a "g") (i32.const 9))
      (assert_return (get $b "g") (i32.const 1))
      (assert_return (get $M "g") (i32.const 1))
    """
    problems = [outcome.problem for outcome in outcomes(script, wasm_engine)]
    assert problems[:-1] == [""] * 6
    assert "there is no instance" in problems[-1]


def test_a_later_registration_replaces_the_whole_earlier_one(wasm_engine: str) -> None:
    script = """
      (module (func (export "old"))) (register "M")
      (module (func (export "new"))) (register "M")
      (module (import "M" "new" (func)))
      (assert_unlinkable (module (import "M" "old" (func))) "unknown import")
    """
    assert [outcome.problem for outcome in outcomes(script, wasm_engine)] == [""] * 6


def test_effects_before_a_trap_stay(wasm_engine: str) -> None:
    script = """
      (module $m (memory (export "m") 1)
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
      (register "m")
      (assert_trap (module (import "m" "m" (memory 1)) (data (i32.const 0) "x") (data (i32.const 65536) "y"))
        "out of bounds memory access")
      (assert_return (invoke $m "load" (i32.const 0)) (i32.const 120))
    """
    assert [outcome.problem for outcome in outcomes(script, wasm_engine)] == [""] * 4


def test_threads_share_what_they_are_given(wasm_engine: str) -> None:
    script = """
      (module $m (memory (export "m") 1) (func (export "get") (result i32) (i32.load (i32.const 0)))
        (func (export "set") (i32.store (i32.const 0) (i32.const 42))))
      (thread $t (shared (module $m)) (register "mem" $m) (assert_return (invoke $m "get") (i32.const 0))
        (invoke $m "set"))
      (wait $t)
      (assert_return (invoke $m "get") (i32.const 42))
      (thread $u (shared (module $m)) (assert_return (invoke $m "get") (i32.const 1)))
      (wait $u)
      (wait $v)
    """
    problems = [outcome.problem for outcome in outcomes(script, wasm_engine)]
    assert problems[:5] == [""] * 5
    assert "wanted [i32 0x1]" in problems[5]
    assert "there is no thread" in problems[6]


def test_messages_are_compared_from_their_start() -> None:
    assert says("integer overflow", "integer overflow")
    assert says("unknown memory: 3 of 2", "unknown memory")
    assert says("uninitialized element 7", "uninitialized element")
    assert not says("uninitialized element: 7", "uninitialized element 7")
    assert not says("integer", "integer overflow")
    assert not says("an unreachable", "unreachable")
