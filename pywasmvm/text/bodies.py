"""Instructions and expressions: spec chapter 6.5, plain and folded.

Rule 1: nothing here recurses, whatever the nesting: open blocks and folded operators wait on a
        stack of frames.
Rule 2: a frame decides what may follow, by its mode: a sequence of anything, folded operands only, the
        operands of a folded `if` before its `then`, or what comes behind it.
Rule 3: how immediates are written follows from their shape; the readers stand in `immediates`.
"""

from __future__ import annotations

from typing import Any

from ..isa import BY_NAME
from ..isa.model import Imm, Op
from ..syntax.instructions import Catch, Instr, InstrList
from ..syntax.types import ValType
from .immediates import READERS, ImmediateParser, Reader
from .keywords import BARE, CATCHES, PROPOSED, ROWS_BY_TEXT, twin_rows

__all__ = ["BodyParser"]

_END: Instr = (BY_NAME["end"],)
_ELSE: Instr = (BY_NAME["else"],)
_IF = BY_NAME["if"]

# Modes of a frame.
_SEQUENCE, _OPERANDS, _CONDITION, _AFTER_THEN = range(4)
# Kinds of a frame; what its closing token does.
_OPERATOR, _FOLDED, _THEN, _ELSE_PART, _FOLDED_IF, _PLAIN, _PLAIN_IF, _PLAIN_ELSE = range(8)

_Frame = tuple[int, Instr, int]  # kind, instruction to write when it closes, mode of the frame around it

_BLOCKS: dict[str, Op] = {
    text: rows[0] for text, rows in ROWS_BY_TEXT.items() if rows[0].imms[:1] == (Imm.BLOCKTYPE,)
}
_PLAIN_READERS: dict[str, tuple[Op, Reader]] = {
    text: (rows[0], READERS[Imm.HEAPTYPE, Imm.HEAPTYPE] if twin_rows(rows) else READERS[rows[0].imms])
    for text, rows in ROWS_BY_TEXT.items()
    if rows[0].imms and rows[0].imms[0] is not Imm.BLOCKTYPE
}
_PLAIN_READERS["select"] = (BY_NAME["select"], READERS[(Imm.VALTYPE_VEC,)])


class BodyParser(ImmediateParser):
    """Reads instruction sequences into a flat list."""

    frames: list[_Frame]
    out: list[Instr]
    mode: int

    def expression(self) -> InstrList:
        """Read instructions up to the closing parenthesis around them, which stays."""
        return InstrList([*self.sequence(), _END])

    def folded_expression(self) -> InstrList:
        """Read exactly one folded instruction."""
        if self.toks[self.pos] != "(":
            self.unexpected()
        return InstrList([*self.sequence(single=True), _END])

    def sequence(self, *, single: bool = False) -> list[Instr]:
        """Read instructions, all up to a closing parenthesis or one folded one."""
        toks, bare, readers, notes = self.toks, BARE, _PLAIN_READERS, self.tokens.notes
        self.frames = frames = []
        out: list[Any] = []
        self.out = out
        mode = _SEQUENCE
        pos = self.pos
        while True:
            token = toks[pos]
            if notes and pos in notes:
                self.hint_here(pos)
            if token == "(":
                word = toks[pos + 1]
                instr = bare.get(word)
                found = None if instr else readers.get(word)
                if instr is None and found is None or mode == _AFTER_THEN or word in PROPOSED:
                    self.pos, self.mode = pos, mode
                    instr = self._open(word, instr, found)
                    pos, mode = self.pos, self.mode
                    if instr is None:
                        continue
                elif found is not None:
                    self.pos = pos + 2
                    instr = found[1](self, found[0])
                    pos = self.pos
                else:
                    pos += 2
                if toks[pos] == ")":
                    out.append(instr)
                    pos += 1
                else:
                    frames.append((_OPERATOR, instr, mode))
                    mode = _OPERANDS
            elif token == ")":
                if not frames:
                    break
                if mode == _OPERANDS:
                    _, instr, mode = frames.pop()
                    out.append(instr)
                    pos += 1
                else:
                    self.pos, self.mode = pos, mode
                    self._close()
                    pos, mode = self.pos, self.mode
            else:
                self.pos, self.mode = pos, mode
                self._plain(token)
                pos, mode = self.pos, self.mode
            if single and not frames:
                break
        self.pos = pos
        return out

    # -- folded

    def _open(self, word: str, instr: Instr | None, found: tuple[Op, Reader] | None) -> Instr | None:
        """Handle `(` before anything but an ordinary operator; return an instruction only for that."""
        if self.mode == _AFTER_THEN:
            if word != "else":
                self.unexpected(self.pos + 1)
            self.pos += 2
            self.out.append(_ELSE)
            self._push(_ELSE_PART, _END, _SEQUENCE)
            return None
        if self.mode == _CONDITION and word == "then":
            self.pos += 2
            self._start_then()
            return None
        self.pos += 1
        if instr is not None or found is not None:
            self.need(BARE[word][0].feature if instr else found[0].feature if found else _IF.feature)
            self.pos += 1
            return instr or (found[1](self, found[0]) if found else None)
        op = _BLOCKS.get(word)
        if op is None:
            self.unexpected()
        self.pos += 1
        label = self.optional_id()
        block = self._block(op)
        if op is _IF:
            # why: the label waits in the frame's instruction: operands of `if` stand outside its block.
            self._push(_FOLDED_IF, (block, label), _CONDITION)
        else:
            self.out.append(block)
            self.enter_label(label)
            self._push(_FOLDED, _END, _SEQUENCE)
        return None

    def _start_then(self) -> None:
        _, (block, label), outer = self.frames.pop()
        self.out.append(block)
        self.enter_label(label)
        self.frames.append((_FOLDED_IF, _END, outer))
        self.mode = _AFTER_THEN
        self._push(_THEN, _END, _SEQUENCE)

    def _push(self, kind: int, instr: Instr, mode: int) -> None:
        self.frames.append((kind, instr, self.mode))
        self.mode = mode

    def _close(self) -> None:
        """Handle `)` where it does not end a plain operator."""
        kind, instr, outer = self.frames[-1]
        if self.mode == _CONDITION or kind >= _PLAIN:
            self.unexpected()
        self.frames.pop()
        self.pos += 1
        self.mode = outer
        if kind == _THEN:
            return
        if kind == _ELSE_PART:
            self.expect(")")  # only the end of the folded `if` may follow
            _, instr, self.mode = self.frames.pop()
        self.out.append(instr)
        self.leave_label()

    # -- plain

    def _plain(self, token: str) -> None:
        """Read one instruction that is not folded, or what opens, divides or closes a block."""
        if self.mode != _SEQUENCE:
            self.unexpected()
        instr = BARE.get(token)
        if instr is not None:
            if token in PROPOSED:
                self.need(instr[0].feature)
            self.pos += 1
            self.out.append(instr)
            return
        found = _PLAIN_READERS.get(token)
        if found is not None:
            if token in PROPOSED:
                self.need(found[0].feature)
            self.pos += 1
            self.out.append(found[1](self, found[0]))
            return
        op = _BLOCKS.get(token)
        if op is not None:
            self.pos += 1
            label = self.optional_id()
            self.out.append(self._block(op))
            self.enter_label(label)
            self._push(_PLAIN_IF if op is _IF else _PLAIN, _END, _SEQUENCE)
            return
        kind = self.frames[-1][0] if self.frames else _OPERATOR
        if token == "else" and kind == _PLAIN_IF:
            self.pos += 1
            self._closing_label()
            self.frames[-1] = (_PLAIN_ELSE, _END, self.frames[-1][2])
            self.out.append(_ELSE)
        elif token == "end" and kind >= _PLAIN:
            self.pos += 1
            self._closing_label()
            _, instr, self.mode = self.frames.pop()
            self.leave_label()
            self.out.append(instr)
        else:
            self.unexpected()

    def _closing_label(self) -> None:
        at = self.pos
        label = self.optional_id()
        if label is not None and label != self.labels[-1]:
            self.fail(f"mismatching label: ${label}", at)

    # -- blocks

    def _block(self, op: Op) -> Instr:
        """Read the type of a block, and the clauses of try_table, behind its label."""
        blocktype = self.blocktype()
        if len(op.imms) == 1:
            instr = (op, blocktype)
            if self.pending_hint is not None:
                self.attach_hint(instr)
            return instr
        clauses: list[Catch] = []
        while self.toks[self.pos] == "(" and self.toks[self.pos + 1] in CATCHES:
            kind = CATCHES[self.toks[self.pos + 1]]
            self.pos += 2
            tagidx = self.index(self.spaces["tags"]) if kind < 2 else None
            clauses.append(Catch(kind, tagidx, self.label()))
            self.expect(")")
        return (op, blocktype, tuple(clauses))

    def blocktype(self) -> ValType | int | None:
        """Read a block type; without an explicit type the shortest form that can say it is chosen."""
        toks, pos = self.toks, self.pos
        if toks[pos] != "(" or toks[pos + 1] not in ("type", "param", "result"):
            return None
        if toks[pos + 1] == "type":
            return self.typeuse(named=False).typeidx
        functype = self.functype(None)
        if functype.params or len(functype.results) > 1:
            return self.types.plain_function(functype)
        return functype.results[0] if functype.results else None
