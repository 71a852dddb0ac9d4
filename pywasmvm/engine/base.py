"""What an engine is to the runtime, which reaches it through the Engine object and never imports one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..errors import Frame
    from ..runtime.instance import Instance
    from ..syntax.instructions import Expr
    from ..syntax.types import ValType

__all__ = ["Backend"]


class Backend(Protocol):
    """Runs the guest code of one Engine's stores.

    name   "python" or "cython".
    """

    name: str

    def bind(self, instance: Instance) -> None:
        """Give every defined Func of the instance its `code`. Called once, before anything of it can run."""

    def evaluate(self, instance: Instance, expr: Expr, valtype: ValType) -> Any:
        """Return the raw value of a constant expression. What it names has been made already."""

    def frames(self, exc: BaseException) -> tuple[Frame, ...]:
        """Return the guest frames an exception passed, innermost first."""
