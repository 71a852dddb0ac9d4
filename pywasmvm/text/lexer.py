"""Text to tokens: spec chapter 6.3. Tokens are plain strings, so that a parser is dictionary look-ups.

Rule 1: one compiled regular expression does all the work; a token's position is not kept. It is found again,
        by lexing once more up to the token, only when an error needs it.
Rule 2: what is lexically wrong becomes a token that no grammar rule accepts, so the first mistake in the
        text is the one reported. `Tokens.error_at` then says what kind it was.
Rule 3: annotations are lifted out of the token list into `Tokens.notes`, each under the index of the token it
        stands before. Who understands an annotation looks there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from ..errors import DecodeError
from .literals import is_number, string_bytes

__all__ = ["EOF", "Note", "Tokens", "identifier", "is_one_string"]

EOF = ""  # what stands behind the last token

_ID = r"[!#$%&'*+\-./0-9:<=>?@A-Z\\^_`a-z|~]"
_PLAIN = r'[^"\\\x00-\x1f\x7f]*'
_ESCAPE = r"""\\(?:[0-9a-fA-F]{2}|[tnr"'\\]|u\{[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*\})"""
_STRING = rf'"{_PLAIN}(?:{_ESCAPE}{_PLAIN})*"'
_SPACE = r"(?:[ \t\n\r]+|;;[^\n\r]*)*"
# A token and the space behind it. Last comes what begins no token: a string without end takes all of the
# rest, so that lexing stays linear; anything else is one character.
_TOKEN = re.compile(
    rf"(\(@(?:{_STRING}|{_ID}*)|[()]|{_ID}+(?:{_STRING}{_ID}*)*|{_STRING}(?:{_ID}+|{_STRING})*"
    rf"|\"[\s\S]*|[^ \t\n\r]){_SPACE}"
)
_ID_CHAR = re.compile(_ID)
_RUN = re.compile(rf"(?:{_ID}+|{_STRING})+")
_LEADING = re.compile(_SPACE)
_ONE_STRING = re.compile(_STRING)
_COMMENT_START = re.compile(rf"{_STRING}|;;[^\n\r]*|(\(;)")
_COMMENT_EDGE = re.compile(r"\(;|;\)")
_BLANK = re.compile(r"[^\n\r]")
_RESERVED = frozenset(",;[]{}")
_FIELD = re.compile(r"(?:offset|align)=([0-9].*)")


class Note(NamedTuple):
    """An annotation: its name, its tokens without the outer parentheses, the index of its first raw token."""

    name: str
    tokens: list[str]
    origin: int


class Tokens:
    """The tokens of one text; `items` ends with several `EOF`, so looking a little ahead is always safe."""

    def __init__(self, source: str | bytes) -> None:
        """Lex `source`.

        Raise DecodeError if bytes are not UTF-8; every other mistake waits for the parser.
        """
        if not isinstance(source, str):
            try:
                source = str(source, "utf-8")
            except UnicodeDecodeError as error:
                raise DecodeError(f"malformed UTF-8 encoding: {error.reason}", offset=error.start) from None
        self.unclosed_comment: int | None = None
        if "(;" in source:
            source = self._blank_comments(source)
        self.source = source
        leading = _LEADING.match(source)
        self._start = leading.end() if leading else 0
        self.items: list[str] = _TOKEN.findall(source, self._start)
        if self.items and self.items[-1][0] == '"' and not _RUN.fullmatch(self.items[-1]):
            self.items[-1] = '"'
        self.notes: dict[int, list[Note]] = {}
        self._removed: list[tuple[int, int]] = []  # (index after removal, raw tokens removed up to there)
        self._bad: tuple[int, str] | None = None
        if "(@" in source:
            self._lift_annotations()
        self.count = len(self.items)
        self.items += [EOF] * 8

    def _blank_comments(self, source: str) -> str:
        """Replace block comments by spaces of the same length: they nest, so no expression can skip them."""
        parts: list[str] = []
        done = pos = 0
        while match := _COMMENT_START.search(source, pos):
            pos = match.end()
            if match[1] is None:
                continue
            depth = 1
            while depth:
                edge = _COMMENT_EDGE.search(source, pos)
                if edge is None:
                    self.unclosed_comment = match.start()
                    return "".join(parts) + source[done : match.start()] + "\0"
                depth += 1 if edge[0] == "(;" else -1
                pos = edge.end()
            parts.append(source[done : match.start()])
            parts.append(_BLANK.sub(" ", source[match.start() : pos]))
            done = pos
        parts.append(source[done:])
        return "".join(parts)

    def _lift_annotations(self) -> None:
        raw, out = self.items, []
        index, size = 0, len(raw)
        while index < size:
            token = raw[index]
            if token[:2] != "(@":
                out.append(token)
                index += 1
                continue
            end, problem = self._annotation_end(raw, index)
            if problem:
                self._bad = (len(out), problem)
                self._removed.append((len(out), end - len(out)))
                out.append("\0")
                break
            name = _decode_id(token[2:], "")
            self.notes.setdefault(len(out), []).append(Note(name, raw[index + 1 : end - 1], index))
            index = end
            self._removed.append((len(out), index - len(out)))
        self.items = out

    def _annotation_end(self, raw: list[str], start: int) -> tuple[int, str]:
        """Return the index behind the annotation's last parenthesis and "", or the culprit's and why."""
        try:
            if not _decode_id(raw[start][2:], ""):
                return start, "empty annotation id"
        except UnicodeDecodeError:
            return start, "malformed UTF-8 encoding: annotation id"
        depth, index = 0, start
        for index in range(start, len(raw)):
            token = raw[index]
            if token[0] == "(":
                depth += 1
            elif token == ")":
                depth -= 1
                if not depth:
                    return index + 1, ""
            elif len(token) == 1 and (token == '"' or token < " " or token > "~"):
                return index, self._character_problem(index)
        return index, "unclosed annotation"

    def raw_offset(self, raw_index: int) -> int:
        """Return where in the source the raw token (annotations counted) begins."""
        pos = self._start
        for _ in range(raw_index):
            match = _TOKEN.match(self.source, pos)
            if match is None:
                break
            pos = match.end()
        return pos

    def _raw_index(self, index: int) -> int:
        at = bisect_right(self._removed, (index, 1 << 62)) - 1
        return index + self._removed[at][1] if at >= 0 else index

    def where(self, index: int) -> str:
        """Return 'line 3, column 9' of the index-th token."""
        return self._line_column(self.raw_offset(self._raw_index(index)))

    def _line_column(self, offset: int) -> str:
        before = self.source[:offset].replace("\r\n", "\n").replace("\r", "\n")
        return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"

    def line_numbers(self) -> Callable[[int], int]:
        """Return a function from token indices, which must not fall, to line numbers."""
        offset, line, raw = self._start, 1 + self.source.count("\n", 0, self._start), 0

        def line_of(index: int) -> int:
            nonlocal offset, line, raw
            target = self._raw_index(index)
            start = offset
            while raw < target:
                match = _TOKEN.match(self.source, offset)
                if match is None:
                    break
                offset = match.end()
                raw += 1
            line += self.source.count("\n", start, offset)
            return line

        return line_of

    def where_note(self, note: Note) -> str:
        """Return the place of an annotation."""
        return self._line_column(self.raw_offset(note.origin))

    def _character_problem(self, raw_index: int) -> str:
        """Say what is wrong with a single-character token that begins no proper one."""
        offset = self.raw_offset(raw_index)
        if self.source[offset : offset + 1] != '"':
            if self.unclosed_comment is not None and offset >= len(self.source) - 1:
                return "unclosed comment"
            return "illegal character"
        rest = re.compile(rf"{_PLAIN}(?:{_ESCAPE}{_PLAIN})*").match(self.source, offset + 1)
        stop = self.source[rest.end() : rest.end() + 1] if rest else ""
        if stop in ("", "\n", "\r"):
            return "unclosed string"
        return "illegal escape" if stop == "\\" else "illegal control character in string literal"

    def first_bad(self, start: int, end: int) -> int:
        """Return the index of the first token between two that is one character and no proper token."""
        for index in range(start, end):
            token = self.items[index]
            if token == "$" or len(token) == 1 and token not in "()" and not _ID_CHAR.match(token):
                return index
        return end

    def error_at(self, index: int, keywords: frozenset[str]) -> str:
        """Return the official message for a token that no rule accepts at its place."""
        token = self.items[index]
        if self._bad is not None and index == self._bad[0]:
            return self._bad[1]
        if token == EOF:
            return "unexpected token: end of text"
        if token in keywords or token in ("(", ")") or is_number(token):
            return f"unexpected token: {token}"
        if len(token) == 1 and token not in _RESERVED and not _ID_CHAR.match(token):
            return f"{self._character_problem(self._raw_index(index))}: {token!r}"
        if token[0] == '"' and _ONE_STRING.fullmatch(token):
            return f"unexpected token: {token}"
        if token[0] == "$":
            return self._identifier_problem(index, token)
        field = _FIELD.fullmatch(token)
        if field and is_number(field[1]):
            return f"unexpected token: {token}"
        return f"unknown operator {token}"

    def _identifier_problem(self, index: int, token: str) -> str:
        if token == "$":
            return "empty identifier"
        if token[1] == '"' and _ONE_STRING.fullmatch(token, 1):
            try:
                return "empty identifier" if not _decode_id(token, "$") else f"unexpected token: {token}"
            except UnicodeDecodeError:
                return f"malformed UTF-8 encoding: {token}"
        return f"unknown operator {token}" if '"' in token else f"unexpected token: {token}"


def _decode_id(token: str, sigil: str) -> str:
    body = token[len(sigil) :]
    return str(string_bytes(body), "utf-8") if body[:1] == '"' else body


def identifier(token: str) -> str | None:
    """Return the name of a `$name` or `$"name"` token without `$`, None if it is no proper identifier."""
    if token[:1] != "$" or len(token) == 1:
        return None
    if '"' not in token:
        return token[1:]
    if token[1] != '"' or not _ONE_STRING.fullmatch(token, 1):
        return None
    try:
        return _decode_id(token, "$") or None
    except UnicodeDecodeError:
        return None


def is_one_string(token: str) -> bool:
    """Tell whether a token is one string and nothing more."""
    return _ONE_STRING.fullmatch(token) is not None
