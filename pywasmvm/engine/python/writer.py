"""Collects the lines of one Python function and puts dispatcher regions together.

A line is (indent, text, pos, debt): `pos` is the position of the wasm instruction it belongs to, or its
complement (~pos) on a line where a Python error means that instruction's own trap. Inside a region lines go
to chunks, one per place that can be jumped to; closing the region writes them under a binary decision tree
over a variable
that holds the position to run next:

    while True:
        if B1 < 40:
            ...chunk of position 12...      falls into the next one, because B1 < 40 still holds
        ...chunk of position 40...
Rule 1: a jump is `B1 = position` and `continue`; falling off a chunk enters the one behind it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

__all__ = ["Line", "Region", "Writer"]

Line = tuple[int, str, int, int]
MOST_TAIL = 10
_LEAVING = frozenset(("continue", "break", "return"))


class Region:
    """One dispatcher: its variable and the chunks so far, in order of position."""

    __slots__ = ("chunks", "indent", "outer", "var")

    def __init__(self, var: str, outer: list[Line], indent: int) -> None:
        self.var = var
        self.outer = outer
        self.indent = indent
        self.chunks: list[tuple[int, list[Line]]] = []


def _tail(region: Region, place: int) -> list[Line]:
    """Return the lines that run from the chunk of this position on, if they are few and go nowhere else."""
    tail: list[Line] = []
    places = [pos for pos, _ in region.chunks]
    # why: the first chunk alone may fall to the tests instead of into the next one.
    first = bisect_left(places, place)
    if not 0 < first < len(places) or places[first] != place:
        return []
    for _, lines in region.chunks[first:]:
        tail.extend(lines)
        if len(tail) > MOST_TAIL:
            break
        if tail and tail[-1][0] == 0 and tail[-1][1].partition(" ")[0] in _LEAVING:
            return tail
    return []


def _threaded(region: Region, lines: list[Line]) -> list[Line]:
    """Return a chunk with such lines in place of jumps to them."""
    found: list[Line] = []
    prefix = f"{region.var} = "
    for line in lines:
        number = found[-1][1].removeprefix(prefix) if found and line[1] == "continue" else ""
        tail = _tail(region, int(number)) if number.isdigit() else []
        if tail:
            del found[-1]
            found.extend([(line[0] + indent, text, pos, debt) for indent, text, pos, debt in tail])
        else:
            found.append(line)
    return found


class Writer:
    """Receives lines at the current indent."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.indent = 1
        self.pos = 0
        self.debt = 0
        self.regions: list[Region] = []

    def put(self, text: str) -> None:
        """Append one line."""
        self.lines.append((self.indent, text, self.pos, self.debt))

    def put_special(self, text: str) -> None:
        """Append a line on which IndexError and AttributeError mean the instruction's own traps (edge.py)."""
        self.lines.append((self.indent, text, ~self.pos, self.debt))

    def open(self, text: str) -> None:
        """Append a line that ends with a colon and indent what follows."""
        self.lines.append((self.indent, text, self.pos, self.debt))
        self.indent += 1

    def close(self) -> None:
        """End what `open` began; an empty suite gets a `pass`."""
        if not self.lines or self.lines[-1][1][-1] == ":" and self.lines[-1][0] == self.indent - 1:
            self.lines.append((self.indent, "pass", self.pos, self.debt))
        self.indent -= 1

    def open_region(self, var: str, pos: int) -> Region:
        """Begin a dispatcher whose first chunk has this position. Its loop is written by `close_region`."""
        region = Region(var, self.lines, self.indent)
        self.regions.append(region)
        self.begin_chunk(pos)
        return region

    def begin_chunk(self, pos: int) -> None:
        """Begin the chunk of this position in the innermost region."""
        region = self.regions[-1]
        if region.chunks and region.chunks[-1][0] == pos:
            return
        self.lines = []
        self.indent = 0
        region.chunks.append((pos, self.lines))

    def falls_to_dispatcher(self, place: int) -> bool:
        """Tell whether the end of the current chunk leads to the tests for all chunks from `place` on."""
        chunks = self.regions[-1].chunks
        return len(chunks) == 1 and not self.indent and place > chunks[0][0]

    def close_region(self, last: str | None, declare: bool = True, threaded: bool = False) -> None:
        """Write out the innermost region. `last` is the line after its last chunk, None if that cannot be
        reached.

        `declare` False: the caller has already given the variable its first value. `threaded`: instead of a
        jump to a chunk with little to do, do it.
        """
        region = self.regions.pop()
        if last is not None:
            self.put(last)
        chunks = region.chunks
        if threaded:
            chunks = [(pos, _threaded(region, lines)) for pos, lines in chunks]
        self.lines = region.outer
        self.indent = region.indent
        if declare:
            self.put(f"{region.var} = {chunks[0][0]}")
        self.open("while True:")
        self._tree(region.var, chunks, 0, len(chunks))
        self.indent -= 1

    def _tree(self, var: str, chunks: list[tuple[int, list[Line]]], first: int, end: int) -> None:
        """Write the chunks first..end-1 under decisions."""
        while end - first > 1:
            # fast: a loop's head comes first, since every way round leads there.
            middle = first + 1 if not first else (first + end) // 2
            self.open(f"if {var} < {chunks[middle][0]}:")
            self._tree(var, chunks, first, middle)
            self.indent -= 1
            first = middle
        base = self.indent
        lines = chunks[first][1]
        if not lines:
            self.put("pass")
        self.lines.extend([(base + indent, text, pos, debt) for indent, text, pos, debt in lines])

    def finish(self, header: str) -> tuple[str, array[int], array[int]]:
        """Return the source under `header`, and per line, from the header on, the position and the debt."""
        table, debts = array("i", [0]), array("i", [0])
        table.extend([pos for _, _, pos, _ in self.lines])
        debts.extend([debt for _, _, _, debt in self.lines])
        body = "\n".join([" " * indent + text for indent, text, _, _ in self.lines])
        return f"{header}\n{body}\n", table, debts
