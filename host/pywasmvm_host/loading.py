"""Loading a module: its marker, its imports and exports, as far as they can be judged before it exists.

Load order and reasons follow Envoy (reference: "Load and start errors").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import backend
from .abi.callbacks import ALLOCATORS, START, callbacks_of
from .abi.hostcalls import HOST_CALLS
from .abi.model import V0_2_1, V_HIGRESS, Callback, HostCall, signature
from .abi.versions import MARKERS, find_version
from .abi.wasi import MODULES, WASI_CALLS, WasiCall
from .errors import AbiError, HostError
from .guest import Guests
from .profile import Profile
from .scan import Export, Import, ModuleFacts, scan

__all__ = ["LoadedModule", "load_module"]

HIGRESS_ADVICE = 'It is built for Higress: use --profile higress, in Python Host(..., profile="higress")'


class LoadedModule:
    """A compiled module with what its sections say and the rows its imports resolve to."""

    def __init__(
        self, code: bytes, facts: ModuleFacts, compiled: Any, version: str, rows: dict[tuple[str, str], Any]
    ) -> None:
        self.code = code
        self.facts = facts
        self.compiled = compiled
        self.version = version
        self.rows = rows
        self.guests = Guests()
        self._callbacks: dict[Any, tuple[dict[str, Callback], str]] = {}

    def callbacks(self, profile: Profile, capabilities: frozenset[str]) -> tuple[Mapping[str, Callback], str]:
        """Return the functions of the guest that the host calls, and which of them is the allocator.

        Raise AbiError if one has a type of its own, or there is no allocator.
        """
        found = self._callbacks.get((profile, capabilities))
        if found is None:
            found = self._callbacks[profile, capabilities] = _find_callbacks(self, profile, capabilities)
        return found


def _offered(profile: Profile, version: str) -> dict[tuple[str, str], HostCall | WasiCall]:
    out: dict[tuple[str, str], HostCall | WasiCall] = {}
    higress = profile.higress_calls and version == V0_2_1
    for row in HOST_CALLS:
        if version in row.versions or (higress and row.versions == (V_HIGRESS,)):
            out[row.module, row.name] = row
    for module in MODULES:
        for wasi in WASI_CALLS:
            out[module, wasi.name] = wasi
    return out


def _refuse_import(item: Import, why: str, hint: str, advice: str) -> AbiError:
    return AbiError(
        f"{why} {item.module}.{item.name}{hint}",
        reason=f"Failed to load Wasm module due to {why} {item.module}.{item.name}",
        advice=advice,
    )


def _missing_import(item: Import, version: str, offered: Mapping[tuple[str, str], Any]) -> AbiError:
    """Return the error for an import nobody offers; its advice depends on who would offer it."""
    row = next((r for r in HOST_CALLS if (r.module, r.name) == (item.module, item.name)), None)
    hint = f" (ABI {version} has no such {item.kind})"
    if row is not None and item.kind == "func":
        if row.versions == (V_HIGRESS,):
            advice = HIGRESS_ADVICE
        else:
            advice = f"It exists in ABI {', '.join(row.versions)}: build the filter for one of these"
    elif item.kind != "func":
        advice = "No Proxy-Wasm host offers that: build the filter so that it defines its own"
    else:
        near = _nearest(item.name, [name for _, name in offered])
        advice = f"Did you mean {near}?" if near else "Take the import out, or stub it"
    return _refuse_import(item, "a missing import:", hint, advice)


def resolve_imports(facts: ModuleFacts, profile: Profile, version: str) -> dict[tuple[str, str], Any]:
    """Find the row of every import, or raise AbiError naming the first that has none."""
    offered = _offered(profile, version)
    rows: dict[tuple[str, str], Any] = {}
    for item in facts.imports:
        if item.kind in ("memory", "table"):
            continue
        row = offered.get((item.module, item.name)) if item.kind == "func" else None
        if row is None:
            raise _missing_import(item, version, offered)
        if (item.params, item.results) != (row.wasm_params, row.wasm_results):
            hint = f", want: {signature(item.params, item.results)}, but host exports: {row.signature}"
            raise _refuse_import(item, "an import type mismatch:", hint, f"Declare it as ABI {version} does")
        rows[item.module, item.name] = row
    return rows


def _unknown_version(markers: list[str], profile: Profile) -> AbiError:
    if any(MARKERS.get(name) == V_HIGRESS for name in markers):
        advice = HIGRESS_ADVICE
    elif markers:
        advice = f"Build it with an SDK for one of {', '.join(profile.versions)}, which this host offers"
    else:
        advice = (
            "Is this a Proxy-Wasm filter? Build it with a Proxy-Wasm SDK (C++, Rust, Go, AssemblyScript): "
            "that exports proxy_abi_version_0_2_1"
        )
    seen = f"it exports {', '.join(markers)}" if markers else "it exports no proxy_abi_version_* function"
    return AbiError(
        f"Missing or unknown Proxy-Wasm ABI version: {seen}",
        reason="Missing or unknown Proxy-Wasm ABI version",
        advice=advice,
    )


def _nearest(name: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415

    found = difflib.get_close_matches(name, known, 1, 0.75)
    return found[0] if found else ""


def load_module(
    engine: Any,
    code: bytes,
    profile: Profile,
    *,
    patch_abi: bool = False,
    progress: Callable[..., None] | None = None,
) -> LoadedModule:
    """Scan, check and compile a module. Raises HostError or AbiError with one clear line."""
    if not code:
        raise HostError(
            "malformed: the file is empty",
            reason="Failed to load Wasm code",
            advice="Build or fetch it again",
        )
    facts = scan(code)
    offered = (*profile.versions, V_HIGRESS) if patch_abi else profile.versions
    version, markers = find_version(facts.function_exports(), offered)
    if version is None:
        raise _unknown_version(markers, profile)
    if patch_abi and version == V_HIGRESS:
        version = V0_2_1
    try:
        compiled = (
            backend.Module(engine, code, progress=progress) if progress else backend.Module(engine, code)
        )
    except backend.WasmError as e:
        raise HostError(
            f"Failed to load Wasm bytecode: {str(e).splitlines()[0]}",
            reason="Failed to load Wasm bytecode",
            advice="Is the file complete, and built without proposals that are off? Build or fetch it again",
        ) from e
    rows = resolve_imports(facts, profile, version)
    return LoadedModule(code, facts, compiled, version, rows)


def _find_callbacks(
    loaded: LoadedModule, profile: Profile, capabilities: frozenset[str]
) -> tuple[dict[str, Callback], str]:
    """Do what `LoadedModule.callbacks` says.

    As in the reference host, what is not looked up may have any type: _start beside _initialize, main
    without it, the second allocator, callbacks that the capabilities leave out.
    """
    exports, version = loaded.facts.function_exports(), loaded.version
    found: dict[str, Callback] = {}

    def look_up(row: Callback) -> bool:
        if row.name in exports:
            _check_type(exports[row.name], row, version)
            found[row.name] = row
        return row.name in found

    rows = {row.name: row for row in (*START, *ALLOCATORS)}
    if look_up(rows["_initialize"]):
        look_up(rows["main"])
        look_up(rows["__main_void"])
    else:
        look_up(rows["_start"])
    names = ("malloc", "proxy_on_memory_allocate")[:: 1 if profile.malloc_first else -1]
    allocator = next((name for name in names if look_up(rows[name])), "")
    if not allocator:
        raise AbiError(
            "Wasm module is missing malloc function",
            reason="Wasm module is missing malloc function.",
            advice="Export malloc or proxy_on_memory_allocate, (i32) -> i32",
        )
    table = dict(callbacks_of(version))
    if version == V0_2_1 and profile.higress_calls:
        table.update(callbacks_of(V_HIGRESS))
    for row in table.values():
        if not (row.gated and capabilities) or row.name in capabilities:
            look_up(row)
    return found, allocator


def _check_type(export: Export, row: Callback, version: str) -> None:
    if (export.params, export.results) != (row.wasm_params, row.wasm_results):
        got = signature(export.params, export.results)
        text = f"Bad function signature for: {row.name}, want: {row.signature}, but the module exports: {got}"
        raise AbiError(text, reason=text, advice=f"Export it as ABI {version} wants it")
