"""The place of an error in words, worked out only once there is an error."""

from __future__ import annotations

from typing import TypeVar

from ..errors import WasmError
from ..syntax.module import ExternKind, Module
from .lazy import LazyExpr
from .names import decode_names

__all__ = ["located", "place_in_func"]

E = TypeVar("E", bound=WasmError)


def located(error: E, where: str) -> E:
    """Return the error with a place, unless it has one or there is none."""
    if error.where or not where:
        return error
    return type(error)(error.message, offset=error.offset, where=where)


def place_in_func(module: Module, defined: int, body: object, offset: int | None) -> str:
    """Return 'function 12 "handler", instruction 7' for an offset in the body of a defined function."""
    decode_names(module)
    place = module.describe_func(module.import_count(ExternKind.FUNC) + defined)
    if isinstance(body, LazyExpr) and offset is not None and offset >= body.start:
        place += f", instruction {body.index_at(offset)}"
    return place
