"""Function types of the embedder as the closed, interned types that validation makes.

Interning is process-wide and belongs to `valid/`; this is the one door to it from here.
"""

from __future__ import annotations

from ..syntax.types import DefType, FuncType, SubType, ValType

__all__ = ["intern_functype"]

_known: dict[tuple[tuple[ValType, ...], tuple[ValType, ...]], DefType] = {}


def intern_functype(params: tuple[ValType, ...], results: tuple[ValType, ...]) -> DefType:
    """Return the one closed type of this shape."""
    key = (params, results)
    found = _known.get(key)
    if found is None:
        found = _known[key] = _make(FuncType(params, results))
    return found


def _make(functype: FuncType) -> DefType:
    deftype = DefType(functype, 0)
    deftype.subtype = SubType(True, (), functype)
    deftype.supers = (deftype,)
    return deftype
