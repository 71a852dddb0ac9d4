"""The table of host calls: one row per function of module `env` (reference: specification, "Functions
exposed by the host").

The bodies are in ../calls/, found by name; a test holds the two sets together.
"""

from __future__ import annotations

from .model import ALL, V0_1, V0_2, V0_2_1, V_HIGRESS, HostCall

__all__ = ["HOST_CALLS", "by_name"]

SINCE_0_2 = (V0_2, V0_2_1, V_HIGRESS)
HIGRESS = (V_HIGRESS,)

_HEADER = "read or change headers and trailers of requests and responses"
_BODY = "read or change bodies, TCP data and configuration"

HOST_CALLS: tuple[HostCall, ...] = (
    # logging, time, status
    HostCall(
        "proxy_log",
        "level:u32 message:bytes",
        "write to the proxy's log",
        first=("level", 5),
        anytime=True,
        in_allocator=True,
        group="log",
    ),
    HostCall(
        "proxy_get_log_level",
        "return_level:out_u32",
        "learn the log level in force",
        versions=(V0_2_1, V_HIGRESS),
        group="log",
    ),
    HostCall(
        "proxy_get_current_time_nanoseconds", "return_time:out_u64", "read the wall clock", group="time"
    ),
    HostCall(
        "proxy_set_tick_period_milliseconds",
        "tick_period:u32",
        "be called back periodically (proxy_on_tick)",
        on_root=True,
        group="time",
    ),
    HostCall(
        "proxy_get_status",
        "return_code:out_u32 return_message:out_bytes",
        "ask how the last callout ended",
        on_root=True,
        group="callout",
    ),
    # contexts
    HostCall(
        "proxy_set_effective_context",
        "context_id:u32",
        "act on another stream or plugin of the same VM",
        group="context",
    ),
    HostCall("proxy_done", "", "finish a context whose proxy_on_done returned false", group="context"),
    # configuration
    HostCall(
        "proxy_get_configuration",
        "return_data:out_bytes",
        "read its configuration",
        versions=(V0_1,),
        group="configuration",
    ),
    # properties
    HostCall(
        "proxy_get_property",
        "path:bytes return_value:out_bytes",
        "read attributes of the connection, request, response, route and proxy",
        group="property",
    ),
    HostCall(
        "proxy_set_property",
        "path:bytes value:bytes",
        "leave values for later filters and the access log",
        group="property",
    ),
    # buffers
    HostCall(
        "proxy_get_buffer_bytes",
        "buffer_type:u32 start:u32 max_size:u32 return_data:out_bytes",
        _BODY,
        first=("buffer_type", 8),
        group="buffer",
    ),
    HostCall(
        "proxy_set_buffer_bytes",
        "buffer_type:u32 start:u32 size:u32 data:lazy",
        _BODY,
        first=("buffer_type", 8),
        group="buffer",
    ),
    HostCall(
        "proxy_get_buffer_status",
        "buffer_type:u32 return_size:out_u32 return_flags:out_u32",
        _BODY,
        first=("buffer_type", 8),
        group="buffer",
    ),
    # header maps
    HostCall(
        "proxy_get_header_map_size",
        "map_type:u32 return_size:out_u32",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_get_header_map_pairs",
        "map_type:u32 return_pairs:out_bytes",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_set_header_map_pairs",
        "map_type:u32 pairs:pairs",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_get_header_map_value",
        "map_type:u32 key:bytes return_value:out_bytes",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_add_header_map_value",
        "map_type:u32 key:bytes value:bytes",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_replace_header_map_value",
        "map_type:u32 key:bytes value:bytes",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    HostCall(
        "proxy_remove_header_map_value",
        "map_type:u32 key:bytes",
        _HEADER,
        first=("map_type", 7),
        group="headers",
    ),
    # streams
    HostCall(
        "proxy_continue_stream",
        "stream_type:u32",
        "let a paused stream go on",
        versions=SINCE_0_2,
        group="stream",
    ),
    HostCall(
        "proxy_close_stream",
        "stream_type:u32",
        "cut a stream or connection off",
        versions=SINCE_0_2,
        group="stream",
    ),
    HostCall("proxy_continue_request", "", "let a paused request go on", versions=(V0_1,), group="stream"),
    HostCall("proxy_continue_response", "", "let a paused response go on", versions=(V0_1,), group="stream"),
    HostCall(
        "proxy_clear_route_cache",
        "",
        "make the proxy choose the route again",
        versions=(V0_1,),
        group="stream",
    ),
    HostCall(
        "proxy_send_local_response",
        "status_code:u32 details:bytes body:bytes headers:pairs grpc_status:i32",
        "answer the client itself, instead of the upstream",
        group="stream",
    ),
    # callouts
    HostCall(
        "proxy_http_call",
        "upstream:bytes headers:pairs body:bytes trailers:pairs timeout:i32 return_call_id:out_u32",
        "send HTTP requests to any cluster of the proxy",
        on_root=True,
        slot_first=True,
        group="callout",
    ),
    HostCall(
        "proxy_grpc_call",
        "upstream:bytes service:bytes method:bytes metadata:pairs message:bytes timeout:u32 "
        "return_call_id:out_u32",
        "make gRPC calls to any cluster of the proxy",
        on_root=True,
        group="callout",
    ),
    HostCall(
        "proxy_grpc_stream",
        "upstream:bytes service:bytes method:bytes metadata:pairs return_stream_id:out_u32",
        "open gRPC streams to any cluster of the proxy",
        on_root=True,
        group="callout",
    ),
    HostCall(
        "proxy_grpc_send",
        "stream_id:u32 message:bytes end_stream:bool",
        "send on a gRPC stream",
        on_root=True,
        group="callout",
    ),
    HostCall(
        "proxy_grpc_cancel", "call_id:u32", "give up a gRPC call or stream", on_root=True, group="callout"
    ),
    HostCall("proxy_grpc_close", "call_id:u32", "end a gRPC call or stream", on_root=True, group="callout"),
    # shared state
    HostCall(
        "proxy_get_shared_data",
        "key:bytes return_value:out_bytes return_cas:out_u32",
        "share data with other VMs of the same vm_id",
        group="shared",
    ),
    HostCall(
        "proxy_set_shared_data",
        "key:bytes value:bytes cas:u32",
        "share data with other VMs of the same vm_id",
        group="shared",
    ),
    HostCall(
        "proxy_register_shared_queue",
        "name:bytes return_queue_id:out_u32",
        "receive messages from other VMs",
        group="shared",
    ),
    HostCall(
        "proxy_resolve_shared_queue",
        "vm_id:bytes name:bytes return_queue_id:out_u32",
        "find a queue of any vm_id",
        group="shared",
    ),
    HostCall(
        "proxy_enqueue_shared_queue", "queue_id:u32 value:bytes", "send messages to other VMs", group="shared"
    ),
    HostCall(
        "proxy_dequeue_shared_queue",
        "queue_id:u32 return_value:out_bytes",
        "receive messages from other VMs",
        group="shared",
    ),
    # metrics
    HostCall(
        "proxy_define_metric",
        "metric_type:u32 name:bytes return_metric_id:out_u32",
        "publish metrics",
        first=("metric_type", 2),
        group="metric",
    ),
    HostCall("proxy_increment_metric", "metric_id:u32 offset:i64", "change metrics", group="metric"),
    HostCall("proxy_record_metric", "metric_id:u32 value:i64", "change metrics", group="metric"),
    HostCall("proxy_get_metric", "metric_id:u32 return_value:out_u64", "read metrics", group="metric"),
    # foreign functions and Envoy's own
    HostCall(
        "proxy_call_foreign_function",
        "name:bytes arguments:bytes return_results:out_bytes",
        "call functions the proxy offers by name (compression, expressions, signatures, route cache)",
        on_error=True,
        group="foreign",
    ),
    HostCall(
        "envoy_resolve_dns",
        "address:bytes return_token:out_u32",
        "resolve DNS names",
        versions=ALL,
        group="foreign",
    ),
    # helpers of the Emscripten tool chain
    HostCall("pthread_equal", "left:u32 right:u32", "nothing: compares two thread ids", group="toolchain"),
    HostCall(
        "emscripten_notify_memory_growth",
        "memory_index:u32",
        "nothing: announces grown memory",
        anytime=True,
        no_result=True,
        group="toolchain",
    ),
    # Higress
    HostCall(
        "proxy_redis_init",
        "service:bytes user:bytes password:bytes timeout:u32",
        "connect to a Redis cluster",
        versions=HIGRESS,
        on_root=True,
        group="callout",
    ),
    HostCall(
        "proxy_redis_call",
        "service:bytes query:bytes return_call_id:out_u32",
        "send commands to a Redis cluster",
        versions=HIGRESS,
        on_root=True,
        group="callout",
    ),
    HostCall(
        "proxy_inject_encoded_data_to_filter_chain",
        "body:bytes end_stream:bool",
        "push response bytes to the client at once",
        versions=HIGRESS,
        group="stream",
    ),
    HostCall(
        "proxy_get_upstream_hosts",
        "return_hosts:out_bytes",
        "list the hosts of the upstream cluster",
        versions=HIGRESS,
        group="upstream",
    ),
    HostCall(
        "proxy_set_upstream_override_host",
        "address:bytes",
        "choose the upstream host",
        versions=HIGRESS,
        group="upstream",
    ),
)

by_name: dict[str, HostCall] = {row.name: row for row in HOST_CALLS}
