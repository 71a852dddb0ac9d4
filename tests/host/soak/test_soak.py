"""Soaks: short ones over every filter that is here, and that a soak sees what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from pywasmvm_host import FailurePolicy, HttpRequest, Plugin
from pywasmvm_host.errors import ConfigError
from pywasmvm_host.faults import FuelRunsOut, MemoryCap
from pywasmvm_host.profiling import Sample
from pywasmvm_host.soak import Measure, Soak, SoakResult, Subject, read_subjects
from pywasmvm_host.soak.answers import Witness, new_host, sent
from pywasmvm_host.stream import HttpStreamContext
from pywasmvm_host.upstream import DEFAULT_RESPONSE

from pywasmvm import wat2wasm

HERE = Path(__file__).parent
FILTERS = HERE / "filters.yaml"
LARGE = 1_000_000
COUNTING = """(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "x-count0")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 23) (i32.xor (i32.load8_u (i32.const 23)) (i32.const 1)))
    (drop (call $add (i32.const 0) (i32.const 16) (i32.const 7) (i32.const 23) (i32.const 1)))
    (i32.const 0)))"""

# Takes a page at every fourth request, and traps without it; it counts in its memory.
GROWING = """(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
    (if (i32.eqz (i32.rem_u (i32.load8_u (i32.const 0)) (i32.const 4)))
      (then (if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then (unreachable)))
        {more}))
    (i32.const 0)))"""


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch, goldens: Path) -> list[Subject]:
    pytest.importorskip("yaml")
    monkeypatch.setenv("PYWASMVM_GOLDENS", str(goldens))
    found, _ = read_subjects(FILTERS)
    return [s for s in found if Path(str(s.plugin.wasm)).stat().st_size < LARGE]


def test_many_requests_with_faults(subjects: list[Subject], wasm_engine: str) -> None:
    assert len(subjects) >= 9
    count = 600 if wasm_engine == "cython" else 250
    result = Soak(subjects, seed=3, engine=wasm_engine, fault_rate=0.2, overlap_rate=0.05).run(
        count, measures=4
    )
    assert result.texts == []
    assert result.requests >= count
    assert len(result.faults) == 4 and result.failures > 10 and result.overlapping > 5
    assert len(result.by_filter) == len(subjects)
    assert len(result.measures) >= 4


def test_a_seed_draws_the_same_again(subjects: list[Subject]) -> None:
    results = [
        Soak(subjects[:1], seed=s, engine="python", fault_rate=0.3).run(60, measures=1) for s in (5, 5, 6)
    ]
    drawn = [(r.faults, r.failures, r.overlapping) for r in results]
    assert drawn[0] == drawn[1] != drawn[2]


def counting(varies: frozenset[str] = frozenset()) -> list[Subject]:
    plugin = Plugin(bytes(wat2wasm(COUNTING)), name="counting")
    return [Subject(plugin, [Sample(HttpRequest(), DEFAULT_RESPONSE)], varies=varies, name="counting")]


def test_a_wrong_answer_is_seen(wasm_engine: str) -> None:
    result = Soak(counting(), engine=wasm_engine, fault_rate=0, overlap_rate=0).run(10, measures=1)
    assert result.problems == 5, "every second answer differs"
    assert "x-count" in result.texts[0]
    varies = frozenset({"x-count"})
    assert Soak(counting(varies), engine=wasm_engine, fault_rate=0).run(10, measures=1).problems == 0


def growing(steady: bool, pages: int = 1, more: str = "") -> list[Subject]:
    code = bytes(wat2wasm(GROWING.format(pages=pages, more=more)))
    plugin = Plugin(code, name="growing", failure_policy=FailurePolicy.FAIL_RELOAD, reload_base_ms=1)
    return [Subject(plugin, [Sample(HttpRequest(), DEFAULT_RESPONSE)], steady=steady, name="growing")]


def test_a_filter_that_is_not_steady_may_fail_at_any_time(wasm_engine: str) -> None:
    def soaked(subjects: list[Subject]) -> SoakResult:
        soak = Soak(subjects, seed=2, engine=wasm_engine, fault_rate=0.5)
        soak.served[0].faults = [[kind for kind in kinds if kind] for kinds in soak.served[0].faults]
        return soak.run(60, measures=1)

    result = soaked(growing(steady=False))
    assert result.texts == []
    assert min(result.faults["MemoryCap"], result.faults["FuelRunsOut"]) > 5 and result.failures > 5
    assert soaked(growing(steady=True)).problems > 0, "a fresh one does not fail where this one does"


def test_a_failure_that_is_not_the_fault_s_is_seen(wasm_engine: str) -> None:
    """No growth is refused where none is asked for, and a plugin that fails then fails by itself."""
    soak = Soak(growing(False, 0, "(unreachable)"), seed=2, engine=wasm_engine, fault_rate=1, overlap_rate=0)
    soak.served[0].faults = [[[MemoryCap(1)]]]
    texts = soak.run(8, measures=1).texts
    assert any("failed in proxy_on_request_headers, and not by the fault" in text for text in texts), texts


def test_an_answer_that_no_failure_gives_is_seen(wasm_engine: str) -> None:
    (subject,) = growing(steady=False)
    witness = Witness(subject, wasm_engine)
    fault = FuelRunsOut("proxy_on_request_headers", 2)
    right = sent(new_host(subject, witness.engine), subject, 0, fault)
    assert right.failed_in == "proxy_on_request_headers" and right.hits == 1
    assert witness.judges(0, fault, right) == ""
    wrong = right._replace(given=(200, *right.given[1:]))
    assert "which no failure in proxy_on_request_headers gives" in witness.judges(0, fault, wrong)
    assert "without failing" in witness.judges(0, fault, wrong._replace(failed_in=""))


def test_a_context_left_behind_is_seen(wasm_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    soak = Soak(counting(frozenset({"x-count"})), engine=wasm_engine, fault_rate=0)
    monkeypatch.setattr(HttpStreamContext, "on_destroy", lambda self: None)
    result = soak.run(7, measures=1)
    assert any("it left 7 contexts" in text for text in result.texts), result.texts


def test_growth_is_a_leak_only_when_it_goes_on() -> None:
    def leaks(objects: list[int], resident: int = 0, guests: int = 0) -> list[str]:
        result = SoakResult(1, "python", every=100)
        result.measures = [
            Measure(100 * i, 10**8 + resident * i, guests * i, n) for i, n in enumerate(objects)
        ]
        return result.leaks

    assert leaks([10_000 + 100 * i for i in range(40)]) == ["objects grows by 1.00 objects per request"]
    assert leaks([10_000 + min(100 * i, 500) for i in range(40)]) == []
    assert leaks([10_000] * 40) == []
    assert leaks([10_000] * 40, resident=1 << 20) == ["host grows by 10,485.76 bytes per request"]
    assert leaks([10_000] * 40, resident=1 << 20, guests=1 << 20) == []


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"wasm": "none.wasm", "requests": [{}]}, "filter 1: wasm: no file"),
        ({"wasm": "$NO_SUCH_PLACE/x.wasm", "requests": [{}]}, "the environment has no 'NO_SUCH_PLACE'"),
        ({"requests": [{}]}, "wasm is missing"),
        ({"wasm": "none.wasm", "request": [{}]}, "unknown key 'request'; did you mean requests?"),
        ({"wasm": __file__, "requests": [{}], "failure_policy": "OPEN"}, "failure_policy: want one of"),
        ({"wasm": __file__, "requests": [{"pth": "/"}]}, "request 1: unknown key 'pth'"),
        ({"wasm": "none.wasm", "requests": [{}], "optional": True}, "no filter in it that is there"),
    ],
)
def test_mistakes(item: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps([item]))
    with pytest.raises(ConfigError) as caught:
        read_subjects(tmp_path / "f.json")
    assert complaint in str(caught.value)


def test_the_command(
    run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path, project_root: Path, wasm_engine: str
) -> None:
    hello = project_root / "host" / "filters" / "wat" / "hello.wasm"
    (tmp_path / "f.json").write_text(
        json.dumps([{"wasm": str(hello), "steady": True, "requests": [{"path": "/a"}]}])
    )
    arguments = (
        "soak",
        str(tmp_path / "f.json"),
        "--count",
        "300",
        "--faults",
        "0.2",
        "--engine",
        wasm_engine,
    )
    done = run_cli(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout)
    assert shown["problems"] == 0 and shown["requests"] >= 300
    assert set(shown["faults"]) == {"AllocatorFails", "FuelRunsOut", "HostCallAnswers", "MemoryCap"}
    done = run_cli("soak", str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
