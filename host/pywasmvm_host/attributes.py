"""The attributes a plugin reads with get_property: a table of names, and how values are walked and encoded.

Reference: section 21. `lookup` walks a path to a value; `encode` turns it into bytes. A value is a str,
bytes, bool,
int, float, a mapping, a list, a Message (protobuf with fields) or OPAQUE (there, but it has no bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from . import protobuf
from .abi.enums import MapType, Status
from .abi.pairs import encode_pairs
from .headers import HeaderMap, unsigned
from .localreply import grpc_status_of

__all__ = ["FLAG_BITS", "MISSING", "OPAQUE", "Message", "encode", "lookup"]


class _Token:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


MISSING = _Token("MISSING")
OPAQUE = _Token("OPAQUE")

FLAG_BITS = {
    "LH": 1 << 0,
    "UH": 1 << 1,
    "UT": 1 << 2,
    "LR": 1 << 3,
    "UR": 1 << 4,
    "UF": 1 << 5,
    "UC": 1 << 6,
    "UO": 1 << 7,
    "NR": 1 << 8,
    "DI": 1 << 9,
    "FI": 1 << 10,
    "RL": 1 << 11,
    "UAEX": 1 << 12,
    "RLSE": 1 << 13,
    "DC": 1 << 14,
    "URX": 1 << 15,
    "SI": 1 << 16,
    "IH": 1 << 17,
    "DPE": 1 << 18,
    "UMSDR": 1 << 19,
    "RFCF": 1 << 20,
    "NFCF": 1 << 21,
    "DT": 1 << 22,
    "UPE": 1 << 23,
    "NC": 1 << 24,
    "OM": 1 << 25,
    "DF": 1 << 26,
}


class Message:
    """A protobuf message: its fields for walking, its bytes for encoding."""

    def __init__(self, fields: Mapping[str, Any], data: bytes) -> None:
        self.fields = fields
        self.data = data


class Group:
    """A named set of attributes; has no bytes of its own."""

    def __init__(self, get: Callable[[str], Any]) -> None:
        self.get = get


class HeaderView:
    """A header map as an attribute: names case-insensitive, repeated values joined."""

    def __init__(self, headers: HeaderMap | None) -> None:
        self.headers = headers

    def get(self, name: str) -> Any:
        value = self.headers.joined(name.encode("latin-1")) if self.headers is not None else None
        return MISSING if value is None else value

    def pairs(self) -> list[tuple[bytes, bytes]]:
        if self.headers is None:
            return []
        names = list(dict.fromkeys(k for k, _ in self.headers))
        return [(k, self.headers.joined(k) or b"") for k in names]


# ---- values by group; every function takes the context and returns a value or MISSING
def _map(cx: Any, kind: MapType) -> HeaderMap | None:
    return cx.attribute_map(kind)  # type: ignore[no-any-return]


def _header(name: bytes) -> Callable[[Any], Any]:
    def get(cx: Any) -> Any:
        headers = _map(cx, MapType.HTTP_REQUEST_HEADERS)
        value = headers.get(name) if headers is not None else None
        return MISSING if value is None else value

    return get


def _path_part(query: bool) -> Callable[[Any], Any]:
    def get(cx: Any) -> Any:
        value = _header(b":path")(cx)
        if value is MISSING:
            return MISSING
        plain, _, rest = value.partition(b"?")
        return rest if query else plain

    return get


def _request_size(cx: Any) -> Any:
    headers = _map(cx, MapType.HTTP_REQUEST_HEADERS)
    length = unsigned(headers.get(b"content-length")) if headers is not None else None
    return cx.stream.rx if length is None else length


def _sizes(cx: Any, *kinds: MapType) -> int:
    return sum(h.byte_size() for h in (_map(cx, k) for k in kinds) if h is not None)


def _grpc_status(cx: Any) -> Any:
    for kind in (MapType.HTTP_RESPONSE_TRAILERS, MapType.HTTP_RESPONSE_HEADERS):
        headers = _map(cx, kind)
        status = unsigned(headers.get(b"grpc-status")) if headers is not None else None
        if status is not None:
            return status
    code = cx.stream.code
    return MISSING if code is None else grpc_status_of(code)


def _duration(cx: Any) -> Any:
    s = cx.stream
    return MISSING if s.end_ns is None else s.end_ns - s.start_ns


def _protocol(cx: Any) -> Any:
    return cx.stream.protocol or MISSING


REQUEST: dict[str, Callable[[Any], Any]] = {
    "path": _header(b":path"),
    "url_path": _path_part(False),
    "query": _path_part(True),
    "host": _header(b":authority"),
    "scheme": _header(b":scheme"),
    "method": _header(b":method"),
    "referer": _header(b"referer"),
    "useragent": _header(b"user-agent"),
    "id": _header(b"x-request-id"),
    "headers": lambda cx: HeaderView(_map(cx, MapType.HTTP_REQUEST_HEADERS)),
    "time": lambda cx: cx.stream.start_ns,
    "protocol": _protocol,
    "size": _request_size,
    "duration": _duration,
    "total_size": lambda cx: cx.stream.rx + _sizes(cx, MapType.HTTP_REQUEST_HEADERS),
}

RESPONSE: dict[str, Callable[[Any], Any]] = {
    "code": lambda cx: MISSING if cx.stream.code is None else cx.stream.code,
    "code_details": lambda cx: MISSING if cx.stream.details is None else cx.stream.details.encode("latin-1"),
    "flags": lambda cx: sum(FLAG_BITS.get(f, 0) for f in cx.stream.flags),
    "grpc_status": _grpc_status,
    "headers": lambda cx: HeaderView(_map(cx, MapType.HTTP_RESPONSE_HEADERS)),
    "trailers": lambda cx: HeaderView(_map(cx, MapType.HTTP_RESPONSE_TRAILERS)),
    "size": lambda cx: cx.stream.tx,
    "total_size": lambda cx: (
        cx.stream.tx + _sizes(cx, MapType.HTTP_RESPONSE_HEADERS, MapType.HTTP_RESPONSE_TRAILERS)
    ),
    "backend_latency": lambda cx: (
        MISSING
        if cx.stream.upstream_ended_ns is None
        else cx.stream.upstream_ended_ns - cx.stream.upstream_started_ns
    ),
}

CONNECTION: dict[str, Callable[[Any], Any]] = {
    "id": lambda cx: cx.stream.connection_id,
    "mtls": lambda cx: False,
    "requested_server_name": lambda cx: "",
}


def _upstream(value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda cx: value(cx) if cx.stream.upstream_address else MISSING


UPSTREAM: dict[str, Callable[[Any], Any]] = {
    "address": _upstream(lambda cx: cx.stream.upstream_address),
    "port": _upstream(lambda cx: int(cx.stream.upstream_address.rsplit(":", 1)[1])),
    "local_address": lambda cx: "127.0.0.1:39999" if cx.stream.upstream_connected else MISSING,
    "transport_failure_reason": _upstream(lambda cx: cx.stream.upstream_failure),
    "request_attempt_count": lambda cx: cx.stream.attempts,
    "cx_pool_ready_duration": _upstream(lambda cx: 1000),
    "locality": _upstream(lambda cx: _message(cx, "upstream_locality", protobuf.locality)),
}


def _message(cx: Any, name: str, write: Callable[[Any], bytes]) -> Any:
    stream = cx.stream
    source = stream.proxy.attributes if stream is not None else getattr(cx.vm.world, "attributes", {})
    value = source.get(name)
    return MISSING if value is None else Message({**DEFAULTS[write], **value}, write(value))


BUILD = {
    "build.type": "RELEASE",
    "ssl.version": "BoringSSL",
    "revision.status": "Clean",
    "revision.sha": "9e5580933739775e8bce696a57a2e1bc99368f23",
}
VERSION = {"major_number": 1, "minor_number": 40, "patch": 0}
# What the fields of a message are that nobody has set.
DEFAULTS: dict[Any, dict[str, Any]] = {
    protobuf.metadata: {"filter_metadata": {}, "typed_filter_metadata": {}},
    protobuf.locality: {"region": "", "zone": "", "sub_zone": ""},
    protobuf.node: {
        "id": "",
        "cluster": "",
        "metadata": {},
        "user_agent_name": "envoy",
        "user_agent_version": "",
        "dynamic_parameters": {},
        "client_features": [],
        "listening_addresses": [],
    },
}


def _node(cx: Any) -> Any:
    found = _message(cx, "node", protobuf.node)
    if isinstance(found, Message):
        where = found.fields.get("locality") or {}
        version = Message(VERSION, protobuf.semantic_version(VERSION))
        built = Message({"version": version, "metadata": BUILD}, protobuf.build_version(VERSION, BUILD))
        found.fields = {
            **found.fields,
            "locality": Message({**DEFAULTS[protobuf.locality], **where}, protobuf.locality(where)),
            "user_agent_build_version": built,
        }
    return found


def _of_route(key: str) -> Callable[[Any], Any]:
    def get(cx: Any) -> Any:
        route = cx.stream.route
        value = getattr(route, key) if route is not None else None
        return MISSING if value is None else value

    return get


def _cluster_name(cx: Any) -> Any:
    """Return the cluster of the route, if there is one of that name."""
    name = cx.stream.route.cluster if cx.stream.route is not None else None
    return name if name in cx.stream.proxy.clusters else MISSING


def _metadata_message(value: dict[str, Any]) -> Message:
    return Message({**DEFAULTS[protobuf.metadata], **value}, protobuf.metadata(value))


def _routed_metadata(name: str) -> Callable[[Any], Any]:
    def get(cx: Any) -> Any:
        route = cx.stream.route
        if route is None or (name == "cluster_metadata" and not route.cluster):
            return MISSING
        if name == "route_metadata":
            return _metadata_message(route.route.metadata or {})
        return _message(cx, name, protobuf.metadata)

    return get


def _host_metadata(cx: Any) -> Any:
    found = _message(cx, "host_metadata", protobuf.metadata)
    return OPAQUE if found is MISSING else found


def _plain(name: str) -> Callable[[Any], Any]:
    return lambda cx: cx.stream.proxy.attributes.get(name, MISSING)


XDS: dict[str, Callable[[Any], Any]] = {
    "cluster_name": _cluster_name,
    "route_name": _of_route("name"),
    "virtual_host_name": lambda cx: cx.stream.virtual_host.name if cx.stream.virtual_host else MISSING,
    "filter_chain_name": _plain("filter_chain"),
    "cluster_metadata": _routed_metadata("cluster_metadata"),
    "route_metadata": _routed_metadata("route_metadata"),
    "virtual_host_metadata": lambda cx: (
        _metadata_message(cx.stream.virtual_host.metadata) if cx.stream.virtual_host else MISSING
    ),
    "listener_metadata": lambda cx: _message(cx, "listener_metadata", protobuf.metadata),
    "upstream_host_metadata": _upstream(_host_metadata),
    "upstream_host_locality_metadata": _upstream(lambda cx: OPAQUE),
    "listener_direction": _plain("listener_direction"),
}


def _address(which: str) -> Callable[[Any], Any]:
    def whole(cx: Any) -> str:
        return str(cx.stream.client_address if which == "source" else cx.stream.proxy.listener_address)

    table = {"address": whole, "port": lambda cx: int(whole(cx).rsplit(":", 1)[1])}
    return lambda cx: _group(cx, table)


def _group(cx: Any, table: dict[str, Callable[[Any], Any]]) -> Group:
    return Group(lambda name: table[name](cx) if name in table else MISSING)


def _xds(cx: Any) -> Group:
    def get(name: str) -> Any:
        if name == "node":
            return _node(cx)
        return XDS[name](cx) if name in XDS and cx.stream is not None else MISSING

    return Group(get)


def _filter_state(cx: Any) -> Group:
    def get(name: str) -> Any:
        plain = name.removeprefix("wasm.")
        value = cx.stream.objects.shown(name) if plain == name else cx.stream.states.get(plain)
        return MISSING if value is None else value

    return Group(get)


def _metadata(cx: Any) -> Message:
    s = cx.stream
    found = _metadata_message({"filter_metadata": s.metadata, "typed_filter_metadata": s.typed_metadata})
    # A wrapper message is what it wraps.
    found.fields = {
        **found.fields,
        "typed_filter_metadata": {k: v["value"] for k, v in s.typed_metadata.items()},
    }
    return found


OF_PLUGIN: dict[str, Callable[[Any], Any]] = {
    "plugin_name": lambda cx: cx.plugin.name,
    "plugin_root_id": lambda cx: cx.plugin.root_id,
    "plugin_vm_id": lambda cx: cx.plugin.vm_id,
    "xds": _xds,
}
OF_STREAM: dict[str, Callable[[Any], Any]] = {
    "request": lambda cx: _group(cx, REQUEST),
    "response": lambda cx: _group(cx, RESPONSE),
    "connection": lambda cx: _group(cx, CONNECTION),
    "connection_id": lambda cx: cx.stream.connection_id,
    "source": _address("source"),
    "destination": _address("destination"),
    "upstream": lambda cx: _group(cx, UPSTREAM),
    "metadata": _metadata,
    "filter_state": _filter_state,
    "upstream_filter_state": lambda cx: (
        Group(lambda name: MISSING) if cx.stream.upstream_connected else MISSING
    ),
}


def _of_stream(name: str, cx: Any) -> Any:
    return XDS[name](cx) if cx.stream is not None else MISSING


# Names older proxies had at the top (profile.legacy_properties).
LEGACY: dict[str, Callable[[Any], Any]] = {
    "node": lambda cx: _node(cx),
    "plugin_vm_memory": lambda cx: cx.vm.memory.nbytes,
    **{
        name: partial(_of_stream, name)
        for name in (
            "cluster_name",
            "route_name",
            "cluster_metadata",
            "route_metadata",
            "listener_direction",
            "listener_metadata",
            "upstream_host_metadata",
        )
    },
}


def _top(cx: Any, name: str) -> Any:
    if cx.plugin is not None and name in OF_PLUGIN:
        return OF_PLUGIN[name](cx)
    if cx.stream is not None and name in OF_STREAM:
        return OF_STREAM[name](cx)
    if cx.vm.profile.legacy_properties and name in LEGACY:
        return LEGACY[name](cx)
    return MISSING


def _into(value: Any, name: str) -> Any:
    if isinstance(value, Group | HeaderView):
        return value.get(name)
    if isinstance(value, Message):
        return value.fields.get(name, MISSING)
    if isinstance(value, Mapping):
        return value.get(name, MISSING)
    if isinstance(value, list):
        index = unsigned(name.encode())
        return value[index] if index is not None and index < len(value) else MISSING
    return MISSING


def lookup(cx: Any, path: bytes) -> Any:
    """Walk a path of NUL-separated segments to a value, or MISSING."""
    if not path:
        return OPAQUE
    names = [part.decode("latin-1") for part in path.removesuffix(b"\0").split(b"\0")]
    value = _top(cx, names[0])
    if value is MISSING and len(names) == 1 and cx.stream is not None:
        state = cx.stream.states.get(names[0])
        return MISSING if state is None else state
    for name in names[1:]:
        if value is MISSING:
            break
        value = _into(value, name)
    return value


def encode(value: Any) -> bytes | None:
    """Return the bytes of a value as the ABI encodes them, or None when it has none."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, Message):
        return value.data
    if isinstance(value, HeaderView):
        return encode_pairs(value.pairs())
    if isinstance(value, Mapping):
        return _encode_items([(k, _number(v)) for k, v in sorted(value.items())])
    if isinstance(value, list):
        return _encode_items([(_number(v), b"") for v in value])
    return None


def _number(value: Any) -> Any:
    """Return a Struct's number as the double it is."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _encode_items(items: list[tuple[Any, Any]]) -> bytes | None:
    out = []
    for key, value in items:
        a, b = encode(key), encode(value)
        if a is None or b is None:
            return None
        out.append((a, b))
    return encode_pairs(out)


def answer(cx: Any, path: bytes) -> Any:
    """Return (status, bytes) of get_property."""
    value = lookup(cx, path)
    if value is MISSING:
        return Status.NOT_FOUND
    data = encode(_number(value) if isinstance(value, int) and _in_struct(path) else value)
    return Status.SERIALIZATION_FAILURE if data is None else (Status.OK, data)


def _in_struct(path: bytes) -> bool:
    return b"filter_metadata\0" in path or path.startswith(b"xds\0node\0metadata\0")
