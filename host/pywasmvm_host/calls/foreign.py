"""proxy_call_foreign_function: what Envoy offers by name. Functions are rows of FOREIGN; unknown names are
NOT_FOUND.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

from .. import protobuf
from ..abi.enums import Status
from ..budget import within
from ..filterstate import FACTORIES
from ..machine import Allocated
from . import body
from .expressions import EXPRESSIONS
from .higress import HIGRESS_FOREIGN
from .signatures import SIGNATURES

MAX_UNCOMPRESSED = 64 << 20
DNS_TTL = 60


def _compress(call: Any, data: bytes) -> Any:
    return Status.OK, zlib.compress(data)


def _uncompress(call: Any, data: bytes) -> Any:
    try:
        engine = zlib.decompressobj()
        out = engine.decompress(data, MAX_UNCOMPRESSED)
    except zlib.error:
        return Status.SERIALIZATION_FAILURE
    return (Status.OK, Allocated(out)) if engine.eof else Status.SERIALIZATION_FAILURE


def _clear_route_cache(call: Any, data: bytes) -> Any:
    if call.context.stream is not None:
        call.context.stream.clear_route_cache()
    return Status.OK, b""


def _message(data: bytes) -> dict[int, Any] | None:
    try:
        return dict(protobuf.fields(data))
    except protobuf.ParseError:
        return None


def _declare_property(call: Any, data: bytes) -> Any:
    fields = _message(data)
    if fields is None or not isinstance(fields.get(1, b""), bytes):
        return Status.BAD_ARGUMENT
    owner = call.vm.running_context()
    declared = owner.__dict__.setdefault("declared", {})
    name = fields.get(1, b"").decode("latin-1")
    if name in declared:
        return Status.BAD_ARGUMENT
    within("name_bytes", call.vm.limits.name_bytes, len(name))
    within("definitions", call.vm.limits.definitions, len(declared) + 1)
    declared[name] = {"readonly": bool(fields.get(2)), "type": fields.get(3, 0), "span": fields.get(5, 0)}
    if owner is not owner.root:
        call.vm.hazard("declare_property from a stream callback is accepted and ignored")
    return Status.OK, b""


def _set_filter_state(call: Any, data: bytes) -> Any:
    fields = _message(data)
    if fields is None:
        return Status.BAD_ARGUMENT
    path, value, span = fields.get(1) or b"", fields.get(2) or b"", fields.get(3) or 0
    if not isinstance(path, bytes) or not isinstance(value, bytes) or not isinstance(span, int):
        return Status.BAD_ARGUMENT
    name = path.decode("latin-1")
    check = FACTORIES.get(name)
    if check is None or call.context.stream is None:
        return Status.NOT_FOUND
    if not check(value):
        return Status.BAD_ARGUMENT
    call.context.stream.objects.put(name, value, span)
    return Status.OK, b""


FOREIGN: dict[str, Callable[[Any, bytes], Any]] = {
    "compress": _compress,
    "uncompress": _uncompress,
    "clear_route_cache": _clear_route_cache,
    "declare_property": _declare_property,
    "set_envoy_filter_state": _set_filter_state,
    **EXPRESSIONS,
    **SIGNATURES,
    **HIGRESS_FOREIGN,
}


HIGRESS_NAMES = frozenset(HIGRESS_FOREIGN)


@body
def proxy_call_foreign_function(call: Any, name: bytes, arguments: bytes) -> Any:
    text = name.decode("latin-1")
    if text in HIGRESS_NAMES and not call.profile.higress_calls:
        return Status.NOT_FOUND
    function = FOREIGN.get(text)
    return Status.NOT_FOUND if function is None else function(call, arguments)


@body
def envoy_resolve_dns(call: Any, address: bytes) -> Any:
    """Look a name up in the world's own table; the answer comes later, on the root context."""
    root, world = call.root, call.world
    call.vm.check_callouts(root)
    root.lookups += 1
    token = call.vm.new_dns_token()
    found = world.names.get(address.decode("utf-8", "replace"), [])
    reply = struct.pack(f"<{len(found) + 1}I", len(found), *[DNS_TTL] * len(found))
    reply += b"".join(a.encode() + b"\0" for a in found)

    def deliver() -> None:
        root.lookups -= 1
        if root.gone:
            return
        root.call_data = reply
        call.vm.call(root, "envoy_on_resolve_dns", root.id, token, len(reply))
        root.call_data = b""

    world.soon(deliver)
    return Status.OK, token
