"""Bodies in their usual encoding, decoded at the speed of `re`.

One regular expression, made from the table, cuts a body into instructions; a dictionary maps each spelling
(the bytes of one instruction) to its tuple, which all bodies share. A spelling met for the first time is
decoded by `read_instrs.read_instr`, so the two cannot disagree about what bytes mean.
Rule 1: this decides nothing about errors. What is unusual or wrong makes `scan` return None, and the exact
        decoder of `read_instrs` then reads the body from its start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from ..config import Features
from ..errors import ModuleError
from ..isa import OPS, Imm, Op
from ..isa.model import U32_IMMS
from ..syntax.instructions import Instr
from .leb import encode_unsigned
from .read_instrs import read_instr
from .reader import Reader

__all__ = ["Tokens", "tokens_for"]

_LEB32 = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_LEB64 = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_HEAPTYPE = rb"(?:\x62" + _LEB32 + rb"|" + _LEB32 + rb")"
_REFTYPE = rb"[\x63\x64]" + _HEAPTYPE
_INDICES = (*U32_IMMS, Imm.I32)
# Immediates whose extent a regular expression can find. The vectors are not among them: instructions that
# have one are "irregular", their token is the opcode alone.
_PATTERNS: dict[Imm, bytes] = {
    **dict.fromkeys(_INDICES, _LEB32),
    Imm.HEAPTYPE: _HEAPTYPE,
    Imm.I64: _LEB64,
    Imm.BLOCKTYPE: b"(?:" + _REFTYPE + b"|" + _LEB32 + b")",
    Imm.LANEIDX: rb"[\x00-\xff]",
    Imm.LANEIDX_16: rb"[\x00-\xff]{16}",
    Imm.F32: rb"[\x00-\xff]{4}",
    Imm.F64: rb"[\x00-\xff]{8}",
    Imm.V128: rb"[\x00-\xff]{16}",
    Imm.MEMARG: rb"(?:[\x00-\x3f]" + _LEB64 + rb"|[\x40-\x7f]" + _LEB32 + _LEB64 + b")",
    Imm.CAST: rb"[\x00-\x03]" + _LEB32 + _HEAPTYPE * 2,
    Imm.ORDER: rb"\x00",
}
_IRREGULAR: Instr = ()
# Instructions between two calls of `tick`.
_STEP = 512
_MEMO_SIZE = 1 << 16


def _is_regular(op: Op) -> bool:
    return all(imm in _PATTERNS for imm in op.imms)


def _escape(code: int) -> bytes:
    """Return a pattern for the opcode in its shortest encoding."""
    prefix, sub = code >> 16, code & 0xFFFF
    spelling = bytes([prefix]) + encode_unsigned(sub) if prefix else bytes([code])
    return b"".join(rb"\x%02x" % byte for byte in spelling)


def _pattern() -> re.Pattern[bytes]:
    """Return the expression that matches one instruction, or one byte if there is none."""
    shapes: dict[bytes, list[bytes]] = {}
    for op in OPS:
        tail = b"".join(_PATTERNS[imm] for imm in op.imms) if _is_regular(op) else b""
        shapes.setdefault(tail, []).append(_escape(op.code))
    branches = []
    for tail, codes in shapes.items():
        single = [code for code in codes if len(code) == 4]
        if single:
            branches.append(b"[" + b"".join(single) + b"]" + tail)
        branches += [b"(?:" + b"|".join(group) + b")" + tail for group in _by_prefix(codes)]
    return re.compile(b"|".join(branches) + rb"|[\x00-\xff]", re.DOTALL)


def _by_prefix(codes: list[bytes]) -> list[list[bytes]]:
    groups: dict[bytes, list[bytes]] = {}
    for code in codes:
        if len(code) > 4:
            groups.setdefault(code[:4], []).append(code)
    return list(groups.values())


_TOKEN = _pattern()


def _ticking(matches: Iterator[re.Match[bytes]], tick: Callable[[], None]) -> Iterator[re.Match[bytes]]:
    more = True
    while more:
        more = False
        for match in islice(matches, _STEP):
            more = True
            yield match
        tick()


class Tokens:
    """The fast path for one set of features. Shared by all modules of the process."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._memo: dict[bytes, Instr] = {}

    def scan(
        self, data: bytes, start: int, end: int, tick: Callable[[], None] | None = None
    ) -> list[Instr] | None:
        """Return the instructions between two offsets, or None if the exact decoder has to look.

        Block structure is not looked at. `tick` is called every now and then.
        """
        out: list[Instr] = []
        append = out.append
        known = self._memo.get
        matches = _TOKEN.finditer
        while start < end:
            # fast: the loop a module's every instruction goes through; one match, one lookup, one append.
            found = matches(data, start, end)
            for match in found if tick is None else _ticking(found, tick):
                instr = known(match.group())
                if instr:
                    append(instr)
                    continue
                instr = self._learn(match.group()) if instr is None else instr
                if instr is None:
                    return None
                if not instr:
                    instr, start = self._read_irregular(data, match.start())
                    if instr is None or start > end:
                        return None
                    append(instr)
                    if tick is not None:
                        tick()
                    break
                append(instr)
            else:
                return out
        return out

    def scan_one(self, data: bytes, start: int) -> tuple[Instr | None, int]:
        """Return one instruction and the offset behind it; None for it if the exact decoder has to look."""
        match = _TOKEN.match(data, start)
        if match is None:
            return None, start
        instr = self._memo.get(match.group()) or self._learn(match.group())
        return instr or None, match.end()

    def _learn(self, spelling: bytes) -> Instr | None:
        """Decode a spelling and remember it. Return None if it is no instruction."""
        reader = Reader(spelling, 0, self._features)
        instr: Any
        if spelling in _OPCODES_ALONE:
            instr = _IRREGULAR
        else:
            try:
                instr = read_instr(reader)
            except ModuleError:
                return None
            if reader.pos != len(spelling):
                return None
        if len(self._memo) >= _MEMO_SIZE:
            # why: forget everything rather than stop learning, or one strange module would slow down all
            # later ones.
            self._memo.clear()
        self._memo[spelling] = instr
        return instr  # type: ignore[no-any-return]

    def _read_irregular(self, data: bytes, start: int) -> tuple[Instr | None, int]:
        reader = Reader(data, start, self._features)
        try:
            return read_instr(reader), reader.pos
        except ModuleError:
            return None, start


_OPCODES_ALONE = frozenset(
    (bytes([op.prefix]) + encode_unsigned(op.code & 0xFFFF)) if op.prefix else bytes([op.code])
    for op in OPS
    if not _is_regular(op)
)


@lru_cache(maxsize=16)
def tokens_for(features: Features) -> Tokens:
    """Return the fast path for a set of features."""
    return Tokens(features)
