"""Identifiers for printing: names made into `$identifiers` that are unique in their space.

Rule 1: the text reads back to the same names, so what cannot be the identifier follows as `(@name "...")`.
"""

from __future__ import annotations

import re

from .literals import string_text

__all__ = ["SpaceNames", "identifier_text"]

_BARE = re.compile(r"[!#$%&'*+\-./0-9:<=>?@A-Z\\^_`a-z|~]+")


def identifier_text(name: str) -> str:
    """Return the identifier token of a name that is not empty."""
    return f"${name}" if _BARE.fullmatch(name) else "$" + string_text(name)


class SpaceNames:
    """How the entries of one index space are written."""

    def __init__(self, names: dict[int, str]) -> None:
        self._tokens: dict[int, str] = {}
        self._notes: dict[int, str] = {}
        taken = set(names.values())
        seen: dict[str, int] = {}  # name -> how many copies were numbered
        for index, name in names.items():
            unique = name
            if name in seen or not name:
                while not unique or unique in taken:
                    seen[name] = seen.get(name, 0) + 1
                    unique = f"{name or 'unnamed'}_{seen[name]}"
                taken.add(unique)
                self._notes[index] = f" (@name {string_text(name)})"
            seen.setdefault(name, 0)
            self._tokens[index] = identifier_text(unique)

    def use(self, index: int) -> str:
        """Return how the entry is referred to."""
        return self._tokens.get(index) or str(index)

    def define(self, index: int) -> str:
        """Return what stands behind the keyword of the definition: the identifier, else the number."""
        token = self._tokens.get(index)
        if token is None:
            return f" (;{index};)"
        return f" {token}{self._notes.get(index, '')}"

    def binder(self, index: int) -> str:
        """Return the identifier with a space in front, or nothing."""
        token = self._tokens.get(index)
        return f" {token}{self._notes.get(index, '')}" if token else ""

    def __contains__(self, index: int) -> bool:
        return index in self._tokens
