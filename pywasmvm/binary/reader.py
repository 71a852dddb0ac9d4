"""A cursor over the bytes of a module, and the integers and names of the binary format.

Spec: chapter 5.2 (values). Nothing here knows sections or instructions.
Rule 1: reading goes on past the end of a section or body up to the end of the data, as in the reference
        interpreter; whoever opened a sized region compares positions afterwards.
Rule 2: every failure is made by `fail`, `unsupported` or `over_limit`, which know the byte offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..config import Features
from ..errors import DecodeError, LimitError, UnsupportedError
from ..isa import Feature

__all__ = ["Reader", "to_unsigned"]

T = TypeVar("T")

# why: the official suite says "unexpected end" in some places and the longer text in others; this starts with
# both.
UNEXPECTED_END = "unexpected end of section or function"


def to_unsigned(value: int, bits: int) -> int:
    """Return the value modulo 2**bits."""
    return value & ((1 << bits) - 1)


class Reader:
    """A position in `data`. `read_*` methods move it and raise DecodeError."""

    __slots__ = ("data", "features", "pos")

    def __init__(self, data: bytes, pos: int = 0, features: Features | None = None) -> None:
        self.data = data
        self.pos = pos
        self.features = Features() if features is None else features

    # Failures

    def fail(self, message: str, offset: int | None = None) -> DecodeError:
        """Return the error for malformed bytes at `offset` (default: here); the caller raises it."""
        return DecodeError(message, offset=self.pos if offset is None else offset)

    def ended(self) -> DecodeError:
        """Return the error for data that stop too early."""
        return DecodeError(UNEXPECTED_END, offset=len(self.data))

    def need(self, feature: Feature, what: str, offset: int) -> None:
        """Raise UnsupportedError if `feature` is off."""
        if feature not in self.features:
            raise UnsupportedError(f"{what} needs the feature {feature.value}, which is off", offset=offset)

    def over_limit(self, what: str, value: int, limit: int, offset: int | None = None) -> LimitError:
        """Return the error for a module that is larger than `Limits` allows."""
        return LimitError(
            f"{what}: {value} is over the limit of {limit}", offset=self.pos if offset is None else offset
        )

    # Bytes

    def read_byte(self) -> int:
        """Read one byte."""
        try:
            byte = self.data[self.pos]
        except IndexError:
            raise self.ended() from None
        self.pos += 1
        return byte

    def peek(self) -> int:
        """Return the next byte without moving, -1 at the end."""
        return self.data[self.pos] if self.pos < len(self.data) else -1

    def read_bytes(self, size: int) -> bytes:
        """Read `size` bytes."""
        end = self.pos + size
        if end > len(self.data) or size < 0:
            raise self.ended()
        chunk = self.data[self.pos : end]
        self.pos = end
        return chunk

    def read_zero(self) -> None:
        """Read a byte that must be zero."""
        if self.read_byte() != 0:
            raise self.fail("zero byte expected", self.pos - 1)

    # Integers

    def read_unsigned(self, bits: int) -> int:
        """Read an unsigned LEB128 number of at most `bits` bits."""
        value = shift = 0
        while True:
            left = bits - shift
            if left <= 0:
                raise self.fail("integer representation too long")
            byte = self.read_byte()
            payload = byte & 0x7F
            if left < 7 and payload >> left:
                raise self.fail("integer too large", self.pos - 1)
            value |= payload << shift
            if byte < 0x80:
                return value
            shift += 7

    def read_signed(self, bits: int) -> int:
        """Read a signed LEB128 number of at most `bits` bits."""
        value = shift = 0
        while True:
            left = bits - shift
            if left <= 0:
                raise self.fail("integer representation too long")
            byte = self.read_byte()
            payload = byte & 0x7F
            if left < 7:
                mask = (-1 << (left - 1)) & 0x7F
                if payload & mask not in (0, mask):
                    raise self.fail("integer too large", self.pos - 1)
            value |= payload << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if payload & 0x40 else value

    def read_u32(self) -> int:
        """Read a u32."""
        # fast: nearly every number in a module is one byte long.
        pos = self.pos
        data = self.data
        if pos < len(data) and data[pos] < 0x80:
            self.pos = pos + 1
            return data[pos]
        return self.read_unsigned(32)

    def read_u64(self) -> int:
        """Read a u64."""
        return self.read_unsigned(64)

    def read_s33(self) -> int:
        """Read an s33, the encoding of block types and heap types."""
        return self.read_signed(33)

    def read_s7(self) -> int:
        """Read an s7, the encoding of type constructors, as the byte it was."""
        return self.read_signed(7) & 0x7F

    # Lengths, names, vectors

    def read_length(self) -> int:
        """Read a size in bytes, which cannot be more than the bytes that are left."""
        start = self.pos
        size = self.read_u32()
        if size > len(self.data) - self.pos:
            raise self.fail("length out of bounds", start)
        return size

    def read_vec(self, read_item: Callable[[Reader], T]) -> list[T]:
        """Read a count and as many items."""
        # safe: every item takes a byte at least, so a lying count ends with the data and allocates nothing
        # first.
        return [read_item(self) for _ in range(self.read_u32())]

    def read_name(self) -> str:
        """Read a name: a length and UTF-8 text."""
        size = self.read_length()
        start = self.pos
        try:
            return self.read_bytes(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("malformed UTF-8 encoding", start + error.start) from None
