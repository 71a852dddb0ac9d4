"""The proposal threads (prefix FE).

RMW and CMPXCHG rows: the expression is what is written, from `x` (what was there) and the operands; the old
number, zero-extended, is pushed. Operands of the narrow forms are cut to the width first.
"""

from __future__ import annotations

from .build import FE, UNALIGNED, atomic, special
from .model import I32, I64, Feature, Imm, Kind, Op, TrapKind

WAIT = (*UNALIGNED, TrapKind.EXPECTED_SHARED_MEMORY)
# name infix, operand type, width in bytes, in order of opcode; the position in it is the subopcode's low part
SHAPES = (
    ("i32.{}", I32, 4),
    ("i64.{}", I64, 8),
    ("i32.{}8", I32, 1),
    ("i32.{}16", I32, 2),
    ("i64.{}8", I64, 1),
    ("i64.{}16", I64, 2),
    ("i64.{}32", I64, 4),
)
MASKS = {1: "0xFF", 2: "0xFFFF", 4: "M32", 8: "M64"}
RMW_OPS = (
    ("add", 0x1E, "x + b"),
    ("sub", 0x25, "x - b"),
    ("and", 0x2C, "x & b"),
    ("or", 0x33, "x | b"),
    ("xor", 0x3A, "x ^ b"),
    ("xchg", 0x41, "b"),
)


def _narrow(t: str, access: int) -> str:
    """Return the suffix of a form that is narrower than its type."""
    return "_u" if access < (4 if t == I32 else 8) else ""


def _loads_and_stores() -> tuple[Op, ...]:
    rows: list[Op] = []
    for i, (shape, t, access) in enumerate(SHAPES):
        load = shape.format("atomic.load") + _narrow(t, access)
        store = shape.format("atomic.store")
        rows.append(atomic(load, 0x10 + i, (), (t,), access, kind=Kind.LOAD, py="x", c="x"))
        rows.append(
            atomic(
                store, 0x17 + i, (t,), (), access, kind=Kind.STORE, py=f"b & {MASKS[access]}", c="b", lazy="b"
            )
        )
    return tuple(rows)


def _read_modify_writes() -> tuple[Op, ...]:
    rows: list[Op] = []
    for i, (shape, t, access) in enumerate(SHAPES):
        for op, first, meaning in RMW_OPS:
            name = f"{shape.format('atomic.rmw')}.{op}{_narrow(t, access)}"
            py = f"({meaning}) & {MASKS[access]}"
            rows.append(
                atomic(name, first + i, (t,), (t,), access, kind=Kind.RMW, py=py, c=meaning, lazy="b")
            )
        name = f"{shape.format('atomic.rmw')}.cmpxchg{_narrow(t, access)}"
        # spec: `expected` is wrapped to the width before it is compared.
        py = f"(c & {MASKS[access]}) if x == (b & {MASKS[access]}) else x"
        rows.append(atomic(name, 0x48 + i, (t, t), (t,), access, kind=Kind.CMPXCHG, py=py, lazy="bc"))
    return tuple(rows)


ROWS: tuple[Op, ...] = (
    atomic("memory.atomic.notify", 0x00, (I32,), (I32,), 4),
    atomic("memory.atomic.wait32", 0x01, (I32, I64), (I32,), 4, traps=WAIT),
    atomic("memory.atomic.wait64", 0x02, (I64, I64), (I32,), 8, traps=WAIT),
    special("atomic.fence", FE | 0x03, Imm.ORDER, params=(), results=(), feature=Feature.THREADS),
    *_loads_and_stores(),
    *_read_modify_writes(),
)
