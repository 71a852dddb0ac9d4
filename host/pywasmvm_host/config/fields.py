"""The configuration messages as data: numbers, names and types of the fields Envoy, Istio, Higress have.

One line per field: number, name, type. Types: string, bytes, bool, uint, int, double, Duration, Any, Object
(free form), `enum A B`, `[T]` for a list, `{T}` for a map from text, or the name of another message here. A
field that belongs to a oneof ends in `|group`. A test compares the Envoy part with the published protobuf
classes when the package xds-protos is installed (RATIONALE says why it is no dependency).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENVOY_NAMES", "MESSAGES", "NEWER", "WASM_TYPES", "Field", "message"]


@dataclass(frozen=True)
class Field:
    """One field of a message."""

    number: int
    name: str
    type: str
    oneof: str = ""

    @property
    def camel(self) -> str:
        """Return the name protobuf's JSON form gives the field."""
        head, *rest = self.name.split("_")
        return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _fields(text: str) -> dict[str, Field]:
    out = {}
    for line in text.strip().splitlines():
        number, name, kind = line.split(None, 2)
        kind, _, oneof = kind.partition("|")
        out[name] = Field(int(number), name, kind.strip(), oneof.strip())
    return out


MESSAGES: dict[str, dict[str, Field]] = {
    name: _fields(text)
    for name, text in {
        "PluginConfig": """
            1 name string
            2 root_id string
            3 vm_config VmConfig
            4 configuration Any
            5 fail_open bool
            6 capability_restriction_config CapabilityRestrictionConfig
            7 failure_policy enum UNSPECIFIED FAIL_RELOAD FAIL_CLOSED FAIL_OPEN
            8 reload_config ReloadConfig
            9 allow_on_headers_stop_iteration bool
        """,
        "VmConfig": """
            1 vm_id string
            2 runtime string
            3 code AsyncDataSource
            4 configuration Any
            5 allow_precompiled bool
            6 nack_on_code_cache_miss bool
            7 environment_variables EnvironmentVariables
        """,
        "EnvironmentVariables": """
            1 host_env_keys [string]
            2 key_values {string}
        """,
        "CapabilityRestrictionConfig": "1 allowed_capabilities {SanitizationConfig}",
        "SanitizationConfig": "",
        "ReloadConfig": "1 backoff BackoffStrategy",
        "BackoffStrategy": """
            1 base_interval Duration
            2 max_interval Duration
        """,
        "AsyncDataSource": """
            1 local DataSource |specifier
            2 remote RemoteDataSource |specifier
        """,
        "DataSource": """
            1 filename string |specifier
            2 inline_bytes bytes |specifier
            3 inline_string string |specifier
            4 environment_variable string |specifier
            5 watched_directory WatchedDirectory
        """,
        "WatchedDirectory": "1 path string",
        "RemoteDataSource": """
            1 http_uri HttpUri
            2 sha256 string
            3 retry_policy RetryPolicy
        """,
        "HttpUri": """
            1 uri string
            2 cluster string
            3 timeout Duration
        """,
        "RetryPolicy": """
            1 retry_back_off BackoffStrategy
            2 num_retries uint
            3 retry_on string
            4 retry_priority Object
            5 retry_host_predicate [Object]
            6 host_selection_retry_max_attempts int
        """,
        "WasmService": """
            1 config PluginConfig
            2 singleton bool
        """,
        "Wasm": "1 config PluginConfig",
        "WasmAccessLog": "1 config PluginConfig",
        "TypedStruct": """
            1 type_url string
            2 value Object
        """,
        "istio.WasmPlugin": """
            1 selector Object
            2 url string
            3 sha256 string
            4 imagePullPolicy enum UNSPECIFIED_POLICY IfNotPresent Always
            5 imagePullSecret string
            6 verificationKey string
            7 pluginConfig Object
            8 pluginName string
            9 phase enum UNSPECIFIED_PHASE AUTHN AUTHZ STATS
            10 priority int
            11 failStrategy enum FAIL_CLOSE FAIL_OPEN FAIL_RELOAD
            12 vmConfig istio.VmConfig
            13 match [istio.TrafficSelector]
            14 type enum UNSPECIFIED_PLUGIN_TYPE HTTP NETWORK
            15 targetRef Object
            16 targetRefs [Object]
        """,
        "istio.VmConfig": "1 env [istio.EnvVar]",
        "istio.EnvVar": """
            1 name string
            3 valueFrom enum INLINE HOST
            2 value string
        """,
        "istio.TrafficSelector": """
            1 mode enum UNDEFINED CLIENT SERVER CLIENT_AND_SERVER
            2 ports [Object]
        """,
        "higress.MatchRule": """
            1 ingress [string]
            2 domain [string]
            3 config Object
            4 configDisable bool
            5 service [string]
            6 routeType enum HTTP GRPC
        """,
    }.items()
}
MESSAGES["higress.WasmPlugin"] = {
    **MESSAGES["istio.WasmPlugin"],
    **_fields(
        """
        101 defaultConfig Object
        102 matchRules [higress.MatchRule]
        103 defaultConfigDisable bool
        """
    ),
}

# Fields that later versions have: they get an answer of their own.
NEWER = {("PluginConfig", "custom_metrics"): "Envoy 1.40 has no such field: it came later"}

# type of a typed_config -> (message, kind of the plugins in it)
WASM_TYPES: dict[str, tuple[str, str]] = {
    "envoy.extensions.filters.http.wasm.v3.Wasm": ("Wasm", "http"),
    "envoy.extensions.filters.network.wasm.v3.Wasm": ("Wasm", "network"),
    "envoy.extensions.access_loggers.wasm.v3.WasmAccessLog": ("WasmAccessLog", "access_log"),
    "envoy.extensions.stat_sinks.wasm.v3.Wasm": ("Wasm", "service"),
    "envoy.extensions.wasm.v3.WasmService": ("WasmService", "service"),
    "envoy.extensions.wasm.v3.PluginConfig": ("PluginConfig", "http"),
}

# message here -> full protobuf name, for the messages that Envoy publishes
ENVOY_NAMES: dict[str, str] = {
    **{n: f"envoy.extensions.wasm.v3.{n}" for n in (
        "PluginConfig", "VmConfig", "EnvironmentVariables", "CapabilityRestrictionConfig",
        "SanitizationConfig", "ReloadConfig", "WasmService",
    )},
    **{n: f"envoy.config.core.v3.{n}" for n in (
        "BackoffStrategy", "AsyncDataSource", "DataSource", "WatchedDirectory", "RemoteDataSource", "HttpUri",
        "RetryPolicy",
    )},
    "WasmAccessLog": "envoy.extensions.access_loggers.wasm.v3.WasmAccessLog",
    "Wasm": "envoy.extensions.filters.http.wasm.v3.Wasm",
}  # fmt: skip


def message(name: str) -> dict[str, Field]:
    """Return the fields of a message by name."""
    return MESSAGES[name]
