"""Types of the compiled reader of modules, for readers and checkers."""

from collections.abc import Sequence
from typing import Any

from ..config import Features, Limits

class Loader:
    """Reads modules that use these features and stay within these limits."""

    def __init__(self, features: Features, limits: Limits) -> None: ...
    def indices(self, data: bytes, pos: int, count: int) -> tuple[Sequence[int], int]: ...
    def codes(self, data: bytes, pos: int, count: int) -> tuple[Sequence[int], int]: ...
    def datas(self, data: bytes, pos: int, count: int) -> tuple[Sequence[Sequence[int]], int]: ...
    def suspect(self, data: bytes, starts: Sequence[int], first: int, data_too: bool) -> int: ...
    def checker(
        self, checked: Any, starts: Sequence[int], typeidxs: Sequence[int], operands: int
    ) -> Checker: ...
    def place(
        self,
        data: bytes,
        addrs: Sequence[int],
        inits: Sequence[int],
        sizes: Sequence[int],
        first: int,
        last: int,
        buffer: memoryview,
    ) -> int: ...

class Checker:
    """Validates the bodies of one module."""

    def accepted(self, first: int) -> tuple[int, bool]: ...
