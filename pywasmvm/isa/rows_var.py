"""Parametric, variable, table and reference instructions.

Spec: 5.4.2 to 5.4.5. What depends on the type of a local, global or table is special.
"""

from __future__ import annotations

from .build import FC, special
from .model import ADDR, Feature, Fuel, Imm, Op, TrapKind

REFS, BULK, FUNCREFS, GC = (
    Feature.REFERENCE_TYPES,
    Feature.BULK_MEMORY,
    Feature.FUNCTION_REFERENCES,
    Feature.GC,
)
TABLE_BOUNDS = (TrapKind.TABLE_OUT_OF_BOUNDS,)

ROWS: tuple[Op, ...] = (
    special("drop", 0x1A, fuel=Fuel.FREE),
    special("select", 0x1B),
    special("select_t", 0x1C, Imm.VALTYPE_VEC, feature=REFS, mnemonic="select"),
    special("local.get", 0x20, Imm.LOCALIDX),
    special("local.set", 0x21, Imm.LOCALIDX),
    special("local.tee", 0x22, Imm.LOCALIDX),
    special("global.get", 0x23, Imm.GLOBALIDX, const=True),
    special("global.set", 0x24, Imm.GLOBALIDX),
    special("table.get", 0x25, Imm.TABLEIDX, feature=REFS, traps=TABLE_BOUNDS),
    special("table.set", 0x26, Imm.TABLEIDX, feature=REFS, traps=TABLE_BOUNDS),
    special(
        "table.init", FC | 12, Imm.ELEMIDX, Imm.TABLEIDX, feature=BULK, fuel=Fuel.PER_UNIT, traps=TABLE_BOUNDS
    ),
    special("elem.drop", FC | 13, Imm.ELEMIDX, params=(), results=(), feature=BULK),
    special(
        "table.copy",
        FC | 14,
        Imm.TABLEIDX,
        Imm.TABLEIDX,
        feature=BULK,
        fuel=Fuel.PER_UNIT,
        traps=TABLE_BOUNDS,
    ),
    special("table.grow", FC | 15, Imm.TABLEIDX, feature=REFS, fuel=Fuel.PER_UNIT),
    special("table.size", FC | 16, Imm.TABLEIDX, params=(), results=(ADDR,), feature=REFS),
    special("table.fill", FC | 17, Imm.TABLEIDX, feature=REFS, fuel=Fuel.PER_UNIT, traps=TABLE_BOUNDS),
    special("ref.null", 0xD0, Imm.HEAPTYPE, feature=REFS, const=True),
    special("ref.is_null", 0xD1, feature=REFS),
    special("ref.func", 0xD2, Imm.FUNCIDX, feature=REFS, const=True),
    special("ref.eq", 0xD3, feature=GC),
    special("ref.as_non_null", 0xD4, feature=FUNCREFS, traps=(TrapKind.NULL_REFERENCE,)),
)
