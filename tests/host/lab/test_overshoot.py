"""Deadlines end every attack in time, by the clock on the wall."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pywasmvm_host.lab import Attack, collection
from pywasmvm_host.lab.overshoot import BAR, main, overshoot

from pywasmvm import DeadlineExceeded, Instance, Module, Store

ATTACKS = collection()
SECONDS = 0.004
# A function that takes far longer to translate than the deadlines here, and its value.
LARGE = f"""(module (func (export "f") (result i32) (local i32)
  {"(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))" * 30_000} (local.get 0)))"""


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_the_overshoot_is_below_five_milliseconds(attack: Attack, wasm_engine: str) -> None:
    late = overshoot(attack, wasm_engine, SECONDS)
    if late.wall >= BAR and not late.undisturbed:
        pytest.skip("the machine is too busy to time anything")
    assert late.wall < BAR, late


def value_of_large() -> int:
    x = 0
    for _ in range(30_000):
        x = (3 * x + 1) & 0xFFFFFFFF
    return x - ((x & 0x80000000) << 1)


def test_a_function_that_was_not_translated_in_time_is_later(make_engine: Callable[..., Any]) -> None:
    store = Store(make_engine())
    f = Instance(store, Module(store.engine, LARGE)).exports(store)["f"]
    store.set_deadline(0.0002)
    for _ in range(3):
        with pytest.raises(DeadlineExceeded, match="deadline exceeded: 0.0002 s a call"):
            f(store)
    store.set_deadline(None)
    assert f(store) == value_of_large()


def test_a_translation_goes_on_where_it_was_left(make_engine: Callable[..., Any], wasm_engine: str) -> None:
    if wasm_engine == "python":
        pytest.skip("the Python engine lowers a function in one go; only the text is kept")
    store = Store(make_engine())
    f = Instance(store, Module(store.engine, LARGE)).exports(store)["f"]
    store.set_deadline(0.0005)
    late = 0
    while True:
        try:
            assert f(store) == value_of_large()
            break
        except DeadlineExceeded as error:
            late += 1
            assert error.where.startswith("function 0"), error.where
            assert late < 10_000
    assert late > 3


def test_the_command_prints_the_table_or_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ([], ["--json"]):
        monkeypatch.setattr("sys.argv", ["overshoot", "loop_plain", "--seconds", "0.003", *options])
        main()
        out = capsys.readouterr().out
        engines = [row["engine"] for row in json.loads(out)["latest_calls"]] if options else out.split()[1::9]
        assert engines == ["cython", "python"]
    monkeypatch.setattr("sys.argv", ["overshoot", "no_such_attack"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "no attack 'no_such_attack'" in capsys.readouterr().err
