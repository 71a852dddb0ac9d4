"""From the start of a process to the first request served, and the memory that takes.

Each measurement is a process of its own, `python -m bench.starts FILTER ENGINE`, so that nothing is warm.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .filters import find_filters, one_filter
from .series import Point, Progress, Series
from .traffic import BACKENDS, LARGE

__all__ = ["measure_starts"]


def serve_one(name: str, backend: str) -> None:
    """Start one filter and send one request through it. Raises RuntimeError when it is not served."""
    from pywasmvm_host import Host

    from pywasmvm import Config, Engine

    item = one_filter(name)
    config = Config()
    config.engine = backend
    with Host([item.plugin()], profile=item.profile, engine=Engine(config)) as host:
        exchange = host.request(item.request())
        if exchange.failure or exchange.response.status != 200:
            raise RuntimeError(exchange.failure or f"answered {exchange.response.status}")


def peak_bytes() -> int:
    """Return this process's peak memory."""
    # why not ru_maxrss where it can be avoided: on Linux it begins with the parent's memory at the fork
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _process(name: str, backend: str) -> tuple[float, float]:
    """Return (wall milliseconds, peak megabytes) of a process that serves one request."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "bench.starts", name, backend]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begin
    if child.returncode:
        errors = child.stderr.strip().splitlines()
        raise RuntimeError(errors[-1] if errors else f"exit status {child.returncode}")
    return took * 1e3, int(child.stdout) / 1e6


def measure_starts(backends: Sequence[str], rounds: int, quick: bool, progress: Progress) -> list[Series]:
    """Measure whole processes per filter: wall milliseconds, and peak memory in megabytes."""
    filters = [f for f in find_filters() if not quick or f.path.stat().st_size < LARGE]
    result = []
    for name, backend in BACKENDS.items():
        if backend not in backends:
            continue
        times = [Point(n, f.name) for n, f in enumerate(filters)]
        peaks = [Point(n, f.name) for n, f in enumerate(filters)]
        result.append(Series("starts", name, "ms", "filter", times))
        result.append(Series("peaks", name, "MB", "filter", peaks))
        for number in range(rounds):
            for item, point, peak in zip(filters, times, peaks, strict=True):
                progress(f"starts: {item.name}, {name}, round {number + 1} of {rounds}")
                try:
                    wall, megabytes = _process(item.name, backend)
                except RuntimeError as error:
                    point.error = peak.error = str(error)
                    continue
                point.values.append(wall)
                peak.values.append(megabytes)
    return result


if __name__ == "__main__":
    serve_one(*sys.argv[1:])
    print(peak_bytes())
