"""Write docs/limits.md from the table of limits: `python -m pywasmvm_host.limits_docs > docs/limits.md`."""

from __future__ import annotations

import sys

from pywasmvm import LimitRow, ResourceLimits

from .host import Host
from .limits import LIMITS

__all__ = ["render"]

HEAD = """# Limits

Written from the tables in `pywasmvm/config.py` and `host/pywasmvm_host/limits.py` by
`python -m pywasmvm_host.limits_docs`; do not edit.

Every limit is on by default. Reaching one ends at most the call that reached it: the error names the limit,
its value and the place, and everything else goes on. What a plugin can reach at all is in
[isolation.md](isolation.md); `pywasmvm lab` shows the limits stopping real attacks.

On the command line:

    pywasmvm run filter.wasm --fuel 5M --memory 16MiB --deadline 5ms --limit log_lines=100

In Python, for all plugins of a host or for one, and for an engine or store without a host:

    Host([Plugin("a.wasm", limits=Limits(fuel=5_000_000))], limits=Limits(memory_bytes=16 << 20))
    Store(engine, limits=ResourceLimits(call_depth=1000))

Beside an Envoy configuration, where Envoy itself does not mind: under the metadata of the node or of a
listener, by plugin name, `"*"` for all:

    node:
      metadata:
        pywasmvm:
          limits:
            "*": {memory_bytes: 64MiB}
            my_filter: {fuel: 5M, deadline: 5ms}

    listeners:
    - metadata:
        filter_metadata:
          pywasmvm: {limits: {my_filter: {fuel: 5M}}}

and in a WasmPlugin of Istio or Higress as an annotation:

    metadata:
      annotations:
        pywasmvm/limits: fuel=5M, memory_bytes=16MiB

Sizes take k, M, G (also MiB ...), times us, ms, s, m, counts k, M, G (thousands). `none` lifts a limit.
Options on the command line win over the configuration, a plugin's own entry over `"*"`.
"""
RECORDS = f"""What a host records is no plugin's state: log lines, calls, the access log, what upstreams
received. When there are more than {Host.KEPT:,} of a kind (`Host.KEPT`), they are forgotten before the next
request that finds no other under way; `host.forget()` does it at any time.
"""
COLUMNS = ("limit", "default", "counted per", "bounds", "reaching it", "enforced in")


def _default(row: LimitRow) -> str:
    if row.default is None:
        return "none"
    value = row.default
    if row.unit == "seconds":
        return f"{value:g} s"
    if row.unit == "bytes":
        for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
            if not int(value) % (1 << shift):
                return f"{int(value) >> shift} {unit}"
    return f"{int(value):,}"


def _table(rows: list[LimitRow]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = (f"`{row.name}`", _default(row), row.scope, row.says, row.ends, f"`{row.where}`")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def render() -> str:
    """Return the page."""
    engine = {row.name: row for row in ResourceLimits.table()}
    own = [row for name, row in LIMITS.items() if engine.get(name) != row]
    shared = [row for name, row in engine.items() if LIMITS[name] == row]
    replaced = [row for name, row in engine.items() if LIMITS[name] != row]
    return "\n".join(
        (
            HEAD,
            RECORDS,
            "## Of the engine and of the host\n",
            _table(shared),
            "## Of the host, for plugins\n",
            _table(own),
            "## Of the engine alone\n",
            "A store without a host counts these itself.\n",
            _table(replaced),
        )
    )


if __name__ == "__main__":
    sys.stdout.write(render())
