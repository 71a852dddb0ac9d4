"""A position in the tokens, the few moves a parser makes, and every error of the text format.

Rule 1: errors come from here, so each carries its line and column and the official wording in front.
"""

from __future__ import annotations

from typing import NoReturn

from ..config import Features
from ..errors import DecodeError, UnsupportedError
from ..isa.model import Feature
from .keywords import KEYWORDS
from .lexer import EOF, Tokens, identifier, is_one_string
from .literals import is_nat, nat_value, string_bytes

__all__ = ["Cursor"]

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


class Cursor:
    """Walks over `tokens`. `pos` is the index of the next token."""

    def __init__(self, tokens: Tokens, features: Features, pos: int = 0) -> None:
        self.tokens = tokens
        self.toks = tokens.items
        self.features = features
        self.pos = pos

    # -- errors

    def fail(self, message: str, index: int | None = None) -> NoReturn:
        """Raise DecodeError at the index-th token (by default the next one)."""
        raise DecodeError(message, where=self.tokens.where(self.pos if index is None else index))

    def unexpected(self, index: int | None = None) -> NoReturn:
        """Raise what is wrong with a token that may not stand where it stands."""
        index = self.pos if index is None else index
        self.fail(self.tokens.error_at(index, KEYWORDS), index)

    def need(self, feature: Feature) -> None:
        """Raise UnsupportedError if a feature is off."""
        if feature not in self.features:
            message = f"feature {feature.value} is switched off"
            raise UnsupportedError(message, where=self.tokens.where(self.pos))

    # -- moves

    def expect(self, token: str) -> None:
        """Step over exactly this token."""
        if self.toks[self.pos] != token:
            self.unexpected()
        self.pos += 1

    def accept(self, token: str) -> bool:
        """Step over this token if it is next."""
        if self.toks[self.pos] != token:
            return False
        self.pos += 1
        return True

    def opens(self, word: str) -> bool:
        """Step over `(word` if it is next."""
        if self.toks[self.pos] != "(" or self.toks[self.pos + 1] != word:
            return False
        self.pos += 2
        return True

    def sees(self, word: str) -> bool:
        """Tell whether `(word` is next."""
        return self.toks[self.pos] == "(" and self.toks[self.pos + 1] == word

    def at_end(self) -> bool:
        """Tell whether all tokens were read."""
        return self.toks[self.pos] == EOF

    def skip_group(self) -> None:
        """Step over one parenthesised group; the next token is its `(`."""
        toks, pos, depth, start = self.toks, self.pos, 0, self.pos
        while True:
            token = toks[pos]
            pos += 1
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
                if not depth:
                    break
            elif token == EOF:
                # why: what was not lexed properly may be the reason that the group does not end.
                self.unexpected(self.tokens.first_bad(start, min(pos - 1, self.tokens.count)))
        if pos - start < 2:
            self.unexpected(start)
        self.pos = pos

    # -- terminals

    def optional_id(self) -> str | None:
        """Step over an identifier and return it without `$`, or return None."""
        token = self.toks[self.pos]
        if token[:1] != "$":
            return None
        name = identifier(token)
        if name is None:
            self.unexpected()
        self.pos += 1
        return name

    def string(self) -> bytes:
        """Read a string token."""
        token = self.toks[self.pos]
        if not self.at_string():
            self.unexpected()
        self.pos += 1
        return string_bytes(token)

    def at_string(self) -> bool:
        """Tell whether a proper string token is next."""
        token = self.toks[self.pos]
        if token[:1] != '"':
            return False
        return len(token) > 1 and token[-1] == '"' and is_one_string(token)

    def strings(self) -> bytes:
        """Read any number of string tokens and join them."""
        parts = []
        while self.at_string():
            parts.append(self.string())
        return b"".join(parts)

    def name(self) -> str:
        """Read a string token that must be UTF-8."""
        start = self.pos
        data = self.string()
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail("malformed UTF-8 encoding", start)

    def natural(self, limit: int, width: str) -> int:
        """Read an unsigned integer of at most `limit`; `width` is its type in the message."""
        value = nat_value(self.toks[self.pos])
        if value is None:
            self.unexpected()
        if value > limit:
            self.fail(f"{width} constant out of range: {self.toks[self.pos]}")
        self.pos += 1
        return value

    def at_natural(self) -> bool:
        """Tell whether an unsigned integer is next."""
        return is_nat(self.toks[self.pos])
