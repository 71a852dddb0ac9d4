"""Bounds-checked access to a guest's linear memory.

Every access checks anew, because memory may have grown since the last one. A range outside memory raises
BadMemory,
which the host call machinery turns into a status; it never traps the guest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from .errors import BadMemory

__all__ = ["GuestMemory"]

# Bytes from which on a copy takes its time, and seconds a byte with what is mostly done with it.
LARGE, PACE = 1 << 14, 1e-9
# Pairs of an array that are read between two looks at the deadline.
VECTORS = 256


class GuestMemory:
    """One exported memory together with the store it lives in. `count` is told of every byte copied."""

    def __init__(self, memory: Any, store: Any, count: Callable[[int], None]) -> None:
        self.memory = memory
        self.store = store
        self.count = count

    @property
    def nbytes(self) -> int:
        return len(self.memory.buf)

    def arrive(self) -> GuestMemory:
        """Return the memory that the guest itself has, once it is in the state of its VM (beginning.py)."""
        return self

    def read(self, addr: int, size: int) -> bytes:
        """Read a range for the guest; a range of no bytes is valid as long as it begins inside memory."""
        if size > LARGE:
            # why: a copy cannot be interrupted; what would take longer than what is left is not begun.
            self.store.meter.foresee(size * PACE)
        data = self.peek(addr, size)
        self.count(len(data))
        return data

    def peek(self, addr: int, size: int) -> bytes:
        """Read a range for the host's own use: nobody is charged."""
        addr &= 0xFFFFFFFF
        end = addr + (size & 0xFFFFFFFF)
        buffer = self.memory.buf
        if end > len(buffer):
            raise BadMemory(f"{addr:#x}+{end - addr:#x}")
        return bytes(buffer[addr:end])

    def write(self, addr: int, data: bytes) -> None:
        addr &= 0xFFFFFFFF
        end = addr + len(data)
        buffer = self.memory.buf
        if end > len(buffer):
            raise BadMemory(f"{addr:#x}+{len(data):#x}")
        self.count(len(data))
        buffer[addr:end] = data

    def write_u32(self, addr: int, value: int) -> None:
        self.write(addr, (value & 0xFFFFFFFF).to_bytes(4, "little"))

    def write_u64(self, addr: int, value: int) -> None:
        self.write(addr, (value & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"))

    def read_u32(self, addr: int) -> int:
        return int(struct.unpack("<I", self.read(addr, 4))[0])

    def iovecs(self, addr: int, count: int) -> Iterator[tuple[int, int]]:
        """Read an array of (pointer, length), with looks at the deadline on the way."""
        for start in range(0, max(count, 1), VECTORS):
            n = min(VECTORS, count - start)
            words = struct.unpack(f"<{2 * n}I", self.read(addr + 8 * start, 8 * n))
            for at in range(0, len(words), 2):
                yield words[at], words[at + 1]
            self.store.meter.check(False)
