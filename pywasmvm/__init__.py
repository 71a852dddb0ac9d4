"""A WebAssembly virtual machine for Python, with the names and shapes of the wasmtime package.

    from pywasmvm import Engine, Func, FuncType, Instance, Module, Store, ValType

Public names only. They are loaded on first use, so `import pywasmvm` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .runtime import wiring

if TYPE_CHECKING:
    from .config import Features as Features
    from .config import Limits as ResourceLimits
    from .errors import (
        CallStackExhausted as CallStackExhausted,
        DecodeError as DecodeError,
        ExhaustionError as ExhaustionError,
        Frame as Frame,
        InternalError as InternalError,
        LimitError as LimitError,
        LinkError as LinkError,
        ModuleError as ModuleError,
        OutOfFuel as OutOfFuel,
        Trap as Trap,
        UnsupportedError as UnsupportedError,
        UsageError as UsageError,
        ValidationError as ValidationError,
        WasmError as WasmError,
        WasmException as WasmException,
    )
    from .isa.model import Feature as Feature, TrapKind as TrapKind
    from .runtime.caller import Caller as Caller
    from .runtime.engine import Engine as Engine
    from .runtime.func import Func as Func
    from .runtime.globals import Global as Global
    from .runtime.instance import Instance as Instance, InstanceExports as InstanceExports
    from .runtime.linker import InstancePre as InstancePre, Linker as Linker
    from .runtime.memory import Memory as Memory
    from .runtime.module import Module as Module, wat2wasm as wat2wasm
    from .runtime.publictypes import (
        ExportType as ExportType,
        FuncType as FuncType,
        GlobalType as GlobalType,
        ImportType as ImportType,
        Limits as Limits,
        MemoryType as MemoryType,
        TableType as TableType,
        TagType as TagType,
        ValType as ValType,
    )
    from .runtime.refs import (
        ArrayRef as ArrayRef,
        ExceptionRef as ExceptionRef,
        ExternRef as ExternRef,
        I31 as I31,
        StructRef as StructRef,
    )
    from .runtime.settings import Config as Config
    from .runtime.store import Store as Store
    from .runtime.table import Table as Table
    from .runtime.tag import Tag as Tag
    from .runtime.values import Val as Val
    from .wasi.config import WasiConfig as WasiConfig
    from .wasi.exit import ExitTrap as ExitTrap

    WasmtimeError = WasmError

# module -> the public names it has; "new=old" where the public name differs.
_HOMES: dict[str, str] = {
    "config": "Features ResourceLimits=Limits",
    "errors": (
        "CallStackExhausted DecodeError ExhaustionError Frame InternalError LimitError LinkError ModuleError OutOfFuel "
        "Trap UnsupportedError UsageError ValidationError WasmError WasmException WasmtimeError=WasmError"
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
    "runtime.refs": "ArrayRef ExceptionRef ExternRef I31 StructRef",
    "runtime.settings": "Config",
    "runtime.store": "Store",
    "runtime.table": "Table",
    "runtime.tag": "Tag",
    "runtime.values": "Val",
    "wasi.config": "WasiConfig",
    "wasi.exit": "ExitTrap",
}

_PLACES: dict[str, tuple[str, str]] = {
    name.partition("=")[0]: (home, name.rpartition("=")[2])
    for home, names in _HOMES.items()
    for name in names.split()
}

__all__ = sorted(_PLACES)  # noqa: PLE0605 - computed from the table above; the type checker reads the imports

wiring.BACKENDS.update(
    {
        "cython": f"{__name__}.engine.fast:make_backend",
        "python": f"{__name__}.engine.python:make_backend",
    }
)
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
