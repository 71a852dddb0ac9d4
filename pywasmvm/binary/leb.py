"""LEB128 numbers in their shortest encoding. Reading them is the business of `reader.py`.

Spec: chapter 5.2.2.
"""

from __future__ import annotations

__all__ = ["encode_signed", "encode_unsigned"]


def encode_unsigned(value: int) -> bytes:
    """Return the shortest encoding of a number that is not negative."""
    if value < 0x80:
        return _ONE_BYTE[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_signed(value: int) -> bytes:
    """Return the shortest encoding of a signed number."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


_ONE_BYTE = [bytes([value]) for value in range(0x80)]
