"""A Proxy-Wasm host: runs filters written for Envoy, Istio and Higress, without Envoy.

Events in, effects out: no sockets, clocks or threads of its own. `Host` is the way in.
"""

from __future__ import annotations

from .effects import Effect, EndStream, EventStream, ResetStream, SendBody, SendHeaders, SendTrailers
from .errors import AbiError, ConfigError, HostError, PluginFailed
from .fetch import RealServer
from .headers import HeaderMap
from .host import Exchange, Host, HttpRequest, HttpResponse
from .limits import Limits, parse_size
from .plugin import FailurePolicy, Plugin
from .profile import PROFILES, Profile
from .proxy import AccessEntry
from .realtime import RealTimeWorld
from .records import CallRecord, HostLine, LogLine
from .trapreport import MemoryExcerpt, TrapFrame, TrapReport
from .upstream import Cluster, Received, UpstreamResponse
from .world import World

__all__ = [
    "PROFILES",
    "AbiError",
    "AccessEntry",
    "CallRecord",
    "Cluster",
    "ConfigError",
    "Effect",
    "EndStream",
    "EventStream",
    "Exchange",
    "FailurePolicy",
    "HeaderMap",
    "Host",
    "HostError",
    "HostLine",
    "HttpRequest",
    "HttpResponse",
    "Limits",
    "LogLine",
    "MemoryExcerpt",
    "Plugin",
    "PluginFailed",
    "Profile",
    "RealServer",
    "RealTimeWorld",
    "Received",
    "ResetStream",
    "SendBody",
    "SendHeaders",
    "SendTrailers",
    "TrapFrame",
    "TrapReport",
    "UpstreamResponse",
    "World",
    "parse_size",
]
