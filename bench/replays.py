"""How long a recorded case takes on each of our engines once its modules are loaded.

A case is its start-up, with the three copies of each plugin that Envoy makes, all of its requests, and the
shut-down, in virtual time. Every case runs once before it is measured.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from .series import Point, Progress, Series, cpu_seconds
from .traffic import BACKENDS, LARGE

__all__ = ["find_cases", "measure_replays"]

ROOT = Path(__file__).parent.parent
BOUND_MS = 5.0
SHARES = (50, 90, 99, 100)
MOST_NAMED = 12
QUICK = 20
GOLDENS = "PYWASMVM_GOLDENS"

# A case: its file, and the folder that the paths of its modules start from.
Case = tuple[Path, Path]


def corpus() -> Path | None:
    """Return the folder of the recordings that are not ours, if it is here."""
    named = os.environ.get(GOLDENS)
    folder = Path(named) if named is not None else ROOT.parent / "shared" / "envoy-goldens"
    return folder if named != "" and folder.is_dir() else None


def find_cases(say: Callable[[str], object]) -> list[Case]:
    """Return the recorded cases that are here; `say` is told of folders that are missing."""
    tests, filters, others = ROOT / "tests" / "host", ROOT / "host" / "filters", corpus()
    folders = [(tests / "cases",) * 2, (tests / "scripted",) * 2, (filters / "cases", filters)]
    if others is not None:
        folders.append((others / "cases", others))
    else:
        say(f"replays: left out the recordings that {GOLDENS} names the folder of")
    return [(file, modules) for folder, modules in folders for file in sorted(folder.glob("*.json"))]


def _prepare(backend: str, case: Case) -> Callable[[], object] | None:
    """Return the running of a case that has run once; None if a module of it is not here, or too large."""
    from pywasmvm_host.replay.player import find_module, player_on
    from pywasmvm_host.replay.run import load_case

    file, modules = case
    recorded = load_case(file)
    folders = [folder for folder in (modules, corpus()) if folder is not None]
    found: dict[str, Any] = {}
    for entry in (*recorded.get("plugins", []), *recorded.get("services", [])):
        if "wasm" in entry:
            module = found[entry["wasm"]] = find_module(entry["wasm"], *folders)
            if module is None:
                return None
            if backend == "python" and isinstance(module, Path) and module.stat().st_size > LARGE:
                return None
    play = partial(player_on(backend).play, recorded, found.__getitem__)
    play()
    return play


def _timed(play: Callable[[], object]) -> float:
    begin = cpu_seconds()
    play()
    return (cpu_seconds() - begin) * 1e3


@contextmanager
def _set_apart() -> Iterator[None]:
    """Have Python's collector leave alone what is there already.

    why: to go through hundreds of recordings takes a tenth of a second, and it falls on some case.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _quantile(times: Sequence[float], share: int) -> float:
    return sorted(times)[min(len(times) * share // 100, len(times) - 1)]


def measure_replays(
    backends: Sequence[str],
    cases: Sequence[Case],
    rounds: int,
    quick: bool,
    progress: Progress,
    say: Callable[[str], object],
) -> list[Series]:
    """Measure all cases once a round; the points are what so many per cent of them took at most."""
    cases = cases[:: max(1, len(cases) // QUICK)] if quick else cases
    result = []
    for name, backend in BACKENDS.items():
        if backend not in backends:
            continue
        ready: dict[str, Callable[[], object]] = {}
        for number, case in enumerate(cases):
            progress(f"replays: {name}, case {number + 1} of {len(cases)}")
            play = _prepare(backend, case)
            if play is not None:
                ready[case[0].stem] = play
        points = [Point(share, f"{share} %") for share in SHARES]
        best = dict.fromkeys(ready, float("inf"))
        with _set_apart():
            for number in range(rounds if ready else 0):
                progress(f"replays: {name}, round {number + 1} of {rounds}")
                times = {case: _timed(play) for case, play in ready.items()}
                best = {case: min(best[case], took) for case, took in times.items()}
                for point in points:
                    point.values.append(_quantile(list(times.values()), int(point.x)))
        say(_summary(name, best, len(cases) - len(ready)))
        if ready:
            result.append(Series("replays", name, "ms", "share of the cases", points))
    return result


def _summary(name: str, best: dict[str, float], missing: int) -> str:
    """Name what took longest, by the best of the rounds."""
    over = sorted(((took, case) for case, took in best.items() if took > BOUND_MS), reverse=True)
    slowest = ", ".join(f"{case} {took:.1f}" for took, case in over[:MOST_NAMED])
    text = f"replays, {name}: {len(best)} cases, {len(over)} over {BOUND_MS:g} ms"
    text += f" ({slowest}{', ...' if len(over) > MOST_NAMED else ''})" if over else ""
    return text + (f"; {missing} left out, their modules are not here or take long" if missing else "")
