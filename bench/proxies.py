"""In the proxy or beside it: one header filter as Lua in Envoy, as Wasm in Envoy, and no filter, on loopback.

One Envoy process, one worker, a listener per way; all forward to one more listener of the same process that
answers and tells in `x-seen` what it received, so that the ways can be checked to do the same. Its share is
in every figure: compare the ways with "no filter", not with zero.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from .filters import ROOT
from .series import Point, Progress, Series

__all__ = ["WAYS", "measure_proxies"]

HOST = "127.0.0.1"
START_S = 60
TYPE = "type.googleapis.com/envoy.extensions.filters."
REQUEST = (
    b"GET /api/v1/users?x=1 HTTP/1.1\r\nhost: example.test\r\nuser-agent: bench\r\n"
    b"x-internal: secret\r\nx-old: a\r\n\r\n"
)
# What host/filters/rust/header_rewrite.wasm does with docs/demo-config.json, as far as REQUEST needs it.
LUA = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  headers:replace("x-original-path", path)
  headers:replace(":path", (path:gsub("^/api/v1", "/v2")))
  headers:remove("x-internal")
  headers:add("x-new", headers:get("x-old"))
  headers:remove("x-old")
  headers:replace("x-env", "prod")
  headers:add("via", "1.1 gateway")
end
function envoy_on_response(handle)
  local headers = handle:headers()
  headers:remove("server")
  local location = headers:get("location")
  if location then headers:replace("location", (location:gsub("http://", "https://"))) end
end
"""
SEEN = "|".join(
    f"%REQ({name})%" for name in (":path", "x-original-path", "x-internal", "x-new", "x-env", "via")
)


def _lua() -> list[dict[str, Any]]:
    config = {"@type": TYPE + "http.lua.v3.Lua", "default_source_code": {"inline_string": LUA}}
    return [{"name": "lua", "typed_config": config}]


def _wasm() -> list[dict[str, Any]]:
    text = (ROOT / "docs" / "demo-config.json").read_text()
    file = ROOT / "host" / "filters" / "rust" / "header_rewrite.wasm"
    vm = {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(file)}}}
    string = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    config = {"name": "p", "vm_config": vm, "configuration": string}
    return [{"name": "wasm", "typed_config": {"@type": TYPE + "http.wasm.v3.Wasm", "config": config}}]


WAYS = {"no filter": list, "Lua in Envoy": _lua, "Wasm in Envoy (V8)": _wasm}


def _listener(name: str, port: int, filters: list[dict[str, Any]], route: dict[str, Any]) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": TYPE + "http.router.v3.Router"}}
    manager = {
        "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_filters": [*filters, router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": HOST, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _configuration(ports: dict[str, int]) -> dict[str, Any]:
    answer = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "hello"}},
        "response_headers_to_add": [{"header": {"key": "x-seen", "value": SEEN}}],
    }
    forward = {"match": {"prefix": "/"}, "route": {"cluster": "answer"}}
    listeners = [_listener("answer", ports["answer"], [], answer)]
    listeners += [
        _listener(f"way-{port}", port, WAYS[way](), forward) for way, port in ports.items() if way in WAYS
    ]
    endpoint = {"endpoint": {"address": {"socket_address": {"address": HOST, "port_value": ports["answer"]}}}}
    assignment = {"cluster_name": "answer", "endpoints": [{"lb_endpoints": [endpoint]}]}
    cluster = {"name": "answer", "type": "STATIC", "load_assignment": assignment}
    return {"static_resources": {"listeners": listeners, "clusters": [cluster]}}


class Client:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> bytes:
        """Send the request and return the answer, headers and body."""
        self.socket.sendall(REQUEST)
        data = b""
        while b"\r\n\r\n" not in data or not data.endswith(b"hello"):
            piece = self.socket.recv(65536)
            if not piece:
                raise RuntimeError(f"Envoy closed the connection after {data[:80]!r}")
            data += piece
        return data


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all threads, in nanosecond steps."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _start(binary: Path, folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    file = folder / "envoy.json"
    file.write_text(json.dumps(_configuration(ports)))
    command = [str(binary), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={"PATH": os.defpath})
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            for port in ports.values():
                socket.create_connection((HOST, port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.05)
    process.kill()
    process.wait()
    lines = (folder / "envoy.log").read_text(errors="replace").strip().splitlines()
    raise RuntimeError(f"Envoy did not start: {lines[-1] if lines else 'it logged nothing'}")


def _seen(answer: bytes) -> bytes:
    found = re.search(rb"\r\nx-seen: ([^\r]*)\r\n", answer)
    return found[1] if found else b""


def measure_proxies(binary: Path, rounds: int, quick: bool, progress: Progress) -> list[Series]:
    """Measure a request each way, in microseconds: median and 99th percentile of latency, CPU of Envoy."""
    from pywasmvm_host.compare.envoy import free_port

    count = 200 if quick else 2000
    ports = {name: free_port() for name in ("answer", *WAYS)}
    parts = {name: [Point(n, way) for n, way in enumerate(WAYS)] for name in ("median", "p99", "CPU")}
    with tempfile.TemporaryDirectory(prefix="pywasmvm-bench-") as name:
        progress("proxies: starting Envoy")
        envoy = _start(binary, Path(name), ports)
        try:
            clients = {way: Client(ports[way]) for way in WAYS}
            seen = {way: _seen(client.ask()) for way, client in clients.items()}
            if seen["Lua in Envoy"] != seen["Wasm in Envoy (V8)"]:
                raise RuntimeError(f"the filters differ: {seen}")
            for number in range(rounds):
                progress(f"proxies: round {number + 1} of {rounds}")
                for index, client in enumerate(clients.values()):
                    times, cpu = _round(client, envoy.pid, count)
                    parts["median"][index].values.append(statistics.median(times) * 1e6)
                    parts["p99"][index].values.append(statistics.quantiles(times, n=100)[98] * 1e6)
                    parts["CPU"][index].values.append(cpu * 1e6)
        finally:
            envoy.terminate()
            try:
                envoy.wait(10)
            except subprocess.TimeoutExpired:
                envoy.kill()
                envoy.wait()
    return [Series("proxies", what, "us", "way", points) for what, points in parts.items()]


def _round(client: Client, pid: int, count: int) -> tuple[list[float], float]:
    for _ in range(50):
        client.ask()
    times, before = [], _cpu_seconds(pid)
    for _ in range(count):
        begin = time.perf_counter()
        client.ask()
        times.append(time.perf_counter() - begin)
    return times, (_cpu_seconds(pid) - before) / count
