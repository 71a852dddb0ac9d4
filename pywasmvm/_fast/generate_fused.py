"""Fused handlers behind generate_handlers.py: each does the work of several words in a row, with one jump.

The words stay as they are: only the first one's handler is replaced (fuse.pyx) and each part reads the fields
of its own word. So whatever enters at a later word, leaves early or traps finds what it would find unfused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

Handler = tuple[str, list[str]]

NEXT = "pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)"
SEPARATOR = "__"
LIST = Path(__file__).resolve().parent / "fusions.txt"
_LOCAL = re.compile(r"cdef [\w*\[\]]+ (\w+)")


def _alternatives(line: str) -> Iterator[str]:
    """Spell a line's {braces,out}."""
    found = re.search(r"\{([^{}]*)\}", line)
    if found is None:
        yield line
        return
    for choice in found[1].split(","):
        yield from _alternatives(line[: found.start()] + choice.strip() + line[found.end() :])


def sequences() -> list[tuple[str, ...]]:
    """Return the sequences of handlers that the list names, each once."""
    found: dict[tuple[str, ...], None] = {}
    for text in LIST.read_text(encoding="utf-8").splitlines():
        line = text.partition("#")[0]
        for spelled in _alternatives(line):
            if spelled.strip():
                found[tuple(spelled.split())] = None
    return list(found)


def _part(lines: list[str], number: int, is_last: bool) -> list[str]:
    """Return a handler's lines as part of a fused one."""
    if not is_last:
        if lines[-1] != NEXT:
            raise ValueError("only the last handler of a sequence may go elsewhere than to the next word")
        lines = lines[:-1]
    if number == 0:
        return lines
    names = {name for line in lines for name in _LOCAL.findall(line)}
    renamed = [re.sub(r"\bpc\b", f"p{number}", line) for line in lines]
    if names:
        pattern = re.compile(rf"(?<![\w.])({'|'.join(sorted(names))})(?!\w)")
        renamed = [pattern.sub(rf"\1_{number}", line) for line in renamed]
    return [f"cdef Ins* p{number} = pc + {number}", *renamed]


def fuse(sequence: tuple[str, ...], bodies: dict[str, list[str]]) -> Handler:
    """Return the handler of a sequence."""
    last = len(sequence) - 1
    lines = [x for i, name in enumerate(sequence) for x in _part(bodies[name], i, i == last)]
    return SEPARATOR.join(sequence), lines


def fused(bodies: dict[str, list[str]]) -> dict[str, list[Handler]]:
    """Return the fused handlers by unit."""
    units: dict[str, list[Handler]] = {"fused_flow": [], "fused_memory": [], "fused_value": []}
    for sequence in sequences():
        free = tuple(f"{name}_free" if f"{name}_free" in bodies else name for name in sequence)
        is_access = any(re.search(r"_(load|store)\d*_", name) for name in sequence)
        unit = "fused_flow" if free != sequence else ("fused_memory" if is_access else "fused_value")
        units[unit].append(fuse(sequence, bodies))
        if free != sequence and "charge" not in sequence:
            units[unit].append(fuse(free, bodies))
    return units
