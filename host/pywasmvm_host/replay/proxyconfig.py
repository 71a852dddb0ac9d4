"""What a case says of the proxy around its plugins: route, hcm, listener.

Every field is read, or listed as one without an effect on a stream, or refused with its path.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import cache
from typing import Any

from ..connmanager import CodecOptions, ManagerOptions
from ..localrules import read_local_replies
from ..proxy import Proxy
from ..routes import read_routes
from ..routes.changes import HeaderChanges, added_header
from ..routes.parts import Part, refuse
from .attributes import NS

__all__ = ["configure_proxy", "read_listener", "read_manager"]

SILENT_MANAGER = (
    "stat_prefix", "tracing", "codec_type", "stream_flush_timeout", "drain_timeout",
    "http3_protocol_options", "access_log_flush_interval", "access_log_options",
    "set_current_client_cert_details",
    "stream_error_on_invalid_http_message", "append_local_overload",
    "represent_ipv4_remote_address_as_ipv4_mapped_ipv6", "add_proxy_protocol_connection_state",
    "request_id_extension", "http1_safe_max_connection_duration",
)  # fmt: skip
SILENT_HTTP1 = (
    "override_stream_error_on_invalid_http_message", "send_fully_qualified_url", "use_balsa_parser",
)  # fmt: skip
SILENT_LISTENER = (
    "name", "listener_filters", "listener_filters_timeout", "continue_on_listener_filters_timeout",
    "use_original_dst", "drain_type", "stat_prefix", "socket_options", "tcp_backlog_size", "reuse_port",
    "enable_reuse_port", "transparent", "freebind", "connection_balance_config", "enable_mptcp",
)  # fmt: skip
SERVER = {name: name for name in ("OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH")}
SLASHES = ("KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD")
UNDERSCORES = ("ALLOW", "REJECT_REQUEST", "DROP_HEADER")
DELAYED_CLOSE_MS = 1000
EARLY_MUTATION = "early_header_mutation.header_mutation.v3.HeaderMutation"
DIRECTIONS = {"UNSPECIFIED": 0, "INBOUND": 1, "OUTBOUND": 2}
KEEPS_CERTIFICATE = {
    "SANITIZE": False,
    "FORWARD_ONLY": False,  # these three keep it for clients with mutual TLS only
    "APPEND_FORWARD": False,
    "SANITIZE_SET": False,
    "ALWAYS_FORWARD_ONLY": True,
}


def route_config(case: dict[str, Any]) -> dict[str, Any]:
    """Return the route configuration of a case, as the recordings' tool makes it."""
    given = case.get("route") or {}
    metadata = {"filter_metadata": {NS: {"route_key": "route-value"}}}
    action = {"cluster": "up", **given.get("action", {})}
    one = {"name": "route-1", "match": {"prefix": "/"}, "route": action, "metadata": metadata}
    routes = given.get("routes") or [one]
    return {"name": "rc-1", "virtual_hosts": [{"name": "vh-1", "domains": ["*"], "routes": routes}]}


def configure_proxy(proxy: Proxy, case: dict[str, Any]) -> None:
    """Give a proxy the routes and the options of a case. Raises ConfigError for what this host lacks."""
    proxy.envoy_headers = bool(case.get("envoy_defaults"))
    given = case.get("hcm")
    manager = Part({**_defaults(proxy.envoy_headers), **given}, "hcm") if given else None
    routes = manager.take("route_config", dict) if manager is not None else None
    proxy.routes = (
        read_routes(route_config(case), proxy.clusters, "route")
        if routes is None
        else read_routes(routes, proxy.clusters, "hcm.route_config")
    )
    proxy.options = read_manager(manager) if manager is not None else _usual_options(proxy.envoy_headers)
    listener = read_listener(Part(case.get("listener") or {}, "listener"))
    proxy.attributes.update(listener)


def _defaults(envoy_headers: bool) -> dict[str, Any]:
    """Return the connection manager of the recordings' tool."""
    defaults: dict[str, Any] = {"http_protocol_options": {"enable_trailers": True, "accept_http_10": True}}
    if not envoy_headers:
        defaults |= {"generate_request_id": False, "server_header_transformation": "PASS_THROUGH"}
    return defaults


@cache
def _usual_options(envoy_headers: bool) -> ManagerOptions:
    """Return the options of most cases."""
    return read_manager(Part(_defaults(envoy_headers), "hcm"))


def read_listener(part: Part) -> dict[str, Any]:
    """Read the fields of a Listener that properties show."""
    out: dict[str, Any] = {}
    metadata = part.take("metadata", dict)
    if metadata is not None:
        out["listener_metadata"] = metadata
    direction = part.choice("traffic_direction", DIRECTIONS)
    if direction is not None:
        out["listener_direction"] = direction
    part.number("per_connection_buffer_limit_bytes")
    part.done(*SILENT_LISTENER)
    return out


def read_manager(part: Part) -> ManagerOptions:
    """Read an HttpConnectionManager without its filters and routes."""
    common = part.part("common_http_protocol_options") or Part({}, part.path)
    closing = part.duration("delayed_close_timeout")
    options = ManagerOptions(
        codec=_codec(part, common),
        server_name=part.text("server_name", "envoy").encode(),
        server=part.choice("server_header_transformation", SERVER, "OVERWRITE"),
        via=part.text("via").encode(),
        remote_address=part.flag("use_remote_address"),
        trusted_hops=part.number("xff_num_trusted_hops"),
        skip_forwarded=part.flag("skip_xff_append"),
        forwarded_port=part.flag("append_x_forwarded_port"),
        internal=_internal(part.part("internal_address_config")),
        request_id=part.flag("generate_request_id", True),
        keep_request_id=part.flag("preserve_external_request_id"),
        answer_request_id=part.flag("always_set_request_id_in_response"),
        user_agent=part.flag("add_user_agent"),
        keep_certificate=part.choice("forward_client_cert_details", KEEPS_CERTIFICATE, False),
        strip_port=_strip_port(part),
        strip_dot=part.flag("strip_trailing_host_dot"),
        scheme=_scheme(part.part("scheme_header_transformation")),
        escaped_slashes=part.choice("path_with_escaped_slashes_action", {x: x for x in SLASHES}, SLASHES[0]),
        normalize=part.flag("normalize_path"),
        merge=part.flag("merge_slashes"),
        pass_100=part.flag("proxy_100_continue"),
        most_requests=common.number("max_requests_per_connection"),
        connection_idle_ms=common.duration("idle_timeout"),
        idle_ms=part.duration("stream_idle_timeout"),
        longest_ms=common.duration("max_stream_duration"),
        request_ms=part.duration("request_timeout"),
        head_ms=part.duration("request_headers_timeout"),
        delayed_close_ms=DELAYED_CLOSE_MS if closing is None else closing,
        stream_window=_stream_window(part.part("http2_protocol_options")),
        early=_early(part),
        local_replies=read_local_replies(part.part("local_reply_config")),
    )
    common.done("max_connection_duration", "max_response_headers_kb")
    part.done("@type", *SILENT_MANAGER)
    return options


def _codec(part: Part, common: Part) -> CodecOptions:
    http1 = part.part("http_protocol_options") or Part({}, part.path)
    keys = http1.part("header_key_format")
    proper = keys is not None and keys.part("proper_case_words") is not None
    if keys is not None:
        keys.done()
    options = CodecOptions(
        http10=http1.flag("accept_http_10"),
        host_for_http10=http1.text("default_host_for_http_10").encode(),
        trailers=http1.flag("enable_trailers"),
        absolute_url=http1.flag("allow_absolute_url", True),
        length_and_chunks=http1.flag("allow_chunked_length"),
        proper_case=proper,
        max_head=part.number("max_request_headers_kb", 60) * 1024,
        max_headers=common.number("max_headers_count", 100),
        underscores=common.choice(
            "headers_with_underscores_action", {x: x for x in UNDERSCORES}, UNDERSCORES[0]
        ),
    )
    http1.done(
        "override_stream_error_on_invalid_http_message", "send_fully_qualified_url", "use_balsa_parser"
    )
    return options


def _internal(part: Part | None) -> Callable[[str], bool]:
    """Read which addresses are internal: by default none, with a configuration at least loopback."""
    if part is None:
        return lambda address: False
    ranges = [f"{p.text('address_prefix')}/{p.number('prefix_len')}" for p in part.parts("cidr_ranges")]
    part.done("unix_sockets")
    networks = [ipaddress.ip_network(r, strict=False) for r in ranges or PRIVATE]

    def internal(address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in networks)

    return internal


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")


def _strip_port(part: Part) -> str:
    if part.flag("strip_any_host_port"):
        return "any"
    return "matching" if part.flag("strip_matching_host_port") else ""


def _stream_window(part: Part | None) -> int:
    """Read Http2ProtocolOptions: of all of them only the window of a stream shows."""
    return (
        ManagerOptions.stream_window
        if part is None
        else part.number("initial_stream_window_size", ManagerOptions.stream_window)
    )


def _early(part: Part) -> tuple[HeaderChanges, ...]:
    """Read early header mutations: each adds a header or removes one."""
    out = []
    for extension in part.parts("early_header_mutation_extensions"):
        config = extension.part("typed_config") or Part({}, extension.at("typed_config"))
        if not config.text("@type").endswith(EARLY_MUTATION):
            raise refuse(config.path, f"only a {EARLY_MUTATION} is known")
        for mutation in config.parts("mutations"):
            append, remove = mutation.part("append"), mutation.text("remove")
            added = (added_header(append),) if append is not None else ()
            out.append(HeaderChanges(added, (remove.lower().encode("latin-1"),) if remove else ()))
            mutation.done()
        config.done()
        extension.done("name")
    return tuple(out)


def _scheme(part: Part | None) -> bytes:
    if part is None:
        return b""
    scheme = part.text("scheme_to_overwrite")
    part.done()
    if scheme not in ("", "http", "https"):
        raise refuse(part.at("scheme_to_overwrite"), f"cannot be {scheme!r}: it is http or https")
    return scheme.encode()
