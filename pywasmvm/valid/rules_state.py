"""Typing rules of parametric, variable, table and memory instructions without a signature.

Spec: chapters 3.4.3 to 3.4.6.
"""

from __future__ import annotations

from ..syntax.instructions import Instr
from ..syntax.types import NumType, RefType
from .context import Body
from .match import match_reftype
from .stack import UNKNOWN, describe


def rule_drop(body: Body, instr: Instr) -> None:
    """drop: [t] -> []."""
    body.pop_any()


def rule_select(body: Body, instr: Instr) -> None:
    """select: [t t i32] -> [t], t a number or vector type."""
    body.pop(NumType.I32)
    second = body.pop_any()
    first = body.pop_any()
    if isinstance(first, RefType) or isinstance(second, RefType):
        body.fail(
            f"type mismatch: instruction requires numeric operands but stack has {describe((first, second))}"
        )
    if first is not second and first is not UNKNOWN and second is not UNKNOWN:
        body.fail(
            f"type mismatch: instruction requires equal operands but stack has {describe((first, second))}"
        )
    body.push(second if first is UNKNOWN else first)


def rule_select_t(body: Body, instr: Instr) -> None:
    """select t: [t t i32] -> [t]."""
    types = instr[1]
    if len(types) != 1:
        body.fail(f"invalid result arity: select has {len(types)} types")
    t = body.valtype(types[0])
    body.pop_types((t, t, NumType.I32))
    body.push(t)


# Locals and globals


def rule_local_get(body: Body, instr: Instr) -> None:
    """local.get x: [] -> [t]."""
    t = body.local(instr[1])
    if instr[1] in body.unset:
        body.fail(f"uninitialized local {instr[1]}")
    body.push(t)


def rule_local_set(body: Body, instr: Instr) -> None:
    """local.set x: [t] -> []."""
    body.pop(body.local(instr[1]))
    _set(body, instr[1])


def rule_local_tee(body: Body, instr: Instr) -> None:
    """local.tee x: [t] -> [t]."""
    t = body.local(instr[1])
    body.pop(t)
    body.push(t)
    _set(body, instr[1])


def _set(body: Body, localidx: int) -> None:
    if localidx in body.unset:
        body.unset.discard(localidx)
        body.inits.append(localidx)


def rule_global_get(body: Body, instr: Instr) -> None:
    """global.get x: [] -> [t]."""
    body.push(body.global_(instr[1]).valtype)


def rule_global_set(body: Body, instr: Instr) -> None:
    """global.set x: [t] -> []."""
    globaltype = body.global_(instr[1])
    if not globaltype.mutable:
        body.fail(f"immutable global {instr[1]}")
    body.pop(globaltype.valtype)


# Tables


def rule_table_get(body: Body, instr: Instr) -> None:
    """table.get x: [at] -> [t]."""
    table = body.table(instr[1])
    body.pop(table.addrtype)
    body.push(table.reftype)


def rule_table_set(body: Body, instr: Instr) -> None:
    """table.set x: [at t] -> []."""
    table = body.table(instr[1])
    body.pop_types((table.addrtype, table.reftype))


def rule_table_grow(body: Body, instr: Instr) -> None:
    """table.grow x: [t at] -> [at]."""
    table = body.table(instr[1])
    body.pop_types((table.reftype, table.addrtype))
    body.push(table.addrtype)


def rule_table_fill(body: Body, instr: Instr) -> None:
    """table.fill x: [at t at] -> []."""
    table = body.table(instr[1])
    body.pop_types((table.addrtype, table.reftype, table.addrtype))


def rule_table_copy(body: Body, instr: Instr) -> None:
    """table.copy x y: [at1 at2 at3] -> [], at3 the smaller of both."""
    to, source = body.table(instr[1]), body.table(instr[2])
    if not match_reftype(source.reftype, to.reftype):
        body.fail(f"type mismatch: elements of type {source.reftype} do not match {to.reftype}")
    body.pop_types((to.addrtype, source.addrtype, _smaller(to.addrtype, source.addrtype)))


def rule_table_init(body: Body, instr: Instr) -> None:
    """table.init x y: [at i32 i32] -> []."""
    table, elem = body.table(instr[2]), body.elem(instr[1])
    if not match_reftype(elem, table.reftype):
        body.fail(f"type mismatch: elements of type {elem} do not match {table.reftype}")
    body.pop_types((table.addrtype, NumType.I32, NumType.I32))


# Memory


def rule_memory_copy(body: Body, instr: Instr) -> None:
    """memory.copy x y: [at1 at2 at3] -> [], at3 the smaller of both."""
    to, source = body.mem(instr[1]), body.mem(instr[2])
    body.pop_types((to.addrtype, source.addrtype, _smaller(to.addrtype, source.addrtype)))


def _smaller(a: NumType, b: NumType) -> NumType:
    return NumType.I32 if NumType.I32 in (a, b) else NumType.I64
