"""Redis as the Higress calls see it: an object with `call(bytes) -> bytes`, a RESP command in, a reply out.

`World.redis` maps a cluster to such an object. `ScriptedRedis` answers from a table; an embedder that wants a
real server gives an object of its own, which is the only way a plugin's command leaves this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Redis", "ScriptedRedis", "decode_command", "encode_reply"]


class Redis(Protocol):
    """What the host asks of a Redis. Raising OSError means that there was no answer."""

    def call(self, command: bytes) -> bytes: ...


def encode_reply(value: Any) -> bytes:
    """Write a reply: None, int, str or bytes (bulk), list, or an exception (error)."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, bool) or isinstance(value, int):
        return b":%d\r\n" % int(value)
    if isinstance(value, Exception):
        return b"-" + str(value).encode() + b"\r\n"
    if isinstance(value, (list, tuple)):
        return b"*%d\r\n" % len(value) + b"".join(encode_reply(v) for v in value)
    data = value.encode() if isinstance(value, str) else bytes(value)
    return b"$%d\r\n" % len(data) + data + b"\r\n"


def decode_command(data: bytes) -> list[bytes]:
    """Read a command, an array of bulk strings. Raises ValueError when it is none."""
    line, mark, rest = data.partition(b"\r\n")
    if not mark or line[:1] != b"*":
        raise ValueError("a command is an array of bulk strings")
    out = []
    for _ in range(int(line[1:])):
        head, mark, rest = rest.partition(b"\r\n")
        size = int(head[1:]) if head[:1] == b"$" and mark else -1
        if size < 0 or rest[size : size + 2] != b"\r\n":
            raise ValueError("a bulk string is cut or has no length")
        out.append(rest[:size])
        rest = rest[size + 2 :]
    return out


class ScriptedRedis:
    """Answers from a table.

    answers   whole command ("GET k") or its name ("GET") -> one value, or a list of values used in order, the
              last one for good. Values are as in `encode_reply`; a reply that is an array is a tuple.
    commands  what was asked, in order.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, list[Any]] = {
            k: list(v) if isinstance(v, list) else [v] for k, v in (answers or {}).items()
        }
        self.commands: list[list[str]] = []

    def call(self, command: bytes) -> bytes:
        """Answer one command."""
        try:
            words = [w.decode("utf-8", "replace") for w in decode_command(command)]
        except ValueError as e:
            return encode_reply(ValueError(f"ERR Protocol error: {e}"))
        self.commands.append(words)
        for key in (" ".join(words), words[0].upper() if words else ""):
            values = self.answers.get(key)
            if values:
                return encode_reply(values.pop(0) if len(values) > 1 else values[0])
        return encode_reply(ValueError(f"ERR no scripted answer for {' '.join(words)[:80]}"))
