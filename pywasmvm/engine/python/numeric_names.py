"""All names that the `py` and `pyf` columns use, as the globals of code built from them.

Code that pastes rows' expressions runs in a namespace that starts as a copy of `expression_names()`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ...isa import OPS

__all__ = ["expression_names", "words_of"]

# What is no name of a helper: Python's own words and the operands.
_OWN = {"a", "b", "c", "d", "x", "lane", "imm", "if", "else", "not", "or", "and", "abs", "float"}
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def words_of(expression: str) -> set[str]:
    """Return the names of helpers and constants that a row's expression uses."""
    return set(_WORD.findall(expression)) - _OWN


@lru_cache(maxsize=1)
def expression_names() -> dict[str, Any]:
    """Return the namespace; copy it before adding to it. Raise KeyError if a row names what is not there."""
    # why: not imported above, since most modules hold neither vectors nor floats that are handled as bits.
    from . import _generated_numeric_bits, numeric, simd, simd_float, simd_lanes

    known: dict[str, Any] = {**vars(numeric), **vars(_generated_numeric_bits)}
    for helpers in (simd.HELPERS, simd_lanes.HELPERS, simd_float.HELPERS):
        known.update(helpers)
    wanted = {"canon", "NAN"}
    for op in OPS:
        wanted |= words_of(op.py or "") | words_of(op.pyf or "")
    return {name: known[name] for name in sorted(wanted)}
