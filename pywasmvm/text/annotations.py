"""The annotations that mean something here: `@custom`, `@name` and `@metadata.code.branch_hint`.

Spec: appendix A.5. All others are skipped. One of ours that stands where nothing takes it is an error.
"""

from __future__ import annotations

from typing import NoReturn

from ..errors import DecodeError, ValidationError
from ..syntax.instructions import Instr
from ..syntax.module import CustomSection, Module
from .immediates import ImmediateParser
from .keywords import SECTIONS
from .lexer import Note, is_one_string
from .literals import string_bytes

__all__ = ["HINT", "AnnotationParser"]

HINT = "metadata.code.branch_hint"
_TARGETS = ("if", "br_if")
# Sections in the order of the binary; a gap is the place behind one of them.
_ORDER = [number for word, number in SECTIONS.items() if word != "last"]


class AnnotationParser(ImmediateParser):
    """Takes annotations off `tokens.notes` where the grammar allows them."""

    module: Module
    module_at: int
    _names: dict[str, dict[int, str]]
    _function: int | None = None
    _hints: dict[int, tuple[bytes, Note]]
    _hinted: list[tuple[Instr, bytes]]
    _invalid: Note | None = None

    def start_annotations(self) -> None:
        """Begin a module; the next token is the first behind its identifier."""
        self._names = {}
        self._hinted = []
        self.module_at = self.pos
        self.note_name("module", 0)

    def _fail_note(self, note: Note, message: str) -> NoReturn:
        raise DecodeError(message, where=self.tokens.where_note(note))

    def _pick(self, pos: int, name: str) -> list[Note]:
        """Remove and return the annotations of this name before the token at `pos`."""
        notes = self.tokens.notes.get(pos, [])
        found = [note for note in notes if note.name == name]
        for note in found:
            notes.remove(note)
        return found

    def _text(self, note: Note, token: str) -> str:
        try:
            return string_bytes(token).decode()
        except UnicodeDecodeError:
            self._fail_note(note, f"@{note.name} annotation: malformed UTF-8 encoding")

    def _content(self, note: Note, tokens: list[str]) -> bytes:
        if not all(map(is_one_string, tokens)):
            self._fail_note(note, f"@{note.name} annotation: unexpected token")
        return b"".join(map(string_bytes, tokens))

    # -- @name

    def take_name(self, key: str, index: int) -> None:
        """Take the `(@name "...")` that stands at this position."""
        for note in self._pick(self.pos, "name"):
            if len(note.tokens) != 1 or not is_one_string(note.tokens[0]):
                self._fail_note(note, "@name annotation: unexpected token")
            names = self._names.setdefault(key, {})
            if index in names:
                self._fail_note(note, f"@name annotation: multiple {key}")
            names[index] = self._text(note, note.tokens[0])

    def annotated(self, key: str) -> dict[int, str]:
        """Remove and return the annotated names of one index space."""
        return self._names.pop(key, {})

    # -- @metadata.code.branch_hint

    def enter_function(self, funcidx: int) -> None:
        """Begin a body: code annotations belong to it."""
        self._function = funcidx
        self._hinted = []

    def hint_here(self, pos: int) -> None:
        """Take the branch hint before the next instruction."""
        found = self._pick(pos, HINT) if self._function is not None else []
        for note in found:
            if len(found) > 1:
                self._fail_note(note, f"@{HINT} annotation: duplicate annotation")
            word = self.toks[pos + 1] if self.toks[pos] == "(" else self.toks[pos]
            if word in _TARGETS:
                self.pending_hint = self._content(note, note.tokens)
            else:
                self._invalid = self._invalid or note

    def attach_hint(self, instr: Instr) -> None:
        """Remember that the pending hint is about this instruction."""
        if self.pending_hint is not None:
            self._hinted.append((instr, self.pending_hint))
            self.pending_hint = None

    def leave_function(self, instrs: list[Instr]) -> None:
        """End a body and file its hints under their instruction indices."""
        if self._hinted and self._function is not None:
            at = {id(instr): index for index, instr in enumerate(instrs)}
            found = sorted((at[id(instr)], hint) for instr, hint in self._hinted)
            self.module.branch_hints[self._function] = found
        self._function = None

    # -- @custom

    def _custom(self, note: Note) -> tuple[int, bool, CustomSection]:
        """Return the gap, whether it goes to the gap's end, and the section."""
        tokens = note.tokens
        if not tokens or not is_one_string(tokens[0]):
            self._fail_note(note, "@custom annotation: missing section name")
        name = self._text(note, tokens[0])
        placed = tokens[1:2] == ["("]
        gap, before = self._placement(note, tokens[2:5]) if placed else (len(_ORDER) - 1, True)
        data = self._content(note, tokens[5 if placed else 1 :])
        return gap, before, CustomSection(name, data, _ORDER[gap])

    def _placement(self, note: Note, tokens: list[str]) -> tuple[int, bool]:
        word = tokens[0] if tokens else ""
        if word not in ("before", "after"):
            self._fail_note(note, "@custom annotation: malformed placement")
        section = tokens[1] if len(tokens) == 3 and tokens[2] == ")" else ""
        if section not in SECTIONS:
            self._fail_note(note, "@custom annotation: malformed section kind")
        gap = len(_ORDER) - 1 if section == "last" else _ORDER.index(SECTIONS[section])
        if word == "after" or section == "first":
            return gap, section == "last"
        return (gap, False) if section == "last" else (gap - 1, True)

    # -- the end of a module

    def refuse_notes(self, start: int, end: int) -> None:
        """Raise DecodeError if one of our annotations was not taken between two tokens."""
        for index in [index for index in self.tokens.notes if start <= index <= end]:
            for name in ("custom", "name"):
                for note in self._pick(index, name):
                    self._fail_note(note, f"misplaced @{name} annotation")
            for note in self._pick(index, HINT):
                self._fail_note(note, f"@{HINT} annotation: not in a function")

    def finish_annotations(self, field_starts: list[int]) -> None:
        """Write custom sections and names; complain about annotations that nothing took."""
        module = self.module
        if self.tokens.notes:
            customs = []
            for index in (*field_starts, self.pos):
                customs += [self._custom(note) for note in self._pick(index, "custom")]
            self.refuse_notes(self.module_at, self.pos)
            customs.sort(key=lambda item: item[:2])
            module.customs = [section for _, _, section in customs]
        for key, space in self.spaces.items():
            getattr(module.names, key).update(sorted({**space.names, **self.annotated(key)}.items()))
        for typeidx, space in self.field_spaces.items():
            names = {**space.names, **self.annotated(f"fields{typeidx}")}
            if names:
                module.names.fields[typeidx] = dict(sorted(names.items()))
        if self._invalid is not None:
            where = self.tokens.where_note(self._invalid)
            raise ValidationError(f"@{HINT} annotation: invalid target", where=where)
