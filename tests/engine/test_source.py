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
