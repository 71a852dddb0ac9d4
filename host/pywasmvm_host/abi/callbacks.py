"""The table of callbacks: one row per function a plugin may export (reference: specification, "Functions
exposed by the module").

A name may have two rows with different versions: 0.1.0 has no end_of_stream in the headers callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from .model import V0_1, V0_2, V0_2_1, V_HIGRESS, Callback

__all__ = ["ALLOCATORS", "CALLBACKS", "START", "callbacks_of"]

_NEW = (V0_2, V0_2_1, V_HIGRESS)
_OLD = (V0_1,)


def _cb(
    name: str,
    text: str,
    result: bool,
    does: str,
    group: str,
    default: int = 0,
    versions: tuple[str, ...] = (V0_1, *_NEW),
) -> Callback:
    return Callback(name, text, result, does, versions, default, True, group)


CALLBACKS: tuple[Callback, ...] = (
    _cb(
        "proxy_on_context_create",
        "context_id parent_context_id",
        False,
        "told of a new plugin or stream",
        "context",
    ),
    _cb(
        "proxy_on_vm_start",
        "plugin_context_id vm_configuration_size",
        True,
        "started, reads the VM configuration",
        "start",
        1,
    ),
    _cb(
        "proxy_validate_configuration",
        "plugin_context_id configuration_size",
        True,
        "checks a configuration (never called by Envoy)",
        "start",
        1,
    ),
    _cb(
        "proxy_on_configure",
        "plugin_context_id plugin_configuration_size",
        True,
        "reads its configuration",
        "start",
        1,
    ),
    _cb("proxy_on_tick", "plugin_context_id", False, "acts periodically", "timer"),
    _cb("proxy_on_new_connection", "stream_context_id", True, "sees new TCP connections", "tcp"),
    _cb(
        "proxy_on_downstream_data",
        "stream_context_id data_size end_of_stream",
        True,
        "sees bytes of TCP clients",
        "tcp",
    ),
    _cb(
        "proxy_on_upstream_data",
        "stream_context_id data_size end_of_stream",
        True,
        "sees bytes of TCP servers",
        "tcp",
    ),
    _cb(
        "proxy_on_downstream_connection_close",
        "stream_context_id close_source",
        False,
        "told when the client's connection closes",
        "tcp",
    ),
    _cb(
        "proxy_on_upstream_connection_close",
        "stream_context_id close_source",
        False,
        "told when the server's connection closes",
        "tcp",
    ),
    _cb(
        "proxy_on_request_headers",
        "stream_context_id num_headers end_of_stream",
        True,
        "sees request headers",
        "http",
        0,
        _NEW,
    ),
    _cb(
        "proxy_on_request_headers",
        "stream_context_id num_headers",
        True,
        "sees request headers",
        "http",
        0,
        _OLD,
    ),
    _cb(
        "proxy_on_request_body",
        "stream_context_id body_size end_of_stream",
        True,
        "sees request bodies",
        "http",
    ),
    _cb("proxy_on_request_trailers", "stream_context_id num_trailers", True, "sees request trailers", "http"),
    _cb(
        "proxy_on_request_metadata",
        "stream_context_id num_elements",
        True,
        "sees HTTP/2 metadata of requests",
        "http",
    ),
    _cb(
        "proxy_on_response_headers",
        "stream_context_id num_headers end_of_stream",
        True,
        "sees response headers",
        "http",
        0,
        _NEW,
    ),
    _cb(
        "proxy_on_response_headers",
        "stream_context_id num_headers",
        True,
        "sees response headers",
        "http",
        0,
        _OLD,
    ),
    _cb(
        "proxy_on_response_body",
        "stream_context_id body_size end_of_stream",
        True,
        "sees response bodies",
        "http",
    ),
    _cb(
        "proxy_on_response_trailers", "stream_context_id num_trailers", True, "sees response trailers", "http"
    ),
    _cb(
        "proxy_on_response_metadata",
        "stream_context_id num_elements",
        True,
        "sees HTTP/2 metadata of responses",
        "http",
    ),
    _cb(
        "proxy_on_http_call_response",
        "plugin_context_id call_id num_headers body_size num_trailers",
        False,
        "receives answers to its HTTP calls",
        "callout",
    ),
    _cb(
        "proxy_on_grpc_receive_initial_metadata",
        "plugin_context_id call_id num_elements",
        False,
        "receives gRPC headers",
        "callout",
    ),
    _cb(
        "proxy_on_grpc_receive",
        "plugin_context_id call_id message_size",
        False,
        "receives gRPC messages",
        "callout",
    ),
    _cb(
        "proxy_on_grpc_receive_trailing_metadata",
        "plugin_context_id call_id num_elements",
        False,
        "receives gRPC trailers",
        "callout",
    ),
    _cb(
        "proxy_on_grpc_close",
        "plugin_context_id call_id status_code",
        False,
        "told when a gRPC call ends",
        "callout",
    ),
    _cb(
        "proxy_on_queue_ready",
        "plugin_context_id queue_id",
        False,
        "told of messages from other VMs",
        "shared",
    ),
    _cb(
        "proxy_on_foreign_function",
        "plugin_context_id function_id arguments_size",
        False,
        "called by the embedder",
        "foreign",
        0,
        _NEW,
    ),
    _cb("proxy_on_done", "context_id", True, "told that a stream or plugin ends", "context", 1),
    _cb("proxy_on_log", "context_id", False, "writes access logs", "context"),
    _cb("proxy_on_delete", "context_id", False, "told that a context is gone", "context"),
    _cb(
        "envoy_on_resolve_dns",
        "plugin_context_id token results_size",
        False,
        "receives resolved addresses",
        "foreign",
    ),
    _cb(
        "envoy_on_stats_update",
        "plugin_context_id data_size",
        False,
        "receives the proxy's statistics",
        "foreign",
    ),
    _cb(
        "proxy_on_redis_call_response",
        "plugin_context_id token status response_size",
        False,
        "receives answers of Redis",
        "callout",
        0,
        (V_HIGRESS,),
    ),
)

ALLOCATORS: tuple[Callback, ...] = (
    Callback("malloc", "size", True, "gives the host room in its memory", gated=False, group="start"),
    Callback(
        "proxy_on_memory_allocate",
        "size",
        True,
        "gives the host room in its memory",
        gated=False,
        group="start",
    ),
)

START: tuple[Callback, ...] = (
    Callback("_initialize", "", False, "initializes itself", gated=False, group="start"),
    Callback("_start", "", False, "initializes itself (command)", gated=False, group="start"),
    Callback("main", "argc argv", True, "runs its main function", gated=False, group="start"),
    Callback("__main_void", "", True, "runs its main function", gated=False, group="start"),
)


@cache
def callbacks_of(version: str) -> Mapping[str, Callback]:
    """Return the callbacks that exist in one ABI version, by name."""
    return MappingProxyType({row.name: row for row in CALLBACKS if version in row.versions})
