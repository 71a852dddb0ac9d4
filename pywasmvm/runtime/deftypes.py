"""Function types of the embedder as the closed, interned types that validation makes.

Interning is process-wide and belongs to `valid/`; this is the one door to it from here.
"""

from __future__ import annotations

from ..syntax.types import DefType, FuncType, RecType, SubType, ValType
from ..valid.interning import close_group

__all__ = ["intern_functype"]


def intern_functype(params: tuple[ValType, ...], results: tuple[ValType, ...]) -> DefType:
    """Return the one closed type of this shape. Reference types in it must be closed."""
    group = RecType((SubType(True, (), FuncType(params, results)),))
    return close_group(group, [])[0]
