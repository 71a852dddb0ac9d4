"""The metrics of plugins in the text format of Prometheus, as Envoy's /stats/prometheus shows them.

What Envoy does with names: of those below `wasmcustom.` the rest is the name, any other gets `envoy_`;
every character that has no place in a name becomes an underscore; a name that then begins with a digit is
left out. Counters come first, then gauges, then histograms, each ordered by the parts of their names.
"""

from __future__ import annotations

import re

from .abi.enums import MetricType
from .shared import Metrics

__all__ = ["prometheus_lines"]

PREFIX = "wasmcustom"
BOUNDS = (
    "0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 3600000 +Inf"
).split()
KINDS = {MetricType.COUNTER: "counter", MetricType.GAUGE: "gauge"}
VALID = re.compile(r"[a-zA-Z_]")


def prometheus_lines(metrics: Metrics) -> list[str]:
    """Return the lines; histograms are those of Envoy's first seconds, before it has gathered any sample."""
    out: list[str] = []
    for kind, word in KINDS.items():
        found = {name: value for (k, name), value in metrics.values.items() if k == kind}
        for name in sorted(found, key=_order):
            shown = _shown(name)
            if shown:
                out += [f"# TYPE {shown} {word}", f"{shown}{{}} {found[name]}"]
    for name in sorted(metrics.samples, key=_order):
        shown = _shown(name)
        if shown:
            out.append(f"# TYPE {shown} histogram")
            out += [f'{shown}_bucket{{le="{bound}"}} 0' for bound in BOUNDS]
            out += [f"{shown}_sum{{}} 0", f"{shown}_count{{}} 0"]
    return out


def _order(name: bytes) -> list[bytes]:
    return name.split(b".") if name else []


def _shown(name: bytes) -> str:
    """Return the name of a metric in this format, "" if it cannot have one."""
    text = re.sub(r"[^a-zA-Z0-9_]", "_", name.decode("utf-8", "replace"))
    if not text:
        return f"envoy_{PREFIX}"
    return text if VALID.match(text) else ""
