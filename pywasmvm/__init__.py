"""A WebAssembly virtual machine for Python, with the names and shapes of the wasmtime package.

    from pywasmvm import Engine, Func, FuncType, Instance, Module, Store, ValType

Public names only. They are loaded on first use, so `import pywasmvm` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .runtime import wiring

if TYPE_CHECKING:
    from .config import Features, LimitRow, limit_field
    from .config import Limits as ResourceLimits
    from .errors import (
        CallStackExhausted,
        DeadlineExceeded,
        DecodeError,
        ExhaustionError,
        Frame,
        InternalError,
        LimitError,
        LinkError,
        ModuleError,
        OutOfFuel,
        Trap,
        UnsupportedError,
        UsageError,
        ValidationError,
        WasmError,
        WasmException,
    )
    from .isa.model import Feature, TrapKind
    from .runtime.caller import Caller
    from .runtime.engine import Engine
    from .runtime.func import Func
    from .runtime.globals import Global
    from .runtime.instance import Instance, InstanceExports
    from .runtime.linker import InstancePre, Linker
    from .runtime.memory import Memory
    from .runtime.module import Module, wat2wasm
    from .runtime.publictypes import (
        ExportType,
        FuncType,
        GlobalType,
        ImportType,
        Limits,
        MemoryType,
        TableType,
        TagType,
        ValType,
    )
    from .runtime.refs import I31, ArrayRef, ExceptionRef, ExternRef, StructRef
    from .runtime.run import Run
    from .runtime.settings import Config
    from .runtime.snapshot import Snapshot
    from .runtime.store import Store
    from .runtime.table import Table
    from .runtime.tag import Tag
    from .runtime.values import Val
    from .wasi.config import WasiConfig
    from .wasi.exit import ExitTrap

    WasmtimeError = WasmError

__all__ = [
    "ArrayRef",
    "CallStackExhausted",
    "Caller",
    "Config",
    "DeadlineExceeded",
    "DecodeError",
    "Engine",
    "ExceptionRef",
    "ExhaustionError",
    "ExitTrap",
    "ExportType",
    "ExternRef",
    "Feature",
    "Features",
    "Frame",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "I31",
    "ImportType",
    "Instance",
    "InstanceExports",
    "InstancePre",
    "InternalError",
    "LimitError",
    "LimitRow",
    "Limits",
    "LinkError",
    "Linker",
    "Memory",
    "MemoryType",
    "Module",
    "ModuleError",
    "OutOfFuel",
    "ResourceLimits",
    "Run",
    "Snapshot",
    "Store",
    "StructRef",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Trap",
    "TrapKind",
    "UnsupportedError",
    "UsageError",
    "Val",
    "ValType",
    "ValidationError",
    "WasiConfig",
    "WasmError",
    "WasmException",
    "WasmtimeError",
    "limit_field",
    "wat2wasm",
]

# module -> the public names it has; "old=new" where the public name is another one. The same as the imports
# above and as `__all__`; a test compares them.
_HOMES: dict[str, str] = {
    "config": "Features LimitRow Limits=ResourceLimits limit_field",
    "errors": (
        "CallStackExhausted DeadlineExceeded DecodeError ExhaustionError Frame InternalError LimitError "
        "LinkError ModuleError OutOfFuel Trap UnsupportedError UsageError ValidationError WasmError "
        "WasmException"
    ),
    "isa.model": "Feature TrapKind",
    "runtime.caller": "Caller",
    "runtime.engine": "Engine",
    "runtime.func": "Func",
    "runtime.globals": "Global",
    "runtime.instance": "Instance InstanceExports",
    "runtime.linker": "InstancePre Linker",
    "runtime.memory": "Memory",
    "runtime.module": "Module wat2wasm",
    "runtime.publictypes": (
        "ExportType FuncType GlobalType ImportType Limits MemoryType TableType TagType ValType"
    ),
    "runtime.refs": "I31 ArrayRef ExceptionRef ExternRef StructRef",
    "runtime.run": "Run",
    "runtime.settings": "Config",
    "runtime.snapshot": "Snapshot",
    "runtime.store": "Store",
    "runtime.table": "Table",
    "runtime.tag": "Tag",
    "runtime.values": "Val",
    "wasi.config": "WasiConfig",
    "wasi.exit": "ExitTrap",
}

_PLACES: dict[str, tuple[str, str]] = {"WasmtimeError": ("errors", "WasmError")}
for _home, _names in _HOMES.items():
    for _name in _names.split():
        _PLACES[_name.rpartition("=")[2]] = (_home, _name.partition("=")[0])

wiring.BACKENDS.update(
    {
        "cython": f"{__name__}.engine.fast:make_backend",
        "python": f"{__name__}.engine.python.backend:make_backend",
    }
)
wiring.BULKS["cython"] = f"{__name__}.engine.fast_load:make_bulk"
wiring.HOST_MODULES["wasi"] = f"{__name__}.wasi.functions:define_wasi"


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{place[0]}", __name__), place[1])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
