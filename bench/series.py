"""Series of measurements, one value against one quantity that grows, taken in interleaved rounds.

A `Job` is one point still to be measured; `measure_jobs` turns jobs into `Series`.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Job", "Point", "Progress", "Series", "cpu_seconds", "measure_jobs"]

Progress = Callable[[str], None]
MICROSECONDS = 1e6


@dataclass
class Point:
    """One place of a series: `x`, how a reader calls it, every round's value, or why there is none."""

    x: float
    label: str
    values: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float | None:
        """Return the median of the rounds, None if nothing was measured."""
        return statistics.median(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Return (maximum - minimum) / median."""
        middle = self.median
        return (max(self.values) - min(self.values)) / middle if middle else None


@dataclass
class Series:
    """What one contender needed at every point. `part` groups the series of one table and one plot.

    unit       of the values.
    x_unit     what the points differ in; numeric parts are drawn as lines over it, others as bars.
    more_is_better   True for a throughput.
    """

    part: str
    name: str
    unit: str
    x_unit: str
    points: list[Point]
    more_is_better: bool = False


@dataclass
class Job:
    """One point to measure: `prepare` returns the operation to time, outside the clock.

    once    the operation is too slow, or keeps too much, to repeat within a round.
    """

    name: str
    x: float
    label: str
    prepare: Callable[[], Callable[[], object]]
    once: bool = False


def cpu_seconds() -> float:
    """Return the processor time of this process and of its finished children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _repeats(operation: Callable[[], object], seconds: float) -> int:
    """Return how often an operation runs in `seconds`. It has run once before this returns."""
    begin = cpu_seconds()
    operation()
    took = max(cpu_seconds() - begin, 1e-6)
    return max(1, int(seconds / took))


def _timed(operation: Callable[[], object], count: int, clock: Callable[[], float]) -> float:
    gc.collect()
    begin = clock()
    for _ in range(count):
        operation()
    return (clock() - begin) / count


def measure_jobs(
    part: str,
    x_unit: str,
    jobs: Sequence[Job],
    rounds: int,
    seconds: float,
    progress: Progress,
    *,
    clock: Callable[[], float] = cpu_seconds,
    scale: float = MICROSECONDS,
    unit: str = "us",
) -> list[Series]:
    """Measure every job once per round and return one series per job name, points in the jobs' order.

    Values are seconds per operation by `clock` times `scale`. A job that fails carries its error.
    """
    series: dict[str, Series] = {}
    ready: list[tuple[Point, Callable[[], object], int]] = []
    for job in jobs:
        progress(f"{part}: {job.name}, {job.label}")
        point = Point(job.x, job.label)
        series.setdefault(job.name, Series(part, job.name, unit, x_unit, [])).points.append(point)
        try:
            operation = job.prepare()
            count = 1 if job.once else _repeats(operation, seconds)
        except Exception as error:  # noqa: BLE001 - why: a contender may raise anything; it is reported
            point.error = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        ready.append((point, operation, count))
    for number in range(rounds):
        progress(f"{part}: round {number + 1} of {rounds}")
        for point, operation, count in ready:
            try:
                point.values.append(_timed(operation, count, clock) * scale)
            except Exception as error:  # noqa: BLE001 - why: as above
                point.error = f"{type(error).__name__}: {error}".splitlines()[0]
    return list(series.values())
