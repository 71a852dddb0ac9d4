"""Running a few requests through plugins and writing down what the rules need to know.

The plugins run with FAIL_RELOAD, so that a trap in one request does not hide what the next one would show.
Clusters a plugin calls and nobody described get an answer of 200, in a second run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ..abi.model import HostCall
from ..errors import BadMemory, HostError
from ..host import Host, HttpRequest
from ..limits import Limits
from ..plugin import FailurePolicy, Plugin
from ..profile import Profile
from ..upstream import UpstreamResponse
from .model import Round, RunSubject, SeenCall

__all__ = ["FUEL", "observe"]

FUEL = 50_000_000
START_FUEL = 5_000_000_000
MAX_CALLS = 20_000
JSON = [("content-type", "application/json")]
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
FRAME = b"\0\0\0\0\5hello"

REQUESTS: tuple[tuple[str, HttpRequest, UpstreamResponse], ...] = (
    (
        "GET without a body",
        HttpRequest("GET", "/a?b=c", [("user-agent", "lint"), ("cookie", "k=v")]),
        UpstreamResponse(200, JSON, [b'{"answer": 42}']),
    ),
    (
        "POST with a body",
        HttpRequest("POST", "/a", JSON, [b'{"question": "the body of the request"}']),
        UpstreamResponse(200, JSON, [b'{"answer": "the body of the response"}']),
    ),
    (
        "POST in pieces",
        HttpRequest("POST", "/a", [("content-type", "text/plain")], [b"first ", b"second ", b"third"]),
        UpstreamResponse(200, [("content-type", "text/event-stream")], [b"data: 1\n\n", b"data: 2\n\n"]),
    ),
    (
        "gRPC",
        HttpRequest("POST", "/s.S/M", GRPC, [FRAME], http2=True),
        UpstreamResponse(200, [("content-type", "application/grpc")], [FRAME], [("grpc-status", "0")]),
    ),
    (
        "POST with trailers",
        HttpRequest("POST", "/a", [], [b"body"], [("x-trailer", "t")]),
        UpstreamResponse(200, [], [b"body"], [("x-trailer", "t")]),
    ),
    ("GET, upstream fails", HttpRequest("GET", "/a"), UpstreamResponse(500, JSON, [b'{"error": "no"}'])),
)  # fmt: skip


def observe(
    plugins: Sequence[Plugin],
    profile: Profile,
    *,
    fuel: int = FUEL,
    engine: Any = None,
    progress: Callable[..., None] | None = None,
) -> RunSubject:
    """Run the linter's requests through plugins of kind http and return what happened."""
    tried = [
        dataclasses.replace(p, failure_policy=FailurePolicy.FAIL_RELOAD, reload_base_ms=1) for p in plugins
    ]
    clusters: set[str] = set()
    subject = RunSubject(tuple(plugins))
    cache: Any = None
    for _ in range(2):
        limits = Limits(fuel=fuel, fuel_start=START_FUEL)
        host = Host(tried, profile=profile, limits=limits, engine=engine, progress=progress)
        # fast: the second host need not compile the modules again
        host.loader.cache = host.loader.cache if cache is None else cache
        cache = host.loader.cache
        for name in clusters:
            host.add_cluster(name, [UpstreamResponse(200, JSON, [b"{}"])])
        try:
            host.start()
        except HostError as e:
            return RunSubject(tuple(plugins), [], " ".join(str(e).split()))
        subject = RunSubject(tuple(plugins), _Watcher(host).rounds())
        unknown = _called_clusters(subject) - set(host.world.clusters)
        host.close()
        if not unknown:
            break
        clusters |= unknown
    return subject


def _called_clusters(subject: RunSubject) -> set[str]:
    names = set()
    for r in subject.rounds:
        for c in r.calls:
            if c.name == "proxy_http_call" and c.values.get("upstream"):
                names.add(c.values["upstream"].decode("utf-8", "replace"))
    return names


class _Watcher:
    """Notes every host call of a host's VMs."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.calls: list[SeenCall] = []
        host.observe_host_calls(self.note)

    def rounds(self) -> list[Round]:
        out = []
        for label, request, upstream in REQUESTS:
            self.host.world.run_for(2000)  # ticks, and the pause before a failed VM comes back
            for handle in self.host.handles:
                handle.revive()
            self.calls = []
            before = {id(vm): dict(vm.hazards) for vm in self.host.vms()}
            try:
                exchange = self.host.request(request, upstream)
            except ValueError:
                # why: a response the filter corrupted may be no HTTP any more; earlier rounds say how
                continue
            hazards = [
                text
                for vm in self.host.vms()
                for text, count in vm.hazards.items()
                if count > before.get(id(vm), {}).get(text, 0)
            ]
            out.append(Round(label, exchange, self.calls, hazards))
        return out

    def note(self, vm: Any, row: Any, words: tuple[int, ...], status: int | None) -> None:
        if isinstance(row, HostCall) and len(self.calls) < MAX_CALLS:
            self.calls.append(self.seen(vm, row, words, status))

    def seen(self, vm: Any, row: HostCall, words: tuple[int, ...], status: int | None) -> SeenCall:
        values: dict[str, Any] = {}
        at = 0
        for p in row.params:
            if p.kind in ("bytes", "pairs", "lazy"):
                try:
                    values[p.name] = vm.memory.read(words[at], words[at + 1])
                except BadMemory:
                    values[p.name] = None
            else:
                bits = 64 if p.kind == "i64" else 32
                value = words[at] & ((1 << bits) - 1)
                values[p.name] = (
                    value - (1 << bits) if p.kind in ("i32", "i64") and value >> (bits - 1) else value
                )
            at += len(p.words)
        other = False
        running = vm.running_context()
        if row.name == "proxy_set_effective_context" and running is not None:
            chosen = vm.contexts.get(values["context_id"])
            other = chosen is not None and chosen.root is not running.root
        outer = next((r for r in reversed(self.host.world.records) if not r.nested), None)
        return SeenCall(outer.callback if outer else "", row.name, status, values, other)
