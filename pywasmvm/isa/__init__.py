"""The instruction table: one row per instruction of WebAssembly 3.0 and of the proposals we know.

`OPS` holds all rows in order of opcode, `BY_CODE` and `BY_NAME` find one. Nothing here imports anything else
of ours.
"""

from __future__ import annotations

from .model import Feature, Fuel, Imm, Kind, Nan, Op, TrapKind
from .table import BY_CODE, BY_NAME, OPS

__all__ = ["BY_CODE", "BY_NAME", "OPS", "Feature", "Fuel", "Imm", "Kind", "Nan", "Op", "TrapKind"]
