"""Types of what the translator knows of a module, for readers and checkers."""

from typing import Any

class ModInfo:
    """Types and places of a checked module."""

    checked: Any
    syntax: Any
    binary: bytes
    n_imported: int
    def __init__(self, checked: Any, features: Any, limits: Any) -> None: ...
