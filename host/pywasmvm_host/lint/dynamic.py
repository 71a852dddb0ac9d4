"""Checks of what plugins did with a few requests. Each says (callback and request, particulars)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ..abi.pairs import decode_pairs
from ..headers import unsigned
from ..records import CallRecord
from ..routing import valid_name, valid_value
from .model import Place, Round, RunSubject, SeenCall

__all__ = [
    "allocator_trap",
    "body_length",
    "close_after_end",
    "close_and_answer",
    "close_stream",
    "continue_twice",
    "dropped_data",
    "early_continue",
    "empty_grpc_service",
    "endless",
    "foreign_context",
    "gauge_below_zero",
    "hang",
    "hazard_of",
    "ignored_status",
    "invalid_header",
    "lost_pseudo_header",
    "metric_per_request",
    "never_starts",
    "nul_in_property",
    "restricted",
    "trap",
    "trap_while_paused",
    "unbuilt",
]

ROOT_CALLBACKS = re.compile(r"proxy_on_(http_call_response|grpc_\w+|tick|queue_ready|foreign_function)")
STREAM_CALLBACKS = re.compile(r"proxy_on_(request|response)_")
OUTSIDE = ("proxy_on_context_create", "proxy_on_log", "proxy_on_done", "proxy_on_delete")
ADD = ("proxy_add_header_map_value", "proxy_replace_header_map_value")
STATUS_NAMES = {
    2: "BAD_ARGUMENT",
    3: "SERIALIZATION_FAILURE",
    4: "PARSE_FAILURE",
    5: "BAD_EXPRESSION",
    6: "INVALID_MEMORY_ACCESS",
    8: "CAS_MISMATCH",
    9: "RESULT_MISMATCH",
    10: "INTERNAL_FAILURE",
    11: "BROKEN_CONNECTION",
    12: "UNIMPLEMENTED",
}
PSEUDO = {0: (b":method", b":path", b":authority", b":scheme"), 2: (b":status",)}
PAUSE = 1
BYTECODE = "Failed to load Wasm bytecode"


def _place(r: Round, callback: str) -> str:
    return f"{callback}, {r.label}"


def _once(places: Iterator[Place]) -> Iterator[Place]:
    """Pass on the first place of every detail: the same mistake in each request is one mistake."""
    seen = set()
    for where, detail in places:
        if detail not in seen:
            seen.add(detail)
            yield where, detail


def hazard_of(*beginnings: str) -> Callable[[RunSubject], Iterator[Place]]:
    """Make a check that reports hazards the host noted, by the beginnings of their texts."""

    def check(s: RunSubject) -> Iterator[Place]:
        return _once((r.label, h) for r in s.rounds for h in r.hazards if any(b in h for b in beginnings))

    return check


def _failures(s: RunSubject) -> Iterator[tuple[Round, CallRecord]]:
    for r in s.rounds:
        for record in r.exchange.records:
            if record.failed:
                yield r, record


def _reason(record: CallRecord) -> str:
    return record.failed.splitlines()[0]


def _is_plain_trap(record: CallRecord) -> bool:
    return (
        not record.nested
        and "out of fuel" not in record.failed
        and "restricted_callback" not in record.failed
    )


def trap(s: RunSubject) -> Iterator[Place]:
    """Report: trap."""

    def found() -> Iterator[Place]:
        for r, record in _failures(s):
            if _is_plain_trap(record) and not ROOT_CALLBACKS.match(record.callback):
                yield _place(r, record.callback), _reason(record)

    return _once(found())


def trap_while_paused(s: RunSubject) -> Iterator[Place]:
    """Report: trap outside of a stream's callback."""

    def found() -> Iterator[Place]:
        for r, record in _failures(s):
            if _is_plain_trap(record) and ROOT_CALLBACKS.match(record.callback):
                hung = r.exchange.response.error == "timeout"
                yield _place(r, record.callback), _reason(record) + ("; the request hung" if hung else "")

    return _once(found())


def allocator_trap(s: RunSubject) -> Iterator[Place]:
    """Report: trap in the allocator."""
    return _once((_place(r, f.callback), _reason(f)) for r, f in _failures(s) if f.nested)


def endless(s: RunSubject) -> Iterator[Place]:
    """Report: more work than the fuel allows."""
    fuel = ((r, f) for r, f in _failures(s) if "out of fuel" in f.failed)
    return _once((_place(r, f.callback), _reason(f)) for r, f in fuel)


def restricted(s: RunSubject) -> Iterator[Place]:
    """Report: host call that is not allowed here."""
    found = ((r, f) for r, f in _failures(s) if "restricted_callback" in f.failed)
    return _once((_place(r, f.callback), _reason(f)) for r, f in found)


def never_starts(s: RunSubject) -> Iterator[Place]:
    """Report: the plugin does not start."""
    if s.refused and BYTECODE not in s.refused:  # that is PW102
        yield "start", s.refused


def hang(s: RunSubject) -> Iterator[Place]:
    """Report: a request without an answer."""
    for r in s.rounds:
        if r.exchange.response.error == "timeout" and not r.exchange.failure:
            paused = [
                c for c in r.exchange.records if c.result == PAUSE and STREAM_CALLBACKS.match(c.callback)
            ]
            last = paused[-1].callback if paused else "a callback"
            yield _place(r, last), "it paused the stream, and nothing continued or answered it"


def body_length(s: RunSubject) -> Iterator[Place]:
    """Report: content-length and body differ."""
    for r in s.rounds:
        x = r.exchange
        details = x.access[-1].details if x.access else ""
        # why: a request that was answered here or given up was cut for that reason, not by its length
        for got in x.upstream if details == "via_upstream" else ():
            length = _content_length(got.headers)
            if length is not None and length != len(got.body) and not x.failure:
                yield _place(r, "request"), f"content-length {length}, but the body has {len(got.body)} bytes"
        length = _content_length(x.response.headers)
        cut = x.sent.method != "HEAD" and not x.failure and x.response.status not in (None, 204, 304)
        if length is not None and length != len(x.response.body) and cut:
            yield (
                _place(r, "response"),
                f"content-length {length}, but the body has {len(x.response.body)} bytes",
            )


def _content_length(headers: list[tuple[str, str]]) -> int | None:
    values = [v for k, v in headers if k.lower() == "content-length"]
    return unsigned(values[0].encode("latin-1", "replace")) if values else None


# ---- single host calls
def _calls(s: RunSubject, *names: str) -> Iterator[tuple[Round, SeenCall]]:
    for r in s.rounds:
        for c in r.calls:
            if not names or c.name in names:
                yield r, c


def early_continue(s: RunSubject) -> Iterator[Place]:
    """Report: response continued before there is one."""
    return hazard_of("continue_stream(response) before")(s)


def _edited(c: SeenCall) -> list[tuple[bytes, bytes]]:
    if c.name in ADD:
        key, value = c.values.get("key"), c.values.get("value")
        return [(key, value)] if key is not None and value is not None else []
    return decode_pairs(c.values.get("pairs") or b"")


def invalid_header(s: RunSubject) -> Iterator[Place]:
    """Report: invalid header."""

    def found() -> Iterator[Place]:
        for r, c in _calls(s, *ADD, "proxy_set_header_map_pairs"):
            for key, value in _edited(c) if c.status == 0 else ():
                name = key.removeprefix(b":")
                if not valid_name(name):
                    yield _place(r, c.callback), f"the name {key.decode('latin-1')!r}"
                elif not valid_value(value):
                    yield _place(r, c.callback), f"the value of {key.decode('latin-1')}: {value[:40]!r}"

    return _once(found())


def lost_pseudo_header(s: RunSubject) -> Iterator[Place]:
    """Report: pseudo-header taken away."""

    def found() -> Iterator[Place]:
        for r, c in _calls(s, "proxy_remove_header_map_value", "proxy_set_header_map_pairs"):
            needed = PSEUDO.get(c.values.get("map_type", -1), ()) if c.status == 0 else ()
            if c.name == "proxy_remove_header_map_value":
                gone = [k for k in needed if k == (c.values.get("key") or b"").lower()]
            else:
                kept = {k.lower() for k, _ in _edited(c)}
                gone = [k for k in needed if k not in kept]
            if gone:
                yield _place(r, c.callback), f"{c.name} takes away {b', '.join(gone).decode()}"

    return _once(found())


def dropped_data(s: RunSubject) -> Iterator[Place]:
    """Report: data dropped."""
    return hazard_of("the data of this call is dropped")(s)


def metric_per_request(s: RunSubject) -> Iterator[Place]:
    """Report: metric defined per request."""
    found: dict[tuple[str, str], list[Round]] = {}
    for r, c in _calls(s, "proxy_define_metric"):
        if STREAM_CALLBACKS.match(c.callback) or c.callback in ("proxy_on_log", "proxy_on_context_create"):
            name = (c.values.get("name") or b"").decode("utf-8", "replace")
            found.setdefault((c.callback, name), []).append(r)
    for (callback, name), rounds in found.items():
        if len({r.label for r in rounds}) > 1:
            yield callback, f"{name} was defined {len(rounds)} times in {len(s.rounds)} requests"


def gauge_below_zero(s: RunSubject) -> Iterator[Place]:
    """Report: gauge below zero."""
    seen = set()
    for r in s.rounds:
        for name, value in r.exchange.metrics.items():
            values = value if isinstance(value, list) else [value]
            low = [v for v in values if isinstance(v, int) and (v < 0 or v >= 1 << 63)]
            if low and not name.startswith("histogram:") and name not in seen:
                seen.add(name)
                yield r.label, f"{name} = {low[0]}"


def nul_in_property(s: RunSubject) -> Iterator[Place]:
    """Report: NUL in the name of a property."""

    def found() -> Iterator[Place]:
        for r, c in _calls(s, "proxy_set_property"):
            path = c.values.get("path") or b""
            if b"\0" in path and c.status == 0:
                yield _place(r, c.callback), f"the path {path!r}"

    return _once(found())


def foreign_context(s: RunSubject) -> Iterator[Place]:
    """Report: context of another plugin."""
    calls = ((r, c) for r, c in _calls(s, "proxy_set_effective_context") if c.other_plugin and c.status == 0)
    return _once((_place(r, c.callback), "it chose a context of another plugin in its VM") for r, c in calls)


def empty_grpc_service(s: RunSubject) -> Iterator[Place]:
    """Report: empty GrpcService."""
    calls = (
        (r, c)
        for r, c in _calls(s, "proxy_grpc_call", "proxy_grpc_stream")
        if c.values.get("upstream") == b""
    )
    return _once((_place(r, c.callback), f"{c.name} with an empty GrpcService") for r, c in calls)


def continue_twice(s: RunSubject) -> Iterator[Place]:
    """Report: continued and Continue returned."""

    def found() -> Iterator[Place]:
        for r in s.rounds:
            for record in r.exchange.records:
                m = STREAM_CALLBACKS.match(record.callback)
                kind = {"request": 0, "response": 1}[m[1]] if m else -1
                own = "proxy_continue_request" if kind == 0 else "proxy_continue_response"
                made = any(
                    c.callback == record.callback
                    and (c.name == own or c.name == "proxy_continue_stream" and kind in c.values.values())
                    for c in r.calls
                )
                names = {"proxy_continue_stream", own} & set(record.host_calls)
                if m and record.result == 0 and made and names:
                    yield _place(r, record.callback), f"{names.pop()} in it, and then Continue returned"

    return _once(found())


def close_stream(s: RunSubject) -> Iterator[Place]:
    """Report: proxy_close_stream with HTTP/1.1."""
    calls = (
        (r, c) for r, c in _calls(s, "proxy_close_stream") if c.status == 0 and not r.exchange.sent.http2
    )
    return _once((_place(r, c.callback), "proxy_close_stream on an HTTP/1.1 stream") for r, c in calls)


def close_after_end(s: RunSubject) -> Iterator[Place]:
    """Report: proxy_close_stream outside of a stream's life."""
    calls = ((r, c) for r, c in _calls(s, "proxy_close_stream") if c.callback in OUTSIDE and c.status == 0)
    return _once((_place(r, c.callback), "proxy_close_stream there") for r, c in calls)


def close_and_answer(s: RunSubject) -> Iterator[Place]:
    """Report: a response callback that closes the stream and answers it."""
    both = {"proxy_close_stream", "proxy_send_local_response"}
    records = ((r, record) for r in s.rounds for record in r.exchange.records)
    return _once(
        (_place(r, record.callback), "it closes the stream and sends a local response")
        for r, record in records
        if record.callback.startswith("proxy_on_response_") and both <= set(record.host_calls)
    )


def ignored_status(s: RunSubject) -> Iterator[Place]:
    """Report: a host call that failed."""

    def found() -> Iterator[Place]:
        for r, c in _calls(s):
            if c.status in STATUS_NAMES:
                what = c.values.get("key") or c.values.get("upstream") or c.values.get("path") or b""
                about = (
                    f" ({what[:60].decode('utf-8', 'replace')})" if isinstance(what, bytes) and what else ""
                )
                answer = f"{c.name}{about} answered {c.status} {STATUS_NAMES[c.status]}"
                yield _place(r, c.callback), answer.replace("\0", ".")

    return _once(found())


def unbuilt(s: RunSubject) -> Iterator[Place]:
    """Report: not built in this host."""
    lines = (
        (r, h) for r in s.rounds for h in r.exchange.host_log if "is not built in this host" in h.message
    )
    return _once((r.label, h.message) for r, h in lines)
