"""Random modules on our engines and on wasmtime: no difference. PYWASMVM_NODIFF sets how many (300)."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wasmtime", reason="the package wasmtime (extra `test`) is the reference here")

from pywasmvm.binary import decode_module
from pywasmvm.errors import UsageError
from pywasmvm.isa.model import TrapKind
from pywasmvm.runtime.module import wat2wasm
from pywasmvm.syntax.types import FuncType, NumType
from pywasmvm.testing import nodiff
from pywasmvm.testing.nodiff_generate import Smith, find_wasm_tools
from pywasmvm.testing.nodiff_ours import OurSide
from pywasmvm.testing.nodiff_outcome import End, Outcome, difference
from pywasmvm.testing.nodiff_recipes import RECIPES
from pywasmvm.testing.nodiff_run import Family, compare_bytes, run_families
from pywasmvm.testing.nodiff_shrink import replay_command, shrink
from pywasmvm.testing.nodiff_values import CORNERS, arguments

COUNT = int(os.environ.get("PYWASMVM_NODIFF", "300"))
TANK = 1000


@pytest.fixture
def smith() -> None:
    """Skip without wasm-tools."""
    try:
        find_wasm_tools()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("smith")
def test_random_modules_do_not_differ(wasm_engine: str, run_cli: Callable[..., Any], tmp_path: Path) -> None:
    arguments = ["--count", str(COUNT), "--seed", "20", "--engine", wasm_engine, "--keep", str(tmp_path)]
    done = run_cli("nodiff", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["differences"] == []
    counts = report["configurations"]
    assert counts.keys() == RECIPES.keys()
    assert sum(found["modules"] for found in counts.values()) == COUNT
    for what in ("calls", "returned", "trapped", "states", "refused"):
        assert sum(found.get(what, 0) for found in counts.values()) > COUNT // 40, what


@pytest.mark.usefixtures("smith")
def test_a_file_is_compared_again(wasm_engine: str, run_cli: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "a module.wasm"
    with Smith("gc", 1) as smith:
        path.write_bytes(smith.module(5))
    difference = nodiff.Difference(wasm_engine, "gc", 5, "step", "what")
    command = shlex.split(replay_command(difference, path))
    assert command[0] == "pywasmvm"
    done = run_cli(*command[1:])
    assert done.returncode == 0 and done.stdout.startswith("configuration"), done.stderr
    assert run_cli("nodiff", "--quiet", str(path)).stdout == ""


@pytest.mark.usefixtures("smith")
def test_a_process_that_dies_is_a_difference_of_one_module() -> None:
    dying = Family("mvp", 3, 0, 2, ("no such engine",))
    found = [d for _, report in run_families([dying], jobs=1) for d in report.differences]
    assert [(d.number, d.what) for d in found] == [(0, "the process died"), (1, "the process died")]
    with Smith("mvp", 3) as smith:
        assert [d.wasm for d in found] == [smith.module(0), smith.module(1)]


@pytest.mark.usefixtures("smith")
def test_a_run_stops_when_its_time_is_over(run_cli: Callable[..., Any]) -> None:
    done = run_cli("nodiff", "--count", "100000", "--seconds", "0.1", "--json")
    modules = [found["modules"] for found in json.loads(done.stdout)["configurations"].values()]
    assert modules == [25] and done.returncode == 0


@pytest.mark.usefixtures("smith")
def test_a_number_always_means_the_same_module() -> None:
    with Smith("all", 7) as first, Smith("all", 7) as second, Smith("all", 8) as third:
        modules = [first.module(n) for n in range(4)]
        assert modules == [second.module(n) for n in range(4)]
        assert modules != [third.module(n) for n in range(4)]
    for wasm in modules:
        decode_module(wasm)


# Modules that use what the comparison has to understand: imports of each kind, references, exceptions.
SAMPLES = {
    "imports": """(module
      (type $s (struct (field i8) (field (mut i64))))
      (type $f (func (param i32 i64 f32 f64 v128) (result f64)))
      (import "a" "f" (func $f (type $f))) (import "a" "g" (global $g (mut v128)))
      (import "a" "r" (global (ref $s))) (import "a" "m" (memory i64 1 2))
      (import "a" "e" (tag $e (param i32)))
      (import "a" "t" (table $t 2 5 (ref null $s)))
      (func (export "f") (param i32) (result f64)
        (i64.store (i64.const 8) (i64.const -2))
        (table.set $t (i32.const 1) (struct.new $s (i32.const 511)
          (i64.const 7)))
        (call $f (local.get 0) (i64.const 1) (f32.const 2) (f64.const 3) (global.get $g))))""",
    "references": """(module
      (type $a (array (mut i16))) (type $s (struct (field i8) (field (ref null $a)) (field externref)))
      (func (export "any") (param anyref eqref i31ref externref funcref (ref i31) (ref extern))
        (result anyref externref funcref i31ref)
        (local.get 5) (local.get 6) (ref.func 0) (local.get 2))
      (func (export "struct") (result (ref $s) anyref)
        (struct.new $s (i32.const -1) (array.new $a (i32.const -2) (i32.const 20)) (ref.null extern))
        (array.new_fixed $a 1 (i32.const 3))))""",
    "throws": """(module (tag $e (param i32 f64 i64))
      (func (export "f") (param f64) (throw $e (i32.const 1) (local.get 0) (i64.const -1))))""",
    "start": """(module (global (export "g") (mut i32) (i32.const 0)) (func $s (global.set 0 (i32.const 5)))
      (start $s) (func (export "f") (result i32) (global.get 0)))""",
    "runs on": """(module (func (export "f") (loop (br 0))) (func (export "g") (call 1)))""",
    "stands aside": """(module (import "" "" (global (ref exn))))""",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_agree(wasm_engine: str, name: str) -> None:
    report = compare_bytes(bytes(wat2wasm(SAMPLES[name])), "all", 1, [wasm_engine])
    assert report.differences == []
    counts = report.counts
    if name == "stands aside":
        assert counts == {"modules": 1, "imports without a value": 1}
    elif name == "runs on":
        assert counts["out of fuel"] == 2
    else:
        assert (
            counts["states"] == 1 and counts["thrown" if name == "throws" else "returned"] == counts["calls"]
        )


# What a lying engine would do -> the words about it.
LIES: dict[str, tuple[Callable[[Outcome], Outcome], str]] = {
    "result": (lambda o: Outcome(o.end, (1,), o.kinds, o.fuel), "values differ"),
    "fuel": (lambda o: Outcome(o.end, o.values, o.kinds, o.fuel + 1), "fuel differs"),
    "trap": (lambda o: Outcome(End.TRAPPED, kinds=frozenset({TrapKind.UNREACHABLE})), "we: trapped"),
    "fuel ran out": (lambda o: Outcome(End.OUT_OF_FUEL), "we ran out of fuel"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_seen(name: str) -> None:
    lie, words = LIES[name]
    theirs, (ours,) = nodiff.make_sides("all", ["python"])
    call = ours.call
    ours.call = lambda *args: lie(call(*args))  # type: ignore[method-assign]
    wasm = bytes(wat2wasm('(module (func (export "f") (param i64) (result i64) (local.get 0)))'))
    report = nodiff.compare_module(wasm, "all", 0, (theirs, [ours]))
    assert [d.what.startswith(words) for d in report.differences] == [True]


def test_a_lie_about_the_state_is_seen() -> None:
    theirs, (ours,) = nodiff.make_sides("all", ["python"])
    state = ours.state
    ours.state = lambda: {
        place: b"\1" if value == b"\0" * 65536 else value for place, value in state().items()
    }  # type: ignore[method-assign]
    wasm = bytes(wat2wasm('(module (memory (export "m") 1))'))
    report = nodiff.compare_module(wasm, "all", 0, (theirs, [ours]))
    assert [d.step for d in report.differences] == ["state of module export 0"]


def test_a_module_that_differs_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an engine that gets f64.sqrt wrong, nothing but that and what it needs is left."""
    filler = "(global.set $g (i64.add (global.get $g) (i64.const 77)))" * 20
    text = f"""(module (memory 1) (global $g (mut i64) (i64.const 0)) (global $h (mut i32) (i32.const 1))
      (func (export "a") {filler})
      (func (export "b") (param f64) (result f64) {filler} (call 0) (f64.sqrt (local.get 0)))
      (data "{"x" * 100}"))"""
    wasm = bytes(wat2wasm(text))
    call = OurSide.call

    def lying(side: OurSide, position: int, functype: FuncType, args: Any, tank: int) -> Outcome:
        outcome = call(side, position, functype, args, tank)
        instrs = [i[0].name for f in side.modules[-1][0].syntax.funcs for i in f.body.instrs()]
        return (
            Outcome(outcome.end, (1,), fuel=outcome.fuel)
            if "f64.sqrt" in instrs and functype.results
            else outcome
        )

    monkeypatch.setattr(OurSide, "call", lying)
    (difference,) = compare_bytes(wasm, "all", 0, ["python"]).differences
    small = decode_module(shrink(difference))
    assert [i[0].name for f in small.funcs for i in f.body.instrs()] == [
        "end",
        "local.get",
        "f64.sqrt",
        "end",
    ] and not (small.globals or small.mems or small.datas)


def trapped(fuel: int, kind: TrapKind = TrapKind.DIVIDE_BY_ZERO) -> Outcome:
    return Outcome(End.TRAPPED, kinds=frozenset({kind}), fuel=fuel)


UNREACHABLE = TrapKind.UNREACHABLE
# reference, ours, whether that is a difference
RULES = [
    (Outcome(End.RETURNED, fuel=5), Outcome(End.RETURNED, fuel=5), False),
    (Outcome(End.RETURNED, fuel=5), Outcome(End.RETURNED, fuel=6), True),
    (Outcome(End.RETURNED, fuel=9), Outcome(End.RETURNED, fuel=5, refused=4), False),
    (Outcome(End.RETURNED, fuel=10), Outcome(End.RETURNED, fuel=5, refused=4), True),
    (Outcome(End.RETURNED, fuel=TANK), Outcome(End.OUT_OF_FUEL, fuel=990), False),
    (Outcome(End.RETURNED, fuel=999), Outcome(End.OUT_OF_FUEL, fuel=990), True),
    (Outcome(End.OUT_OF_FUEL), Outcome(End.RETURNED, fuel=999), True),
    (Outcome(End.OUT_OF_FUEL), Outcome(End.RETURNED, fuel=999, refused=1), False),
    (trapped(3), trapped(5), False),
    (trapped(6), trapped(5), True),
    (trapped(3), trapped(5, TrapKind.INTEGER_OVERFLOW), True),
    (trapped(4, UNREACHABLE), trapped(5, UNREACHABLE), True),
    (trapped(5, UNREACHABLE), trapped(5, UNREACHABLE), False),
    (trapped(3), Outcome(End.OUT_OF_FUEL), False),
    (Outcome(End.REFUSED), Outcome(End.REFUSED), False),
    (Outcome(End.REFUSED), Outcome(End.RETURNED), True),
    (Outcome(End.RETURNED), Outcome(End.BROKEN), True),
]


@pytest.mark.parametrize(("theirs", "ours", "differs"), RULES)
def test_the_rules_of_agreement(theirs: Outcome, ours: Outcome, differs: bool) -> None:
    assert (difference(theirs, ours, TANK) is not None) is differs


def test_instantiation_may_cost_the_reference_more() -> None:
    ours = Outcome(End.RETURNED, fuel=5)
    assert difference(Outcome(End.RETURNED, fuel=7), ours, TANK, instantiation=True) is None
    assert difference(Outcome(End.RETURNED, fuel=4), ours, TANK, instantiation=True) is not None


def test_arguments_reach_every_corner() -> None:
    for numtype in NumType:
        functype = FuncType((numtype,), ())
        seen = {arguments(functype, salt, attempt) for salt in range(60) for attempt in range(3)}
        assert seen == {(corner,) for corner in CORNERS[numtype]}
