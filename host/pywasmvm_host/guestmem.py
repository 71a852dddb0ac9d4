"""Bounds-checked access to a guest's linear memory.

Every access checks anew, because memory may have grown since the last one. A range outside memory raises
BadMemory,
which the host call machinery turns into a status; it never traps the guest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .errors import BadMemory

__all__ = ["GuestMemory"]


class GuestMemory:
    """One exported memory together with the store it lives in. `count` is told of every byte copied."""

    def __init__(self, memory: Any, store: Any, count: Callable[[int], None]) -> None:
        self.memory = memory
        self.store = store
        self.count = count

    @property
    def nbytes(self) -> int:
        return int(self.memory.data_len(self.store))

    def read(self, addr: int, size: int) -> bytes:
        """Read a range for the guest; a range of no bytes is valid as long as it begins inside memory."""
        addr &= 0xFFFFFFFF
        size &= 0xFFFFFFFF
        self.check(addr, size)
        self.count(size)
        return bytes(self.memory.read(self.store, addr, addr + size)) if size else b""

    def peek(self, addr: int, size: int) -> bytes:
        """Read a range for the host's own use: nobody is charged."""
        addr &= 0xFFFFFFFF
        size &= 0xFFFFFFFF
        self.check(addr, size)
        return bytes(self.memory.read(self.store, addr, addr + size)) if size else b""

    def write(self, addr: int, data: bytes) -> None:
        addr &= 0xFFFFFFFF
        if addr + len(data) > self.nbytes:
            raise BadMemory(f"{addr:#x}+{len(data):#x}")
        self.count(len(data))
        if data:
            self.memory.write(self.store, data, addr)

    def check(self, addr: int, size: int) -> None:
        """Raise BadMemory unless the range lies in memory."""
        if addr + size > self.nbytes:
            raise BadMemory(f"{addr:#x}+{size:#x}")

    def write_u32(self, addr: int, value: int) -> None:
        self.write(addr, struct.pack("<I", value & 0xFFFFFFFF))

    def write_u64(self, addr: int, value: int) -> None:
        self.write(addr, struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF))

    def read_u32(self, addr: int) -> int:
        return int(struct.unpack("<I", self.read(addr, 4))[0])

    def iovecs(self, addr: int, count: int) -> list[tuple[int, int]]:
        """Read an array of (pointer, length)."""
        words = struct.unpack(f"<{2 * count}I", self.read(addr, 8 * count))
        return list(zip(words[::2], words[1::2], strict=True))
