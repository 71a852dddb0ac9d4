"""The whole table: all rows in order of opcode, and the two ways to find one.

Rows live in the `rows_*` files by topic. A row that clashes with another is a mistake of ours and stops the
import at once, so that no lookup can pick the wrong one in silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from .model import Op
from .rows_atomic import ROWS as ATOMIC
from .rows_control import ROWS as CONTROL
from .rows_convert import ROWS as CONVERT
from .rows_float import ROWS as FLOAT
from .rows_gc import ROWS as GC
from .rows_int import ROWS as INT
from .rows_memory import ROWS as MEMORY
from .rows_simd import ROWS as SIMD
from .rows_simd_float import ROWS as SIMD_FLOAT
from .rows_simd_int import ROWS as SIMD_INT
from .rows_simd_relaxed import ROWS as SIMD_RELAXED
from .rows_var import ROWS as VAR

__all__ = ["BY_CODE", "BY_NAME", "OPS"]


def _index(rows: Iterable[Op], key: str) -> dict[object, Op]:
    """Map each row's `key` column to the row. Raise ValueError if two rows share one."""
    found: dict[object, Op] = {}
    for row in rows:
        other = found.setdefault(getattr(row, key), row)
        if other is not row:
            raise ValueError(f"rows {other.name} and {row.name} have the same {key}")
    return found


OPS: tuple[Op, ...] = tuple(
    sorted(
        CONTROL
        + VAR
        + MEMORY
        + INT
        + FLOAT
        + CONVERT
        + SIMD
        + SIMD_INT
        + SIMD_FLOAT
        + SIMD_RELAXED
        + GC
        + ATOMIC,
        key=lambda row: row.code,
    )
)
BY_CODE: dict[int, Op] = {row.code: row for row in _index(OPS, "code").values()}
BY_NAME: dict[str, Op] = {row.name: row for row in _index(OPS, "name").values()}
