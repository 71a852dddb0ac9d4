"""Whole no-diff runs: ranges of module numbers spread over worker processes, and single files.

Rule 1: a worker that dies or hangs is a difference of its own. The range it had is done again module by
        module, so the report names the module.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .nodiff import Difference, Report, compare_module, make_sides
from .nodiff_generate import Smith
from .nodiff_recipes import RECIPES
from .nodiff_sides import STACK_BYTES, Side

__all__ = ["Family", "compare_bytes", "run_families"]

_CHUNK = 25
_SECONDS = 120.0  # for one chunk
_METHOD = "spawn"  # why: wasmtime has threads of its own, which do not survive a fork


@dataclass(frozen=True)
class Family:
    """Modules number `start` to `stop` - 1 of a recipe and seed, for these engines."""

    recipe: str
    seed: int
    start: int
    stop: int
    engines: tuple[str, ...]

    def pieces(self, size: int) -> Iterator[Family]:
        """Yield it in pieces of at most `size` modules."""
        for start in range(self.start, self.stop, size):
            yield dataclasses.replace(self, start=start, stop=min(start + size, self.stop))


def compare_bytes(
    wasm: bytes, recipe: str, number: int, engines: Sequence[str], reference: str = "wasmtime"
) -> Report:
    """Compare one module in this process."""
    return _with_stack(
        lambda: compare_module(wasm, recipe, number, _sides(recipe, tuple(engines), reference))
    )


@lru_cache(maxsize=2 * len(RECIPES))
def _sides(recipe: str, engines: tuple[str, ...], reference: str = "wasmtime") -> tuple[Side, list[Side]]:
    return make_sides(recipe, engines, reference)


def _with_stack(work: Callable[[], Report]) -> Report:
    """Run `work` in a thread whose stack is deep enough for the guests of both engines."""
    done: list[Report] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)
            raise

    before = threading.stack_size(2 * STACK_BYTES)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _run_family(family: Family) -> Report:
    report = Report()
    with Smith(family.recipe, family.seed) as smith:
        for number in range(family.start, family.stop):
            wasm = smith.module(number)
            found = compare_module(wasm, family.recipe, number, _sides(family.recipe, family.engines))
            found.differences = [dataclasses.replace(d, seed=family.seed) for d in found.differences]
            report.add(found)
    return report


def _work(pipe: Connection) -> None:
    """Do families as they come through the pipe, until None comes."""
    while True:
        family: Family | None = pipe.recv()
        if family is None:
            return
        pipe.send(_with_stack(lambda todo=family: _run_family(todo)))  # type: ignore[misc]


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    todo: Family | None = None
    since: float = field(default_factory=time.monotonic)

    def give(self, family: Family) -> None:
        self.todo, self.since = family, time.monotonic()
        self.pipe.send(family)

    def stop(self) -> None:
        if self.todo is None:
            self.pipe.send(None)
            self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def run_families(families: Sequence[Family], *, jobs: int) -> Iterator[tuple[Family, Report]]:
    """Run them in `jobs` processes; yield a report per piece, as they come."""
    # why: families in turns, so that a run that is stopped early has seen all kinds.
    rounds = zip_longest(*(family.pieces(_CHUNK) for family in families))
    queue = deque(piece for pieces in rounds for piece in pieces if piece is not None)
    workers = [_launch() for _ in range(min(jobs, len(queue)))]
    try:
        while queue or any(worker.todo for worker in workers):
            for worker in workers:
                if worker.todo is None and queue:
                    worker.give(queue.popleft())
            yield from _collect(workers, queue)
    finally:
        for worker in workers:
            worker.stop()


def _launch() -> _Worker:
    context: Any = multiprocessing.get_context(_METHOD)
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _collect(workers: list[_Worker], queue: deque[Family]) -> Iterator[tuple[Family, Report]]:
    """Wait for somebody; yield what is done and replace workers that died or take too long."""
    busy = [worker for worker in workers if worker.todo is not None]
    ready = wait([worker.pipe for worker in busy], timeout=1.0)
    for worker in busy:
        family = worker.todo
        if family is None:
            continue
        if worker.pipe in ready:
            try:
                report: Report = worker.pipe.recv()
            except EOFError:
                yield from _lost(worker, family, workers, queue, "the process died")
                continue
            worker.todo = None
            yield family, report
        elif time.monotonic() - worker.since > _SECONDS:
            yield from _lost(worker, family, workers, queue, f"no end after {_SECONDS:g} s")


def _lost(
    worker: _Worker, family: Family, workers: list[_Worker], queue: deque[Family], what: str
) -> Iterator[tuple[Family, Report]]:
    worker.stop()
    workers[workers.index(worker)] = _launch()
    if family.stop - family.start > 1:
        queue.extend(family.pieces(1))
        return
    with Smith(family.recipe, family.seed) as smith:
        wasm = smith.module(family.start)
    engines = "+".join(family.engines)
    difference = Difference(engines, family.recipe, family.start, "run", what, seed=family.seed, wasm=wasm)
    report = Report(differences=[difference])
    report.counts["modules"] = 1
    yield family, report
