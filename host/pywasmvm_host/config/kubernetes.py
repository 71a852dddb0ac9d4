"""Istio's and Higress' WasmPlugin resources as the plugins their control planes make of them.

Istio: no vm_id, root_id = pluginName, name = <namespace>.<name>, pluginConfig as JSON text. Higress folds
defaultConfig and matchRules into one configuration with the list `_rules_` first, and does the rest as Istio.
Several resources of one file stand in the order of their phase and priority.
"""

from __future__ import annotations

import json
from typing import Any

from ..limits import Limits
from ..plugin import FailurePolicy, Plugin
from .checked import bad, join, read_message
from .envoy import Located
from .limits import ANNOTATION, read_annotation
from .sources import Grants, check_sha256, istio_code

__all__ = ["is_wasm_plugin", "read_wasm_plugins"]

GROUPS = {"extensions.istio.io": "istio.WasmPlugin", "extensions.higress.io": "higress.WasmPlugin"}
PHASES = ("AUTHN", "AUTHZ", "STATS", "UNSPECIFIED_PHASE")
POLICIES = {
    "FAIL_CLOSE": FailurePolicy.FAIL_CLOSED,
    "FAIL_OPEN": FailurePolicy.FAIL_OPEN,
    "FAIL_RELOAD": FailurePolicy.FAIL_RELOAD,
}
MAX_VARIABLES, MAX_VALUE = 256, 2048
CONDITIONS = (("ingress", "_match_route_"), ("service", "_match_service_"), ("domain", "_match_domain_"))


def is_wasm_plugin(document: Any) -> bool:
    """Tell whether a document is a WasmPlugin of Istio or Higress."""
    return isinstance(document, dict) and document.get("kind") == "WasmPlugin"


def read_wasm_plugins(documents: list[tuple[dict[str, Any], str]], grants: Grants) -> list[Located]:
    """Read resources, each with its path, and put them in the order in which they would stand in a chain."""
    made = [(_read(d, path, grants), d) for d, path in documents]
    found = [(entry, d) for entry, d in made if entry is not None]
    return [entry for entry, _ in sorted(found, key=lambda x: _order(x[1]))]


def _order(document: dict[str, Any]) -> tuple[int, float, str, str]:
    spec = document["spec"]
    phase, priority = spec.get("phase", "UNSPECIFIED_PHASE"), spec.get("priority")
    place = PHASES.index(phase) if phase in PHASES else (int(phase) - 1) % 4
    meta = _metadata(document, "")
    return (
        place,
        -float(priority) if priority is not None else float("inf"),
        str(meta.get("creationTimestamp") or ""),
        str(meta.get("name") or ""),
    )


def _metadata(document: dict[str, Any], path: str) -> dict[str, Any]:
    meta = document.get("metadata") or {}
    if not isinstance(meta, dict):
        raise bad(join(path, "metadata"), "want an object")
    return meta


def _read(document: dict[str, Any], path: str, grants: Grants) -> Located | None:
    group = str(document.get("apiVersion", "")).partition("/")[0]
    if group not in GROUPS:
        raise bad(
            join(path, "apiVersion"), f"want {' or '.join(f'{g}/v1alpha1' for g in GROUPS)}, not {group!r}"
        )
    for key in document:
        if key not in ("apiVersion", "kind", "metadata", "spec", "status"):
            raise bad(join(path, str(key)), "unknown field; a resource has apiVersion, kind, metadata, spec")
    where = join(path, "spec")
    spec = read_message(GROUPS[group], document.get("spec"), where)
    meta = _metadata(document, path)
    higress = group == "extensions.higress.io"
    configuration = _folded(spec, where) if higress else spec.get("pluginConfig")
    if higress and configuration is None and spec.get("defaultConfigDisable") and "pluginConfig" not in spec:
        return None  # why: nothing is left of it: the controller drops the plugin
    plugin = Plugin(
        istio_code(
            spec.get("url", ""), check_sha256(spec.get("sha256", ""), where + ".sha256"), grants, where
        ),
        name=f"{meta.get('namespace') or 'default'}.{meta.get('name') or ''}",
        root_id=spec.get("pluginName", ""),
        configuration=_json_text(configuration),
        failure_policy=POLICIES[spec.get("failStrategy", "FAIL_CLOSE")],
        environment=_environment(spec.get("vmConfig") or {}, grants, where),
        kind="network" if spec.get("type") == "NETWORK" else "http",
        patch_abi=False,
        limits=_limits(meta, join(path, "metadata")),
    )
    return Located(plugin, where)


def _limits(meta: dict[str, Any], path: str) -> Limits | None:
    annotations = meta.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise bad(join(path, "annotations"), "want an object")
    text = annotations.get(ANNOTATION)
    return None if text is None else read_annotation(text, f"{path}.annotations.{ANNOTATION}")


def _json_text(value: Any) -> str:
    """Write a Struct as Istio's JSON: every number is a double, names in sorted order."""
    if value is None:
        return ""
    return json.dumps(_doubles(value), separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _doubles(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_doubles(v) for v in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    return value


def _folded(spec: dict[str, Any], path: str) -> dict[str, Any] | None:
    """Fold defaultConfig and matchRules into one configuration."""
    if "pluginConfig" in spec:
        given: dict[str, Any] = spec["pluginConfig"]
        return given
    start = None if spec.get("defaultConfigDisable") else spec.get("defaultConfig")
    rules = []
    for i, rule in enumerate(spec.get("matchRules", [])):
        if rule.get("configDisable"):
            continue
        conditions = {key: list(rule[name]) for name, key in CONDITIONS if rule.get(name)}
        if not conditions:
            raise bad(f"{path}.matchRules[{i}]", "names no ingress, domain or service")
        rules.append({**rule.get("config", {}), **conditions})
    if not rules:
        return start
    return {**(start or {}), "_rules_": rules}


def _environment(config: dict[str, Any], grants: Grants, path: str) -> dict[str, str]:
    out: dict[str, str] = {}
    entries = config.get("env", [])
    if len(entries) > MAX_VARIABLES:
        raise bad(f"{path}.vmConfig.env", f"{len(entries)} variables, more than {MAX_VARIABLES}")
    seen: set[str] = set()
    for i, entry in enumerate(entries):
        where = f"{path}.vmConfig.env[{i}]"
        name = entry.get("name", "")
        if not name or name in seen:
            raise bad(f"{where}.name", f"the name {name} is given twice" if name else "is needed")
        seen.add(name)
        if entry.get("valueFrom", "INLINE") == "HOST":
            if entry.get("value"):
                raise bad(f"{where}.value", "may be set only if valueFrom is INLINE")
            if name in grants.environment:
                out[name] = grants.environment[name]
            continue
        if len(entry.get("value", "")) > MAX_VALUE:
            raise bad(f"{where}.value", f"longer than {MAX_VALUE}")
        out[name] = entry.get("value", "")
    return out
