"""How long a recorded case takes on the compiled engine once its modules are loaded.

    python -m bench.replays FOLDER...

A case is its start-up, with the three copies of each plugin that Envoy makes, all of its requests, and the
shut-down. Each folder holds case files, or `cases/` and what they name; PYWASMVM_HIGRESS names the parent
folder of the package gpustack-higress-plugins. What is shown is CPU time, the best of three runs after one
that loads.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pywasmvm import Config, Engine

__all__ = ["main", "measure_replays"]

RUNS = 3
BOUND_MS = 5.0


def _find(folder: Path, path: str) -> Path:
    near = folder / path
    return near if near.exists() else Path(os.environ.get("PYWASMVM_HIGRESS", ".")) / path


def measure_replays(folders: list[Path]) -> dict[str, float]:
    """Return the milliseconds of every case by its name."""
    from pywasmvm_host.replay.run import run_case  # why: the host is a package of its own

    config = Config()
    config.consume_fuel = True
    config.engine = "cython"
    engine = Engine(config)
    modules: dict[Any, Any] = {}
    out: dict[str, float] = {}
    for folder in folders:
        for file in sorted((folder / "cases").glob("*.json")) or sorted(folder.glob("*.json")):
            case = json.loads(file.read_text("utf-8"))
            times = []
            for _ in range(1 + RUNS):
                before = time.process_time()
                run_case(case, lambda path, folder=folder: _find(folder, path), engine, modules=modules)
                times.append(time.process_time() - before)
            out[file.stem] = min(times[1:]) * 1000
    return out


def main(arguments: list[str]) -> None:
    """Measure and print the distribution and the cases over the bound, slowest last."""
    found = measure_replays([Path(argument) for argument in arguments])
    times = sorted(found.values())
    if not times:
        raise SystemExit("no cases in these folders")
    over = sorted((ms, name) for name, ms in found.items() if ms > BOUND_MS)
    median, p90 = (times[len(times) * part // 10] for part in (5, 9))
    print(f"{len(times)} cases: median {median:.2f} ms, p90 {p90:.2f} ms,")
    print(f"slowest {times[-1]:.1f} ms, {len(over)} over {BOUND_MS:g} ms")
    for ms, name in over:
        print(f"{ms:8.1f}  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
