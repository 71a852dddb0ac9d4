"""The arguments of a no-diff run: corners of every type, the same for both engines.

Rule 1: arguments depend on the salt and on places only, never on the module's bytes, so that a shrunk module
        is called as the whole one was.
"""

from __future__ import annotations

from typing import Any

from ..syntax.types import AbsHeapType, DefType, FuncType, NumType, ValType

__all__ = ["CORNERS", "I31_ARGUMENT", "arguments"]

_I32 = (0, 1, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 8, 0x10000, 0x12345678, 65535 * 10)
_I64 = (0, 1, (1 << 64) - 1, 1 << 63, (1 << 63) - 1, 0xFFFFFFFF, 1 << 32, 16, 0x123456789ABCDEF0)
# 0, 1, -0, infinity, canonical NaN, a signalling one, -1.5, the least, 2^31, the greatest
_F32 = (0, 0x3F800000, 0x80000000, 0x7F800000, 0x7FC00000, 0x7FA00001, 0xBFC00000, 1, 0x4F000000, 0x7F7FFFFF)
_F64 = (
    0,
    0x3FF0000000000000,
    1 << 63,
    0x7FF0000000000000,
    0x7FF8000000000000,
    0xFFF4000000000001,
    0xBFF8000000000000,
    1,
    0x41E0000000000000,
    0x43E0000000000000,
    0x7FEFFFFFFFFFFFFF,
)
_V128 = (
    0,
    (1 << 128) - 1,
    0x7FC000007FA000013F80000080000000,
    0x7FF4000000000001BFF8000000000000,
    0x80007FFF00FF807F0102030405060708,
    0x8000000000000000_7FFFFFFFFFFFFFFF,
)
CORNERS: dict[NumType, tuple[int, ...]] = {
    NumType.I32: _I32,
    NumType.I64: _I64,
    NumType.F32: _F32,
    NumType.F64: _F64,
    NumType.V128: _V128,
}

# What stands for an argument that may not be null.
I31_ARGUMENT = ("i31", 77)
_NOT_NULL: dict[object, Any] = {
    AbsHeapType.I31: I31_ARGUMENT,
    AbsHeapType.EQ: I31_ARGUMENT,
    AbsHeapType.ANY: I31_ARGUMENT,
    AbsHeapType.EXTERN: "extern",
}


def arguments(functype: FuncType, salt: int, attempt: int) -> tuple[Any, ...] | None:
    """Return arguments as plain data, None if a parameter takes no value that we can make.

    Numbers are bits; references are "null", "extern" or a pair for an i31. The first attempt is all zeros.
    """
    values = []
    for position, valtype in enumerate(functype.params):
        value = _argument(valtype, salt * 7 + attempt * 3 + position * 2 if attempt else 0)
        if value is None:
            return None
        values.append(value)
    return tuple(values)


def _argument(valtype: ValType, pick: int) -> Any:
    if isinstance(valtype, NumType):
        return CORNERS[valtype][pick % len(CORNERS[valtype])]
    if valtype.nullable:
        return "null"
    return None if isinstance(valtype.heaptype, DefType) else _NOT_NULL.get(valtype.heaptype)
