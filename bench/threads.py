"""Throughput against threads: one store per thread, the same kernel in each.

The clock is wall time: the question is how many runs a second come out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from .engines import Engine
from .kernels import find_kernels
from .measure import calibrate
from .series import Point, Progress, Series

__all__ = ["measure_threads"]

KERNEL = "sha256"


def _throughput(runs: list[Callable[[int], int]], n: int, repeats: int) -> float:
    """Return finished runs a second when each of `runs` has a thread of its own."""
    barrier = threading.Barrier(len(runs) + 1)

    def work(run: Callable[[int], int]) -> None:
        barrier.wait()
        for _ in range(repeats):
            run(n)
        barrier.wait()

    threads = [threading.Thread(target=work, args=(run,), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    barrier.wait()
    begin = time.perf_counter()
    barrier.wait()
    return len(runs) * repeats / (time.perf_counter() - begin)


def measure_threads(
    engines: list[Engine], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure runs a second with 1, 2, ... threads, at most twice the processors, relative to one."""
    kernel = find_kernels((KERNEL,))[0]
    cores = os.cpu_count() or 1
    counts = [1, 2] if quick else sorted({1, 2, cores, 2 * cores})
    result = []
    for engine in engines:
        points = [Point(count, str(count)) for count in counts]
        result.append(Series("threads", engine.name, "x", "threads", points, more_is_better=True))
        try:
            runs = [engine.load(kernel.code) for _ in range(max(counts))]
            runs[0](kernel.smallest)
            n = calibrate(runs[0], kernel, seconds / 4)
        except Exception as error:  # noqa: BLE001 - why: somebody else's engine may raise anything; it is reported
            points[0].error = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        for number in range(rounds):
            progress(f"threads: {engine.name}, round {number + 1} of {rounds}")
            one = _throughput(runs[:1], n, 4)
            for point in points:
                point.values.append(_throughput(runs[: int(point.x)], n, 4) / one)
    return result
