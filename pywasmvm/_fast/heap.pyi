"""Types of the compiled side of a store's objects, for readers and checkers."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .core import Machine

class Plan:
    """An instruction left to Python: a callable on raw values, and the classes it takes and gives."""

    run: Callable[..., Any]
    params: bytes
    results: bytes
    def __init__(self, run: Callable[..., Any], params: Iterable[int], results: Iterable[int]) -> None: ...

class Cell:
    """The storage of a global."""

    raw: Any
    def __init__(self, machine: Machine, valtype: Any) -> None: ...

class Elems:
    """The storage of a table."""

    def __init__(self, machine: Machine, reftype: Any, init: Any, count: int) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any) -> Any: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    def extend(self, values: Iterable[Any]) -> None: ...
    def extend_by(self, count: int, init: Any) -> None: ...
    def move(self, to: int, source: Elems, start: int, count: int) -> None: ...

class InstHandle:
    """The compiled side of an instance."""
