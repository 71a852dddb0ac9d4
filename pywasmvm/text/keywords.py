"""The words of the text format, those of instructions derived from the table.

Rule 1: how an instruction's immediates are written follows from the kinds in its row (its shape), never from
        its name; `bodies.READERS` has one reader for each shape whose text order or defaults differ from the
        binary.
"""

from __future__ import annotations

from ..isa import OPS
from ..isa.model import PROPOSALS, Imm, Op
from ..syntax.instructions import CatchKind, Instr
from ..syntax.types import (
    ANYREF,
    ARRAYREF,
    EQREF,
    EXNREF,
    EXTERNREF,
    FUNCREF,
    I31REF,
    STRUCTREF,
    AbsHeapType,
    NumType,
    PackedType,
    RefType,
    ValType,
)

__all__ = [
    "BARE",
    "CATCHES",
    "EXTERN_WORDS",
    "HEAPTYPES",
    "KEYWORDS",
    "LANE_SHAPES",
    "PACKED",
    "PROPOSED",
    "ROWS_BY_TEXT",
    "SECTIONS",
    "VALTYPES",
    "twin_rows",
]

HEAPTYPES: dict[str, AbsHeapType] = {str(item): item for item in AbsHeapType}
PACKED: dict[str, PackedType] = {str(item): item for item in PackedType}
_SHORT_REFS = (FUNCREF, EXTERNREF, ANYREF, EQREF, I31REF, STRUCTREF, ARRAYREF, EXNREF) + tuple(
    RefType(True, bottom)
    for bottom in (AbsHeapType.NONE, AbsHeapType.NOFUNC, AbsHeapType.NOEXTERN, AbsHeapType.NOEXN)
)
VALTYPES: dict[str, ValType] = {
    **{str(number): number for number in NumType},
    **{str(reftype): reftype for reftype in _SHORT_REFS},
}

# Rows by their spelling; two rows share one where only the nullability of an operand differs, and for select.
ROWS_BY_TEXT: dict[str, list[Op]] = {}
for _row in OPS:
    ROWS_BY_TEXT.setdefault(_row.text, []).append(_row)

# Instructions of one word, as the finished tuple.
BARE: dict[str, Instr] = {
    text: (rows[0],)
    for text, rows in ROWS_BY_TEXT.items()
    if len(rows) == 1 and not rows[0].imms and text not in ("else", "end")
}

# Instructions of proposals, which have to be switched on.
PROPOSED: frozenset[str] = frozenset(
    text for text, rows in ROWS_BY_TEXT.items() if rows[0].feature in PROPOSALS
)

# v128.const shapes: (lanes, bits of a lane, lanes are floats)
LANE_SHAPES: dict[str, tuple[int, int, bool]] = {
    "i8x16": (16, 8, False),
    "i16x8": (8, 16, False),
    "i32x4": (4, 32, False),
    "i64x2": (2, 64, False),
    "f32x4": (4, 32, True),
    "f64x2": (2, 64, True),
}
CATCHES: dict[str, CatchKind] = {kind.name.lower(): kind for kind in CatchKind}

# Words of imports and exports, with the attribute of `Names` for that index space.
EXTERN_WORDS: dict[str, str] = {
    "func": "funcs",
    "table": "tables",
    "memory": "mems",
    "global": "globals",
    "tag": "tags",
}

# Section words of (@custom ... (after X)) in the order of the binary, with their ids.
SECTIONS: dict[str, int] = {
    "first": 0,
    "type": 1,
    "import": 2,
    "func": 3,
    "table": 4,
    "memory": 5,
    "tag": 13,
    "global": 6,
    "export": 7,
    "start": 8,
    "elem": 9,
    "datacount": 12,
    "code": 10,
    "data": 11,
    "last": 11,
}

_STRUCTURE = """
    module binary quote definition instance type rec sub final func struct array field param result local mut
    ref null table memory global tag import export start elem data declare item offset then else end shared
    pagesize exact descriptor describes catch catch_ref catch_all catch_all_ref
    register invoke get assert_return assert_trap assert_exhaustion assert_exception assert_malformed
    assert_invalid assert_unlinkable assert_malformed_custom assert_invalid_custom script input output thread
    wait either nan:canonical nan:arithmetic ref.extern ref.host
"""
KEYWORDS: frozenset[str] = frozenset(
    [*ROWS_BY_TEXT, *HEAPTYPES, *VALTYPES, *PACKED, *LANE_SHAPES, *_STRUCTURE.split()]
)


def twin_rows(rows: list[Op]) -> bool:
    """Tell whether two rows share a spelling because the second takes a nullable reference type."""
    return len(rows) == 2 and rows[0].imms == rows[1].imms == (Imm.HEAPTYPE,)
