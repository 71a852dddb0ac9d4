"""Libraries that an extra brings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Optional"]


class Optional:
    """A library that an extra brings: loaded when a name of it is first needed, false if it is missing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        try:
            import_module(self._name)
        except ImportError:
            return False
        return True

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._name), name)
        setattr(self, name, found)
        return found
