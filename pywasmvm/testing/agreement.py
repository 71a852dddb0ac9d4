"""Whether the compiled reader and validator judge modules, damaged at random, exactly as the Python one.

    python -m pywasmvm.testing.agreement --count 1000000 bench/kernels/*.wasm $PYWASMVM_GOLDENS/wat/*.wasm

Rule 1: both answers are compared whole: the class of the error and its text with place and offset.
Rule 2: a mutant is made from its number alone, so that each can be looked at again with --only.
Rule 3: the compiled path is timed, in CPU time. What a module of the header alone takes (`fixed`) is no
        slowness per byte: a module of n bytes is slow if it takes more than ten times `fixed + n * median`,
        where the median is that of (time - fixed) / n over all modules. One that looks slow is timed again,
        and its least time counts, since other work on the machine only adds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

from ..binary import Bulk, decode_module
from ..config import Features, Limits
from ..errors import LimitError, ModuleError
from ..runtime.engine import Engine
from ..runtime.settings import Config
from ..valid import validate_module

__all__ = ["Pace", "Report", "compare", "damaged", "judge", "mutant", "run"]

ACCEPTED = "accepted"
# Bytes that mean something: opcodes, types, the borders of numbers.
TELLING = bytes.fromhex(
    "00 01 02 03 04 05 0b 0c 0d 0e 10 11 1c 1f 20 21 40 41 5e 5f 60 63 64 6f 70 7b 7f 80 d0 fb ff"
)
NUMBERS = (b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x08", b"\x80\x80\x04", b"\x80\x00", b"\x7f")
HEADER = b"\0asm\1\0\0\0"
TOO_SLOW = 10
# A module is timed again, so often, if it takes so many times the median of those before it.
DOUBTFUL = 4
AGAIN = 4
SAMPLE = 1000
FEW = 64


@dataclass
class Pace:
    """How long modules took.

    fixed   nanoseconds of CPU time of a module without sections.
    rate    the median of what a byte takes besides.
    """

    fixed: float = 0.0
    rate: float = 0.0
    numbers: array[int] = field(default_factory=lambda: array("q"))
    ns: array[int] = field(default_factory=lambda: array("q"))
    nbytes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, number: int, nbytes: int, ns: int) -> None:
        """Take a module into account."""
        self.numbers.append(number)
        self.ns.append(ns)
        self.nbytes.append(nbytes)
        done = len(self.ns)
        if done >= FEW and done & (done - 1) == 0:
            self.settle()

    def settle(self) -> None:
        """Work out the median anew."""
        rates = (max(t - self.fixed, 0) / max(n, 1) for t, n in zip(self.ns, self.nbytes, strict=True))
        self.rate = median(rates) if self.ns else 0.0

    def ratio(self, nbytes: int, ns: int) -> float:
        """Return how many times what is usual for its size a module took; inf as long as nobody knows."""
        usual = self.fixed + self.rate * nbytes
        return ns / usual if self.rate else inf

    def retime(self, number: int, ns: int) -> None:
        """Take another time of a module into account."""
        at = self.numbers.index(number)
        self.ns[at] = min(self.ns[at], ns)

    def slow(self) -> list[tuple[float, int]]:
        """Return (ratio, number) of the modules that took more than ten times the usual, slowest first."""
        return [(ratio, number) for ratio, number in self.ratios() if ratio > TOO_SLOW]

    def ratios(self) -> list[tuple[float, int]]:
        """Return (ratio, number) of all, the slowest first."""
        self.settle()
        rows = zip(self.numbers, self.nbytes, self.ns, strict=True)
        return sorted(((self.ratio(size, ns), number) for number, size, ns in rows), reverse=True)

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        ratios = self.ratios()
        return {
            "fixed_ns": self.fixed,
            "median_ns_per_byte": self.rate,
            "slowest": ratios[:10],
            "slow": [number for ratio, number in ratios if ratio > TOO_SLOW],
        }


@dataclass
class Report:
    """What a run found: kinds of answers; number of the module and both answers where they differ; times."""

    answers: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[int, str, str]] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)


def judge(data: bytes, features: Features, limits: Limits, bulk: Bulk | None) -> str:
    """Return what loading a module ends with. An error that is not meant for that goes through."""
    try:
        validate_module(decode_module(data, features, limits, bodies=False, bulk=bulk), features, limits)
    except (ModuleError, LimitError) as error:
        return f"{type(error).__name__}: {error}"
    return ACCEPTED


def compare(data: bytes, bulk: Bulk, features: Features, limits: Limits) -> tuple[str, str]:
    """Return the answers of the compiled and of the Python path."""
    return judge(data, features, limits, bulk), judge(data, features, limits, None)


# -- damage -----------------------------------------------------------------------------------------------


def _flip(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _put(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] = rng.choice(TELLING)


def _insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = bytes(rng.choices(TELLING, k=rng.choice((1, 1, 3))))


def _delete(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice((1, 1, 2, 8))]


def _move(data: bytearray, at: int, rng: random.Random) -> None:
    source = rng.randrange(len(data))
    piece = data[source : source + rng.randrange(1, 12)]
    data[at : at + rng.choice((0, len(piece)))] = piece


def _overwrite(data: bytearray, at: int, rng: random.Random) -> None:
    source = rng.randrange(len(HEADER), len(data))
    piece = data[source : source + rng.randrange(1, 12)]
    data[at : at + len(piece)] = piece[: len(data) - at]


def _number(data: bytearray, at: int, rng: random.Random) -> None:
    spelling = rng.choice(
        (b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x08", b"\x80\x80\x04", b"\x80\x00", b"\x7f")
    )
    data[at : at + rng.randint(0, len(spelling))] = spelling


def _cut(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at + 1 :]


_WAYS: Sequence[Callable[[bytearray, int, random.Random], None]] = (
    # why: what keeps its length leaves sections and bodies whole, so that damage gets as far as typing.
    *(_flip, _put, _overwrite) * 12,
    *(_insert, _delete, _move, _number) * 2,
    _cut,
)


def mutant(number: int, seeds: Sequence[bytes]) -> bytes:
    """Return mutant `number`: a seed with one to four places damaged, the header left alone."""
    rng = random.Random(number)
    return damaged(rng.choice(seeds), rng)


def damaged(module: bytes, rng: random.Random) -> bytes:
    """Return a module with one to four places damaged, the header left alone."""
    data = bytearray(module)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if len(data) > len(HEADER):
            rng.choice(_WAYS)(data, rng.randrange(len(HEADER), len(data)), rng)
    return bytes(data)


# -- runs -------------------------------------------------------------------------------------------------


def run(
    modules: Iterable[tuple[int, bytes]],
    bulk: Bulk,
    features: Features,
    limits: Limits,
    *,
    tell: Callable[[int, Report], None] = lambda done, report: None,
) -> Report:
    """Judge numbered modules twice and report where the answers differ."""
    report = Report()
    pace = report.pace
    pace.fixed = median(_timed(HEADER, features, limits, bulk)[1] for _ in range(SAMPLE))
    for done, (number, data) in enumerate(modules, 1):
        compiled, ns = _timed(data, features, limits, bulk)
        if pace.ratio(len(data), ns) > DOUBTFUL:
            ns = min(ns, *(_timed(data, features, limits, bulk)[1] for _ in range(AGAIN)))
        pace.add(number, len(data), ns)
        python = judge(data, features, limits, None)
        report.answers[compiled.partition(":")[0]] += 1
        if compiled != python:
            report.differences.append((number, compiled, python))
        tell(done, report)
    return report


def _timed(data: bytes, features: Features, limits: Limits, bulk: Bulk) -> tuple[str, int]:
    started = time.thread_time_ns()
    answer = judge(data, features, limits, bulk)
    return answer, time.thread_time_ns() - started


def _tell(done: int, report: Report) -> None:
    if done % 1000 == 0:
        print(f"\r{done:,} judged, {len(report.differences)} differ", end="", file=sys.stderr, flush=True)


def _show(count: int, report: Report) -> None:
    pace, ratios = report.pace, report.pace.ratios()
    print(f"{count:,} mutants: {dict(report.answers)}; {len(report.differences)} differ")
    print(f"median {pace.rate:.1f} ns of CPU time a byte, besides {pace.fixed / 1000:.1f} us a module")
    slowest = ", ".join(f"{ratio:.1f} times (mutant {number})" for ratio, number in ratios[:5])
    print(
        f"slowest: {slowest}; {len(pace.slow())} took more than {TOO_SLOW} times what is usual for their size"
    )
    for number, compiled, python in report.differences[:20]:
        print(f"mutant {number}:\n  compiled  {compiled}\n  python    {python}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit 1 if any answers differ."""
    parser = argparse.ArgumentParser(
        prog="python -m pywasmvm.testing.agreement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.wasm", help="modules to damage")
    parser.add_argument("--count", type=int, default=20_000, help="how many mutants (default 20000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--only", type=int, help="judge this mutant alone and print both answers")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    seeds = [path.read_bytes() for path in options.files]
    engine = Engine(Config())
    bulk = engine.bulk
    if bulk is None:
        parser.exit(2, "the compiled engine is not built or not chosen\n")
    if options.only is not None:
        print(*compare(mutant(options.only, seeds), bulk, engine.features, engine.limits), sep="\n")
        return 0
    numbers = range(options.first, options.first + options.count)
    modules = ((number, mutant(number, seeds)) for number in numbers)
    report = run(modules, bulk, engine.features, engine.limits, tell=_tell)
    for _, number in report.pace.slow():  # why: when all are known, and the machine may be busy no more
        data = mutant(number, seeds)
        times = [_timed(data, engine.features, engine.limits, bulk)[1] for _ in range(AGAIN)]
        report.pace.retime(number, min(times))
    print(file=sys.stderr)
    if options.json:
        found = {"answers": report.answers, "differences": report.differences, **report.pace.as_json()}
        print(json.dumps(found))
    else:
        _show(options.count, report)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
