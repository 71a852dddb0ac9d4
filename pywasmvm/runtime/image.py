"""The data segments of a module as one block of bytes.

A Go module has tens of thousands of active segments; a run of them is what a second instance of it would
spend its time on. So we lay them out once per module, and an instance copies the block.
Rule 1: the block may only be used on a fresh memory that it fits in; then copying it cannot be told from
        running the segments one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..binary import DataItems, LazyExpr
from ..isa import BY_NAME
from ..syntax.instructions import Expr
from ..syntax.module import ExternKind, Mode, Module

__all__ = ["Image", "constant_address", "make_image"]

FEWEST_SEGMENTS = 32
# Gaps may make the block this much larger than what the segments hold.
LARGEST_SPREAD = 2

_I32_CONST = BY_NAME["i32.const"]
_I64_CONST = BY_NAME["i64.const"]


@dataclass(frozen=True)
class Image:
    """Bytes for memory 0 at `addr`. `datas` is what is left of the segments afterwards."""

    addr: int
    block: bytes
    datas: list[bytes | memoryview]

    @property
    def end(self) -> int:
        """Return the address after the last byte."""
        return self.addr + len(self.block)


def constant_address(offset: Expr | None) -> int | None:
    """Return the address that an offset names if it is a single constant, else None."""
    if isinstance(offset, LazyExpr) and offset.data[offset.start] == _I32_CONST.code:
        return _read_address(offset.data[offset.start + 1 : offset.end])
    instrs = offset.instrs() if offset is not None else []
    if len(instrs) != 2 or (instrs[0][0] is not _I32_CONST and instrs[0][0] is not _I64_CONST):
        return None
    addr: int = instrs[0][1]
    return addr


def _read_address(spelling: bytes) -> int | None:
    """Return the number in `i32.const`'s immediate if only `end` comes after it."""
    # fast: decoding 65,000 such offsets the general way takes most of the time of an instantiation.
    # safe: the decoder has read these bytes, so the number is well-formed.
    addr = shift = 0
    for byte in spelling:
        addr |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if len(spelling) != shift // 7 + 1:
        return None
    if byte & 0x40:
        addr -= 1 << shift
    return addr & 0xFFFFFFFF


def make_image(module: Module) -> Image | None:
    """Return the image of a valid module, None if it is not worth it or its segments are not that simple."""
    if isinstance(module.datas, DataItems):
        return None  # they are copied at the speed of C as they are
    active = [data for data in module.datas if data.mode is Mode.ACTIVE]
    if len(active) < FEWEST_SEGMENTS or module.import_count(ExternKind.MEMORY):
        return None
    places: list[tuple[int, bytes | memoryview]] = []
    for data in active:
        addr = constant_address(data.offset)
        if data.memidx or addr is None:
            return None
        places.append((addr, data.init))
    start = min(addr for addr, _ in places)
    end = max(addr + len(init) for addr, init in places)
    if end - start > LARGEST_SPREAD * sum(len(init) for _, init in places):
        return None
    block = bytearray(end - start)
    for addr, init in places:
        block[addr - start : addr - start + len(init)] = init
    datas = [b"" if data.mode is Mode.ACTIVE else data.init for data in module.datas]
    return Image(start, bytes(block), datas)
