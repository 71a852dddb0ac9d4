"""Envoy's configuration: finding the plugins in a bootstrap, listener or dump, and reading a PluginConfig.

The walk knows no listener or route: it goes through every object and looks at `@type`. So bootstraps,
listeners, filter chains, extension resources, config dumps and Istio's EnvoyFilter patches all work, in
document order. Plugins under `typed_per_filter_config` are overrides of one route and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..plugin import FailurePolicy, Plugin
from .anyvalue import any_bytes, type_name
from .checked import bad, join, nearest, read_message
from .fields import WASM_TYPES, message
from .sources import Grants, envoy_code

__all__ = ["Located", "find_plugins", "looks_like_plugin", "read_plugin"]

TYPED_STRUCTS = ("udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct")
POLICIES = {
    "UNSPECIFIED": FailurePolicy.FAIL_CLOSED,
    "FAIL_CLOSED": FailurePolicy.FAIL_CLOSED,
    "FAIL_OPEN": FailurePolicy.FAIL_OPEN,
    "FAIL_RELOAD": FailurePolicy.FAIL_RELOAD,
}
RUNTIMES = ("v8", "wasmtime", "wamr")
# Names users give the extension's entry; one without a typed_config is a mistake.
CONFIG_FIELDS = ("typed_config", "typedConfig", "config_discovery", "configDiscovery")
FILTER_NAMES = ("envoy.filters.http.wasm", "envoy.filters.network.wasm", "envoy.access_loggers.wasm")


@dataclass(frozen=True)
class Located:
    """A plugin, where in the document it stands, and what is odd about how it was written.

    notes: (lint rule, text).
    """

    plugin: Plugin
    path: str
    notes: tuple[tuple[str, str], ...] = ()


def find_plugins(value: Any, grants: Grants, path: str = "") -> Iterator[Located]:
    """Yield the plugins of a document, in its order."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from find_plugins(item, grants, f"{path}[{i}]")
        return
    if not isinstance(value, dict):
        return
    kind = type_name(value)
    if kind in WASM_TYPES or kind in TYPED_STRUCTS:
        found = _typed(kind, value, grants, path)
        if found is not None:
            yield found
            return
    if value.get("name") in FILTER_NAMES and not {"typed_config", "typedConfig", "config_discovery"} & set(
        value
    ):
        raise bad(path, f"needs typed_config{nearest('typed_config', [str(k) for k in value])}")
    for key, item in value.items():
        if key not in ("typed_per_filter_config", "typedPerFilterConfig"):
            yield from find_plugins(item, grants, join(path, str(key)))


def _typed(kind: str, value: dict[str, Any], grants: Grants, path: str) -> Located | None:
    body: Any = {k: v for k, v in value.items() if k != "@type"}
    if kind in TYPED_STRUCTS:
        outer = read_message("TypedStruct", body, path)
        kind = outer.get("type_url", "").rpartition("/")[2]
        if kind not in WASM_TYPES:
            return None
        body, path = outer.get("value", {}), join(path, "value")
    name, use = WASM_TYPES[kind]
    if name == "PluginConfig":
        return read_plugin(body, grants, path, use)
    # why: `config` is read by read_plugin, which knows the whole path
    shell = read_message(name, body, path)
    if "config" not in shell:
        raise bad(join(path, "config"), "is needed")
    key = "config" if "config" in body else next(iter(body))
    return read_plugin(body[key], grants, join(path, "config"), use)


def read_plugin(value: Any, grants: Grants, path: str, kind: str = "http") -> Located:
    """Turn a PluginConfig into a Plugin."""
    config = read_message("PluginConfig", value, path)
    vm_path = join(path, "vm_config")
    vm = config.get("vm_config")
    if vm is None:
        raise bad(vm_path, "is needed")
    _check_runtime(vm.get("runtime", ""), join(vm_path, "runtime"))
    notes: list[tuple[str, str]] = []
    for where, holder in ((path, config), (vm_path, vm)):
        if "configuration" in holder and type_name(holder["configuration"]) == "google.protobuf.Struct":
            notes.append(("PW208", join(where, "configuration")))
    restriction = config.get("capability_restriction_config") or {}
    plugin = Plugin(
        envoy_code(vm.get("code"), grants, join(vm_path, "code")),
        name=config.get("name", ""),
        root_id=config.get("root_id", ""),
        vm_id=vm.get("vm_id", ""),
        configuration=any_bytes(config.get("configuration"), join(path, "configuration")),
        vm_configuration=any_bytes(vm.get("configuration"), join(vm_path, "configuration")),
        failure_policy=_policy(config, path),
        reload_base_ms=_reload_base(config, path),
        capabilities=frozenset(restriction.get("allowed_capabilities", {})),
        environment=_environment(vm.get("environment_variables") or {}, grants, vm_path),
        allow_on_headers_stop_iteration=config.get("allow_on_headers_stop_iteration", False),
        kind=kind,
    )
    return Located(plugin, path, tuple(notes))


def _check_runtime(name: str, path: str) -> None:
    short = name.removeprefix("envoy.wasm.runtime.")
    if short == "null":
        raise bad(
            path,
            f"{name} is native code inside Envoy, not WebAssembly: it cannot run here",
        )
    if name and (short not in RUNTIMES or short == name):
        known = [f"envoy.wasm.runtime.{r}" for r in RUNTIMES]
        raise bad(path, f"no runtime {name!r}{nearest(name, known)}")


def _policy(config: dict[str, Any], path: str) -> FailurePolicy:
    policy = config.get("failure_policy", "UNSPECIFIED")
    if config.get("fail_open"):
        if policy != "UNSPECIFIED":
            raise bad(path, "only one of fail_open or failure_policy can be set")
        return FailurePolicy.OPEN_ALWAYS
    return POLICIES[policy]


def _reload_base(config: dict[str, Any], path: str) -> int:
    reload = config.get("reload_config")
    if reload is None:
        return 1000
    backoff = reload.get("backoff") or {}
    where = join(path, "reload_config.backoff.base_interval")
    if "base_interval" not in backoff:
        if backoff:
            raise bad(where, "is needed")
        return 1000
    base: float = backoff["base_interval"]
    if base < 1:
        raise bad(where, "must be at least 0.001s")
    if "max_interval" in backoff and backoff["max_interval"] < base:
        raise bad(join(path, "reload_config.backoff.max_interval"), "must not be less than base_interval")
    return int(base)


def _environment(variables: dict[str, Any], grants: Grants, vm_path: str) -> dict[str, str]:
    pairs: dict[str, str] = dict(variables.get("key_values", {}))
    path = join(vm_path, "environment_variables")
    keys = variables.get("host_env_keys", [])
    for i, key in enumerate(keys):
        if key in pairs:
            raise bad(f"{path}.host_env_keys[{i}]", f"the key {key} is duplicated in key_values")
        if key in keys[:i]:
            raise bad(f"{path}.host_env_keys[{i}]", f"the key {key} is duplicated")
    return {**{k: grants.environment[k] for k in keys if k in grants.environment}, **pairs}


def looks_like_plugin(value: Any) -> bool:
    """Tell whether a document is a bare PluginConfig: most of its names are fields of one."""
    if not isinstance(value, dict) or not value:
        return False
    table = message("PluginConfig")
    names = set(table) | {f.camel for f in table.values()}
    return bool({"vm_config", "vmConfig"} & set(value)) or len(names & set(value)) * 2 > len(value)
