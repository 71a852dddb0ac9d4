"""Foreign functions on CEL expressions: expr_create, expr_evaluate, expr_delete.

The language itself is the library cel-python (the extra `cel`). Attributes are those of ../attributes.py,
looked up when the expression asks for them. Statuses and encodings are as measured on Envoy 1.40; what an
expression may cost stands in celsteps.py.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..abi.enums import Status
from ..abi.pairs import encode_pairs
from ..attributes import MISSING, OPAQUE, Group, HeaderView, Message, lookup
from ..budget import within
from ..machine import Allocated
from ..optional import Optional
from .celsteps import NoSuchFunction, Parsed, Steps, program

celpy = Optional("celpy")
celtypes = Optional("celpy.celtypes")
cel_evaluation = Optional("celpy.evaluation")

__all__ = ["EXPRESSIONS", "INSTALL"]

INSTALL = "expressions need the library cel-python: pip install 'pywasmvm[cel]'"
TIMES = frozenset({"request.time"})
DURATIONS = frozenset({"request.duration", "response.backend_latency", "upstream.cx_pool_ready_duration"})
UNSIGNED = frozenset({"connection.id", "connection_id", "upstream.request_attempt_count"})
TOKEN_BYTES = 4


@cache
def _walk() -> Any:
    """Return the class of maps that ask the attribute table for their members."""

    class Walk(celtypes.MapType):  # type: ignore[misc, name-defined]
        """One group of attributes, header map or message."""

        context: Any
        path: str
        source: Any
        empty_is_absent = False  # as of the maps of a message

        def __contains__(self, key: object) -> bool:
            return _attribute(self.context, f"{self.path}\0{key}") is not MISSING

        def __getitem__(self, key: Any) -> Any:
            found = _attribute(self.context, f"{self.path}\0{key}")
            if found is MISSING:
                raise KeyError(key)
            return found

        def get(self, key: Any, default: Any = None) -> Any:
            return self[key]

    return Walk


def _walkable(context: Any, path: str, value: Any) -> Any:
    """Return a map that asks the attribute table for its members."""
    walk = _walk()()
    walk.context, walk.path, walk.source = context, path, value
    walk.empty_is_absent = isinstance(value, Message)
    if isinstance(value, HeaderView):
        for key, text in value.pairs():
            dict.__setitem__(
                walk, celtypes.StringType(key.decode("latin-1")), celtypes.StringType(text.decode("latin-1"))
            )
    return walk


def _attribute(context: Any, path: str) -> Any:
    """Return an attribute as a value of CEL, or MISSING."""
    value = lookup(context, path.encode("latin-1", "replace"))
    if value is MISSING:
        return MISSING
    name = path.replace("\0", ".")
    if isinstance(value, (Group, HeaderView, Message)) or value is OPAQUE:
        return _walkable(context, path, value)
    if isinstance(value, bytes) and not name.startswith("filter_state."):
        return celtypes.StringType(value.decode("utf-8", "replace"))
    return _typed(name, value)


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if name in TIMES:
        stamp = celtypes.TimestampType.fromtimestamp(value / 1e9, tz=_utc())
        stamp.exact_ns = value
        return stamp
    if name in DURATIONS:
        return celtypes.DurationType(seconds=value // 10**9, nanos=value % 10**9)
    if isinstance(value, int):
        return celtypes.UintType(value) if name in UNSIGNED else celtypes.IntType(value)
    if isinstance(value, float):
        return celtypes.DoubleType(value)
    if isinstance(value, str):
        return celtypes.StringType(value)
    if isinstance(value, Mapping):
        return celtypes.MapType({celtypes.StringType(k): _typed("", v) for k, v in value.items()})
    if isinstance(value, list):
        return celtypes.ListType([_typed("", v) for v in value])
    return celtypes.BytesType(value)


def _utc() -> Any:
    from datetime import timezone  # noqa: PLC0415

    return timezone.utc


def _encode(value: Any) -> bytes | None:
    """Return the bytes of a result, or None when it has none."""
    source = getattr(value, "source", None)
    if source is not None:
        return (
            source.data
            if isinstance(source, Message)
            else encode_pairs(source.pairs())
            if isinstance(source, HeaderView)
            else None
        )
    if isinstance(value, (bool, celtypes.BoolType)):
        return bytes([bool(value)])
    if isinstance(value, celtypes.TimestampType):
        ns = getattr(value, "exact_ns", None)
        return struct.pack("<q", round(value.timestamp() * 1e6) * 1000 if ns is None else ns)
    if isinstance(value, celtypes.DurationType):
        return struct.pack("<q", round(value.total_seconds() * 10**9))
    if isinstance(value, int):
        return struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, Mapping):
        return _encode_items(list(value.items()))
    if isinstance(value, list):
        return _encode_items([(v, b"") for v in value])
    return None


def _encode_items(items: list[tuple[Any, Any]]) -> bytes | None:
    out = [(_encode(k), _encode(v)) for k, v in items]
    if any(a is None or b is None for a, b in out):
        return None
    return encode_pairs([(a or b"", b or b"") for a, b in out])


def _family(value: Any) -> str:
    for name, kinds in (
        ("bool", (bool, celtypes.BoolType)),
        ("time", (celtypes.TimestampType, celtypes.DurationType)),
        ("number", (int, float)),
        ("text", str),
        ("bytes", bytes),
    ):
        if isinstance(value, kinds):
            return name
    return type(value).__name__


def _equal(a: Any, b: Any) -> Any:
    """Compare as Envoy's CEL does: values of different kinds are unequal, numbers compare by value."""
    for operand in (a, b):
        if isinstance(operand, celpy.CELEvalError):
            return operand
    if _family(a) != _family(b):
        return celtypes.BoolType(False)
    if _family(a) == "number":
        exact = isinstance(a, int) and isinstance(b, int)
        return celtypes.BoolType(int(a) == int(b) if exact else float(a) == float(b))
    return cel_evaluation.base_functions["_==_"](a, b)


def _unequal(a: Any, b: Any) -> Any:
    equal = _equal(a, b)
    return equal if isinstance(equal, celpy.CELEvalError) else celtypes.BoolType(not equal)


# What Envoy's CEL does in another way than the library.
OWN = {"_==_": _equal, "_!=_": _unequal}


class _Expressions:
    """The expressions of one root context."""

    def __init__(self) -> None:
        self.programs: dict[int, Parsed] = {}
        self.next = 0


def _store(call: Any) -> _Expressions:
    store: _Expressions = call.root.__dict__.setdefault("expressions", _Expressions())
    return store


def _absent(call: Any) -> bool:
    if not celpy:
        call.vm.say_once(INSTALL)
    return not celpy


def expr_create(call: Any, data: bytes) -> Any:
    """Compile an expression and return its token."""
    if _absent(call):
        return Status.UNIMPLEMENTED
    within("name_bytes", call.vm.limits.name_bytes, len(data))
    within("definitions", call.vm.limits.definitions, len(_store(call).programs) + 1)
    try:
        parsed = Steps(call.vm).parse(data.decode("utf-8"))
    except (celpy.CELParseError, NoSuchFunction, UnicodeDecodeError, RecursionError) as e:
        if isinstance(e, NoSuchFunction):
            _store(call).next += 1  # measured: it has had its token
        call.world.note("info", f"expr_create parse error: {' '.join(str(e).split())}", call.vm.thread)
        return Status.BAD_ARGUMENT
    store = _store(call)
    token, store.next = store.next, store.next + 1
    store.programs[token] = parsed
    return Status.OK, token.to_bytes(TOKEN_BYTES, "little")


def expr_evaluate(call: Any, data: bytes) -> Any:
    """Evaluate against the attributes of the effective context."""
    if _absent(call):
        return Status.UNIMPLEMENTED
    if len(data) != TOKEN_BYTES:
        return Status.BAD_ARGUMENT
    known = _store(call).programs.get(int.from_bytes(data, "little"))
    if known is None:
        return Status.NOT_FOUND
    values = {name: _attribute(call.context, name) for name in known.names}
    try:
        known_values = {k: v for k, v in values.items() if v is not MISSING}
        result = program(known).evaluate_counted(known_values, Steps(call.vm), OWN)
        encoded = _encode(result)
    except (celpy.CELEvalError, RecursionError):  # why: so deep an expression is beyond Envoy, too
        return Status.INTERNAL_FAILURE
    return Status.SERIALIZATION_FAILURE if encoded is None else (Status.OK, Allocated(encoded))


def expr_delete(call: Any, data: bytes) -> Any:
    """Forget an expression; unknown ones are forgotten already."""
    if _absent(call):
        return Status.UNIMPLEMENTED
    if len(data) != TOKEN_BYTES:
        return Status.BAD_ARGUMENT
    _store(call).programs.pop(int.from_bytes(data, "little"), None)
    return Status.OK, b""


EXPRESSIONS = {"expr_create": expr_create, "expr_evaluate": expr_evaluate, "expr_delete": expr_delete}
