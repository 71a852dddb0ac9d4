"""The host: plugins in a world, requests through them.

    host = Host([Plugin("filter.wasm", configuration="{}")])
    host.start()
    exchange = host.request(HttpRequest("GET", "/", [("x-a", "1")]))

Everything runs in virtual time and returns when the request is answered or its patience is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from . import backend, calls
from .errors import PluginFailed
from .httpstream import HttpStream
from .limits import Limits
from .plugin import Key, Plugin
from .pool import Loader, PluginHandle, VmPool, check_plugins
from .profile import AUTO, Profile, choose_profile, get_profile
from .proxy import AccessEntry, Proxy
from .records import CallRecord, HostLine, LogLine
from .sending import Client
from .tcp import make_tcp_filter
from .trapreport import TrapReport
from .upstream import Cluster, Received, Script, UpstreamResponse
from .world import World

if TYPE_CHECKING:
    from .snapshot import HostSnapshot

__all__ = ["Exchange", "Host", "HttpRequest", "HttpResponse"]

Headers = Sequence[tuple[str, str]]


@dataclass
class HttpRequest:
    """A client's request. `body_chunks` reach the filter one by one, `pace_ms` apart."""

    method: str = "GET"
    path: str = "/"
    headers: Headers = ()
    body_chunks: Sequence[bytes] = ()
    trailers: Headers = ()
    http2: bool = False
    http10: bool = False
    framing: str = ""
    pace_ms: float = 25
    timeout_ms: float = 6000
    stalls: bool = False  # an HTTP/2 request that never ends: after its body comes nothing more


@dataclass
class HttpResponse:
    """An answer as the client received it; `error` says why it is missing or cut."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None
    reason: str | None = None


@dataclass
class Exchange:
    """All that one request caused.

    sent, original_response   what the client and the upstream said, for comparing.
    upstream, response        what the upstream and the client received.
    failure, trap             the reason when a plugin trapped during it, else ""; and all known of it.
    """

    sent: HttpRequest
    upstream: list[Received]
    original_response: UpstreamResponse | None
    response: HttpResponse
    callouts: dict[str, list[Received]]
    logs: list[LogLine]
    host_log: list[HostLine]
    records: list[CallRecord]
    metrics: dict[str, Any]
    access: list[AccessEntry]
    failure: str = ""
    failed_stream: bool = False
    trap: TrapReport | None = None
    hazards: list[str] = field(default_factory=list)

    def check(self) -> Exchange:
        """Return itself if no plugin trapped; else raise PluginFailed with the whole report."""
        if self.trap is not None:
            raise PluginFailed(str(self.trap), reason=self.trap.reason, advice="See the stack in it")
        return self


class Host:
    """Plugins of one chain on one worker. See the module docstring.

    world      shared time and state; a new one by default.
    profile    which host to imitate ("envoy-1.40", "spec", "higress", or "auto": by the ABI markers).
    engine     an Engine of pywasmvm, or None for one with fuel counting.
    copies     also run the copies Envoy makes while starting (validation and main thread).
    services   plugins without traffic: on the main thread, and unless `singleton` on the worker, too.
    progress   called as progress(done, total, what) while modules load.
    KEPT       when more lines, calls or entries of a kind are recorded, the next request that finds no other
               under way makes the host forget them all.
    """

    KEPT = 100_000

    def __init__(
        self,
        plugins: Sequence[Plugin],
        *,
        world: World | None = None,
        profile: str | Profile = "envoy-1.40",
        limits: Limits | None = None,
        engine: Any = None,
        copies: bool = False,
        services: Sequence[Plugin] = (),
        progress: Callable[..., None] | None = None,
    ) -> None:
        calls.load_all()
        self.plugins = list(plugins)
        self.services = list(services)
        check_plugins([*self.plugins, *self.services])
        self.world = world or World()
        self.profile_reason = "asked for"
        if profile == AUTO:
            profile, self.profile_reason = choose_profile([*self.plugins, *self.services])
        self.profile = get_profile(profile)
        self.limits = limits or Limits()
        self.engine = engine or make_engine(self.limits)
        self.copies = copies
        self.loader = Loader(self.engine, self.profile, progress)
        self.proxy = Proxy(self.world)
        self.proxy.buffer_limit = self.limits.buffer_bytes
        self.pools = {name: VmPool(self.world, self.loader, self.limits, name) for name in ("main", "worker")}
        self.handles: list[PluginHandle] = []
        self.started = False
        self.world.clusters.setdefault("up", Cluster(self.world, "up"))

    # ---- life
    def start(self) -> Host:
        """Load and start every plugin. Raises AbiError, LinkError, PluginFailed or HostError with one clear
        line.
        """
        if self.started:
            return self
        if self.copies:
            self._start_copies()
        worker = self.pools["worker"]
        made = {id(p): PluginHandle(worker, p) for p in self._start_order()}
        self.handles = [made[id(p)] for p in self.plugins]
        for service in self.services:
            self.pools["main"].root_for(service)
            if not service.singleton:
                worker.root_for(service)
        if not self.proxy.factories:
            self.proxy.factories = [h.make_filter for h in self.handles if h.plugin.kind == "http"]
            self.proxy.tcp_factories = [
                partial(make_tcp_filter, h) for h in self.handles if h.plugin.kind == "network"
            ]
        self.proxy.loggers = [h for h in self.handles if h.plugin.kind == "access_log"]
        self.started = True
        return self

    def _start_order(self) -> list[Plugin]:
        """Return the plugins as Envoy starts them: access loggers before the filters."""
        return sorted(self.plugins, key=lambda p: p.kind != "access_log")

    def _start_copies(self) -> None:
        """Do what Envoy's main thread does with each plugin: try it in a VM of its own, then start its
        copy.
        """
        seen: set[Key] = set()
        for plugin in [*self._start_order(), *self.services]:
            key = plugin.vm_key(self.loader.code(plugin)) + plugin.key()
            if key not in seen:
                seen.add(key)
                canary = VmPool(self.world, self.loader, self.limits, "main")
                try:
                    canary.root_for(plugin)
                finally:
                    canary.discard()
            self.pools["main"].root_for(plugin)

    def snapshot(self) -> HostSnapshot:
        """Return the state of this host, started and at rest, to go on from as often as you like."""
        from .snapshot import HostSnapshot  # noqa: PLC0415 - few hosts need it

        return HostSnapshot(self)

    def close(self) -> None:
        """Shut the plugins down: on_done and on_delete of every root context.

        A VM in which all has ended gives its guest back then, for another VM of the module: its memory and
        its functions can no longer be reached.
        """
        if not self.started:
            return
        self.started = False
        for stream in list(self.proxy.streams):
            stream.client_gone()
        for pool in reversed(self.pools.values()):  # the workers first, then the main thread
            pool.stop()
        for pool in self.pools.values():
            pool.release()

    def __enter__(self) -> Host:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def observe_host_calls(self, observer: Callable[[Any, Any, tuple[int, ...], int | None], None]) -> None:
        """Be told of every host call when it ends, as observer(vm, row, words, status).

        `row` is the table row of the function (its `name`, its `params`), `words` are the arguments as the
        guest gave them, as unsigned numbers, `status` is the result, None for a function without one.
        `vm.memory.read(addr, size)` reads what a pointer points to.
        """
        self.world.host_call_observers.append(observer)

    # ---- traffic
    def add_cluster(self, name: str, responses: Sequence[Script] = (), **options: Any) -> Cluster:
        """Add or replace an upstream cluster; an answer is scripted, or a function such as RealServer."""
        cluster = self.world.clusters[name] = Cluster(self.world, name, responses, **options)
        return cluster

    def submit(self, request: HttpRequest) -> HttpStream:
        """Begin a request; the caller moves time (`world.run_for`)."""
        self._forget_much()
        stream = HttpStream(self.proxy, http2=request.http2, http10=request.http10)
        if request.http2:  # an HTTP/2 client writes names small
            headers, trailers = ([(k.lower(), v) for k, v in x] for x in (request.headers, request.trailers))
            request = replace(request, headers=headers, trailers=trailers)
        Client(self.world, stream, request).start()
        return stream

    def request(self, request: HttpRequest, upstream: UpstreamResponse | None = None) -> Exchange:
        """Send one request through the chain and return all it caused."""
        self.start()
        self._forget_much()
        world = self.world
        if upstream is not None:
            self.add_cluster("up", [upstream])
        marks = {name: len(c.received) for name, c in world.clusters.items()}
        n_logs, n_host, n_access = len(world.logs), len(world.host_log), len(self.proxy.access_log)
        n_records = len(world.records)
        stream = self.submit(request)
        in_time = world.run_while(
            lambda: not (stream.over or stream.view.over) or world.now_ns < stream.start_ns,
            request.timeout_ms,
        )
        world.run_for(1)
        view = stream.view
        if not in_time and not view.over:
            view.error = "timeout"
            stream.client_gone()
        elif not view.over and not stream.close_after:
            world.run_while(lambda: not view.over, request.timeout_ms)
            if not view.over:
                view.error = "timeout"
        received = {name: c.received[marks.get(name, 0) :] for name, c in world.clusters.items()}
        route = stream.find_route()
        main = (route.cluster if route is not None else None) or "up"
        cluster = world.clusters.get(main)
        records = world.records[n_records:]
        failure = next((r.failed for r in records if r.failed), "")
        return Exchange(
            request,
            received.get(main, []),
            cluster.last if cluster and cluster.received else None,
            HttpResponse(view.status, view.headers, view.body, view.trailers, view.error, view.reason),
            {n: r for n, r in received.items() if n != main and r},
            world.logs[n_logs:],
            world.host_log[n_host:],
            records,
            world.metrics.as_dict(),
            self.proxy.access_log[n_access:],
            failure,
            stream.details == "wasm_fail_stream",
            next((r.trap for r in records if r.trap), None),
            sorted({h for vm in self.vms() for h in vm.hazards}),
        )

    def forget(self) -> None:
        """Drop what is recorded of the past, so that a host may serve for ever; its state stays."""
        self.world.forget()
        self.proxy.access_log.clear()
        self.proxy.client_addresses.clear()

    def _forget_much(self) -> None:
        """Forget the past if there is much of it; not in the middle of a request, which looks back at it."""
        kept = (*self.world.recorded(), self.proxy.access_log)
        if max(map(len, kept)) > self.KEPT and not self.proxy.streams:
            self.forget()

    def vms(self) -> list[Any]:
        """Return every VM that serves."""
        return [vm for pool in self.pools.values() for vm in pool.vms.values()]


def make_engine(limits: Limits, name: str = "auto") -> Any:
    """Return an engine of that name that counts fuel and loads what the limits allow."""
    config = backend.Config()
    config.engine = name
    config.consume_fuel = True
    config.limits = limits
    return backend.Engine(config)
