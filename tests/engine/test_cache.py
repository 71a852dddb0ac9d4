"""The Python engine's code cache: used when it fits, ignored when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Config, Engine, Instance, Module, Store, Trap
from pywasmvm.engine.python import modulecode

TEXT = """(module (memory 1)
  (func $f (export "f") (param i32) (result i32) (i32.load8_u (i32.mul (local.get 0) (i32.const 3)))))"""


def run(folder: Path, argument: int) -> int:
    config = Config()
    config.engine = "python"
    config.cache = folder
    engine = Engine(config)
    from pywasmvm.runtime.module import wat2wasm

    module = Module(engine, bytes(wat2wasm(TEXT)))
    store = Store(engine)
    result: int = Instance(store, module, []).exports(store)["f"](store, argument)
    cache = engine.backend.module_code(module.checked).cache  # type: ignore[attr-defined]
    if cache is not None:
        cache.save()
    return result


@pytest.fixture
def translations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    original = modulecode.ModuleCode.lower

    def lower(self: modulecode.ModuleCode, funcidx: int, *how: Any) -> modulecode.Source:
        made.append(funcidx)
        return original(self, funcidx, *how)

    monkeypatch.setattr(modulecode.ModuleCode, "lower", lower)
    return made


def test_a_second_run_translates_nothing(tmp_path: Path, translations: list[int]) -> None:
    folder = tmp_path / "cache"
    assert [run(folder, 1), run(folder, 2)] == [0, 0]
    assert translations == [0]


def test_frames_of_cached_code_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    run(folder, 0)
    with pytest.raises(Trap) as caught:
        run(folder, 1 << 20)
    assert [frame.func_name for frame in caught.value.frames] == ["f"]


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 100])
def test_a_damaged_file_is_ignored(tmp_path: Path, translations: list[int], damage: bytes) -> None:
    folder = tmp_path / "cache"
    run(folder, 1)
    (file,) = folder.glob("code-*")
    file.write_bytes(file.read_bytes()[:-1] + damage)
    assert run(folder, 1) == 0
    assert translations == [0, 0]


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, translations: list[int]) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    assert [run(folder, 1), run(folder, 1)] == [0, 0]
    assert translations == [0, 0]
    assert list(folder.iterdir()) == []
