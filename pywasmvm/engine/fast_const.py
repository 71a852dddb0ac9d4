"""Constant expressions of the compiled engine: a walk over the few instructions that may stand in one.

They run once per global or segment and are not translated; arithmetic goes through the table's `py` column.
Rule 1: they cost no fuel (engine/fuel.py, rule 6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InternalError, Trap
from ..isa.model import TrapKind
from ..runtime.refs import I31
from ..syntax.instructions import Expr, Instr
from ..syntax.types import ArrayType, RefType, StructType
from .fast_ops import expression
from .python import support

__all__ = ["evaluate"]

_CONSTS = frozenset(("i32.const", "i64.const", "f32.const", "f64.const", "v128.const"))
_SAME = frozenset(("any.convert_extern", "extern.convert_any"))


def _storages(instance: Any, typeidx: int) -> list[Any]:
    comptype = instance.checked.types[typeidx].comptype
    if isinstance(comptype, StructType):
        return [field.storage for field in comptype.fields]
    return [comptype.field.storage] if isinstance(comptype, ArrayType) else []


def _zeros(instance: Any, typeidx: int) -> list[Any]:
    return [None if isinstance(t, RefType) else 0 for t in _storages(instance, typeidx)]


def _take(stack: list[Any], count: int) -> list[Any]:
    taken = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return taken


def _struct(instance: Any, instr: Instr, stack: list[Any]) -> Any:
    name = instr[0].name
    descriptor = stack.pop() if name.endswith("_desc") else None
    if descriptor is None and name.endswith("_desc"):
        raise Trap(TrapKind.NULL_DESCRIPTOR_REFERENCE)
    zeros = _zeros(instance, instr[1])
    values = zeros if "default" in name else _take(stack, len(zeros))
    return instance.store.heap.new_struct(instance.checked.types[instr[1]], values, descriptor)


def _array(instance: Any, instr: Instr, stack: list[Any]) -> Any:
    heap, deftype, name = instance.store.heap, instance.checked.types[instr[1]], instr[0].name
    if name == "array.new_fixed":
        return heap.new_array(deftype, _take(stack, instr[2]))
    count = stack.pop()
    value = stack.pop() if name == "array.new" else _zeros(instance, instr[1])[0]
    return support.array_new(instance.store.meter, heap, deftype, value, count)


_MAKERS: dict[str, Callable[[Any, Instr, list[Any]], Any]] = {
    "struct": _struct,
    "array": _array,
    "ref.i31": lambda instance, instr, stack: I31(stack.pop()),
    "ref.func": lambda instance, instr, stack: instance.funcs[instr[1]],
    "ref.null": lambda instance, instr, stack: None,
    "global.get": lambda instance, instr, stack: instance.globals[instr[1]].raw,
}


def _compute(instr: Instr, stack: list[Any]) -> Any:
    op = instr[0]
    function = expression(op.py or "", "a=0, b=0")
    return function(*_take(stack, len(op.params or ())))


def evaluate(instance: Any, expr: Expr) -> Any:
    """Return the raw value of a constant expression."""
    stack: list[Any] = []
    for instr in expr.instrs()[:-1]:
        name = instr[0].name
        make = _MAKERS.get(name) or _MAKERS.get(name.partition(".")[0])
        if name in _CONSTS:
            stack.append(instr[1])
        elif make is not None:
            stack.append(make(instance, instr, stack))
        elif name not in _SAME:
            stack.append(_compute(instr, stack))
    if len(stack) != 1:
        raise InternalError("a constant expression left no value")
    return stack[0]
