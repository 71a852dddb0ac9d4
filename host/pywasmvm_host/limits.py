"""What a plugin may use: every limit with its default, and how limits are written as text.

`Limits` adds the host's limits to those of the engine (`pywasmvm.ResourceLimits`); both are rows of one
table, `Limits.table()`, from which options, configuration keys, docs/limits.md and the tests derive.
Rule 1: what bounds the flow of one call (fuel, time, host calls, bytes copied) fails the plugin; what bounds
        growth (metrics, queues, headers ...) refuses the host call with INTERNAL_FAILURE and is noted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from .backend import LimitRow, ResourceLimits, limit_field

__all__ = ["LIMITS", "Limits", "parse_duration", "parse_size", "read_limits"]

UNITS = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "kb": 1 << 10,
    "kib": 1 << 10,
    "m": 1 << 20,
    "mb": 1 << 20,
    "mib": 1 << 20,
    "g": 1 << 30,
    "gb": 1 << 30,
    "gib": 1 << 30,
}
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
UNLIMITED = ("none", "unlimited")

BUDGET = "host/pywasmvm_host/budget.py"
VM = "host/pywasmvm_host/vm.py"
CALLS = "host/pywasmvm_host/calls/"
REFUSED = "the host call gives INTERNAL_FAILURE"


@dataclass(frozen=True)
class Limits(ResourceLimits):
    """Limits of the plugins of a host; one plugin's own stand in `Plugin.limits`. None means unlimited."""

    # -- work
    fuel: int | None = limit_field(
        1_000_000_000, "fuel", "callback", "OutOfFuel", "fuel", VM, "work of one call from the host"
    )
    fuel_start: int | None = limit_field(
        20_000_000_000, "fuel", "callback", "OutOfFuel", "fuel_start", VM,
        "the same for calls while the plugin starts, where Go filters spend much",
    )  # fmt: skip
    fuel_stream: int | None = limit_field(
        10_000_000_000, "fuel", "stream", "OutOfFuel", "fuel_stream", VM, "work for one stream, all callbacks"
    )
    fuel_vm: int | None = limit_field(
        10**15, "fuel", "VM", "OutOfFuel", "fuel_vm", VM, "work of one VM in all its life"
    )
    deadline: float | None = limit_field(
        60.0, "seconds", "callback", "DeadlineExceeded", "deadline", VM, "time of one call from the host"
    )
    deadline_start: float | None = limit_field(
        120.0, "seconds", "callback", "DeadlineExceeded", "deadline_start", VM,
        "the same for calls while the plugin starts, its start section included",
    )  # fmt: skip
    host_calls: int | None = limit_field(
        100_000, "count", "callback", "LimitError", "host_calls", BUDGET, "calls from the guest to the host"
    )
    copied_bytes: int | None = limit_field(
        256 << 20, "bytes", "callback", "LimitError", "copied_bytes", BUDGET,
        "bytes that host calls copy out of the guest's memory or into it",
    )  # fmt: skip
    expression_steps: int | None = limit_field(
        50_000, "count", "callback", "LimitError", "expression_steps", BUDGET,
        "work on CEL expressions: bytes compiled, nodes visited, 64 bytes of text looked at",
    )  # fmt: skip
    callbacks_at_once: int | None = limit_field(
        100_000, "count", "VM", "LimitError", "callbacks_at_once", VM,
        "callbacks without time passing: calls that cause calls",
    )  # fmt: skip
    # -- what grows
    log_lines: int | None = limit_field(
        10_000, "count", "callback", REFUSED, "log_lines", BUDGET, "lines written to the log"
    )
    log_bytes: int | None = limit_field(
        4 << 20, "bytes", "callback", REFUSED, "log_bytes", BUDGET, "text written to the log"
    )
    headers: int | None = limit_field(
        1_024, "count", "header map", REFUSED, "headers", CALLS + "header_maps.py", "entries of a header map"
    )
    header_bytes: int | None = limit_field(
        1 << 20, "bytes", "header map", REFUSED, "header_bytes", CALLS + "header_maps.py",
        "names and values of a header map",
    )  # fmt: skip
    buffer_bytes: int = limit_field(
        1 << 20, "bytes", "body", "413 for a request, a cut for a response", "",
        "host/pywasmvm_host/chain.py", "body held while a plugin pauses; Envoy's connection buffer limit",
    )  # fmt: skip
    http_body_bytes: int | None = limit_field(
        64 << 20, "bytes", "body", REFUSED, "http_body_bytes", CALLS + "buffers.py",
        "what set_buffer_bytes may make of a body",
    )  # fmt: skip
    name_bytes: int | None = limit_field(
        4096, "bytes", "name", REFUSED, "name_bytes", CALLS + "shared.py",
        "name of a metric, queue, key or property",
    )  # fmt: skip
    metrics: int | None = limit_field(
        10_000, "count", "VM", REFUSED, "metrics", CALLS + "shared.py", "metric ids handed out"
    )
    queues: int | None = limit_field(
        1_000, "count", "vm_id", REFUSED, "queues", CALLS + "shared.py", "queues registered"
    )
    queue_bytes: int | None = limit_field(
        16 << 20, "bytes", "queue", REFUSED, "queue_bytes", CALLS + "shared.py", "items waiting in a queue"
    )
    shared_data_bytes: int | None = limit_field(
        16 << 20, "bytes", "vm_id", REFUSED, "shared_data_bytes", CALLS + "shared.py", "keys and values kept"
    )
    property_bytes: int | None = limit_field(
        1 << 20, "bytes", "stream", REFUSED, "property_bytes", CALLS + "properties.py",
        "properties set on a stream",
    )  # fmt: skip
    definitions: int | None = limit_field(
        1_000, "count", "plugin", REFUSED, "definitions", CALLS + "foreign.py",
        "expressions compiled and properties declared",
    )  # fmt: skip
    callouts: int | None = limit_field(
        1_000, "count", "plugin", REFUSED, "callouts", VM, "HTTP, gRPC, Redis and DNS calls under way"
    )
    timers: int | None = limit_field(
        100, "count", "VM", REFUSED, "timers", CALLS + "logs.py", "root contexts with a tick of their own"
    )

    def reached(self, name: str, where: str) -> str:
        """Say that a limit was reached: its name, its value, over what it is counted, and where."""
        row = LIMITS[name]
        unit = {"fuel": " units", "bytes": " bytes", "seconds": " s"}.get(row.unit, "")
        return f"limit {name} = {getattr(self, name)}{unit} per {row.scope} reached {where}"


LIMITS: dict[str, LimitRow] = {row.name: row for row in Limits.table()}


def _number(text: str, factors: Mapping[str, float], what: str) -> float:
    number = text.strip().lower().replace("_", "")
    unit = number.lstrip("0123456789.")
    try:
        return float(number[: len(number) - len(unit)]) * factors[unit.strip()]
    except (ValueError, KeyError) as e:
        raise ValueError(f"{text!r} is no {what}") from e


def parse_size(text: str) -> int:
    """Read "64M", "1g", "65536"."""
    return int(_number(text, UNITS, "size: write a number and k, M or G"))


def parse_duration(text: str) -> float:
    """Read "5ms", "2s", "1.5" as seconds."""
    return _number(text, SECONDS, "duration: write a number and us, ms, s or m")


def _value(row: LimitRow, given: Any) -> int | float | None:
    """Read one limit: a number, or text with a unit; "none" lifts it."""
    text = str(given).strip()
    if given is None or text.lower() in UNLIMITED:
        return None
    if isinstance(given, bool):
        raise ValueError(f"{row.name}: {given} is no number")
    try:
        if row.unit == "seconds":
            value: float = parse_duration(text)
        elif row.unit == "bytes":
            value = parse_size(text)
        else:
            value = int(_number(text, {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}, "count"))
    except ValueError as e:
        raise ValueError(f"{row.name}: {e}") from e
    if value <= 0:
        raise ValueError(f"{row.name}: {text} is not above 0; none lifts the limit")
    return value


def read_limits(given: Mapping[str, Any], base: Limits | None = None) -> Limits:
    """Return `base` with the limits named replaced. Raise ValueError naming the one that is wrong."""
    changes: dict[str, Any] = {}
    for name, text in given.items():
        row = LIMITS.get(name)
        if row is None:
            near = get_close_matches(name, LIMITS, 1)
            hint = f": did you mean {near[0]}?" if near else f": there are {', '.join(LIMITS)}"
            raise ValueError(f"no limit {name!r}{hint}")
        value = _value(row, text)
        if value is None and isinstance(row.default, int) and name in NEEDED:
            raise ValueError(f"{name}: it cannot be lifted, only raised")
        changes[name] = value
    return replace(base or Limits(), **changes)


# Limits without which there is nothing to allocate or to count on.
NEEDED = frozenset({"call_depth", "value_stack_bytes", "buffer_bytes"})
