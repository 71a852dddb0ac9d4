"""Types of the compiled engine's heap and the host's holds on its objects, for readers and checkers."""

from typing import Any

from ..syntax.types import DefType

class Held:
    """A counted hold on an object."""

    owner: Any
    kind: int
    descriptor: Any
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...
    def __setitem__(self, index: int, raw: Any) -> None: ...

class Heap:
    """What the guests of one store can reach."""

    heap_used: int
    def new_struct(self, deftype: DefType, fields: Any, descriptor: Any) -> Any: ...
    def new_array(self, deftype: DefType, elems: Any) -> Any: ...
    def new_exception(self, tag: Any, values: tuple[Any, ...]) -> Any: ...
    def collect(self) -> None: ...
