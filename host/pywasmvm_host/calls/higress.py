"""What Higress adds to the host: Redis, early response bytes, the choice of the upstream host.

Redis commands are answered on the plugin's root context, never inside the call that asked.
"""

from __future__ import annotations

import json
from typing import Any

from .. import protobuf
from ..abi.enums import Status
from ..abi.pairs import encode_pairs
from ..headers import unsigned
from . import body

REDIS = 3
NO_ANSWER = 1  # the status of a reply that never came


class RedisCallout:
    """One command under way."""

    def __init__(self, root: Any, token: int, server: Any, command: bytes) -> None:
        self.root = root
        self.token = token
        self.timer = root.vm.world.soon(lambda: self._run(server, command))

    def cancel(self) -> None:
        """Forget it; no callback follows."""
        self.timer.cancel()

    def _run(self, server: Any, command: bytes) -> None:
        root = self.root
        if root.redis_calls.pop(self.token, None) is None:
            return
        status, reply = 0, b""
        try:
            reply = server.call(command)
        except OSError as e:
            status = NO_ANSWER
            root.vm.world.note("warning", f"redis: {e}", root.vm.thread)
        root.redis_reply = reply
        root.vm.call(root, "proxy_on_redis_call_response", root.id, self.token, status, len(reply))
        root.redis_reply = None


class _Refusing:
    """A cluster without a Redis behind it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, command: bytes) -> bytes:
        raise OSError(f"cluster {self.name} has no Redis: set world.redis[{self.name!r}]")


def _cluster(service: bytes) -> str:
    return service.decode("utf-8", "replace").partition("?")[0]


@body
def proxy_redis_init(call: Any, service: bytes, user: bytes, password: bytes, timeout: int) -> int:
    name = _cluster(service)
    if name in call.world.redis:
        server = call.world.redis[name]
    elif name in call.world.clusters:
        server = _Refusing(name)
    else:
        return Status.BAD_ARGUMENT
    call.root.redis[service] = server
    return Status.OK


@body
def proxy_redis_call(call: Any, service: bytes, command: bytes) -> Any:
    server = call.root.redis.get(service)
    if server is None:
        return Status.BAD_ARGUMENT
    call.vm.check_callouts(call.root)
    token = call.vm.new_token(REDIS)
    call.root.redis_calls[token] = RedisCallout(call.root, token, server, command)
    return Status.OK, token


@body
def proxy_inject_encoded_data_to_filter_chain(call: Any, data: bytes, end: bool) -> int:
    """Push response bytes past this plugin, towards the client."""
    context = call.context
    if context.stream is None or not context.inject_response(data, end):
        return Status.BAD_ARGUMENT
    return Status.OK


@body
def proxy_get_upstream_hosts(call: Any) -> Any:
    cluster = _upstream_cluster(call)
    if cluster is None:
        return Status.NOT_FOUND
    facts: dict[str, Any] = {"health_status": "Unhealthy" if cluster.dead else "Healthy", "metrics": {}}
    return Status.OK, encode_pairs([(cluster.address.encode(), json.dumps(facts).encode())])


def _upstream_cluster(call: Any) -> Any:
    stream = call.context.stream
    route = stream.find_route() if stream is not None else None
    return call.world.clusters.get(route.cluster) if route is not None else None


@body
def proxy_set_upstream_override_host(call: Any, address: bytes) -> int:
    if call.context.stream is None or not address:
        return Status.BAD_ARGUMENT
    call.context.stream.override_host = address.decode("latin-1")
    return Status.OK


def inject_message(call: Any, data: bytes) -> Any:
    """Do the same for the foreign function: {1 body, 2 end of stream}."""
    try:
        fields = dict(protobuf.fields(data))
    except protobuf.ParseError:
        return Status.BAD_ARGUMENT
    text = fields.get(1, b"")
    if not isinstance(text, bytes) or call.context.stream is None:
        return Status.BAD_ARGUMENT
    done = call.context.inject_response(text, bool(fields.get(2)))
    return (Status.OK, b"") if done else Status.BAD_ARGUMENT


def log_level(call: Any, data: bytes) -> Any:
    """Return the log level as four bytes."""
    return Status.OK, int(call.world.log_level).to_bytes(4, "little")


def max_requests_per_cycle(call: Any, data: bytes) -> Any:
    """Take a limit that only means something with sockets; its form is checked."""
    if len(data) != 8:
        return Status.BAD_ARGUMENT
    call.world.attributes["max_requests_per_io_cycle"] = int.from_bytes(data, "little")
    return Status.OK, b""


HIGRESS_FOREIGN = {
    "inject_encoded_data_to_filter_chain": inject_message,
    "inject_encoded_data_to_filter_chain_on_header": inject_message,
    "get_log_level": log_level,
    "set_global_max_requests_per_io_cycle": max_requests_per_cycle,
}


def special_property(stream: Any, context: Any, name: str, value: bytes) -> bool:
    """Act on the names that Higress gives a meaning of their own; return False for any other."""
    if name == "clear_route_cache":
        stream.route_pinned = value == b"off"
    elif name in ("set_decoder_buffer_limit", "set_encoder_buffer_limit"):
        limit = unsigned(value, 32)
        if limit is not None:
            direction = "request" if "decoder" in name else "response"
            stream.manager.limits[direction] = limit
    elif name.startswith("trace_span_tag."):
        stream.span_tags[name.removeprefix("trace_span_tag.")] = value.decode("utf-8", "replace")
    elif name == "wasm_need_rebuild":
        context.vm.rebuild = value == b"true"
    else:
        return False
    return True
