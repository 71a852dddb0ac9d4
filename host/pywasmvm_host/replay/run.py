"""Run one recorded case (a JSON file) in this host and return a result of the recording's shape.

The case format is described beside the recordings; `run_case` understands plugins, requests, upstreams,
routes and
limits, and shows the result with the same placeholders for ports, dates and identifiers.
"""

from __future__ import annotations

import json
import re
from functools import partial
from operator import not_
from pathlib import Path
from typing import Any

from ..client import ClientView
from ..errors import HostError
from ..host import Host, HttpRequest
from ..http1 import Http1Connection
from ..httpstream import HttpStream
from ..limits import Limits
from ..prometheus import prometheus_lines
from ..sending import Client, reads, request_bytes
from ..upstream import Received
from ..world import World
from .attributes import stream_attributes
from .case import (
    Finder,
    case_plugins,
    http_request,
    normalise,
    port_rule,
    recorded_responses,
    show_bytes,
    to_bytes,
)
from .metadata import MetadataFilter
from .proxyconfig import configure_proxy

__all__ = ["case_plugins", "run_case"]


# why: what the recordings' servers took on one machine; it decides which of two things at one time is first
LOG_CAP = 400  # lines of the log that a recording holds
ABORT_MS = 50  # after which the recording client closes its connection where it is to
MOST_ACCESS_LINES = 40  # a recording holds no more
DEAD = "127.0.0.1:1"  # where the recordings' dead clusters are
CALLED = "[host->vm] "
RETURNED = re.compile(r"\[host<-vm\] \S+ return(?:: (.*))?$", re.DOTALL)
LOOPBACK: dict[str, Any] = {"connect_ms": 0.5, "answer_ms": 1.0}


class _Replay:
    def __init__(
        self, case: dict[str, Any], find: Finder, engine: Any, modules: dict[Any, Any] | None
    ) -> None:
        self.case = case
        self.modules = modules
        self.world = World()
        self.find = find
        self.ports: dict[str, str] = {}
        self.engine = engine
        self.host: Host | None = None
        self.connections: dict[str, Http1Connection] = {}

    def build(self) -> Host:
        case = self.case
        host_env = case.get("host_env", {})
        limit = case.get("listener", {}).get("per_connection_buffer_limit_bytes", 1 << 20)
        plugins = case_plugins(case.get("plugins", []), self.find, host_env)
        services = case_plugins(case.get("services", []), self.find, host_env)
        host = Host(
            plugins,
            world=self.world,
            limits=Limits(buffer_bytes=limit),
            engine=self.engine,
            copies=True,
            services=services,
        )
        if self.modules is not None:
            host.loader.cache = self.modules
        for name, spec in {"up": None, **case.get("upstreams", {})}.items():
            spec = spec or {}
            http2 = str(spec.get("http", "1.1")) == "2"
            host.add_cluster(
                name,
                recorded_responses(spec.get("responses") or [], http2=http2),
                http2=http2,
                match_index=bool(spec.get("match_index")),
                **LOOPBACK,
            )
        for name in case.get("dead_clusters", []):
            host.add_cluster(name, dead=True, address=DEAD, **LOOPBACK)
        host.proxy.attributes = host.world.attributes = stream_attributes(case)
        configure_proxy(host.proxy, case)
        return host

    def run(self) -> dict[str, Any]:
        golden: dict[str, Any] = {"startup": {"ok": False}, "requests": []}
        self.world.phase = "startup"
        try:
            self.host = self.build()
            self.host.start()
        except HostError as e:
            golden["startup"]["reason"] = e.reason
            return self._collect(golden)
        self._add_helpers()
        golden["startup"]["ok"] = True
        self.world.run_for(self.case.get("wait_ready_ms", 120))
        self._requests(golden)
        for connection in self.connections.values():
            self.world.soon(partial(connection.connection.close, local=False))
        self.world.phase = "settle"
        self.world.run_for(self.case.get("settle_ms", 60))
        golden["stats"] = self._stats()  # read before the end, at which plugins may still count
        if self.case.get("prometheus"):
            golden["prometheus"] = prometheus_lines(self.world.metrics)
        self.world.phase = "shutdown"
        self.host.close()
        return self._collect(golden)

    def _add_helpers(self) -> None:
        """Put non-plugin filters of the case (set_metadata) where they stand in the chain."""
        host = self.host
        if host is None:
            return
        handles = iter(h for h in host.handles)
        factories: list[Any] = []
        for p in self.case.get("plugins", []):
            kind = p.get("kind", "http")
            if kind == "metadata":
                factories.append(partial(MetadataFilter, p["metadata"]))
            elif kind == "http":
                factories.append(next(handles).make_filter)
            else:
                next(handles)
        host.proxy.factories = factories
        if host.proxy.tcp_factories:
            # the recorder looks whether the listener answers, with a connection of its own
            probe = Http1Connection(host.proxy)
            host.proxy.client_addresses.clear()
            probe.open()
            probe.connection.close(local=False)

    def _requests(self, golden: dict[str, Any]) -> None:
        qs = self.case.get("requests", [])
        i = 0
        while i < len(qs):
            group = [i]
            while qs[group[-1]].get("with_next") and group[-1] + 1 < len(qs):
                group.append(group[-1] + 1)
            self.world.phase = f"req:{group[0]}" if len(group) == 1 else f"req:{group[0]}-{group[-1]}"
            golden["requests"] += self._group(group, qs)
            i = group[-1] + 1

    def _group(self, group: list[int], qs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        world = self.world
        before = {n: len(c.received) for n, c in world.clusters.items()}
        for c in world.clusters.values():
            c.index = group[0]
        streams: list[tuple[Any, dict[str, Any]]] = []
        for n, g in enumerate(group):
            q = qs[g]
            begun: list[Any] = []
            world.after(
                (20 * n if len(group) > 1 else 0) + q.get("wait_before_ms", 0),
                partial(self._begin_into, begun, q),
            )
            streams.append((begun, q))
        for begun, q in streams:
            world.run_while(partial(not_, begun), 60000)
            stream = begun[0]
            left = (stream.start_ns - world.now_ns) / 1e6 + q.get("timeout_ms", 6000)
            world.run_while(partial(_is_open, stream), max(left, 0))
            if not stream.view.over:
                stream.view.error = "timeout"
            # the recording client closes its connection after each request
            if "conn" not in q:
                world.soon(stream.hang_up)
        world.run_for(qs[group[-1]].get("wait_after_ms", 60))
        out = [{"response": self._response(begun[0], q)} for begun, q in streams]
        out[-1]["upstream"] = {
            n: list(c.received[before.get(n, 0) :])
            for n, c in world.clusters.items()
            if len(c.received) > before.get(n, 0)
        }
        return out

    def _begin_into(self, begun: list[Any], q: dict[str, Any]) -> None:
        begun.append(self._begin(q))

    def _begin(self, q: dict[str, Any]) -> Any:
        host = self.host
        if host is None:
            raise HostError("the host is not running")
        if "raw" in q:
            return self._begin_raw(host, q)
        request = http_request(q, recorded=True)
        if not request.http2:
            return self._begin_bytes(q, request)
        stream = HttpStream(host.proxy, http2=request.http2, http10=request.http10)
        stream.metadata = {}
        Client(self.world, stream, request).start()
        return stream

    def _begin_bytes(self, q: dict[str, Any], request: HttpRequest) -> Any:
        """Send a request as bytes through the connection's TCP plugins."""
        host, key = self.host, q.get("conn")
        if host is None:
            raise HostError("the host is not running")
        connection = self.connections.get(key) if key is not None else None
        if connection is None or connection.noticed_close():
            connection = Http1Connection(host.proxy)
            connection.open()
            if key is not None:
                self.connections[key] = connection
        sent = ByteRequest(connection, request.method == "HEAD", self.world)
        head, pieces = request_bytes(request)
        connection.connection.receive(head)
        for i, piece in enumerate(pieces):
            at = 0
            for size in reads(len(piece), host.proxy.buffer_limit):
                self.world.after(request.pace_ms * (i + 1), partial(sent.send, piece[at : at + size]))
                at += size
        if q.get("abort_after_send"):
            self.world.after(request.pace_ms * len(pieces) + ABORT_MS, sent.abort)
        return sent

    def _begin_raw(self, host: Host, q: dict[str, Any]) -> ByteRequest:
        """Send the bytes of a request as they are."""
        connection = Http1Connection(host.proxy)
        connection.open()
        sent = ByteRequest(connection, q.get("method") == "HEAD", self.world)
        for i, piece in enumerate(q["raw"]):
            self.world.after(25 * i, partial(sent.send, to_bytes(piece)))
        return sent

    def _response(self, stream: HttpStream, q: dict[str, Any]) -> dict[str, Any]:
        view = stream.view
        out: dict[str, Any] = {}
        if view.status is not None:
            out["status"] = view.status
            if not stream.http2:
                out["reason"] = view.reason
            headers = cookies_last(view.headers) if stream.http2 else view.headers
            out["headers"] = [[k, _placeholder(k, v)] for k, v in headers]
            out["body"] = show_bytes(view.body)
            trailers = cookies_last(view.trailers) if stream.http2 else view.trailers
            out["trailers"] = [list(t) for t in trailers]
        if view.informational and not stream.http2:  # the recording HTTP/2 client does not keep them
            out["informational"] = view.informational
        if view.until_close:
            out["until_close"] = True
        if view.error:
            out["error"] = view.error
        return out

    # ---- result
    def _stats(self) -> dict[str, Any]:
        shown = _shown_metrics(self.world.metrics.as_dict())
        return {**shown, **{k: v for k, v in self.world.stats.items() if v}}

    def _collect(self, golden: dict[str, Any]) -> dict[str, Any]:
        world, host = self.world, self.host
        for entry in golden["requests"]:
            # shown only now: what the end of the run did to a request belongs to its record
            entry["upstream"] = {
                n: [show_received(r, world.clusters[n].http2) for r in rs]
                for n, rs in entry.get("upstream", {}).items()
            }
        order: dict[str, int] = {}
        for line in world.logs:
            order.setdefault(line.phase, len(order))
        logs = sorted(world.logs, key=lambda line: (order[line.phase], line.thread != "main"))
        golden["log"] = [
            {
                "phase": x.phase,
                "thread": x.thread,
                "level": x.level,
                "plugin": x.plugin,
                "msg": x.text.rstrip("\n"),
            }
            for x in logs
        ]
        cap = self.case.get("log_cap", LOG_CAP)
        if len(logs) > cap:
            cut = {
                "phase": "-",
                "thread": "-",
                "level": "-",
                "plugin": "",
                "msg": f"... cut, {len(logs)} lines",
            }
            golden["log"][cap:] = [cut]
        golden["host_log"] = [
            {"phase": x.phase, "thread": x.thread, "level": x.level, "msg": x.message} for x in world.host_log
        ]
        log = host.proxy.access_log[:MOST_ACCESS_LINES] if host else []
        golden["access_log"] = [self._access(a) for a in log]
        golden.setdefault("stats", {})
        golden["callbacks"] = self._callbacks() if host else []
        ports = [port_rule(self._ports(host))] if host else []
        shown: dict[str, Any] = normalise(golden, [*ports, *COMMON, *self.case.get("normalise", [])])
        return shown

    def _ports(self, host: Host) -> dict[str, str]:
        """Return the names of the ports that the result may show."""
        named = {
            host.proxy.listener_address: "listener",
            **{c.address: c.name for c in self.world.clusters.values() if c.address != DEAD},
        }
        named.update({address: f"client{i}" for i, address in enumerate(host.proxy.client_addresses)})
        return {address.rsplit(":", 1)[1]: name for address, name in named.items()}

    def _access(self, a: Any) -> dict[str, Any]:
        out = {
            "cluster": a.cluster,
            "code": a.code,
            "details": a.details or None,
            "flags": a.flags,
            "method": a.method,
            "path": a.path,
            "route": a.route or None,
            "rx": a.rx,
            "tx": a.tx,
        }
        if out["details"] is None:
            out["details"] = ""
        for key in self.case.get("log_filter_state", []):
            name = key.removeprefix("wasm.")
            value = a.objects.get(key) if name == key else a.states.get(name)
            out["fs_" + key] = None if value is None else _json_text(value)
        for key in self.case.get("log_metadata", []):
            value = a.metadata
            for name in key.split(":"):
                value = value.get(name) if isinstance(value, dict) else None
            out["md_" + key] = value
        return out

    def _callbacks(self) -> list[str]:
        return fold(
            [(phase, text) for phase, thread, text in self.world.trace if thread == "worker"], "worker"
        )


class ByteRequest:
    """A request sent as bytes: looks to the replay like a stream."""

    http2 = False

    def __init__(self, connection: Http1Connection, head: bool, world: World) -> None:
        self.connection = connection
        self.view = ClientView()
        self.start_ns = world.now_ns
        connection.expect(self.view, head)
        if connection.connection.over:
            self.view.error = "connection closed"

    def send(self, piece: bytes) -> None:
        """Send more of the body, unless the answer is already here: the recording client stops then."""
        if not self.view.over:
            self.connection.connection.receive(piece)

    def hang_up(self) -> None:
        self.connection.connection.close(local=False)

    def abort(self) -> None:
        """Close the connection before the whole answer is there."""
        if not self.view.over:
            where = " mid-response" if self.view.status is not None else ""
            self.view.error = f"connection closed{where}"
            self.hang_up()


def _json_text(value: bytes) -> str:
    """Show bytes as Envoy writes them in JSON: as UTF-8 if they are that, else one character each."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _is_open(stream: Any) -> bool:
    return not stream.view.over


def fold(trace: list[tuple[str, str]], thread: str) -> list[str]:
    """Join "[host->vm] f(a)" with its "[host<-vm] f return: r" into "phase|thread| f(a) -> r"."""
    calls: list[list[str]] = []  # phase, call, result
    under_way: list[list[str]] = []
    for phase, text in trace:
        if text.startswith(CALLED):
            under_way.append([phase, text.removeprefix(CALLED), "(no return)"])
            calls.append(under_way[-1])
        elif under_way and (found := RETURNED.match(text)) is not None:
            under_way.pop()[2] = found[1] if found[1] is not None else "void"
    return [f"{phase}|{thread}| {call} -> {result}" for phase, call, result in calls]


def cookies_last(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Join cookies and put them last, as the recordings' HTTP/2 library does with what it receives."""
    crumbs = [v for k, v in headers if k == "cookie"]
    joined = [("cookie", "; ".join(crumbs))] if crumbs else []
    return [*((k, v) for k, v in headers if k != "cookie"), *joined]


def show_received(r: Received, http2: bool) -> dict[str, Any]:
    """Show a request as the recordings do."""
    headers, trailers = (cookies_last(x) if http2 else x for x in (r.headers, r.trailers))
    out: dict[str, Any] = {
        "method": r.method,
        "path": r.path,
        "headers": [[k, _placeholder(k, v)] for k, v in headers],
        "body": show_bytes(r.body),
        "trailers": [list(t) for t in trailers],
    }
    if r.incomplete:
        out["incomplete"] = True
    if r.reset_by_peer is not None:
        out["reset_by_peer"] = r.reset_by_peer
    return out


PLACEHOLDERS = {"date": "<date>", "x-request-id": "<uuid>", "x-envoy-upstream-service-time": "<ms>"}


def _placeholder(key: str, value: str) -> str:
    if key.lower() == "x-request-id" and len(value) != 36:
        return value
    return PLACEHOLDERS.get(key.lower(), value)


COMMON = (
    (r"(x-envoy-upstream-service-time[=:] ?)\d+", r"\1<ms>"),
    (r"(dump\[[46]\] rc=0 size=)\d+", r"\1<n>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "<uuid>"),
    (r"(date: )\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", r"\1<date>"),
    (r"(6461746500)[0-9a-f]{58}(?=00)", r"\1<date>"),
)


def _shown_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Show metrics as the recordings' statistics do: of a counter and a gauge of one name only the gauge."""
    out: dict[str, Any] = {}
    for key, value in metrics.items():
        if key.startswith("histogram:"):
            out[key] = "present"
        elif key != "wasmcustom.":
            out[key] = value[-1] if isinstance(value, list) else value
    return out


def run_case(
    case: dict[str, Any], find: Finder, engine: Any = None, *, modules: dict[Any, Any] | None = None
) -> dict[str, Any]:
    """Run a case; `find` gives the file of a plugin's path.

    `modules` keeps what was compiled for the next case with the same engine.
    """
    return _Replay(case, find, engine, modules).run()


def load_case(path: Path) -> dict[str, Any]:
    """Read a case file."""
    case: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return case
