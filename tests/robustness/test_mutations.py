"""Broken modules: refused cleanly, or run within the limits given. Nothing else may happen.

Each mutant is made from its number alone, so a failure is repeated with PYWASMVM_MUTANT=<number>.
PYWASMVM_MUTATIONS sets how many are tried.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pywasmvm
from pywasmvm import errors

COUNT = int(os.environ.get("PYWASMVM_MUTATIONS", "10000"))
ONLY = os.environ.get("PYWASMVM_MUTANT")
CHUNKS = 10
FUEL = 20_000
SECONDS = 20  # for one mutant, on a busy machine; most take milliseconds
MAX_SEED = 8192
INTERESTING = (0, 1, 2, 0x0B, 0x40, 0x41, 0x60, 0x6F, 0x70, 0x7B, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
LEBS = (
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x80\x80\x80\x08",
    b"\xff\xff\xff\xff\x07",
    b"\x80\x80\x04",
    b"\x80\x00",
)
# What a mutant may end with. UsageError and InternalError are missing on purpose: they would be ours.
REFUSED = (errors.ModuleError, errors.LimitError, errors.LinkError)
STOPPED = (errors.Trap, errors.ExhaustionError, errors.WasmException)


def flip(data: bytearray, rng: random.Random, _other: bytes) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def put(data: bytearray, rng: random.Random, _other: bytes) -> None:
    data[rng.randrange(len(data))] = rng.choice(INTERESTING)


def insert(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 4))


def delete(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randint(1, 4)]


def truncate(data: bytearray, rng: random.Random, _other: bytes) -> None:
    del data[rng.randrange(1, len(data) + 1) :]


def put_leb(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data))
    data[at : at + rng.randint(0, 5)] = rng.choice(LEBS)


def repeat(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.randint(1, 40)]


def splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    at, start = rng.randrange(len(data)), rng.randrange(len(other))
    data[at : at + rng.randint(0, 40)] = other[start : start + rng.randint(1, 40)]


def swap(data: bytearray, rng: random.Random, _other: bytes) -> None:
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    data[a], data[b] = data[b], data[a]


MUTATIONS: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    flip,
    put,
    insert,
    delete,
    truncate,
    put_leb,
    repeat,
    splice,
    swap,
)


@pytest.fixture(scope="module")
def seeds(project_root: Path) -> list[bytes]:
    """Small modules, of our own hand and of compilers."""
    texts = sorted((project_root / "tests" / "robustness" / "seeds").glob("*.wat"))
    built = sorted((project_root / "bench" / "kernels").glob("*.wasm"))
    built += sorted((project_root / "host" / "filters" / "wat").glob("*.wasm"))
    assert texts and built
    found = [bytes(pywasmvm.wat2wasm(path.read_text("utf-8"))) for path in texts]
    return found + [data for path in built if len(data := path.read_bytes()) <= MAX_SEED]


def mutant(number: int, seeds: list[bytes]) -> bytes:
    """Return mutant `number`: a seed with one to four mutations, the header mostly left alone."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(MUTATIONS)(data, rng, rng.choice(seeds))
        data = data or bytearray(b"\0")
    if rng.random() < 0.9:
        data[:8] = b"\0asm\1\0\0\0"
    return bytes(data)


@contextmanager
def reproducible(number: int) -> Iterator[None]:
    """Tell how to repeat the mutant if the block does not end well, or takes too long."""
    started, done = time.monotonic(), False
    try:
        yield
        done = time.monotonic() - started < SECONDS
        assert done, f"took more than {SECONDS} s"
    finally:
        if not done:
            print(f"repeat with: PYWASMVM_MUTANT={number} pytest {__file__}")


@pytest.fixture
def small_engine(make_engine: Callable[..., Any]) -> Any:
    """An engine with fuel and tight limits."""
    limits = replace(
        pywasmvm.Config().limits,
        memory_bytes=16 << 20,
        store_memory_bytes=32 << 20,
        table_elements=100_000,
        gc_heap_bytes=16 << 20,
        call_depth=200,
    )
    return make_engine(consume_fuel=True, limits=limits)


def examine(engine: Any, data: bytes) -> str:
    """Do all that an embedder does with a module, and return how it ended."""
    try:
        module = pywasmvm.Module(engine, data)
    except REFUSED as error:
        return type(error).__name__
    store = pywasmvm.Store(engine)
    store.set_fuel(FUEL)
    linker = pywasmvm.Linker(engine)
    try:
        linker.define_unknown_imports_as_default_values(store, module)
        instance = linker.instantiate(store, module)
    except REFUSED + STOPPED as error:
        return f"instantiation: {type(error).__name__}"
    return call_everything(store, instance)


def call_everything(store: Any, instance: Any) -> str:
    """Call every exported function once with small arguments, each with a full tank."""
    ended = "ran"
    exports = instance.exports(store)
    for name in exports:
        item = exports[name]
        if not isinstance(item, pywasmvm.Func):
            continue
        arguments = [argument(t) for t in item.type(store).params]
        if None in arguments:
            continue
        store.set_fuel(FUEL)
        try:
            item(store, *arguments)
        except STOPPED as error:
            ended = type(error).__name__
    return ended


def argument(valtype: Any) -> int | float | None:
    """Return a small argument of a number type, None for any other type."""
    return {"i32": 3, "i64": 3, "f32": 2.5, "f64": 2.5}.get(str(valtype))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_mutants(small_engine: Any, seeds: list[bytes], chunk: int) -> None:
    numbers = range(chunk, COUNT, CHUNKS) if ONLY is None else [int(ONLY)]
    ends: Counter[str] = Counter()
    for number in numbers:
        with reproducible(number):
            ends[examine(small_engine, mutant(number, seeds))] += 1
    assert sum(ends.values()) == len(numbers)
    # A fuzzer that only ever sees one outcome tests nothing.
    assert len(ends) > 1 or ONLY is not None or len(numbers) < 50, ends


def test_the_seeds_themselves_run(small_engine: Any, seeds: list[bytes]) -> None:
    ends = Counter(examine(small_engine, data) for data in seeds)
    assert set(ends) <= {"ran", "Trap", "OutOfFuel", "WasmException"}, ends


@pytest.mark.parametrize("nbytes", [0, 1, 3, 4, 7, 9, 64, 4096])
def test_random_bytes_are_refused(small_engine: Any, nbytes: int) -> None:
    data = b"\0asm\1\0\0\0"[:nbytes] + random.Random(nbytes).randbytes(max(nbytes - 8, 0))
    assert examine(small_engine, data) == "DecodeError"


def test_every_truncation_ends_cleanly(seeds: list[bytes]) -> None:
    """A cut inside a section is malformed; one between sections may leave an invalid or a shorter module."""
    engine = pywasmvm.Engine()
    for data in seeds[:5]:
        refused = 0
        for end in range(8, len(data)):
            try:
                pywasmvm.Module(engine, data[:end])
            except errors.ModuleError:
                refused += 1
        assert refused > len(data) * 0.9
