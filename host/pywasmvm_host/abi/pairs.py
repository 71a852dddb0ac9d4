"""The wire form of a list of byte pairs (specification: "Serialized map").

Little-endian count, then per pair the two lengths, then per pair key, NUL, value, NUL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

__all__ = ["MAX_BYTES", "MAX_PAIRS", "decode_pairs", "encode_pairs", "pairs_problem"]

Pair = tuple[bytes, bytes]
MAX_BYTES = 1 << 20
MAX_PAIRS = 1024


def encode_pairs(pairs: Iterable[Pair]) -> bytes:
    """Serialize pairs; an empty list is four zero bytes."""
    fields = [field for pair in pairs for field in pair]
    head = struct.pack(f"<{len(fields) + 1}I", len(fields) // 2, *map(len, fields))
    return head + b"\0".join([*fields, b""])


def pairs_problem(data: bytes) -> str:
    """Say what is wrong with a serialized list, or return the empty text."""
    if data in (b"", b"\0"):
        return ""
    if len(data) > MAX_BYTES:
        return f"{len(data)} bytes, more than {MAX_BYTES}"
    if len(data) < 4:
        return "shorter than its count"
    (count,) = struct.unpack_from("<I", data)
    if count > MAX_PAIRS:
        return f"count {count}, more than {MAX_PAIRS}"
    if 4 + 8 * count > len(data):
        return f"count {count} does not fit in {len(data)} bytes"
    at = 4 + 8 * count
    for n in struct.unpack_from(f"<{2 * count}I", data, 4):
        at += n + 1
        if at > len(data) or data[at - 1] != 0:
            return "an entry does not end in NUL or leaves the buffer"
    return "" if at == len(data) else f"{len(data) - at} bytes left over"


def decode_pairs(data: bytes) -> list[Pair]:
    """Read a serialized list; anything malformed reads as the empty list, as in Envoy."""
    if data in (b"", b"\0") or pairs_problem(data):
        return []
    (count,) = struct.unpack_from("<I", data)
    lengths: Sequence[int] = struct.unpack_from(f"<{2 * count}I", data, 4)
    at = 4 + 8 * count
    fields = []
    for n in lengths:
        fields.append(data[at : at + n])
        at += n + 1
    return list(zip(fields[::2], fields[1::2], strict=True))
