"""The module "spectest" that test scripts import from: as in the reference interpreter's host/spectest.ml.

Globals are immutable 666 (floats 666.6), tables 10 to 20, memory 1 to 2 pages; printing does nothing.
"""

from __future__ import annotations

from typing import Any

from .. import Engine, Func, FuncType, Global, Memory, Store, Table, ValType
from ..isa.model import Feature
from ..syntax.types import FUNCREF, GlobalType, Limits, MemType, NumType, TableType

__all__ = ["spectest_exports"]

# name -> type and raw value; floats as bits
_GLOBALS: dict[str, tuple[NumType, int]] = {
    "global_i32": (NumType.I32, 666),
    "global_i64": (NumType.I64, 666),
    "global_f32": (NumType.F32, 0x4426A666),
    "global_f64": (NumType.F64, 0x4084D4CCCCCCCCCD),
}
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "print": (),
    "print_i32": ("i32",),
    "print_i64": ("i64",),
    "print_f32": ("f32",),
    "print_f64": ("f64",),
    "print_i32_f32": ("i32", "f32"),
    "print_f64_f64": ("f64", "f64"),
}


def _print(*_raws: int) -> None:
    """Drop what is printed: the suite does not check it."""


def spectest_exports(engine: Engine, store: Store) -> dict[str, Any]:
    """Make the module's exports in a store."""
    exports: dict[str, Any] = {}
    for name, params in _FUNCTIONS.items():
        functype = FuncType([getattr(ValType, param)() for param in params], [])
        exports[name] = Func.host(store, functype.deftype, _print)
    for name, (t, raw) in _GLOBALS.items():
        exports[name] = Global.alloc(store, GlobalType(t, False), raw)
    for name, addrtype in (("table", NumType.I32), ("table64", NumType.I64)):
        exports[name] = Table.alloc(store, TableType(addrtype, Limits(10, 20), FUNCREF), None)
    exports["memory"] = Memory.alloc(store, MemType(NumType.I32, Limits(1, 2)))
    if Feature.THREADS in engine.features:
        exports["shared_memory"] = Memory.alloc(store, MemType(NumType.I32, Limits(1, 1), shared=True))
    return exports
