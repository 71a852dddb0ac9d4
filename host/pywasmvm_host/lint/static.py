"""Checks that read a module without running a callback: markers, imports, exports, memory, start section."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from .. import backend
from ..abi.callbacks import ALLOCATORS, CALLBACKS, START, callbacks_of
from ..abi.hostcalls import HOST_CALLS
from ..abi.model import V_HIGRESS, Callback, HostCall, signature
from ..abi.versions import MARKERS
from ..abi.wasi import MODULES, WASI_CALLS, WasiCall
from ..scan import Import
from .model import ModuleSubject, Place

__all__ = [
    "bad_bytecode",
    "both_allocators",
    "early_host_calls",
    "higress_import",
    "higress_marker",
    "import_of_other_abi",
    "import_type",
    "imported_global",
    "large_maximum",
    "large_minimum",
    "misspelt_callback",
    "mixed_abi",
    "no_allocator",
    "no_marker",
    "no_memory",
    "never_called",
    "several_markers",
    "start_and_initialize",
    "start_traps",
    "trailing_metadata",
    "unknown_import",
    "unknown_marker",
    "wasi_links",
    "wrong_callback",
]

PAGES_OF_V8 = 16384
START_FUEL = 50_000_000
TRAILING = "proxy_on_grpc_trailing_metadata"
LINKS = ("path_link", "path_symlink")
FUNCTION_ROWS: dict[tuple[str, str], HostCall | WasiCall] = {
    **{(row.module, row.name): row for row in HOST_CALLS},
    **{(module, row.name): row for module in MODULES for row in WASI_CALLS},
}
CALLBACK_NAMES = {row.name for row in CALLBACKS}


def _near(name: str, known: set[str], cutoff: float = 0.75) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1, cutoff)
    return found[0] if found else ""


# ---- markers
def no_marker(m: ModuleSubject) -> Iterator[Place]:
    """Report: no ABI marker."""
    if not m.markers:
        others = [e for e in m.facts.exports if e.kind != "func" and e.name in MARKERS]
        kind = f"{others[0].name} is exported as a {others[0].kind}, not as a function" if others else ""
        yield "exports", kind or "no function proxy_abi_version_*"


def unknown_marker(m: ModuleSubject) -> Iterator[Place]:
    """Report: unknown ABI marker."""
    if m.markers and m.version is None:
        yield f"export {m.markers[0]}", f"this host offers {', '.join(m.profile.versions)}"


def higress_marker(m: ModuleSubject) -> Iterator[Place]:
    """Report: ABI marker of Higress."""
    if m.version == V_HIGRESS and V_HIGRESS not in m.profile.versions:
        yield f"export {m.markers[0]}", f"{m.profile.name} offers {', '.join(m.profile.versions)}"


def several_markers(m: ModuleSubject) -> Iterator[Place]:
    """Report: several ABI markers."""
    if len(m.markers) > 1:
        yield f"exports {', '.join(m.markers)}", f"ABI {m.version} counts"


# ---- the module as a whole
def bad_bytecode(m: ModuleSubject) -> Iterator[Place]:
    """Report: the module does not compile."""
    if not m.compiles:
        return
    try:
        backend.Module(m.engine or backend.Engine(backend.Config()), m.data)
    except backend.WasmError as e:
        yield "module", " ".join(str(e).split())[:300]


def no_memory(m: ModuleSubject) -> Iterator[Place]:
    """Report: no memory exported."""
    if m.markers and not m.facts.has_memory_export():
        yield "exports", "no memory among them"


def _memories(m: ModuleSubject) -> Iterator[tuple[str, int, int | None]]:
    for low, high in m.facts.memories:
        yield "memory", low, high
    for item in m.facts.imports:
        if item.kind == "memory":
            words = item.detail.split()
            yield (
                f"import {item.module}.{item.name}",
                int(words[0]),
                int(words[1]) if len(words) > 1 else None,
            )


def large_minimum(m: ModuleSubject) -> Iterator[Place]:
    """Report: memory larger than 1 GiB from the start."""
    for where, low, _ in _memories(m):
        if low > PAGES_OF_V8:
            yield where, f"minimum {low} pages = {low * 65536:,} bytes"


def large_maximum(m: ModuleSubject) -> Iterator[Place]:
    """Report: memory may ask for more than 1 GiB."""
    for where, low, high in _memories(m):
        if high is not None and high > PAGES_OF_V8 >= low and high != 65536:
            yield where, f"maximum {high} pages = {high * 65536:,} bytes"


def no_allocator(m: ModuleSubject) -> Iterator[Place]:
    """Report: no allocator."""
    exports = m.facts.function_exports()
    if m.markers and not any(row.name in exports for row in ALLOCATORS):
        near = _near("malloc", set(exports), 0.7) or _near("proxy_on_memory_allocate", set(exports), 0.7)
        yield "exports", f"there is {near}: is that it?" if near else "neither of the two"


def both_allocators(m: ModuleSubject) -> Iterator[Place]:
    """Report: both allocators."""
    if all(row.name in m.facts.function_exports() for row in ALLOCATORS):
        yield "exports malloc, proxy_on_memory_allocate", "malloc is used"


def start_and_initialize(m: ModuleSubject) -> Iterator[Place]:
    """Report: _start and _initialize."""
    exports = m.facts.function_exports()
    if "_start" in exports and "_initialize" in exports:
        yield "exports _start, _initialize", "_start is never called"


# ---- callbacks
def _typed_exports(m: ModuleSubject) -> Iterator[tuple[str, str, Callback]]:
    """Yield (name, its type, the row it does not fit) of every known export of a wrong type."""
    if m.version is None:
        return
    rows = {**callbacks_of(m.version), **{r.name: r for r in (*ALLOCATORS, *START)}}
    for name, e in m.facts.function_exports().items():
        row = rows.get(name)
        if row is not None and (e.params, e.results) != (row.wasm_params, row.wasm_results):
            yield name, signature(e.params, e.results), row


def _fits_other_abi(name: str, text: str) -> str:
    return next((", ".join(r.versions) for r in CALLBACKS if r.name == name and r.signature == text), "")


def wrong_callback(m: ModuleSubject) -> Iterator[Place]:
    """Report: callback of a wrong type."""
    for name, text, row in _typed_exports(m):
        if not _fits_other_abi(name, text):
            yield f"export {name}", f"want: {row.signature}, but the module exports: {text}"


def mixed_abi(m: ModuleSubject) -> Iterator[Place]:
    """Report: marker and callbacks of different ABI versions."""
    for name, text, row in _typed_exports(m):
        other = _fits_other_abi(name, text)
        if other:
            yield (
                f"export {name}",
                f"its type {text} is that of ABI {other}, but the marker says {m.version}: {row.signature}",
            )


def misspelt_callback(m: ModuleSubject) -> Iterator[Place]:
    """Report: misspelt callback."""
    known = CALLBACK_NAMES | {row.name for row in ALLOCATORS}
    if not m.markers:
        return
    for name in m.facts.function_exports():
        if name in known or name in MARKERS or name == TRAILING or name.startswith("proxy_abi_version_"):
            continue
        plain = "".join("_" + c.lower() if c.isupper() else c for c in name)
        if plain.startswith("on_"):
            plain = "proxy_" + plain
        near = plain if plain in known else _near(name, known) if name.startswith("proxy") else ""
        if near or name.startswith("proxy_on_"):
            yield f"export {name}", f"did you mean {near}?" if near else "no callback has this name"


def trailing_metadata(m: ModuleSubject) -> Iterator[Place]:
    """Report: proxy_on_grpc_trailing_metadata."""
    exports = m.facts.function_exports()
    if TRAILING in exports:
        right = "proxy_on_grpc_receive_trailing_metadata"
        yield f"export {TRAILING}", f"{right} is {'exported too' if right in exports else 'missing'}"


def never_called(m: ModuleSubject) -> Iterator[Place]:
    """Report: callback that is never called."""
    exports = m.facts.function_exports()
    if m.version is None:
        return
    table = dict(callbacks_of(m.version))
    if m.profile.higress_calls:
        table.update(callbacks_of(V_HIGRESS))
    for name in sorted(exports):
        if name == "proxy_validate_configuration":
            yield f"export {name}", "Envoy never calls it"
        elif name in CALLBACK_NAMES and name not in table:
            versions = sorted({v for r in CALLBACKS if r.name == name for v in r.versions})
            yield f"export {name}", f"the marker says ABI {m.version}; it belongs to {', '.join(versions)}"


# ---- imports
def _functions(m: ModuleSubject) -> Iterator[tuple[Import, HostCall | WasiCall | None]]:
    if m.version is not None:
        for item in m.facts.imports:
            if item.kind == "func":
                yield item, FUNCTION_ROWS.get((item.module, item.name))


def _place(item: Import) -> str:
    return f"import {item.module}.{item.name}"


def _offered(m: ModuleSubject, row: HostCall | WasiCall) -> bool:
    if not isinstance(row, HostCall):
        return True
    higress = m.profile.higress_calls and row.versions == (V_HIGRESS,)
    return m.version in row.versions or higress


def unknown_import(m: ModuleSubject) -> Iterator[Place]:
    """Report: unknown import."""
    for item, row in _functions(m):
        if row is None:
            names = {n for _, n in FUNCTION_ROWS}
            near = item.name if item.name in names else _near(item.name, names)
            homes = [mod for mod, n in FUNCTION_ROWS if n == near]
            yield _place(item), f"did you mean {homes[0]}.{near}?" if near else "no host call has this name"


def import_of_other_abi(m: ModuleSubject) -> Iterator[Place]:
    """Report: import of another ABI version."""
    for item, row in _functions(m):
        if isinstance(row, HostCall) and not _offered(m, row) and row.versions != (V_HIGRESS,):
            yield _place(item), f"ABI {m.version} has it not; {', '.join(row.versions)} do"


def higress_import(m: ModuleSubject) -> Iterator[Place]:
    """Report: import that only Higress has."""
    for item, row in _functions(m):
        if isinstance(row, HostCall) and row.versions == (V_HIGRESS,) and not m.profile.higress_calls:
            yield _place(item), f"it would let the filter {row.lets}"


def _mistyped(m: ModuleSubject) -> Iterator[tuple[Import, HostCall | WasiCall]]:
    for item, row in _functions(m):
        if row is not None and (item.params, item.results) != (row.wasm_params, row.wasm_results):
            yield item, row


def import_type(m: ModuleSubject) -> Iterator[Place]:
    """Report: import of a wrong type."""
    for item, row in _mistyped(m):
        if item.name not in LINKS:
            want = signature(item.params, item.results)
            yield _place(item), f"want: {want}, but host exports: {row.signature}"


def wasi_links(m: ModuleSubject) -> Iterator[Place]:
    """Report: path_link or path_symlink imported."""
    for item, row in _mistyped(m):
        if item.name in LINKS:
            yield (
                _place(item),
                f"it has {len(item.params)} parameters; Envoy registers {len(row.wasm_params)}",
            )


def imported_global(m: ModuleSubject) -> Iterator[Place]:
    """Report: imported global or tag."""
    for item in m.facts.imports:
        if m.markers and item.kind in ("global", "tag"):
            yield _place(item), f"a {item.kind}"


# ---- start section
def _run_start(m: ModuleSubject) -> tuple[list[str], str]:
    """Run the start section with imports that only note their names; return these and the failure, if any."""
    import pywasmvm  # noqa: PLC0415

    config = backend.Config()
    config.consume_fuel = True
    engine, called = backend.Engine(config), list[str]()
    try:
        module = backend.Module(engine, m.data)
        store, linker = backend.Store(engine), backend.Linker(engine)
        store.set_fuel(START_FUEL)
        for item in module.imports:
            if isinstance(item.type, backend.FuncType):
                linker.define_func(item.module, item.name, item.type, _noting(called, item))
            elif isinstance(item.type, pywasmvm.MemoryType):
                linker.define(store, item.module, item.name, pywasmvm.Memory(store, item.type))
            elif isinstance(item.type, pywasmvm.TableType):
                linker.define(store, item.module, item.name, pywasmvm.Table(store, item.type, None))
        linker.instantiate(store, module)
    except backend.LinkError:
        return called, ""
    except backend.WasmError as e:
        return called, " ".join(str(e).split())[:200]
    return called, ""


def _noting(called: list[str], item: Any) -> Callable[..., int | None]:
    name, count = f"{item.module}.{item.name}", len(item.type.results)

    def function(*_: int) -> int | None:
        called.append(name)
        return 0 if count else None

    return function


def early_host_calls(m: ModuleSubject) -> Iterator[Place]:
    """Report: host call from the start section."""
    if m.facts.has_start and m.facts.imports:
        for name in dict.fromkeys(_run_start(m)[0]):
            yield "start section", f"it calls {name}"


def start_traps(m: ModuleSubject) -> Iterator[Place]:
    """Report: the start section traps."""
    if m.facts.has_start:
        called, failure = _run_start(m)
        if failure and not called:
            yield "start section", failure
