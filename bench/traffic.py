"""What a request costs: per real filter, and against headers, the body's size and the chain's length.

Times are CPU time of `Host.request` in virtual time: the chain's callbacks, the host calls, our host around
them. No socket is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .filters import HEADERS, Filter, find_filters, one_filter
from .series import Job, Progress, Series, measure_jobs

__all__ = ["measure_bodies", "measure_chains", "measure_headers", "measure_requests", "start_host"]

BACKENDS = {"pywasmvm fast": "cython", "pywasmvm python": "python"}
LARGE = 1_000_000  # bytes of a module that the Python engine needs seconds to start


def start_host(backend: str, plugins: Sequence[Any]) -> Any:
    """Return a started host of these plugins on one of our engines."""
    from pywasmvm_host import Host

    from pywasmvm import Config, Engine

    config = Config()
    config.engine = backend
    return Host(plugins, profile="auto", engine=Engine(config)).start()


def _sender(backend: str, plugins: Sequence[Any], request: Any) -> Callable[[], Callable[[], object]]:
    """Return a preparation that starts a host and hands out the sending of one request."""

    def prepare() -> Callable[[], object]:
        host = start_host(backend, plugins)

        def send() -> None:
            exchange = host.request(request)
            if exchange.failure or exchange.response.status != 200:
                raise RuntimeError(exchange.failure or f"answered {exchange.response.status}")
            # why: a long measurement must not measure the keeping of what it never reads
            for log in (host.world.logs, host.world.host_log, host.world.records, host.proxy.access_log):
                log.clear()
            for cluster in host.world.clusters.values():
                cluster.received.clear()

        return send

    return prepare


def _backends(backends: Sequence[str]) -> dict[str, str]:
    return {name: backend for name, backend in BACKENDS.items() if backend in backends}


def measure_requests(
    backends: Sequence[str], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure one request through each real filter, in microseconds."""
    jobs = []
    for name, backend in _backends(backends).items():
        for number, item in enumerate(find_filters()):
            large = item.path.stat().st_size > LARGE
            if large and (quick or backend == "python"):
                continue
            prepare = _sender(backend, [item.plugin()], item.request())
            jobs.append(Job(name, number, item.name, prepare))
    return measure_jobs("requests", "filter", jobs, rounds, seconds, progress)


def _grown(
    part: str,
    x_unit: str,
    sizes: Sequence[int],
    make: Callable[[int], tuple[list[Any], Any]],
    settings: tuple[Sequence[str], int, float, Progress],
) -> list[Series]:
    backends, rounds, seconds, progress = settings
    jobs = []
    for name, backend in _backends(backends).items():
        for size in sizes:
            plugins, request = make(size)
            jobs.append(Job(name, size, str(size), _sender(backend, plugins, request)))
    return measure_jobs(part, x_unit, jobs, rounds, seconds, progress)


def measure_headers(
    backends: Sequence[str], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure the Rust header filter against the number of request headers."""
    from pywasmvm_host import HttpRequest

    item = one_filter("header_rewrite")

    def make(count: int) -> tuple[list[Any], Any]:
        extra = [(f"x-header-{number}", f"value-{number}") for number in range(count - len(HEADERS))]
        return [item.plugin()], HttpRequest("GET", "/api/v1/users?x=1", [*HEADERS, *extra])

    sizes = (4, 32) if quick else (4, 8, 16, 32, 64, 96)
    return _grown("headers", "request headers", sizes, make, (backends, rounds, seconds, progress))


def measure_bodies(
    backends: Sequence[str], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure the AssemblyScript body filter against the size of a JSON request body."""
    from pywasmvm_host import HttpRequest

    item = one_filter("body_rewrite")
    headers = [*HEADERS, ("content-type", "application/json")]

    def make(nbytes: int) -> tuple[list[Any], Any]:
        filler = b"teh colour of " * (max(0, nbytes - 40) // 14)
        body = b'{"password": "secret", "text": "' + filler + b'"}'
        return [item.plugin()], HttpRequest("POST", "/", headers, [body])

    sizes = (256, 4096) if quick else (256, 1024, 4096, 16384, 65536)
    return _grown("bodies", "request body, bytes", sizes, make, (backends, rounds, seconds, progress))


def measure_chains(
    backends: Sequence[str], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure chains of the Rust header filter, each with a VM of its own."""
    item = one_filter("header_rewrite")
    sizes = (1, 2) if quick else (1, 2, 4, 8, 16)
    return _grown(
        "chains",
        "filters in the chain",
        sizes,
        lambda count: (_chain(item, count), item.request()),
        (backends, rounds, seconds, progress),
    )


def _chain(item: Filter, count: int) -> list[Any]:
    from pywasmvm_host import Plugin

    return [
        Plugin(item.path, configuration=item.configuration, name=f"p{n}", vm_id=str(n)) for n in range(count)
    ]
