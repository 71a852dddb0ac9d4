"""The error tree: ask whose fault it is; the class answers.

A text starts with the wording of the official test suite where it has one ("integer divide by zero"), then a
colon, then the particulars. Match on class and `kind`, never on text.
"""

from __future__ import annotations

from dataclasses import dataclass

from .isa.model import INDEXED_TRAPS, TRAP_MESSAGES, TrapKind

__all__ = [
    "CallStackExhausted",
    "DeadlineExceeded",
    "DecodeError",
    "ExhaustionError",
    "Frame",
    "InternalError",
    "LimitError",
    "LinkError",
    "ModuleError",
    "OutOfFuel",
    "Trap",
    "UnsupportedError",
    "UsageError",
    "ValidationError",
    "WasmError",
    "WasmException",
]


@dataclass(frozen=True)
class Frame:
    """One guest frame of a trap, innermost first in `Trap.frames`.

    func_index   index in the module's function space.
    func_name    from the name section or an export, else None.
    module_name  from the name section, else None.
    offset       byte offset of the instruction in the binary, None where it is not known.
    """

    func_index: int
    func_name: str | None = None
    module_name: str | None = None
    offset: int | None = None

    @property
    def func(self) -> str:
        """The function in words."""
        return (
            f'function {self.func_index} "{self.func_name}"'
            if self.func_name
            else f"function {self.func_index}"
        )

    def __str__(self) -> str:
        return f"{self.func} at offset {self.offset:#x}" if self.offset is not None else self.func


class WasmError(Exception):
    """Anything this package raises on purpose.

    `message` is the text without place, `offset` the byte position in the binary (None where there is none),
    `where` the place in words: 'function 12 "handler", instruction 7' or 'line 3, column 9'.
    """

    def __init__(self, message: str, *, offset: int | None = None, where: str = "") -> None:
        self.message = message
        self.offset = offset
        self.where = where
        super().__init__(self._text())

    def locate(self, where: str) -> None:
        """Add the place, for an error that is made before its place is known. The first one stays."""
        if not self.where:
            self.where = where
            self.args = (self._text(),)

    def _text(self) -> str:
        parts = [self.message]
        if self.where:
            parts.append(f"in {self.where}" if not self.where.startswith("line ") else f"at {self.where}")
        if self.offset is not None:
            parts.append(f"at offset {self.offset:#x}")
        return " ".join(parts) if len(parts) == 1 else f"{parts[0]} ({', '.join(parts[1:])})"


class ModuleError(WasmError):
    """The module is at fault."""


class DecodeError(ModuleError):
    """Malformed: the bytes or the text cannot be read (the suite's assert_malformed)."""


class ValidationError(ModuleError):
    """Invalid: it can be read but breaks a typing rule (the suite's assert_invalid)."""


class UnsupportedError(ModuleError):
    """Well-formed, but it needs a feature that is switched off."""


class LinkError(WasmError):
    """The import map is at fault (the suite's assert_unlinkable)."""


class Trap(WasmError):
    """The guest's run is at fault. `kind` is the reason, `frames` the guest's stack, innermost first."""

    def __init__(self, kind: TrapKind | str, detail: str = "", *, frames: tuple[Frame, ...] = ()) -> None:
        # A text without a kind of the standard is a host's own trap.
        self.kind = TrapKind.NONE if isinstance(kind, str) else TrapKind(kind)
        text = kind if isinstance(kind, str) else TRAP_MESSAGES[kind]
        self.frames: tuple[Frame, ...] = frames
        if detail and self.kind:
            text += f" {detail}" if self.kind in INDEXED_TRAPS else f": {detail}"
        super().__init__(text)


class WasmException(WasmError):
    """An exception thrown by the guest reached the embedder uncaught.

    `tag` is the Tag object, `args` payload is in `values` (the values thrown).
    """

    def __init__(self, tag: object, values: tuple[object, ...] = ()) -> None:
        self.tag = tag
        self.values = values
        super().__init__("uncaught exception")


class ExhaustionError(WasmError):
    """A limit was reached (the suite's assert_exhaustion)."""


class CallStackExhausted(ExhaustionError):
    """The guest's call depth or value stack passed its limit. The instance stays usable."""


class OutOfFuel(ExhaustionError):
    """The fuel tank could not pay the next block. `fuel_needed` is what that block costs."""

    def __init__(self, message: str = "all fuel consumed", *, fuel_needed: int = 0, where: str = "") -> None:
        self.fuel_needed = fuel_needed
        super().__init__(message, where=where)


class LimitError(ExhaustionError):
    """Another limit was reached; the text names the limit, its value and where it was hit."""


class DeadlineExceeded(LimitError):
    """A call took longer than the store's deadline, `seconds`. The store stays usable."""

    def __init__(self, message: str = "deadline exceeded", *, seconds: float = 0.0, where: str = "") -> None:
        self.seconds = seconds
        super().__init__(message, where=where)


class UsageError(WasmError, TypeError, ValueError):
    """The embedder is at fault: wrong arity or type, a closed store, an unknown name."""


class InternalError(WasmError):
    """We are at fault. It cannot happen in valid code; please report it."""
