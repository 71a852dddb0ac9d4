"""The compiled reader and validator: the same verdict and the same words as the Python one, in linear time.

PYWASMVM_MUTATIONS sets how many damaged modules are judged (default 20000), PYWASMVM_MUTATION_SEED the number
of the first. A million: `python -m pywasmvm.testing.agreement --count 1000000 FILE.wasm ...`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pywasmvm.binary import DataItems, FuncItems, decode_module, encode_module
from pywasmvm.binary.leb import encode_unsigned
from pywasmvm.config import Features, Limits
from pywasmvm.errors import ModuleError
from pywasmvm.isa import OPS, Feature
from pywasmvm.runtime.engine import Engine
from pywasmvm.runtime.settings import Config
from pywasmvm.testing.agreement import Pace, compare, judge, mutant, run
from pywasmvm.testing.agreement import main as agreement_main
from pywasmvm.testing.suite import features_of, find_scripts
from pywasmvm.testing.wast import Command, ModuleSource, parse_script
from pywasmvm.text import parse_module
from pywasmvm.valid import module as valid_module
from pywasmvm.valid import validate_module

loader = pytest.importorskip("pywasmvm._fast.loader", reason="the compiled engine is not built")

COUNT = int(os.environ.get("PYWASMVM_MUTATIONS", "20000"))
FIRST = int(os.environ.get("PYWASMVM_MUTATION_SEED", "0"))
LARGEST_SEED = 8192
LIMITS = Limits()


def bulk_for(features: Features) -> Any:
    return loader.Loader(features, LIMITS)


def sources(value: object) -> Iterator[ModuleSource]:
    """Yield the modules in a command of a script."""
    if isinstance(value, ModuleSource):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from sources(item)
    elif isinstance(value, Command):
        for field in dataclasses.fields(value):
            yield from sources(getattr(value, field.name))


@pytest.fixture(scope="module")
def suite_modules(spec_suite: Path) -> list[tuple[str, Features, bytes]]:
    """Every module of the official suite, invalid and malformed ones too, but for text that says nothing."""
    found = []
    for script in find_scripts(spec_suite, {}):
        features = features_of(script.name)
        for command in parse_script(script.path.read_bytes(), features):
            for source in sources(command):
                try:
                    data = source.data if source.form == "binary" else encode_module(source.parse())
                except ModuleError:
                    continue
                found.append((f"{script.name}:{command.line}", features, data))
    assert len(found) > 5000
    return found


@pytest.fixture
def left_to_python(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The functions that the compiled path refused and the rules in Python accepted."""
    found: list[int] = []
    original = valid_module._Bodies._validate_func

    def validate(self: Any, index: int, func: Any) -> None:
        original(self, index, func)
        if isinstance(self._checked.module.funcs, FuncItems):
            found.append(index)

    monkeypatch.setattr(valid_module._Bodies, "_validate_func", validate)
    return found


def is_described(features: Features) -> bool:
    return Feature.CUSTOM_DESCRIPTORS in features


def test_one_verdict_on_the_whole_suite(
    suite_modules: list[tuple[str, Features, bytes]], left_to_python: list[int]
) -> None:
    bulks: dict[Features, Any] = {}
    verdicts = set()
    for where, features, data in suite_modules:
        if is_described(features):
            continue
        bulk = bulks.setdefault(features, bulk_for(features))
        compiled, python = compare(data, bulk, features, LIMITS)
        assert compiled == python, where
        assert not left_to_python, f"{where}: a valid body was not accepted"
        verdicts.add(compiled.partition(":")[0])
    assert verdicts >= {"accepted", "DecodeError", "ValidationError"}


def test_every_rule_of_its_own_is_seen_at_work(suite_modules: list[tuple[str, Features, bytes]]) -> None:
    """So that the test above means something for each of them."""
    wanted = {op for op in OPS if op.params is None and op.feature is not Feature.CUSTOM_DESCRIPTORS}
    seen = set()
    for _, features, data in suite_modules:
        if is_described(features) or judge(data, features, LIMITS, None) != "accepted":
            continue
        for func in decode_module(data, features).funcs:
            seen.update(instr[0] for instr in func.body.instrs())
    assert wanted <= seen, wanted - seen


def test_descriptors_are_left_to_python() -> None:
    config = Config()
    config.features = config.features.with_(Feature.CUSTOM_DESCRIPTORS)
    assert Engine(config).bulk is None


@pytest.mark.parametrize(("name", "has_bulk"), [("auto", True), ("cython", True), ("python", False)])
def test_the_engine_decides_who_validates(name: str, has_bulk: bool) -> None:
    config = Config()
    config.engine = name
    assert (Engine(config).bulk is not None) == has_bulk


# -- damaged modules --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeds(project_root: Path, suite_modules: list[tuple[str, Features, bytes]]) -> list[bytes]:
    """Valid modules: our own, those of compilers, and the suite's."""
    features = Features()
    texts = sorted((project_root / "tests" / "robustness" / "seeds").glob("*.wat"))
    built = sorted((project_root / "bench" / "kernels").glob("*.wasm"))
    assert texts and built
    found = [encode_module(parse_module(path.read_text("utf-8"))) for path in texts] * 20
    found += [path.read_bytes() for path in built] * 5
    found += [data for _, own, data in suite_modules if own == features]
    return [
        data
        for data in found
        if len(data) <= LARGEST_SEED and judge(data, features, LIMITS, None) == "accepted"
    ]


def test_one_verdict_on_damaged_modules(seeds: list[bytes]) -> None:
    features = Features()
    modules = ((number, mutant(number, seeds)) for number in range(FIRST, FIRST + COUNT))
    bulk = bulk_for(features)
    report = run(modules, bulk, features, LIMITS)
    assert report.differences == []
    answers = report.answers
    assert set(answers) <= {"accepted", "DecodeError", "ValidationError", "UnsupportedError", "LimitError"}
    # A run that only ever sees one answer tests nothing.
    assert min(answers["accepted"], answers["DecodeError"], answers["ValidationError"]) > COUNT // 50
    slow = {number for _, number in report.pace.slow()}
    for _ in range(
        8
    ):  # why: a machine that is busy for a moment makes some look slow; beside others they are not
        again = [*range(FIRST, FIRST + 300), *slow]
        timed = run(((number, mutant(number, seeds)) for number in again if slow), bulk, features, LIMITS)
        slow &= {number for _, number in timed.pace.slow()}
    assert not slow


def test_a_slow_module_is_seen_and_a_small_one_is_not_slow() -> None:
    pace = Pace(fixed=1000)
    for number in range(100):
        pace.add(number, 50, 1000 + 50 * 20)
    pace.add(100, 5, 3000)
    pace.add(101, 50, 10 * 2000 + 1)
    assert [number for _, number in pace.slow()] == [101]
    assert pace.rate == 20
    found = pace.as_json()
    assert found["slow"] == [101] and found["slowest"][0][1] == 101 and found["fixed_ns"] == 1000
    pace.retime(101, 3000)
    assert pace.slow() == []


def test_one_verdict_within_tight_limits(seeds: list[bytes]) -> None:
    features = Features()
    limits = Limits(
        nesting=2, locals=4, value_stack_bytes=40, body_bytes=300, functions=30, arity=3, fields=2
    )
    bulk = loader.Loader(features, limits)
    modules = ((number, mutant(number, seeds)) for number in range(FIRST, FIRST + COUNT // 5))
    report = run(modules, bulk, features, limits)
    assert report.differences == []
    assert report.answers["LimitError"] > COUNT // 100


class Liar:
    """A Bulk that calls every body valid."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def checker(self, checked: Any, starts: Any, typeidxs: Any, operands: int) -> Any:
        return self

    def accepted(self, first: int) -> tuple[int, bool]:
        return first + 1, False


def test_a_difference_would_be_reported() -> None:
    data = module_of([b"\0\x1a\x0b"])
    features = Features()
    report = run([(7, data)], Liar(bulk_for(features)), features, LIMITS)
    ((number, compiled, python),) = report.differences
    assert (number, compiled) == (7, "accepted") and python.startswith("ValidationError")


def test_the_comparison_from_the_command_line(project_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in sorted((project_root / "bench" / "kernels").glob("*.wasm"))[:3]]
    assert agreement_main(["--count", "40", "--json", *paths]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(found["answers"].values()) == 40 and found["differences"] == []
    assert found["median_ns_per_byte"] > 0 and len(found["slowest"]) == 10
    assert agreement_main(["--only", "3", *paths]) == 0
    compiled, python = capsys.readouterr().out.splitlines()
    assert compiled == python


@pytest.mark.parametrize("operands", [19, 20, 21, 22])
def test_one_verdict_on_full_stacks(operands: int) -> None:
    features, limits = Features(), Limits(value_stack_bytes=8 * 20)
    bulk = loader.Loader(features, limits)
    for end in (b"", b"\x02\x40\x0b", b"\x41\0\x0d\0", b"\x10\0"):
        data = module_of([b"\0" + b"\x41\0" * operands + end + b"\x1a" * operands + b"\x0b"])
        compiled, python = compare(data, bulk, features, limits)
        assert compiled == python


def test_one_verdict_on_damaged_filters(project_root: Path) -> None:
    features, bulk = Features(), bulk_for(Features())
    found = sorted((project_root / "host" / "filters").glob("*/*.wasm"))
    seeds = [path.read_bytes() for path in found if path.stat().st_size > LARGEST_SEED]
    assert seeds
    report = run(((number, mutant(number, seeds)) for number in range(12)), bulk, features, LIMITS)
    assert report.differences == []


def filters() -> list[Path]:
    """Return the production filters of the package gpustack-higress-plugins, or of PYWASMVM_HIGRESS."""
    named = os.environ.get("PYWASMVM_HIGRESS")
    spec = None if named else find_spec("gpustack_higress_plugins")
    parents = [named] if named else list(spec.submodule_search_locations or []) if spec else []
    return [
        path for parent in parents for path in sorted(Path(str(parent)).glob("**/plugins/*/*/plugin.wasm"))
    ]


@pytest.mark.parametrize("path", filters(), ids=lambda path: path.parent.parent.name)
def test_production_filters(path: Path, left_to_python: list[int]) -> None:
    data = path.read_bytes()
    module = decode_module(data, bodies=False, bulk=bulk_for(Features()))
    checked = validate_module(module)
    assert isinstance(module.funcs, FuncItems) and isinstance(module.datas, DataItems)
    assert not left_to_python
    python = decode_module(data, bodies=False)
    assert (len(module.funcs), len(module.datas)) == (len(python.funcs), len(python.datas))
    for ours, theirs in zip(module.funcs, python.funcs, strict=True):
        assert (ours.typeidx, ours.locals, ours.offset, ours.size) == (
            theirs.typeidx,
            theirs.locals,
            theirs.offset,
            theirs.size,
        )
    assert module.datas[-500:] == python.datas[-500:]
    assert module.elems == python.elems
    assert len(checked.funcs) == len(module.funcs) + len(module.imports)


# -- linear time ------------------------------------------------------------------------------------------


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + encode_unsigned(len(content)) + content


def vec(items: list[bytes]) -> bytes:
    return encode_unsigned(len(items)) + b"".join(items)


def sized(content: bytes) -> bytes:
    return encode_unsigned(len(content)) + content


def module_of(bodies: list[bytes], types: tuple[bytes, ...] = (), funcs: tuple[int, ...] = ()) -> bytes:
    """Return a module of functions; unless `funcs` says otherwise all are of type 0, [] -> []."""
    typeidxs = [bytes([typeidx]) for typeidx in funcs] or [b"\0"] * len(bodies)
    return b"".join(
        (
            b"\0asm\1\0\0\0",
            section(1, vec([b"\x60\0\0", *types])),
            section(3, vec(typeidxs)),
            section(10, vec([sized(body) for body in bodies])),
        )
    )


MANY_TYPES = b"\x60" + vec([b"\x7f"] * 1000) + vec([b"\x7f"] * 1000)
SIZE = 400_000
LOCALS = b"\1" + encode_unsigned(49_000) + b"\x7f"
REFS = b"\2" + encode_unsigned(20_000) + b"\x64\0" + encode_unsigned(20_000) + b"\x64\0"
HARD: dict[str, Callable[[], bytes]] = {
    "nested blocks": lambda: module_of([b"\0" + b"\x02\x40" * 19_990 + b"\x0b" * 19_991] * 7),
    "nested loops with branches out": lambda: module_of(
        [
            b"\0"
            + b"".join(b"\x03\x40\x20\0\x0d" + encode_unsigned(i) for i in range(15_000))
            + b"\x0b" * 15_001
        ],
        (b"\x60\1\x7f\0",),
        (1,),
    ),
    "huge br_table": lambda: module_of([b"\0\x02\x40\x41\0\x0e" + vec([b"\0"] * SIZE) + b"\0\x0b\x0b"]),
    "br_table to many labels": lambda: module_of(
        [
            b"\0"
            + b"\x02\x40" * 10_000
            + (b"\x41\0\x0e" + vec([encode_unsigned(i) for i in range(10_000)]) + b"\0") * 10
            + b"\x0b" * 10_001
        ]
    ),
    "locals": lambda: module_of([LOCALS + b"\x20\xff\x7e\x1a\x0b"] * (SIZE // 10)),
    "locals without a value": lambda: module_of([REFS + b"\x0b"] * (SIZE // 12)),
    "unreachable code": lambda: module_of([b"\0\0" + b"\x6a\x1a\x1a\0" * (SIZE // 4) + b"\x0b"]),
    "calls of many types": lambda: module_of(
        [
            b"\0"
            + b"".join(b"\x20" + encode_unsigned(i) for i in range(1000))
            + b"\x10\0" * (SIZE // 2)
            + b"\x0b"
        ],
        (MANY_TYPES,),
        (1,),
    ),
    "blocks of many types": lambda: module_of(
        [
            b"\0"
            + b"".join(b"\x20" + encode_unsigned(i) for i in range(1000))
            + b"\x02\1\x0b" * (SIZE // 3)
            + b"\x0b"
        ],
        (MANY_TYPES,),
        (1,),
    ),
}
MOST_NS_PER_BYTE = 400  # a filter takes 3; a thousand types for two bytes about 60


@pytest.mark.parametrize("name", HARD)
def test_hard_modules_take_linear_time(name: str, left_to_python: list[int]) -> None:
    data, features = HARD[name](), Features()
    bulk = bulk_for(features)
    started = time.process_time_ns()
    verdict = judge(data, features, LIMITS, bulk)
    ns = time.process_time_ns() - started
    assert verdict == "accepted"
    assert not left_to_python
    assert ns < MOST_NS_PER_BYTE * len(data) + 5_000_000


def test_an_error_after_much_valid_code_is_found_at_once() -> None:
    """Neither the code before the error nor that behind it is looked at in Python."""
    good = [b"\0" + b"\x41\0\x1a" * 1000 + b"\x0b"] * 300
    features = Features()
    for bad in (b"\0\x1a\x0b", b"\0\x1a\xff\x0b"):
        data = module_of([*good, bad, *good])
        started = time.process_time_ns()
        verdict = judge(data, features, LIMITS, bulk_for(features))
        assert time.process_time_ns() - started < MOST_NS_PER_BYTE * len(data)
        assert verdict == judge(data, features, LIMITS, None) != "accepted"


class _StopIt(Exception):
    pass


def test_loading_can_be_interrupted() -> None:
    def stop(*_: object) -> None:
        raise _StopIt

    data = module_of([b"\0" + b"\x41\0\x1a" * 300_000 + b"\x0b"] * 60)
    features = Features()
    bulk = bulk_for(features)
    module = decode_module(data, features, LIMITS, bodies=False, bulk=bulk)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(_StopIt):
            for _ in range(100):
                validate_module(module, features, LIMITS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# -- entries on demand ------------------------------------------------------------------------------------


class Stopper:
    """A Bulk that gives up early, as no real one does."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def indices(self, data: bytes, pos: int, count: int) -> Any:
        return self._inner.indices(data, pos, max(count - 1, 0))

    def codes(self, data: bytes, pos: int, count: int) -> Any:
        return self._inner.codes(data, pos, max(count - 1, 0))

    def datas(self, data: bytes, pos: int, count: int) -> Any:
        return self._inner.datas(data, pos, max(count - 1, 0))


TEXT = """(module (memory 1) (table 4 funcref) (global i32 (i32.const 3))
    (func $f) (func (param i32) (local i64) (drop (local.get 0))) (elem (i32.const 0) $f $f)
    (data (i32.const 8) "abc") (data $p "passive") (data (global.get 0) "xyz") (data (i32.const -1) ""))"""


IMPORT = '(module (import "m" "g" (global i32))'


@pytest.mark.parametrize("wrap", [lambda bulk: bulk, Stopper])
def test_what_is_read_on_demand_is_what_python_reads(wrap: Callable[[Any], Any]) -> None:
    data = encode_module(parse_module(TEXT.replace("(global.get 0)", "(i32.const 3)")))
    ours = decode_module(data, bodies=False, bulk=wrap(bulk_for(Features())))
    theirs = decode_module(data, bodies=False)
    assert ours == theirs
    assert encode_module(ours) == data
    assert list(ours.datas[1:3]) == theirs.datas[1:3]
    assert ours.datas[-1] == theirs.datas[-1]
    with pytest.raises(IndexError):
        ours.datas[4]


def test_segments_at_unusual_places_are_listed() -> None:
    text = TEXT.replace("(global i32 (i32.const 3))", "").replace("(module", IMPORT)
    module = decode_module(encode_module(parse_module(text)), bodies=False, bulk=bulk_for(Features()))
    assert isinstance(module.datas, DataItems)
    assert list(module.datas.others) == [1, 2]
    assert list(module.datas.addrs) == [8, 0, 0, 0xFFFFFFFF]
