"""Plugins as bytes, for attacks that no text could hold: long, deep, or lying about their lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..protobuf import varint
from .attack import Attack, paragraphs

__all__ = ["BODY", "I32", "attack", "func", "plugin", "section", "vec"]

MAGIC = b"\0asm\x01\0\0\0"
I32, END = b"\x7f", b"\x0b"
LIE = b"\xff\xff\xff\xff\x0f"  # 2**32 - 1
# Types every plugin here has: () -> (), (i32) -> i32, (i32 i32 i32) -> i32.
TYPES = (b"\x60\0\0", b"\x60\x01\x7f\x01\x7f", b"\x60\x03\x7f\x7f\x7f\x01\x7f")
BODY = "proxy_on_request_body"
RETURN_0 = b"\x41\0" + END


def vec(items: Sequence[bytes]) -> bytes:
    """Return a vector: count and items."""
    return varint(len(items)) + b"".join(items)


def section(number: int, content: bytes) -> bytes:
    """Return a section."""
    return bytes([number]) + varint(len(content)) + content


def func(code: bytes, local_groups: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """Return an entry of the code section; `code` ends with its own end."""
    content = vec([varint(count) + valtype for count, valtype in local_groups]) + code
    return varint(len(content)) + content


def _export(name: str, kind: int, index: int) -> bytes:
    return varint(len(name)) + name.encode() + bytes([kind]) + varint(index)


def plugin(
    code: bytes = RETURN_0,
    *,
    local_groups: Sequence[tuple[int, bytes]] = (),
    types: Sequence[bytes] = (),
    extra: Sequence[tuple[int, bytes]] = (),
    tail: bytes = b"",
) -> bytes:
    """Return a plugin whose proxy_on_request_body is `code`.

    types   further types, from index 3.
    extra   further functions: (type, entry of the code section), from index 3.
    tail    sections behind the code.
    """
    funcs = [(0, func(END)), (1, func(b"\x41\x80\x08" + END)), (2, func(code, local_groups)), *extra]
    exports = [("proxy_abi_version_0_2_1", 0, 0), ("malloc", 0, 1), (BODY, 0, 2), ("memory", 2, 0)]
    return b"".join(
        (
            MAGIC,
            section(1, vec([*TYPES, *types])),
            section(3, vec([varint(typeidx) for typeidx, _ in funcs])),
            section(5, b"\x01\0\x01"),
            section(7, vec([_export(*e) for e in exports])),
            section(10, vec([entry for _, entry in funcs])),
            tail,
        )
    )


def attack(
    into: list[Attack], title: str, group: str, limit: str, stops: str, says: str = "", limits: str = ""
) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Add the decorated function to a list as an attack: its name, its docstring as prose, its bytes."""
    pairs = (item.partition("=") for item in limits.split(",") if item)

    def add(make: Callable[[], bytes]) -> Callable[[], bytes]:
        into.append(
            Attack(
                name=make.__name__,
                title=title,
                group=group,
                limit=limit,
                stops=stops,
                wasm=make,
                says=says,
                limits={name.strip(): value.strip() for name, _, value in pairs},
                prose=paragraphs(make.__doc__ or ""),
            )
        )
        return make

    return add
