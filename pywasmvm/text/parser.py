"""The way in: a text to a `Module`, or the next module of a longer text (a script)."""

from __future__ import annotations

from ..config import Features
from ..syntax.module import Module
from .fields import FieldParser
from .lexer import Tokens

__all__ = ["ModuleParser", "parse_module"]


class ModuleParser(FieldParser):
    """Reads one module out of `tokens`. Good for one module only: index spaces belong to it."""

    def text(self) -> Module:
        """Read a whole text: `(module ...)` or just fields. Raise DecodeError if anything else follows."""
        if self.sees("module"):
            module = self.module_body()
        else:
            module = self.fields(None)
        if not self.at_end():
            self.unexpected()
        self.refuse_notes(0, self.pos)
        return module

    def module_body(self) -> Module:
        """Read `(module $id? field*)`."""
        self.expect("(")
        self.expect("module")
        module = self.fields(self.optional_id())
        self.expect(")")
        return module


def parse_module(source: str | bytes, features: Features | None = None) -> Module:
    """Parse the text of one module.

    Raise DecodeError, with line and column, if it is malformed, and UnsupportedError if it needs a feature
    that is off. Nothing is validated.
    """
    return ModuleParser(Tokens(source), features or Features()).text()
