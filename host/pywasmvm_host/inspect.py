"""What a module is, from outside: a pure function from bytes to facts, and the same as text.

For a Proxy-Wasm plugin every import says what it lets the filter do, from the ABI table; any other module
gets its
imports, exports, tool chain, memories and section sizes.
"""

from __future__ import annotations

from typing import Any

from .abi.callbacks import ALLOCATORS, START, callbacks_of
from .abi.hostcalls import HOST_CALLS
from .abi.model import V_HIGRESS, Callback, signature
from .abi.versions import MARKERS, find_version
from .abi.wasi import MODULES, WASI_CALLS
from .scan import Export, ModuleFacts, malformed, scan

__all__ = ["inspect_module"]

PAGE = 65536
_CALLS = {("env", row.name): row for row in HOST_CALLS}
_WASI = {(module, row.name): row for module in MODULES for row in WASI_CALLS}


def inspect_module(data: bytes) -> dict[str, Any]:
    """Return the facts about a module. Raises HostError when it cannot be read."""
    facts = scan(data)
    if facts.version != 1:
        # why here: Envoy walks such a file, too, and refuses it only when it compiles it.
        raise malformed(f"unknown binary version {facts.version:#x}")
    exports = facts.function_exports()
    version, markers = find_version(exports, tuple(MARKERS.values()))
    return {
        "size": facts.size,
        "proxy_wasm": bool(markers),
        "abi": version,
        "markers": markers,
        "higress": version == V_HIGRESS,
        "callbacks": _callbacks(exports, version) if markers else [],
        "imports": [_import(item, version) for item in facts.imports],
        "exports": [
            {
                "name": e.name,
                "kind": e.kind,
                "type": signature(e.params, e.results) if e.kind == "func" else "",
            }
            for e in facts.exports
        ],
        "toolchain": facts.producers(),
        "memories": [
            {"bytes": low * PAGE, "max_bytes": high * PAGE if high is not None else None}
            for low, high in facts.memories
        ],
        "functions": facts.functions,
        "start_section": facts.has_start,
        "sections": _sections(facts),
        "problems": _problems(facts, exports, version, markers),
    }


def _sections(facts: ModuleFacts) -> list[dict[str, Any]]:
    names = iter(facts.customs)
    out = []
    for name, size in facts.sections:
        label = f"custom {next(names, '?')!r}" if name == "custom" else name
        out.append({"name": label, "bytes": size})
    return out


def _rows(version: str | None) -> dict[str, Callback]:
    rows = dict(callbacks_of(version)) if version else {}
    rows.update({row.name: row for row in (*ALLOCATORS, *START)})
    return rows


def _callbacks(exports: dict[str, Export], version: str | None) -> list[dict[str, Any]]:
    rows = _rows(version)
    out = []
    for name, export in exports.items():
        row = rows.get(name)
        if row is not None:
            fits = (export.params, export.results) == (row.wasm_params, row.wasm_results)
            out.append(
                {
                    "name": name,
                    "does": row.does,
                    "type": signature(export.params, export.results),
                    "ok": fits,
                    "want": row.signature,
                }
            )
    return out


def _import(item: Any, version: str | None) -> dict[str, Any]:
    row = _CALLS.get((item.module, item.name)) or _WASI.get((item.module, item.name))
    out = {
        "module": item.module,
        "name": item.name,
        "kind": item.kind,
        "type": signature(item.params, item.results) if item.kind == "func" else item.detail,
        "lets": "",
        "group": "",
        "ok": True,
    }
    if row is None:
        out["ok"] = item.kind in ("memory", "table") or version is None
        return out
    out["lets"] = row.lets
    out["group"] = getattr(row, "group", "") or "wasi"
    out["ok"] = (item.params, item.results) == (row.wasm_params, row.wasm_results) and (
        version is None or not hasattr(row, "versions") or version in row.versions
    )
    return out


def _problems(
    facts: ModuleFacts, exports: dict[str, Export], version: str | None, markers: list[str]
) -> list[str]:
    if not markers:
        return []
    out = []
    if version is None:
        out.append(f"unknown ABI marker {', '.join(markers)}")
    if version == V_HIGRESS:
        out.append("speaks the Higress ABI 0.2.100: stock Envoy refuses it")
    if not any(row.name in exports for row in ALLOCATORS):
        out.append("exports neither malloc nor proxy_on_memory_allocate: no host can load it")
    if not facts.has_memory_export():
        out.append("exports no memory: Envoy 1.40 crashes on it")
    if "_start" in exports and "_initialize" in exports:
        out.append("exports _start and _initialize: only _initialize runs")
    if "proxy_on_grpc_trailing_metadata" in exports:
        out.append(
            "exports proxy_on_grpc_trailing_metadata, which no host calls "
            "(proxy_on_grpc_receive_trailing_metadata)"
        )
    if facts.has_start:
        out.append("has a start section: host calls made there crash Envoy 1.40")
    rows = _rows(version)
    for name, export in exports.items():
        row = rows.get(name)
        if row is not None and (export.params, export.results) != (row.wasm_params, row.wasm_results):
            out.append(f"{name} is {signature(export.params, export.results)}, the ABI wants {row.signature}")
    for item in facts.imports:
        if not _import(item, version)["ok"]:
            out.append(f"imports {item.module}.{item.name}, which ABI {version} does not have in this form")
    return out
