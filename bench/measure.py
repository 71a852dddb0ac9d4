"""Timing: calibrate n per engine and kernel, run interleaved rounds, check every answer.

Rule 1: what is compared is CPU time per guest instruction, counted by metered runs, because a slow engine
        cannot run the n of a fast one.
        The start of a process (command-line engines) is taken off: its smallest run is measured beside it.
Rule 2: rounds are interleaved (every engine once per round), so a change of the machine's speed hits all.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .engines import Engine, Run
from .kernels import Kernel
from .series import cpu_seconds

Progress = Callable[[str], None]
PATIENCE = 20  # an engine whose smallest run takes this many times the aim is measured by that run alone
MOST = (1 << 31) - 1  # the kernels' n is an i32


@dataclass
class Cell:
    """One engine on one kernel: seconds per run of `n`, guest instructions of that n, or why not."""

    engine: str
    kernel: str
    n: int = 0
    instructions: int = 0
    seconds: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def nanoseconds(self) -> float | None:
        """Return the median CPU nanoseconds per guest instruction, None if nothing was measured."""
        if not self.seconds or not self.instructions:
            return None
        return statistics.median(self.seconds) / self.instructions * 1e9

    @property
    def spread(self) -> float | None:
        """Return (maximum - minimum) / median."""
        if not self.seconds:
            return None
        return (max(self.seconds) - min(self.seconds)) / statistics.median(self.seconds)


def _timed(run: Run, n: int) -> tuple[int, float]:
    begin = cpu_seconds()
    result = run(n)
    return result, cpu_seconds() - begin


def calibrate(run: Run, kernel: Kernel, seconds: float) -> int:
    """Return an n that keeps `run` busy for about `seconds`, or the smallest if that takes longer.

    `run` must have run before: the first call pays for lazy translation.

    Raises RuntimeError when no n does: `run` then does not do the work.
    """
    n = kernel.smallest
    while True:
        _, took = _timed(run, n)
        if took >= seconds / 2:
            return n
        if n >= MOST:
            raise RuntimeError(f"run({n}) took {took:.6f} s, and run({kernel.smallest}) did too")
        n = min(kernel.grow(n, min(seconds / max(took, 1e-6), 10.0)), MOST)


class Judge:
    """Counts guest instructions and knows the right answers, from one trusted metered engine.

    The wasmtime package where installed, else our own engine (then answers are checked for agreement only).
    """

    def __init__(self) -> None:
        try:
            import wasmtime as api
        except ImportError:
            import pywasmvm as api  # type: ignore[no-redef]
        self.name = api.__name__
        self._api = api
        config = api.Config()
        config.consume_fuel = True
        self._engine = api.Engine(config)
        self._known: dict[tuple[str, int], tuple[int, int]] = {}

    def ask(self, kernel: Kernel, n: int) -> tuple[int, int]:
        """Return (result, guest instructions) of the kernel's `run(n)`."""
        key = (kernel.name, n)
        if key not in self._known:
            api, budget = self._api, 1 << 60
            store = api.Store(self._engine)
            store.set_fuel(budget)
            run = api.Instance(store, api.Module(self._engine, kernel.code), []).exports(store)["run"]
            result = run(store, n) & ((1 << 64) - 1)
            self._known[key] = (result, budget - store.get_fuel())
        return self._known[key]

    def objection(self, run: Run, kernel: Kernel, n: int) -> str:
        """Return "" if `run` gives the right answer for n, else what is wrong."""
        result, expected = run(n), self.ask(kernel, n)[0]
        return (
            ""
            if result == expected
            else f"wrong answer: run({n}) = {result:#x}, {self.name} says {expected:#x}"
        )


def measure(
    engines: Iterable[Engine], kernels: list[Kernel], rounds: int, seconds: float, progress: Progress
) -> list[Cell]:
    """Measure every engine on every kernel and return the cells. An engine that fails says so in its cell."""
    judge = Judge()
    cells: list[Cell] = []
    for kernel in kernels:
        runs: list[tuple[Engine, Cell, Run]] = []
        for engine in engines:
            cell = Cell(engine.name, kernel.name)
            cells.append(cell)
            progress(f"{kernel.name}: {engine.name}")
            try:
                run = engine.load(kernel.code)
                begin = cpu_seconds()
                cell.error = judge.objection(run, kernel, kernel.smallest)
                first = cpu_seconds() - begin
                if first > PATIENCE * seconds:
                    cell.n, cell.seconds = kernel.smallest, [first]
                elif not cell.error:
                    cell.n = calibrate(run, kernel, seconds)
                if not cell.error and cell.n != kernel.smallest:
                    cell.error = judge.objection(run, kernel, cell.n)
            except Exception as error:  # noqa: BLE001 - why: somebody else's engine may raise anything; it is reported
                cell.error = f"{type(error).__name__}: {error}".splitlines()[0]
            if cell.error:
                continue
            cell.instructions = judge.ask(kernel, cell.n)[1]
            if cell.seconds:
                continue
            if engine.process:
                cell.instructions -= judge.ask(kernel, kernel.smallest)[1]
            runs.append((engine, cell, run))
        for number in range(rounds):
            progress(f"{kernel.name}: round {number + 1} of {rounds}")
            for engine, cell, run in runs:
                start = _timed(run, kernel.smallest)[1] if engine.process else 0.0
                cell.seconds.append(_timed(run, cell.n)[1] - start)
    return cells
