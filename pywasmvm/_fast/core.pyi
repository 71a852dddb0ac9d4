"""Types of the compiled driver, for readers and checkers."""

from collections.abc import Callable
from typing import Any

from .heap import Heap
from .modinfo import ModInfo
from .storage import InstHandle

class Machine(Heap):
    """What runs the guests of one store."""

    def __init__(
        self,
        store: Any,
        i31: type,
        exn_class: type,
        wrap: Callable[[Any], Any],
        tell_frames: Callable[[BaseException], None],
    ) -> None: ...
    def bind(self, instance: Any, info: ModInfo, planner: Any) -> InstHandle: ...
    def give_code(self, func: Any) -> None: ...

class Code:
    """What `Func.code` is for a guest function: a callable on raw values."""

    def __call__(self, *args: Any) -> Any: ...

class QuickFunc:
    """Comes before Func among the bases of guest functions."""

    def __call__(self, *args: Any) -> Any: ...
