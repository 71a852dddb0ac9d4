"""Compare a replay with its recording, part by part."""

from __future__ import annotations

import copy
import difflib
import json
import re
from typing import Any

from ..abi.pairs import decode_pairs

__all__ = ["PARTS", "compare"]

PARTS = ("startup", "requests", "log", "stats", "prometheus", "callbacks", "access_log", "host_log")
OPTIONAL = ("prometheus", "host_log")  # not in every recording
TRAP = re.compile(r"Function: (\S+) failed: (Uncaught .*)")


def _worker(lines: list[dict[str, Any]]) -> list[list[Any]]:
    return [
        [x["phase"], x["level"], x["plugin"], _sorted_map(x["msg"])]
        for x in lines
        if x["thread"] in ("worker", "-")
    ]


HEADER_MAP = re.compile(r"(prop (?:request|response)\.(?:headers|trailers) rc=0 len=\d+ )(.+)$")


def _sorted_map(message: str) -> str:
    """Write a header map attribute in sorted order: Envoy's order is that of a hash table and changes by
    request.
    """
    m = HEADER_MAP.match(message)
    if m is None:
        return message
    hexed = m[2].replace("<date>", "00" * 29)
    try:
        return m[1] + str(sorted(decode_pairs(bytes.fromhex(hexed))))
    except ValueError:
        return message


def _requests(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = copy.deepcopy(requests)
    for r in out:
        r.setdefault("upstream", {})
        r["response"]["headers"] = [h for h in r["response"].get("headers", []) if h[0] != "date"]
        r["response"].pop("reason", None)
    return out


def view(golden: dict[str, Any], part: str, case: dict[str, Any]) -> Any:
    """Return one part of a golden in the form in which it is compared."""
    value = golden.get(part)
    if part == "startup":
        return {"ok": (value or {}).get("ok")}
    if part == "requests":
        return _sorted_headers(_requests(value or []), case)
    if part == "log":
        lines = _worker(value or [])
        cap = case.get("log_cap", 400)
        return lines[:cap]
    if part == "stats":
        return {
            k: v for k, v in (value or {}).items() if k.startswith(("wasmcustom.", "histogram:wasmcustom."))
        }
    if part == "callbacks":
        calls = [c for c in value or [] if "|worker|" in c][:400]
        # a guest that walks maps in random order allocates in random order, and a Go runtime where it likes
        if "unstable" in (case.get("header_order"), case.get("addresses")):
            calls = [c for c in calls if "memory_allocate" not in c and "malloc" not in c]
        return calls
    if part == "host_log":
        return [found for line in value or [] if (found := _trap(line)) is not None]
    return value or []


def _trap(line: dict[str, Any]) -> list[str] | None:
    """Return phase, callback and reason of a line that reports a trap where requests are served."""
    found = TRAP.match(line["msg"])
    if found is None or line["thread"] != "worker":
        return None
    return [line["phase"], found[1], found[2].partition(" (")[0]]  # ours adds which limit was reached


def _sorted_headers(value: Any, case: dict[str, Any]) -> Any:
    if case.get("header_order") != "unstable":
        return value
    if isinstance(value, dict):
        return {
            k: sorted(v) if k in ("headers", "trailers") and isinstance(v, list) else _sorted_headers(v, case)
            for k, v in value.items()
        }
    return [_sorted_headers(v, case) for v in value] if isinstance(value, list) else value


def compare(case: dict[str, Any], actual: dict[str, Any], parts: tuple[str, ...] = PARTS) -> dict[str, str]:
    """Return the parts that differ, each with a unified diff; an empty dict means the same."""
    golden = case["golden"]
    out: dict[str, str] = {}
    if "envoy_died" in golden:
        parts = ("startup",)  # why: nothing to be equal to; a host does something sane instead
    for part in parts:
        if part in case.get("nondeterministic", []) or (
            part == "callbacks" and case.get("record_callbacks") is False
        ):
            continue
        if part in OPTIONAL and part not in golden:
            continue
        want, got = view(golden, part, case), view(actual, part, case)
        if part == "callbacks" and len(golden.get("callbacks", [])) >= 400:
            n = len(want)
            got = got[:n]
        if want != got:
            a = json.dumps(want, indent=1, ensure_ascii=False, sort_keys=True).splitlines()
            b = json.dumps(got, indent=1, ensure_ascii=False, sort_keys=True).splitlines()
            out[part] = "\n".join(difflib.unified_diff(a, b, "envoy", "here", lineterm="", n=3))
    return out
