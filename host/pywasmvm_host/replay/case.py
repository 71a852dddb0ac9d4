"""Reading a recorded case: plugins, requests, upstreams and routes from its JSON, bodies to and from its
notation.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from os.path import commonprefix
from pathlib import Path
from typing import Any

from ..errors import HostError
from ..host import HttpRequest
from ..plugin import WASM_FILTER, FailurePolicy, Plugin
from ..protobuf import struct_message
from ..upstream import DEFAULT_RESPONSE, UpstreamResponse

__all__ = [
    "Finder",
    "case_plugins",
    "http_request",
    "normalise",
    "port_rule",
    "recorded_responses",
    "show_bytes",
    "to_bytes",
    "upstream_response",
]

BIG = 8192
PACE_MS = 25
LATE_MS = 0.5  # by which a program that sleeps wakes late: what it does the nth time is n times as late
FRAME = 16384  # bytes an HTTP/2 frame holds, as long as nothing else was agreed on
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
PLUGIN_KINDS = ("http", "network", "access_log")
Finder = Callable[[str], "Path | bytes"]
# A pattern, and what its matches are replaced by.
Rule = tuple[str, "str | Callable[[re.Match[str]], str]"]


def to_bytes(value: Any) -> bytes:
    """Read a body piece: text, {"b64"} or {"repeat": [s, n]}."""
    if isinstance(value, dict):
        if "repeat" in value:
            return str(value["repeat"][0]).encode() * int(value["repeat"][1])
        return base64.b64decode(value["b64"])
    return str(value).encode()


def show_bytes(data: bytes) -> Any:
    """Show a body as the recordings do."""
    if len(data) > BIG:
        return {"len": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}
    if CONTROL.search(text) is None:
        return text
    return {"b64": base64.b64encode(data).decode()}


def configuration(value: Any) -> Any:
    """Return a configuration as the plugin is given it."""
    if isinstance(value, dict):
        # measured: a Struct reaches the plugin as its serialized message, not as JSON
        return base64.b64decode(value["b64"]) if "b64" in value else struct_message(value.get("struct") or {})
    return value


def case_plugins(entries: list[dict[str, Any]], find: Finder, host_env: dict[str, str]) -> list[Plugin]:
    """Build the plugins of a case; entries of other kinds are left out."""
    return [_plugin(p, find, host_env) for p in entries if p.get("kind", "http") in PLUGIN_KINDS]


def _plugin(p: dict[str, Any], find: Finder, host_env: dict[str, str]) -> Plugin:
    policy = (
        FailurePolicy.OPEN_ALWAYS
        if p.get("fail_open")
        else FailurePolicy(p.get("failure_policy") or "FAIL_CLOSED")
    )
    backoff = (p.get("reload_config") or {}).get("backoff", {}).get("base_interval", "1s")
    environment = p.get("environment") or {}
    pairs = dict(environment.get("key_values", {}))
    for key in environment.get("host_env_keys", []):
        if key in pairs:
            raise HostError(f"environment key {key} is given twice: from the host and as a value")
    values = {k: host_env[k] for k in environment.get("host_env_keys", []) if k in host_env}
    return Plugin(
        find(p["wasm"]),
        name=p.get("name") or "",
        root_id=p.get("root_id") or "",
        vm_id=p.get("vm_id") or "",
        configuration=configuration(p.get("configuration")),
        vm_configuration=configuration(p.get("vm_configuration")),
        failure_policy=policy,
        reload_base_ms=max(1, int(float(backoff.rstrip("s")) * 1000)),
        capabilities=frozenset(p.get("capabilities") or ()),
        environment={**values, **pairs},
        allow_on_headers_stop_iteration=bool(p.get("allow_on_headers_stop_iteration")),
        kind=p.get("kind", "http"),
        patch_abi=bool(p.get("patch_abi")),
        singleton=bool(p.get("singleton", True)),
        filter_name=p.get("filter_name") or WASM_FILTER,
    )


def _pieces(body: list[Any], framed: bool) -> tuple[list[bytes], bool]:
    """Read the pieces of a body; tell whether it stops at one that is too large for a frame."""
    pieces = [to_bytes(piece) for piece in body]
    fit = list(takewhile(lambda piece: not framed or len(piece) <= FRAME, pieces))
    return fit, len(fit) < len(pieces)


def _pace(entry: dict[str, Any], recorded: bool) -> float:
    pace = entry.get("pace_ms", PACE_MS)
    return float(pace + LATE_MS if recorded and pace else pace)


def upstream_response(r: dict[str, Any], *, recorded: bool = False, http2: bool = False) -> UpstreamResponse:
    """Read one scripted answer; `recorded` if paced, and stalled, as by the recorder's servers."""
    body, stalls = _pieces(r.get("body", []), http2 and recorded)
    return UpstreamResponse(
        status=r.get("status", 200),
        headers=[tuple(h) for h in r.get("headers", [])],
        body=body,
        stalls=stalls,
        trailers=[tuple(h) for h in r.get("trailers") or []],
        framing=r.get("framing", ""),
        delay_ms=r.get("delay_ms", 0),
        pace_ms=_pace(r, recorded),
        hang=bool(r.get("hang")),
        reset=bool(r.get("reset")),
        reset_mid=bool(r.get("reset_mid")),
        reset_code=r.get("reset_code", 2),
        early=bool(r.get("early")),
        echo=bool(r.get("echo")),
    )


def recorded_responses(script: list[dict[str, Any]], *, http2: bool) -> list[UpstreamResponse]:
    """Read what one of the recorder's servers answers."""
    if not script:
        return [replace(DEFAULT_RESPONSE, pace_ms=_pace({}, recorded=True))]
    return [upstream_response(r, recorded=True, http2=http2) for r in script]


def http_request(q: dict[str, Any], *, recorded: bool = False) -> HttpRequest:
    """Read one request; `recorded` if paced, and stalled, as by the recorder's client."""
    http2 = str(q.get("http", "1.1")) == "2"
    body, stalls = _pieces(q.get("body", []), http2 and recorded)
    return HttpRequest(
        method=q.get("method", "GET"),
        path=q.get("path", "/"),
        headers=[tuple(h) for h in q.get("headers", [])],
        body_chunks=body,
        stalls=stalls,
        trailers=[tuple(h) for h in q.get("trailers") or []],
        http2=http2,
        http10=str(q.get("version", "1.1")) == "1.0",
        framing=q.get("framing") or "",
        pace_ms=_pace(q, recorded),
        timeout_ms=q.get("timeout_ms", 6000),
    )


class _Shown(dict[str, str]):
    """Each text as it is shown, once it was asked for."""

    def __init__(self, patterns: Sequence[Rule]) -> None:
        super().__init__()
        compiled = [(re.compile(pattern), by) for pattern, by in patterns]
        self.rules = [(pattern.search, pattern.sub, by) for pattern, by in compiled]

    def __missing__(self, text: str) -> str:
        found = text
        # fast: a pattern that begins with plain text is found by it; joined into one they would not be
        for search, sub, by in self.rules:
            if search(found) is not None:
                found = sub(by, found)
        self[text] = found
        return found


def normalise(value: Any, patterns: Sequence[Rule]) -> Any:
    """Return a result with the replacements made in every text, not in encoded bodies."""
    shown = _Shown(patterns)

    def walk(x: Any) -> Any:
        # fast: most of a result are texts, so none is worth a call
        if isinstance(x, list):
            return [shown[i] if isinstance(i, str) else walk(i) for i in x]
        if isinstance(x, dict) and not (("b64" in x and len(x) == 1) or "sha256" in x):
            return {k: shown[v] if isinstance(v, str) else walk(v) for k, v in x.items()}
        return x

    return walk(value)


def port_rule(names: Mapping[str, str]) -> Rule:
    """Return the replacement of port numbers, given as text, by their names."""
    # fast: one look at each text, and what all begin with is found as plain text
    start = commonprefix(list(names))
    shown = {port: f"<{name}_port>" for port, name in names.items()}
    return rf"{start}(?<!\d{start})\d*", lambda found: shown.get(found[0], found[0])
