"""The Python engine's source: readable, compilable, and free of anything the module's author wrote."""

from __future__ import annotations

import pytest

from pywasmvm import Config, Engine, Module
from pywasmvm.engine.python.backend import source_of
from pywasmvm.engine.python.lower import BODIES
from pywasmvm.isa import OPS
from pywasmvm.isa.model import Feature


def test_every_instruction_has_a_body() -> None:
    missing = {op.name for op in OPS if op not in BODIES and op.feature is not Feature.CUSTOM_DESCRIPTORS}
    assert missing == set()


@pytest.fixture
def module() -> Module:
    config = Config()
    config.engine = "python"
    text = r"""(module (memory 1)
      (func $"evil\0a import os" (export "\0aimport os") (param i32) (result i32)
        (i32.load offset=8 (i32.add (local.get 0) (i32.const -4)))))"""
    return Module(Engine(config), text)


def test_source_compiles_and_says_where_it_came_from(module: Module) -> None:
    text = source_of(module, 0)
    compile(text, "dump", "exec")
    assert "W0o8[" in text
    assert "# end" in text
    assert text.startswith("def f0(D, l0):")


def test_names_of_the_module_stay_in_one_comment(module: Module) -> None:
    first, *rest = source_of(module, 0).splitlines()
    assert "evil" in first
    assert "\\n import os" in first
    assert not any("evil" in line or "import" in line for line in rest)


def test_masks_appear_only_where_they_matter(module: Module) -> None:
    assert source_of(module, 0).count("& 4294967295") == 0


def source(body: str) -> str:
    config = Config()
    config.engine = "python"
    config.consume_fuel = True
    text = f"""(module (memory 1) (func (param i32) (result i32) (local i32) {body})
      (func $step (param i32) (result i32) (local.get 0)))"""
    return source_of(Module(Engine(config), text), 0)


COUNT = "(br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))"


def test_loop_that_calls_on_every_way_round_tests_the_tank_behind_the_call_only() -> None:
    without = source(f"(loop $l (i32.store (local.get 0) (local.get 1)) {COUNT}) (local.get 0)")
    calling = source(f"(loop $l (local.set 1 (call $step (local.get 1))) {COUNT}) (local.get 0)")
    either = (
        f"(loop $l (if (local.get 1) (then (local.set 1 (call $step (local.get 1))))) {COUNT}) (local.get 0)"
    )
    assert without.count("if F <") == calling.count("if F <") == 2
    assert "while True:" in calling.split("if F <")[1]
    assert source(either).count("if F <") == 3


def test_branch_to_the_end_of_the_function_returns() -> None:
    inner = f"(loop $l (loop $m (br_if $out (local.get 1)) (br_if $m (local.get 0))) {COUNT})"
    text = source(f"(block $out {inner} (local.set 1 (i32.const 7))) (local.get 1)")
    assert text.count("return l1") > 1
    assert "J = " not in text


def test_jump_to_a_short_chunk_is_that_chunk() -> None:
    cases = "(br_table $a $b $c $d (local.get 0))"
    text = source(
        f"""(loop $l (block $d (block $c (block $b (block $a {cases})
          (local.set 1 (i32.const 5)) (br $d)) (local.set 1 (i32.const 6)) (br $d)) (return (i32.const 8)))
          (local.set 0 (local.get 1)) (br $l)) (i32.const 9)"""
    )
    assert text.count("l0 = l1") == 3
