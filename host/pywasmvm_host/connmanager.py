"""What Envoy's connection manager does to a request before the filters see it, and to a response after them.

`ManagerOptions` are the fields of HttpConnectionManager that show on a stream; their defaults are those of
the recorded cases. Measured on Envoy 1.40, each option with a recording of its own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .headers import HeaderMap
from .localrules import LocalReplyRules
from .routes.changes import HeaderChanges

if TYPE_CHECKING:
    from .httpstream import HttpStream

__all__ = [
    "CodecOptions",
    "ManagerOptions",
    "Refused",
    "codec_problem",
    "enter_request",
    "leave_response",
    "words",
]

HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
UPGRADE = frozenset({b"connection", b"upgrade"})
CERTIFICATE = b"x-forwarded-client-cert"
NEVER_TAKEN = HOP | {
    b"x-envoy-force-trace", b"x-envoy-hedge-on-per-try-timeout", b"x-envoy-internal", b"x-envoy-ip-tags",
    b"x-envoy-max-retries", b"x-envoy-original-url", b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes", b"x-envoy-retry-grpc-on", b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name", b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response", b"x-envoy-upstream-rq-timeout-ms",
    b"x-envoy-upstream-stream-duration-ms", b"x-envoy-expected-rq-timeout-ms",
}  # fmt: skip
FORWARDED, PROTO = b"x-forwarded-for", b"x-forwarded-proto"
REQUEST_ID = b"x-request-id"
ABSOLUTE = re.compile(rb"(https?)://([^/?#]+)([/?#].*)?$", re.IGNORECASE | re.DOTALL)
PORT = re.compile(rb"(.*[^:]|\[.*\]):(\d+)$")
SLASH = re.compile(rb"%(2f|5c)", re.IGNORECASE)
UNRESERVED = re.compile(rb"%(?:[46][1-9a-f]|[57][0-9a]|5f|7e|3[0-9]|2[de])", re.IGNORECASE)
ESCAPED = re.compile(rb'[<>"`{}^|]')


@dataclass(frozen=True)
class CodecOptions:
    """What the codecs of clients take, and how HTTP/1 is written."""

    http10: bool = True
    host_for_http10: bytes = b""
    trailers: bool = True
    absolute_url: bool = True
    length_and_chunks: bool = False
    proper_case: bool = False
    max_head: int = 60 * 1024
    max_headers: int = 100
    underscores: str = "ALLOW"


def _nobody(address: str) -> bool:
    """Tell that no client is internal. No lambda, since a snapshot of a host holds it by its name."""
    return False


@dataclass(frozen=True)
class ManagerOptions:
    """See the module docstring. Times in ms; None is never."""

    codec: CodecOptions = field(default_factory=CodecOptions)
    server_name: bytes = b"envoy"
    server: str = "PASS_THROUGH"
    via: bytes = b""
    remote_address: bool = False
    trusted_hops: int = 0
    skip_forwarded: bool = False
    forwarded_port: bool = False
    internal: Callable[[str], bool] = _nobody
    request_id: bool = False
    keep_request_id: bool = False
    answer_request_id: bool = False
    user_agent: bool = False
    keep_certificate: bool = False
    strip_port: str = ""
    strip_dot: bool = False
    scheme: bytes = b""
    escaped_slashes: str = "KEEP_UNCHANGED"
    normalize: bool = False
    merge: bool = False
    pass_100: bool = False
    most_requests: int = 0
    connection_idle_ms: float | None = None
    idle_ms: float | None = None
    longest_ms: float | None = None
    request_ms: float | None = None
    head_ms: float | None = None
    early: tuple[HeaderChanges, ...] = ()  # made before all else
    delayed_close_ms: float = 1000
    stream_window: int = 16 << 20  # of HTTP/2
    local_replies: LocalReplyRules | None = None
    local_address: str = "192.0.2.2"  # of the machine: Envoy tells it instead of a loopback address


@dataclass(frozen=True)
class Refused:
    """What is answered to a request that gets to no filter; `close` the connection then."""

    code: int
    details: str
    close: bool = True
    location: bytes = b""
    routed: bool = False  # whether its route was looked for


def words(headers: HeaderMap, name: bytes) -> set[bytes]:
    """Return the words of a header that is a list."""
    return {word.strip().lower() for word in (headers.get(name) or b"").split(b",")} - {b""}


def wants_upgrade(headers: HeaderMap) -> bool:
    """Tell whether an HTTP/1 client asks for another protocol; what Envoy calls h2c it lets pass."""
    return (
        b"upgrade" in words(headers, b"connection")
        and b"upgrade" in headers
        and words(headers, b"upgrade") != {b"h2c"}
    )


def split_absolute_form(headers: HeaderMap) -> None:
    """Turn a request target that is a whole URL into authority, scheme and path, as the HTTP/1 codec does."""
    found = ABSOLUTE.match(headers.get(b":path") or b"")
    if found is not None:
        path = found[3] or b"/"
        headers.remove(b":authority")
        headers.items.insert(0, [b":authority", found[2]])
        headers.set(b":path", path)
        headers.items.insert(1, [b":scheme", found[1].lower()])


def enter_request(headers: HeaderMap, stream: HttpStream) -> Refused | None:
    """Make the headers of a client's request those that the filters see, or say why none does."""
    options = stream.proxy.options
    if not stream.http2 and options.codec.absolute_url:
        split_absolute_form(headers)
    for changes in options.early:
        changes.apply(headers, stream, headers)
    upgrade = wants_upgrade(headers)
    forwarded = headers.get(FORWARDED)
    remote, internal = stream.client_address, _find_client(forwarded, stream)
    _drop(headers, stream, internal=internal, upgrade=upgrade)
    path = headers.get(b":path") or b""
    problem: Refused | None = None
    if b":authority" not in headers:
        problem = Refused(400, "missing_host_header")
    elif b"#" in path:
        problem = Refused(400, "path_normalization_failed")
    elif path and not path.startswith(b"/"):
        problem = Refused(404, "absolute_path_rejected", close=False)
    elif headers.get(b":method") == b"QUERY" and b"content-type" not in headers:
        problem = Refused(400, "query_missing_content_type")
    else:
        problem = _normalize(headers, options)
        _strip_host(headers, stream)
    if problem is not None:
        return problem
    if upgrade:
        problem = Refused(403, "upgrade_failed", routed=True)
    _forward(headers, stream, remote)
    _add(headers, stream, internal=internal)
    return problem


def _drop(headers: HeaderMap, stream: HttpStream, *, internal: bool, upgrade: bool) -> None:
    """Take out what concerns this connection only, and what no client may say."""
    options, tokens = stream.proxy.options, words(headers, b"connection")
    stream.close_after = b"close" in tokens or (stream.http10 and b"keep-alive" not in tokens)
    for name in tokens - {b"te", b"upgrade"}:
        headers.remove(name)
    if (headers.get(b"expect") or b"").lower() == b"100-continue" and not options.pass_100:
        headers.remove(b"expect")
        stream.view.informational.append(100)
        stream.code = 100
    headers.remove_all((HOP if internal else NEVER_TAKEN) - (UPGRADE if upgrade else set()))
    if not options.keep_certificate:
        headers.remove(CERTIFICATE)
    if b"trailers" in (word.strip() for word in (headers.get(b"te") or b"").split(b",")):
        headers.set(b"te", b"trailers")
    else:
        headers.remove(b"te")


# ---- path and host
def _normalize(headers: HeaderMap, options: ManagerOptions) -> Refused | None:
    path = headers.get(b":path")
    if path is None or not (
        options.escaped_slashes != "KEEP_UNCHANGED" or options.normalize or options.merge
    ):
        return None
    plain, mark, query = path.partition(b"?")
    problem: Refused | None = None
    if options.escaped_slashes != "KEEP_UNCHANGED" and SLASH.search(plain):
        plain = SLASH.sub(lambda m: b"/" if m[1].lower() == b"2f" else b"\\", plain)
        if options.escaped_slashes == "REJECT_REQUEST":
            problem = Refused(400, "path_normalization_failed")
        elif options.escaped_slashes == "UNESCAPE_AND_REDIRECT":
            problem = Refused(307, "path_normalization_failed", False, plain + mark + query)
    if options.normalize:
        plain = _canonical(plain)
    if options.merge:
        plain = re.sub(rb"/+", b"/", plain)
    headers.set(b":path", plain + mark + query)
    return problem


def _canonical(path: bytes) -> bytes:
    """Resolve dots, decode what needs no escape, and escape what does; follows Envoy's URL library."""
    path = UNRESERVED.sub(lambda m: bytes([int(m[0][1:], 16)]), path.replace(b"\\", b"/"))
    path = ESCAPED.sub(lambda m: b"%%%02X" % m[0][0], path)
    out: list[bytes] = []
    parts = path.split(b"/")[1:]
    for i, part in enumerate(parts):
        dots, last = part.partition(b";")[0], i == len(parts) - 1
        if dots == b"..":
            del out[-1:]
        if dots not in (b".", b".."):
            out.append(part)
        elif last:
            out.append(b"")
    return b"/" + b"/".join(out)


def _strip_host(headers: HeaderMap, stream: HttpStream) -> None:
    options, host = stream.proxy.options, headers.get(b":authority")
    if host is None:
        return
    found = PORT.match(host)
    name, port = (found[1], b":" + found[2]) if found else (host, b"")
    own = b":" + stream.proxy.listener_address.rsplit(":", 1)[1].encode()
    if options.strip_port == "any" or (options.strip_port == "matching" and port == own):
        port = b""
    if options.strip_dot:
        name = name.removesuffix(b".")
    if name + port != host:
        headers.set(b":authority", name + port)


# ---- what is added
def _add(headers: HeaderMap, stream: HttpStream, *, internal: bool) -> None:
    proxy = stream.proxy
    options = proxy.options
    if options.scheme:
        headers.set(b":scheme", options.scheme)
        headers.set(PROTO, options.scheme)
    if b":scheme" not in headers:
        forwarded = headers.get(PROTO) or b""
        headers.add(b":scheme", forwarded if forwarded in (b"http", b"https") else b"http")
    headers.set(b":scheme", (headers.get(b":scheme") or b"").lower())
    if b"x-forwarded-proto" not in headers:
        headers.add(PROTO, b"http")
    if options.forwarded_port:
        headers.set(b"x-forwarded-port", proxy.listener_address.rsplit(":", 1)[1].encode())
    if internal:
        headers.set(b"x-envoy-internal", b"true")
    elif options.remote_address and b"x-envoy-external-address" not in headers:
        headers.set(b"x-envoy-external-address", _host_of(stream.client_address).encode())
    if options.user_agent:
        _name_node(headers, proxy.attributes.get("node") or {})
    if options.via:
        old = headers.get(b"via")
        headers.set(b"via", old + b", " + options.via if old else options.via)
    if options.request_id and not (b"x-request-id" in headers and _keeps_id(options)):
        headers.set(REQUEST_ID, proxy.new_request_id())


def _keeps_id(options: ManagerOptions) -> bool:
    return options.keep_request_id or not options.remote_address


def _name_node(headers: HeaderMap, node: dict[str, Any]) -> None:
    headers.set(b"x-envoy-downstream-service-cluster", str(node.get("cluster", "")).encode())
    if b"user-agent" not in headers:
        headers.set(b"user-agent", str(node.get("cluster", "")).encode())
    if node.get("id"):
        headers.set(b"x-envoy-downstream-service-node", str(node["id"]).encode())


def _find_client(forwarded: bytes | None, stream: HttpStream) -> bool:
    """Find out who the client is, maybe behind other proxies; tell whether it is an internal one."""
    options = stream.proxy.options
    single = forwarded is None if options.remote_address else forwarded is not None and b"," not in forwarded
    if not options.remote_address or options.trusted_hops:
        address = _hop(forwarded, options.trusted_hops - int(options.remote_address))
        if address:
            stream.client_address = f"[{address}]:0" if ":" in address else f"{address}:0"
    return single and options.internal(_host_of(stream.client_address))


def _forward(headers: HeaderMap, stream: HttpStream, remote: str) -> None:
    """Say whom the request came from."""
    options = stream.proxy.options
    if not options.remote_address:
        return
    if not options.skip_forwarded:
        shown = options.local_address if _host_of(remote).startswith("127.") else _host_of(remote)
        headers.add(FORWARDED, shown.encode())
    if not options.trusted_hops:
        headers.set(PROTO, b"http")


def _host_of(address: str) -> str:
    return address.rsplit(":", 1)[0].strip("[]")


def _hop(forwarded: bytes | None, at: int) -> str:
    """Return an address of x-forwarded-for counted from its end, "" if there is none."""
    hops = [hop.strip(b" \t") for hop in forwarded.split(b",")] if forwarded else []
    if at >= len(hops):
        return ""
    try:
        return str(ipaddress.ip_address(hops[-1 - at].decode("latin-1")))
    except ValueError:
        return ""


# ---- the response
def codec_problem(headers: HeaderMap, options: CodecOptions) -> str:
    """Return why Envoy's HTTP/2 codec resets a stream at its headers, or ""; drop what it drops."""
    if headers.byte_size() > options.max_head:
        return "http2.header_list_size_too_large"
    if len(headers) > options.max_headers:
        return "http2.too_many_headers"
    odd = [k for k, _ in headers if b"_" in k] if options.underscores != "ALLOW" else []
    if odd and options.underscores == "REJECT_REQUEST":
        return "http2.unexpected_underscore"
    headers.remove_all(frozenset(odd))
    return ""


def leave_response(headers: HeaderMap, stream: HttpStream) -> None:
    """Make the headers of a response those that the client gets."""
    options = stream.proxy.options
    headers.remove_all(HOP)
    if b"date" not in headers:
        headers.add(b"date", stream.proxy.date())
    if options.server == "OVERWRITE" or (options.server == "APPEND_IF_ABSENT" and b"server" not in headers):
        headers.set(b"server", options.server_name)
    request = stream.request_headers
    if options.answer_request_id and request is not None:
        headers.set(REQUEST_ID, request.get(REQUEST_ID) or b"")
    if options.via:
        old = headers.get(b"via")
        headers.set(b"via", old + b", " + options.via if old else options.via)
