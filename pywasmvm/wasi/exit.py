"""The end of a guest program: `proc_exit` raises it and it travels to whoever called the guest."""

from __future__ import annotations

from ..errors import WasmError

__all__ = ["ExitTrap"]


class ExitTrap(WasmError):
    """The guest called `proc_exit`. `code` is its exit status; 0 is a success, too."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"Exited with i32 exit status {code}")
