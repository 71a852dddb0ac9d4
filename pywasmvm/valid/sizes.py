"""Validity of table, memory and global types.

Spec: chapter 3.2. What is wrong is returned as a message, None if nothing is.
"""

from __future__ import annotations

from ..syntax.types import Limits, MemType, NumType, TableType

__all__ = ["memtype_fault", "tabletype_fault"]

PAGE_SIZES = (1, 65536)
_BITS = {NumType.I32: 32, NumType.I64: 64}
_USUAL_PAGES = "65536 pages (4GiB)"


def _limits_fault(limits: Limits, most: int, complaint: str) -> str | None:
    if limits.minimum > most or (limits.maximum is not None and limits.maximum > most):
        return complaint
    if limits.maximum is not None and limits.minimum > limits.maximum:
        return f"size minimum must not be greater than maximum: {limits.minimum} is over {limits.maximum}"
    return None


def memtype_fault(memtype: MemType) -> str | None:
    """Return what is wrong with a memory type."""
    if memtype.page_size not in PAGE_SIZES:
        return f"invalid custom page size: {memtype.page_size}"
    bits = _BITS[memtype.addrtype]
    # spec: the number of pages is an address, so memories of single bytes stay one byte below the whole
    # space.
    most = min((1 << bits) // memtype.page_size, (1 << bits) - 1)
    words = _USUAL_PAGES if most == 1 << 16 else f"{most} pages of {memtype.page_size} bytes"
    fault = _limits_fault(memtype.limits, most, f"memory size must be at most {words}")
    if fault is None and memtype.shared and memtype.limits.maximum is None:
        fault = "shared memory must have maximum"
    return fault


def tabletype_fault(tabletype: TableType) -> str | None:
    """Return what is wrong with a table type."""
    most = (1 << _BITS[tabletype.addrtype]) - 1
    return _limits_fault(tabletype.limits, most, f"table size must be at most {most}")
