"""Matching what is offered with what a module wants. Spec 4.5.2 (external typing) and 4.7.2 (instantiation).

Rule 1: nothing is changed here, so that a refused module leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import LinkError, UsageError
from ..syntax.types import ExternType, FuncExtern, TagType
from ..valid.match import match_externtype
from .func import Func
from .globals import Global
from .memory import Memory
from .publictypes import wrap_externtype
from .store import Store
from .table import Table
from .tag import Tag

if TYPE_CHECKING:
    from .module import Module

__all__ = ["check_imports", "externtype_of", "unknown_import"]


def externtype_of(item: object) -> ExternType:
    """Return the closed type of a runtime object, with its size now. Raise UsageError for anything else."""
    if isinstance(item, Func):
        return FuncExtern(item.deftype)
    if isinstance(item, Memory):
        return item.memtype
    if isinstance(item, Table):
        return item.tabletype
    if isinstance(item, Global):
        return item.globaltype
    if isinstance(item, Tag):
        return TagType(item.deftype)
    raise UsageError(f"expected a Func, Table, Memory, Global or Tag, got {type(item).__name__}")


def unknown_import(module: str, name: str, wanted: ExternType) -> LinkError:
    """Return the error for an import that nobody offers."""
    return LinkError(f"unknown import: {module}.{name} is not defined, wanted {wrap_externtype(wanted)}")


def check_imports(store: Store, module: Module, offered: Sequence[Any]) -> None:
    """Raise LinkError unless each item offered fits the import at its place."""
    wanted = module.checked.imports
    names = module.syntax.imports
    if len(offered) != len(wanted):
        more = (
            f": {names[len(offered)].module}.{names[len(offered)].name} is not defined"
            if len(offered) < len(wanted)
            else ""
        )
        raise LinkError(f"unknown import{more} (expected {len(wanted)} imports, found {len(offered)})")
    for item, want, entry in zip(offered, wanted, names, strict=True):
        got = externtype_of(item)
        if item.store is not store:
            raise UsageError(
                f"the {type(item).__name__} for import {entry.module}.{entry.name} belongs to another store"
            )
        if not match_externtype(got, want):
            where = f"{entry.module}.{entry.name}"
            raise LinkError(
                f"incompatible import type: {where} is {wrap_externtype(got)}, wanted {wrap_externtype(want)}"
            )
