"""Configurations of Envoy, Istio and Higress: what becomes of them, and what is refused with which path."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="YAML configurations need pyyaml (extra `config`)")

from pywasmvm_host import ConfigError, FailurePolicy, Host, HttpRequest
from pywasmvm_host.config import load_located, load_plugins
from pywasmvm_host.config.fields import ENVOY_NAMES, MESSAGES

from pywasmvm import Config, Engine, wat2wasm

WASM = bytes(
    wat2wasm("""(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024))""")
)
TYPE = "type.googleapis.com/"
STRING = TYPE + "google.protobuf.StringValue"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "filter.wasm").write_bytes(WASM)
    return tmp_path


def plugin_config(**more: Any) -> dict[str, Any]:
    return {"name": "p", "vm_config": {"code": {"local": {"filename": "filter.wasm"}}}, **more}


def load(folder: Path, document: Any, **options: Any) -> list[Any]:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return load_plugins(path, **options)


def wasm_filter(config: dict[str, Any], where: str = "filters.http") -> dict[str, Any]:
    kind = f"{TYPE}envoy.extensions.{where}.wasm.v3.Wasm"
    return {"name": f"envoy.{where}.wasm", "typed_config": {"@type": kind, "config": config}}


HCM = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
BOOTSTRAP = """
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.wasm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm
          config: {name: tcp, vm_config: {code: {local: {filename: filter.wasm}}}}
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": HCM
          access_log:
          - name: envoy.access_loggers.wasm
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.wasm.v3.WasmAccessLog
              config: {name: log, vmConfig: {code: {local: {filename: filter.wasm}}}}
          http_filters:
          - name: one
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: one
                rootId: root
                fail_open: true
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: |
                    {"a": 1}
                vm_config:
                  vm_id: vm
                  runtime: envoy.wasm.runtime.v8
                  code: {local: {filename: filter.wasm}}
                  environment_variables: {host_env_keys: [HOME, NOT_SET], key_values: {K: v}}
          - name: two
            typed_config:
              "@type": type.googleapis.com/udpa.type.v1.TypedStruct
              type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              value:
                config: {name: two, vm_config: {code: {local: {filename: filter.wasm}}}}
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
bootstrap_extensions:
- name: envoy.bootstrap.wasm
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.wasm.v3.WasmService
    singleton: true
    config: {name: service, vm_config: {code: {local: {filename: filter.wasm}}}}
"""


def test_bootstrap(folder: Path) -> None:
    path = folder / "envoy.yaml"
    path.write_text(BOOTSTRAP.replace("HCM", HCM))
    plugins = load_plugins(path, environment={"HOME": "/h", "SECRET": "s"})
    assert [(p.name, p.kind) for p in plugins] == [
        ("tcp", "network"), ("log", "access_log"), ("one", "http"), ("two", "http"), ("service", "service"),
    ]  # fmt: skip
    one = plugins[2]
    assert (one.root_id, one.vm_id, one.configuration_bytes) == ("root", "vm", b'{"a": 1}\n')
    assert one.failure_policy is FailurePolicy.OPEN_ALWAYS
    assert one.environment == {"HOME": "/h", "K": "v"}
    assert load_located(path)[2].path.endswith("http_filters[0].typed_config.config")


def test_a_loaded_plugin_runs(folder: Path, wasm_engine: str) -> None:
    config = Config()
    config.engine = wasm_engine
    host = Host(load(folder, plugin_config()), engine=Engine(config))
    assert host.request(HttpRequest()).response.status == 200


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ({"@type": STRING, "value": "text"}, b"text"),
        ({"@type": TYPE + "google.protobuf.BytesValue", "value": "AAECYWI="}, b"\0\1\2ab"),
        (
            {"@type": TYPE + "google.protobuf.Struct", "value": {"k": "v"}},
            bytes.fromhex("0a080a016b12031a0176"),
        ),
        ({"@type": TYPE + "google.protobuf.Int64Value", "value": "300"}, bytes.fromhex("08ac02")),
        ({"@type": TYPE + "google.protobuf.BoolValue", "value": True}, bytes.fromhex("0801")),
        ({"@type": TYPE + "google.protobuf.Duration", "value": "1.5s"}, bytes.fromhex("08011080cab5ee01")),
        ({"@type": TYPE + "google.protobuf.Value", "value": "x"}, bytes.fromhex("1a0178")),
        ({"@type": TYPE + "google.protobuf.ListValue", "value": [True]}, bytes.fromhex("0a022001")),
        ({"@type": TYPE + "google.protobuf.Empty"}, b""),
    ],
)
def test_any(folder: Path, value: dict[str, Any], want: bytes) -> None:
    config = plugin_config(configuration=value)
    config["vm_config"]["configuration"] = value
    (plugin,) = load(folder, config)
    assert plugin.configuration_bytes == plugin.vm_configuration_bytes == want


def test_any_matches_the_published_classes(folder: Path) -> None:
    pytest.importorskip("google.protobuf", reason="compares with the package protobuf")
    from google.protobuf import json_format, struct_pb2

    value = {"b": [1, 2.5, True, None], "a": {"x": "y"}, "s": 'é"'}
    (plugin,) = load(
        folder, plugin_config(configuration={"@type": TYPE + "google.protobuf.Struct", "value": value})
    )
    assert json_format.MessageToDict(struct_pb2.Struct.FromString(plugin.configuration_bytes)) == value


VM = "vm_config"
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {VM: {"code": {"local": {"filenam": "x"}}}},
        "vm_config.code.local.filenam: unknown field; did you mean filename?",
    ),
    ({VM: {"code": {"local": {"filename": 7}}}}, "vm_config.code.local.filename: want text, not a number"),
    ({VM: {"code": {"local": {"filename": "x", "inline_string": "y"}}}}, "vm_config.code.local: only one of"),
    ({VM: {"code": {"local": {}}}}, "vm_config.code.local: needs one of filename"),
    ({VM: {"code": {"local": {"filename": "gone.wasm"}}}}, "vm_config.code.local.filename: no such file"),
    ({VM: {"code": {}}}, "vm_config.code: needs local or remote"),
    ({VM: {"code": {"local": {"inline_bytes": "*"}}}}, "vm_config.code.local.inline_bytes: is no base64"),
    ({VM: {"runtime": "envoy.wasm.runtime.v9"}}, "vm_config.runtime: no runtime"),
    ({VM: {"runtime": "envoy.wasm.runtime.null"}}, "native code"),
    ({VM: None}, "vm_config: is needed"),
    (
        {"fail_open": True, "failure_policy": "FAIL_OPEN"},
        "only one of fail_open or failure_policy can be set",
    ),
    ({"fail_open": "yes"}, "fail_open: want true or false"),
    ({"failure_policy": "FAIL_OPENED"}, "failure_policy: want one of"),
    ({"custom_metrics": {}}, "custom_metrics: Envoy 1.40 has no such field"),
    ({"configuration": "text"}, 'configuration: want an object with "@type"'),
    ({"configuration": {"@type": STRING, "valu": "x"}}, "configuration.valu: unknown field"),
    ({"configuration": {"@type": STRING, "value": {"a": 1}}}, "configuration.value: want text"),
    ({"configuration": {"@type": TYPE + "my.own.Type", "x": 1}}, "my.own.Type is handed over serialized"),
    ({"reload_config": {"backoff": {"base_interval": "1"}}}, "base_interval: want a duration"),
    ({"reload_config": {"backoff": {"max_interval": "1s"}}}, "base_interval: is needed"),
    (
        {"capability_restriction_config": {"allowed_capabilities": ["a"]}},
        "allowed_capabilities: want an object",
    ),
    ({"rootId": "a", "root_id": "b"}, "root_id: given twice"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[w for _, w in REFUSED])
def test_refused(folder: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as e:
        load(folder, {**plugin_config(), **change})
    assert words in str(e.value)
    assert "config.json" in str(e.value)


def test_refused_inside_a_listener_names_the_whole_path(folder: Path) -> None:
    listener = {"filter_chains": [{"filters": [wasm_filter(plugin_config(nam="x"), "filters.network")]}]}
    with pytest.raises(
        ConfigError, match=r"filter_chains\[0\]\.filters\[0\]\.typed_config\.config\.nam: unknown"
    ):
        load(folder, listener)


def test_duplicate_environment_is_refused(folder: Path) -> None:
    config = plugin_config()
    config["vm_config"]["environment_variables"] = {"host_env_keys": ["A"], "key_values": {"A": "1"}}
    with pytest.raises(ConfigError, match="duplicated in key_values"):
        load(folder, config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "broken.yaml:1"),
        ("name: x\nname: y\n", "broken.yaml:2:1: the key 'name' is given twice"),
        ('{"name": 1, "name": 2}', "given twice"),
        ("{}", "no Wasm plugin in it"),
        ("- 1\n- text\n", "no Wasm plugin in it"),
        ("name: envoy.filters.http.wasm\ntyped_confg: {}\n", "needs typed_config; did you mean typed_confg?"),
    ],
)
def test_broken_documents(folder: Path, text: str, words: str) -> None:
    path = folder / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as e:
        load_plugins(path)
    assert words in str(e.value)


def test_code_sources(folder: Path) -> None:
    def code(**local: Any) -> Any:
        return load(folder, {"vm_config": {"code": {"local": local}}}, environment={"CODE": "not wasm"})[
            0
        ].read()

    assert code(filename="filter.wasm") == WASM
    assert code(inline_bytes=base64.b64encode(WASM).decode()) == WASM
    assert code(inline_string="\0asm") == b"\0asm"
    assert code(environment_variable="CODE") == b"not wasm"
    with pytest.raises(ConfigError, match="not granted"):
        code(environment_variable="PATH")


def remote(sha256: str) -> dict[str, Any]:
    source = {"http_uri": {"uri": "https://x.test/f.wasm", "cluster": "c", "timeout": "5s"}, "sha256": sha256}
    return {"vm_config": {"code": {"remote": source}}}


def test_remote_is_never_fetched_unasked(folder: Path) -> None:
    good = hashlib.sha256(WASM).hexdigest()
    with pytest.raises(ConfigError, match="nothing is fetched unasked"):
        load(folder, remote(good))
    grant = {"https://x.test/f.wasm": folder / "filter.wasm"}
    assert load(folder, remote(good), remote=grant)[0].read() == WASM
    with pytest.raises(ConfigError, match="sha256: is 0000"):
        load(folder, remote("0" * 64), remote=grant)
    with pytest.raises(ConfigError, match="sha256: is needed"):
        load(folder, remote(""), remote=grant)


def test_keys_follow_the_reference() -> None:
    (a,) = load_plugins(
        json.dumps({"root_id": "r", "vm_config": {"vm_id": "v", "code": {"local": {"inline_string": "x"}}}})
    )
    assert b"".join(a.vm_key(b"x")) == b"v||||x"
    assert b"".join(a.key()) == b"r||||"


def test_the_table_matches_the_published_messages() -> None:
    pytest.importorskip("xds", reason="compares with the package xds-protos")
    for module in ("extensions.wasm.v3.wasm_pb2", "extensions.filters.http.wasm.v3.wasm_pb2",
                   "extensions.access_loggers.wasm.v3.wasm_pb2"):  # fmt: skip
        importlib.import_module("envoy." + module)
    from google.protobuf import descriptor_pool

    for ours, name in ENVOY_NAMES.items():
        theirs = {f.name: f.number for f in descriptor_pool.Default().FindMessageTypeByName(name).fields}
        assert {f.name: f.number for f in MESSAGES[ours].values()} == theirs, ours
