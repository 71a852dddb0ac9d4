"""Every attack of the laboratory, on both engines: the limit it names stops it, with that limit's error, the
next request is served, and the process is as small as before.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host import ConfigError
from pywasmvm_host.abi.hostcalls import HOST_CALLS
from pywasmvm_host.abi.model import V0_2_1
from pywasmvm_host.abi.wasi import WASI_CALLS
from pywasmvm_host.lab import Attack, collection, run_attack
from pywasmvm_host.lab.attack import GROUPS, files
from pywasmvm_host.limits import LIMITS

from pywasmvm import Config, DecodeError, Engine, LimitError, Module

ATTACKS = collection()
NAMES = [attack.name for attack in ATTACKS]
LOADED = [attack for attack in ATTACKS if attack.group == "load" and attack.stops == "refused"]
NAMED_PATH = re.compile(r"\b(?:pywasmvm|host|docs|tests)/[\w/.-]+\.(?:pyx|pxd|py|md)\b")
# Limits that no plugin can reach by itself, and why.
NOT_ATTACKED = {
    "instances": "a plugin is one instance",
    "timers": "a plugin has one timer; only more than a hundred plugins in one VM pass it",
}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Run one attack of each engine first, so that what is loaded on first use is not taken for a leak."""
    for engine in ("python", "cython"):
        try:
            run_attack(ATTACKS[0], engine)
        except Exception as error:  # noqa: BLE001 - a missing engine is the business of the fixture
            print(error)


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_attack(attack: Attack, wasm_engine: str) -> None:
    assert run_attack(attack, wasm_engine).problems == []


@pytest.mark.parametrize("attack", LOADED, ids=[attack.name for attack in LOADED])
def test_the_engine_itself_refuses_what_is_not_loadable(attack: Attack, wasm_engine: str) -> None:
    """The host looks at a module before the engine does; the engine must not depend on that."""
    config = Config()
    config.engine = wasm_engine
    config.limits = attack.all_limits()
    by_lie = (DecodeError, LimitError)  # a count may be over a limit before it is seen to be a lie
    with pytest.raises(by_lie if attack.limit.startswith("none") else LimitError):
        Module(Engine(config), attack.wasm())


def test_the_same_on_both_engines() -> None:
    """What ends an attack, the text and the fuel are properties of the attack, not of an engine."""
    for name in ("loop_plain", "bomb_memory_fill", "host_call_flood", "heap_of_arrays", "recursion_deep"):
        attack = ATTACKS[NAMES.index(name)]
        python, cython = (run_attack(attack, engine) for engine in ("python", "cython"))
        # why: only an error that knows no function yet is given the place, in words of its own
        said = [r.message.partition(" (in function")[0] for r in (python, cython)]
        assert (python.ended, said[0], python.fuel) == (cython.ended, said[1], cython.fuel)


def test_every_limit_is_attacked() -> None:
    attacked = {attack.limit for attack in ATTACKS}
    assert set(LIMITS) - attacked == set(NOT_ATTACKED)


def test_every_attack_is_explained() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {attack.group for attack in ATTACKS} == set(GROUPS)
    assert len({attack.summary for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_the_page_of_an_attack(attack: Attack, project_root: Path) -> None:
    """It is a page: a short paragraph, what follows it, the limit by name, files and attacks that exist."""
    text = "\n".join(attack.prose)
    assert len(attack.prose) >= 4
    assert 10 <= len(attack.summary.split()) <= 60
    assert 90 <= len(text.split()) <= 300
    if attack.limit in LIMITS:
        assert f"`{attack.limit}`" in text or f"--limit {attack.limit}=" in text
    assert "Envoy" in text
    named = set(NAMED_PATH.findall(text))
    assert named or attack.limit.startswith("none")
    assert [path for path in named if not (project_root / path).is_file()] == []
    options = set(re.findall(r"--limit (\w+)=", text))
    assert options <= set(LIMITS)


def test_a_page_is_read_by_paragraphs(tmp_path: Path, project_root: Path) -> None:
    text = (project_root / "tests" / "attacks" / "loop_plain.wat").read_text("utf-8")
    head, _, rest = text.partition("\n;;\n")
    code = rest[rest.index("(module") :]
    page = ";; First: it\n;;   goes on.\n;;\n;; Second.\n;;\n;;\n;; Third."
    (tmp_path / "mine.wat").write_text(f"{head}\n;;\n{page}\n{code}", "utf-8")
    (mine,) = files(tmp_path)
    assert mine.prose == ("First: it goes on.", "Second.", "Third.")
    assert mine.summary == "First: it goes on."
    (tmp_path / "mine.wat").write_text(f"{head}\n{code}", "utf-8")
    (mine,) = files(tmp_path)
    assert (mine.prose, mine.summary) == ((), "")


def test_the_pointer_attacks_know_every_call_with_a_pointer() -> None:
    from pywasmvm_host.lab.generate_host import pointers_of_host_calls, pointers_of_wasi_calls

    code = pointers_of_host_calls()
    for row in HOST_CALLS:
        pointers = any(len(p.words) == 2 or p.kind.startswith("out_") for p in row.params)
        if pointers and V0_2_1 in row.versions:
            assert row.name.encode() in code
    code = pointers_of_wasi_calls()
    for wasi in WASI_CALLS:
        if any(p.kind == "ptr" for p in wasi.params) and wasi.wasm_results:
            assert wasi.name.encode() in code


def test_a_missing_defence_is_seen(wasm_engine: str) -> None:
    """The judge itself: an attack that is not stopped as it says is reported."""
    from dataclasses import replace

    attack = ATTACKS[NAMES.index("loop_plain")]
    wrong = replace(attack, limit="host_calls", limits={"fuel": "1k"})
    problems = run_attack(wrong, wasm_engine).problems
    assert any("no 'limit host_calls = '" in problem for problem in problems)
    problems = run_attack(replace(attack, stops="answered"), wasm_engine).problems
    assert any("it ended trapped, not answered" in problem for problem in problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [("limit: fuel", "limit: fule"), ("stops: trapped", "stops: maybe"), ("title: A", "name: A")],
)
def test_a_wrong_head_is_refused(tmp_path: Path, project_root: Path, old: str, new: str) -> None:
    text = (project_root / "tests" / "attacks" / "loop_plain.wat").read_text("utf-8")
    (tmp_path / "bad.wat").write_text(re.sub(old, new, text, count=1), "utf-8")
    with pytest.raises(ConfigError, match="bad"):
        files(tmp_path)


def test_a_folder_of_ones_own(tmp_path: Path, project_root: Path, wasm_engine: Any) -> None:
    text = (project_root / "tests" / "attacks" / "loop_plain.wat").read_text("utf-8")
    (tmp_path / "mine.wat").write_text(text, "utf-8")
    (mine,) = collection(tmp_path)
    assert mine.name == "mine"
    assert run_attack(mine, wasm_engine).ended == "trapped"
