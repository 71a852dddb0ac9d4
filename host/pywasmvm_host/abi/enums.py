"""The numbers of the Proxy-Wasm ABI (specification, chapter "Types")."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "GRPC_NAMES",
    "BodyAction",
    "BufferType",
    "Errno",
    "HeadersAction",
    "LogLevel",
    "MapType",
    "MetricType",
    "PeerType",
    "Status",
    "StreamType",
    "body_action",
    "headers_action",
    "trailers_action",
]


class Status(IntEnum):
    """Result of a host call."""

    OK = 0
    NOT_FOUND = 1
    BAD_ARGUMENT = 2
    SERIALIZATION_FAILURE = 3
    PARSE_FAILURE = 4
    BAD_EXPRESSION = 5
    INVALID_MEMORY_ACCESS = 6
    EMPTY = 7
    CAS_MISMATCH = 8
    RESULT_MISMATCH = 9
    INTERNAL_FAILURE = 10
    BROKEN_CONNECTION = 11
    UNIMPLEMENTED = 12


class LogLevel(IntEnum):
    """Level of a log line; OFF is only ever an answer of proxy_get_log_level."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4
    CRITICAL = 5
    OFF = 6


class MapType(IntEnum):
    """Which header map a host call means."""

    HTTP_REQUEST_HEADERS = 0
    HTTP_REQUEST_TRAILERS = 1
    HTTP_RESPONSE_HEADERS = 2
    HTTP_RESPONSE_TRAILERS = 3
    GRPC_CALL_INITIAL_METADATA = 4
    GRPC_CALL_TRAILING_METADATA = 5
    HTTP_CALL_RESPONSE_HEADERS = 6
    HTTP_CALL_RESPONSE_TRAILERS = 7


class BufferType(IntEnum):
    """Which byte buffer a host call means."""

    HTTP_REQUEST_BODY = 0
    HTTP_RESPONSE_BODY = 1
    DOWNSTREAM_DATA = 2
    UPSTREAM_DATA = 3
    HTTP_CALL_RESPONSE_BODY = 4
    GRPC_CALL_MESSAGE = 5
    VM_CONFIGURATION = 6
    PLUGIN_CONFIGURATION = 7
    FOREIGN_FUNCTION_ARGUMENTS = 8
    REDIS_REPLY = 9  # Higress


class StreamType(IntEnum):
    """Which half of a stream continue_stream and close_stream mean."""

    HTTP_REQUEST = 0
    HTTP_RESPONSE = 1
    DOWNSTREAM = 2
    UPSTREAM = 3


class MetricType(IntEnum):
    """Kind of a metric; also the two low bits of its id."""

    COUNTER = 0
    GAUGE = 1
    HISTOGRAM = 2


class PeerType(IntEnum):
    """Who closed a connection."""

    UNKNOWN = 0
    LOCAL = 1
    REMOTE = 2


class HeadersAction(IntEnum):
    """What a headers callback asks for."""

    CONTINUE = 0
    STOP_ITERATION = 1
    STOP_ALL_BUFFER = 3
    STOP_ALL_WATERMARK = 4


class BodyAction(IntEnum):
    """What a body callback asks for."""

    CONTINUE = 0
    STOP_BUFFER = 1
    STOP_WATERMARK = 2
    STOP_NO_BUFFER = 3


class Errno(IntEnum):
    """The WASI error numbers this host answers with."""

    SUCCESS = 0
    BADF = 8
    NOTDIR = 20
    FAULT = 21
    INVAL = 28
    NOENT = 44
    NOSYS = 52
    NOTSUP = 58
    NOTCAPABLE = 76


GRPC_NAMES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
    "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip


def headers_action(value: int, stop_is_real: bool) -> HeadersAction:
    """Decode the result of a headers callback.

    Envoy turns a plain pause into "stop everything" unless the plugin's configuration asks for the real one.
    """
    value &= 0xFFFFFFFF
    if value in (0, 2):  # 2 is ContinueAndEndStream, which Envoy treats as Continue
        return HeadersAction.CONTINUE
    if value == 1:
        return HeadersAction.STOP_ITERATION if stop_is_real else HeadersAction.STOP_ALL_WATERMARK
    return HeadersAction.STOP_ALL_BUFFER if value == 3 else HeadersAction.STOP_ALL_WATERMARK


def body_action(value: int) -> BodyAction:
    """Decode the result of a body callback; whatever is larger than known drops the data."""
    return BodyAction(min(value & 0xFFFFFFFF, 3))


def trailers_action(value: int) -> bool:
    """Decode the result of a trailers or TCP callback: True means go on."""
    return value & 0xFFFFFFFF == 0
