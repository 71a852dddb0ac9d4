"""What `pywasmvm run` prints for people: headers and bodies before and after, the log, and the bill."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..host import Exchange

__all__ = ["show"]

BODY_SHOWN = 2000


def _diff(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Mark headers: + new, - gone, ~ changed, blank the same."""
    out: list[tuple[str, str]] = []
    left = [(k.lower(), v) for k, v in before]
    for key, value in [(k.lower(), v) for k, v in after]:
        if (key, value) in left:
            left.remove((key, value))
            out.append((" ", f"{key}: {value}"))
            continue
        old = next((x for x in left if x[0] == key), None)
        if old is not None:
            left.remove(old)
            out.append(("~", f"{key}: {value}   (was {old[1]})"))
        else:
            out.append(("+", f"{key}: {value}"))
    out += [("-", f"{k}: {v}") for k, v in left]
    return out


STYLES = {"+": "green", "-": "red", "~": "yellow", " ": ""}


def _print_diff(console: Console, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    for mark, text in _diff(before, after):
        console.print(Text(f"  {mark} {text}", style=STYLES[mark]))


def _print_body(console: Console, before: bytes, after: bytes) -> None:
    mark = " " if before == after else "~"
    if before or after:
        shown = after[:BODY_SHOWN].decode("utf-8", "replace")
        console.print(
            Text(f"  {mark} {shown}{' ...' if len(after) > BODY_SHOWN else ''}", style=STYLES[mark])
        )
        if before != after:
            console.print(Text(f"    ({len(before)} bytes became {len(after)})", style="yellow"))


def show(x: Exchange) -> None:
    """Print what the upstream and the client received, what was logged, and the bill."""
    console = Console(highlight=False, soft_wrap=True)
    for r in x.upstream:
        console.print(f"upstream received  {r.method} {r.path}" + ("   (incomplete)" if r.incomplete else ""))
        _print_diff(console, [("host", "example.test"), *[(k, v) for k, v in x.sent.headers]], r.headers)
        _print_body(console, b"".join(x.sent.body_chunks), r.body)
        _print_diff(console, list(x.sent.trailers), r.trailers)
    if not x.upstream:
        console.print("upstream received  nothing")
    for name, requests in x.callouts.items():
        for r in requests:
            console.print(f"callout to {name}  {r.method} {r.path}")
    original = x.original_response if x.upstream else None
    status = x.response.status if x.response.status is not None else "no response"
    console.print(f"client received    {status}" + (f"   ({x.response.error})" if x.response.error else ""))
    _print_diff(
        console,
        [(k, v) for k, v in original.headers] if original else [],
        [h for h in x.response.headers if not h[0].startswith(":")],
    )
    _print_body(console, b"".join(original.body) if original else b"", x.response.body)
    _print_diff(console, list(original.trailers) if original else [], x.response.trailers)
    if x.logs:
        console.print("log")
        for line in x.logs:
            console.print(Text(f"  {line.level:8} {line.text}"))
    for host_line in x.host_log:
        console.print(Text(f"  host     {host_line.message}", style="red"))
    for hazard in x.hazards:
        console.print(Text(f"  note     {hazard}", style="yellow"))
    if x.metrics:
        console.print("metrics")
        for name, value in x.metrics.items():
            console.print(f"  {name} = {value}")
    _show_costs(console, x)
    if x.trap is not None:
        console.print(Text(str(x.trap), style="red"))


def _show_costs(console: Console, x: Exchange) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("callback", no_wrap=True)
    for column in ("context", "result", "fuel", "peak memory", "host calls"):
        table.add_column(column, justify="right")
    for r in x.records:
        if not r.nested:
            fuel = f"{r.fuel:,}" if r.fuel is not None else "-"
            result = "failed" if r.failed else "" if r.result is None else str(r.result)
            table.add_row(
                r.callback, str(r.context_id), result, fuel, f"{r.memory_bytes:,}", str(len(r.host_calls))
            )
    console.print(table)
