"""Fuzzing for as long as one likes: reading and validating (load), and engine against engine (run).

    python -m pywasmvm.testing.fuzz load --seconds 600 [FILE.wasm ...]
    python -m pywasmvm.testing.fuzz run --seconds 600

Inputs are checked in a process of their own. What fails is saved, with the command that shows it again.
Rule 1: a process that dies, also by an exception nobody meant, or takes too long is a finding like any other.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .fuzz_targets import TARGETS, Target

__all__ = ["Finding", "Report", "fuzz"]

_PATIENCE = 60.0  # seconds for one input, on a busy machine
_PART = 0.8  # of the patience, after which a process writes where it is
_TELL = 10.0  # seconds between two lines of progress
_ENOUGH = 50  # findings; what goes on failing is one mistake


@dataclass(frozen=True)
class Finding:
    """An input that failed. `again` is the command that shows it."""

    number: int
    what: str
    path: str
    again: str


@dataclass
class Report:
    """What came of the inputs, by how they ended, and those that failed."""

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def __str__(self) -> str:
        ended = ", ".join(f"{n:,} {how}" for how, n in self.ended.most_common())
        return f"{self.inputs:,} inputs in {self.seconds:,.0f} s, {len(self.findings)} findings: {ended}"


def fuzz(
    name: str,
    seed: int,
    given: Sequence[bytes],
    *,
    seconds: float,
    keep: Path,
    first: int = 0,
    tell: Callable[[str], None] = lambda line: None,
    patience: float = _PATIENCE,
) -> Report:
    """Check inputs until the time is over, there are findings enough, or Ctrl-C is pressed."""
    make = TARGETS[name](seed, given)
    report, started, told = Report(name, seed), time.monotonic(), time.monotonic()
    worker = _Worker(name, seed, given, first, patience)
    try:
        while time.monotonic() - started < seconds and len(report.findings) < _ENOUGH:
            number = first + report.inputs
            ended, wrong = worker.answer()
            report.inputs += 1
            report.ended[ended] += 1
            if wrong:
                report.findings.append(_save(make, name, number, wrong, keep))
                tell(f"{number}: {wrong}\n  again: {report.findings[-1].again}")
            if worker.gone:
                worker = _Worker(name, seed, given, number + 1, patience)
            report.seconds = time.monotonic() - started
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                tell(str(report))
    except KeyboardInterrupt:
        tell("interrupted")
    finally:
        worker.stop()
    report.seconds = time.monotonic() - started
    return report


def _save(make: Target, name: str, number: int, what: str, keep: Path) -> Finding:
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{name}-{number}.wasm"
    path.write_bytes(make.input(number))
    again = ["python", "-m", "pywasmvm.testing.fuzz", name, "--again", str(path), "--number", str(number)]
    return Finding(number, what, str(path), shlex.join(again))


class _Worker:
    """A process that checks one input after the other and sends what came of each."""

    def __init__(self, name: str, seed: int, given: Sequence[bytes], first: int, patience: float) -> None:
        context: Any = multiprocessing.get_context("spawn")  # why: wasmtime's threads do not survive a fork
        self._pipe, theirs = context.Pipe(duplex=False)
        self._stacks = tempfile.NamedTemporaryFile("r", prefix="pywasmvm-fuzz-", errors="replace")
        self._patience = patience
        args = (theirs, name, seed, given, first, self._stacks.name, _PART * patience)
        self._process = context.Process(target=_work, args=args, daemon=True)
        self._process.start()
        theirs.close()
        self.gone = False
        self._where = ""  # what it wrote of its threads' stacks, known once it is stopped

    def answer(self) -> tuple[str, str]:
        """Return how the next input ended and what is wrong with it, see Target.check."""
        try:
            if self._pipe.poll(self._patience):
                answer: tuple[str, str] = self._pipe.recv()
                return answer
        except EOFError:
            self.stop()
            return "died", f"the process died with status {self._process.exitcode}{self._where}"
        self.stop()
        return "no end", f"no end after {self._patience:g} s{self._where}"

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.gone = True
        self._process.join(0.1)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        if not self._stacks.closed:
            stacks = self._stacks.read().strip()
            self._stacks.close()
            self._where = f"\n{stacks}" if stacks else ""


def _work(
    pipe: Connection, name: str, seed: int, given: Sequence[bytes], first: int, stacks: str, soon: float
) -> None:
    """Check inputs; write the stacks of all threads when one takes long, or when the process dies."""
    target, number = TARGETS[name](seed, given), first
    with open(stacks, "w") as file:  # noqa: PTH123 - why: kept open for the worst moment
        faulthandler.enable(file)
        while True:
            faulthandler.dump_traceback_later(soon, file=file)
            pipe.send(target.check(number, target.input(number)))
            number += 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pywasmvm.testing.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.wasm", help="modules to damage, besides")
    parser.add_argument("--seconds", type=float, default=60, help="stop after so long (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other inputs")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for what fails")
    parser.add_argument("--again", type=Path, metavar="FILE.wasm", help="check this saved input alone")
    parser.add_argument("--number", type=int, default=0, help="with --again: the number it had")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _plain(report: Report) -> dict[str, Any]:
    return {**vars(report), "findings": [vars(finding) for finding in report.findings]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit 1 if anything failed, 2 if fuzzing is not possible here."""
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    try:
        if options.again is not None:
            target = TARGETS[options.target](options.seed, [])
            ended, wrong = target.check(options.number, options.again.read_bytes())
            print(wrong or ended)
            return 1 if wrong else 0
        report = fuzz(
            options.target,
            options.seed,
            [path.read_bytes() for path in options.files],
            seconds=options.seconds,
            keep=options.keep,
            first=options.first,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (UsageError, OSError) as error:
        parser.exit(2, f"{error}\n")
    print(json.dumps(_plain(report)) if options.json else report)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
