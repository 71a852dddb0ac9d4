"""The code section: locals and the extent of each body; what is in a body is left to `lazy.LazyExpr`.

Spec: chapter 5.5.13.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config import Limits
from ..errors import DecodeError, InternalError, LimitError, ModuleError
from ..syntax.instructions import Instr
from ..syntax.module import Module
from ..syntax.types import ValType
from .bulk import FuncItems
from .lazy import LazyExpr, uses_data
from .places import located, place_in_func
from .read_types import read_valtype
from .reader import Reader

__all__ = ["Code", "prove_bodies", "read_code"]


class Code(NamedTuple):
    """One entry of the code section: what a Func has beyond its type. `offset` is that of the locals."""

    locals: tuple[tuple[int, ValType], ...]
    body: LazyExpr
    offset: int
    size: int


def _read_local(reader: Reader) -> tuple[int, ValType]:
    return reader.read_u32(), read_valtype(reader)


def read_code(reader: Reader, limits: Limits) -> Code:
    """Read one entry; the instructions are skipped."""
    start = reader.pos
    size = reader.read_length()
    if limits.body_bytes is not None and size > limits.body_bytes:
        raise reader.over_limit("bytes of a function body", size, limits.body_bytes, start)
    start = reader.pos
    end = start + size
    groups = tuple(reader.read_vec(_read_local))
    count = sum(n for n, _ in groups)
    if count >= 1 << 32:
        raise reader.fail("too many locals", start)
    body = LazyExpr(reader.data, reader.pos, end, reader.features)
    if reader.pos > end:
        body.prove(limits.nesting)  # why: names the first fault, as a decoder without sizes would
        raise InternalError("a body that starts behind its end was accepted", offset=start)
    if limits.locals is not None and count > limits.locals:
        raise reader.over_limit("locals of a function", count, limits.locals, start)
    reader.pos = end
    return Code(groups, body, start, size)


def prove_bodies(module: Module, limits: Limits) -> None:
    """Raise DecodeError if a body is malformed.

    Bodies that are proven already are not looked at again. A missing data count section is reported last, as
    it is a property of the whole module.
    """
    if isinstance(module.funcs, FuncItems):
        _prove_in_bulk(module, module.funcs, limits)
        return
    wants_data_count: int | None = None
    for index, func in enumerate(module.funcs):
        body = func.body
        if not isinstance(body, LazyExpr) or body.is_proven:
            continue
        instrs = _prove_body(module, index, body, limits)
        if wants_data_count is None and module.data_count is None and uses_data(body, instrs):
            wants_data_count = func.offset
    if wants_data_count is not None:
        raise DecodeError("data count section required", offset=wants_data_count)


def _prove_body(module: Module, index: int, body: LazyExpr, limits: Limits) -> list[Instr]:
    try:
        return body.prove(limits.nesting)
    except (ModuleError, LimitError) as error:
        raise located(error, place_in_func(module, index, body, error.offset)) from None


def _prove_in_bulk(module: Module, funcs: FuncItems, limits: Limits) -> None:
    for index in funcs.codes.suspects():
        _prove_body(module, index, funcs.codes[index].body, limits)
    if module.data_count is not None:
        return
    for index in funcs.codes.suspects(data_too=True):
        code = funcs.codes[index]
        if uses_data(code.body, code.body.instrs()):
            raise DecodeError("data count section required", offset=code.offset)
