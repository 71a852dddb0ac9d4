"""The operand and control stacks of the validator.

Follows the algorithm in the spec's appendix, so that the two can be read side by side.
Rule 1: nothing here knows an instruction; they are the business of the table and of the rules.
Rule 2: every failure is a ValidationError without place; `body.py` adds function, instruction and offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import LimitError, ValidationError
from ..isa import Op
from ..syntax.types import RefType, ValType
from .match import BOTTOM, match_valtype

__all__ = ["UNKNOWN", "Frame", "TypeStack"]


class _Unknown:
    """The type of an operand that unreachable code conjures up: it matches everything."""

    def __repr__(self) -> str:
        return "unknown"

    __str__ = __repr__


MOST_SHOWN = 16
# An operand's type as the stack holds it: a closed ValType or UNKNOWN.
Operand = Any
UNKNOWN: Operand = _Unknown()


class Frame:
    """A control frame. `height` and `inits` are heights: of the operands, of the initialised locals."""

    __slots__ = ("height", "inits", "label", "op", "params", "results", "unreachable")

    def __init__(
        self,
        op: Op | None,
        params: tuple[ValType, ...],
        results: tuple[ValType, ...],
        label: tuple[ValType, ...],
        height: int,
        inits: int,
    ) -> None:
        self.op = op
        self.params = params
        self.results = results
        self.label = label
        self.height = height
        self.inits = inits
        self.unreachable = False


def describe(types: Sequence[Operand]) -> str:
    """Return '[i32 f32]', of many types only the last ones."""
    shown = [str(t) for t in types[-MOST_SHOWN:]]
    return f"[{' '.join(['...'] * (len(types) > MOST_SHOWN) + shown)}]"


def accepts(got: Operand, want: Operand) -> bool:
    """Return whether an operand of type `got` may be used as a `want`."""
    return got is UNKNOWN or want is UNKNOWN or match_valtype(got, want)


class TypeStack:
    """Both stacks of one body. `floor` and `unreachable` mirror the innermost frame."""

    def __init__(self) -> None:
        self.stack: list[Operand] = []
        self.frames: list[Frame] = []
        self.floor = 0
        self.most_operands = 1 << 23
        self.unreachable = False
        # Locals that have no value yet, and those that got one, in order.
        self.unset: set[int] = set()
        self.inits: list[int] = []

    # Failures

    def fail(self, message: str) -> NoReturn:
        """Raise ValidationError."""
        raise ValidationError(message)

    def mismatch(self, want: Sequence[Operand]) -> NoReturn:
        """Raise the error for operands that do not fit; none of them may have been popped yet."""
        got = self.stack[max(self.floor, len(self.stack) - len(want)) :]
        self.fail(f"type mismatch: instruction requires {describe(want)} but stack has {describe(got)}")

    # Operands

    def push(self, t: Operand) -> None:
        """Push one operand."""
        self.stack.append(t)

    def push_types(self, ts: Sequence[Operand]) -> None:
        """Push operands, the last one ends on top. Raise LimitError if no run could hold them."""
        self.stack.extend(ts)
        if len(self.stack) > self.most_operands:
            raise LimitError(f"operands of a function: over the limit of {self.most_operands}")

    def pop_any(self) -> Operand:
        """Pop one operand of whatever type and return the type."""
        if len(self.stack) > self.floor:
            return self.stack.pop()
        if not self.unreachable:
            self.fail("type mismatch: instruction requires an operand but stack has []")
        # spec: below an unreachable point "the stack is polymorphic".
        return UNKNOWN

    def pop(self, want: ValType) -> Operand:
        """Pop one operand that must match `want`; return its own type."""
        stack = self.stack
        if len(stack) > self.floor:
            got = stack[-1]
            if got is not want and not accepts(got, want):
                self.mismatch((want,))
            return stack.pop()
        if not self.unreachable:
            self.mismatch((want,))
        return UNKNOWN

    def pop_ref(self) -> RefType:
        """Pop one operand that must be a reference and return its type."""
        got = self.pop_any()
        if got is UNKNOWN:
            return RefType(False, BOTTOM)
        if not isinstance(got, RefType):
            self.fail(f"type mismatch: instruction requires a reference but stack has {describe((got,))}")
        return got

    def pop_types(self, want: Sequence[ValType]) -> None:
        """Pop operands that must match `want`, whose last is on top."""
        stack = self.stack
        depth = len(stack)
        floor = self.floor
        for t in reversed(want):
            if depth == floor:
                if not self.unreachable:
                    self.mismatch(want)
                break
            depth -= 1
            got = stack[depth]
            if got is not t and not accepts(got, t):
                self.mismatch(want)
        del stack[depth:]

    def peek_types(self, want: Sequence[ValType]) -> None:
        """Check that the topmost operands match `want` and leave them there."""
        saved = self.stack[max(self.floor, len(self.stack) - len(want)) :]
        self.pop_types(want)
        self.stack.extend(saved)

    # Control

    def push_frame(
        self,
        op: Op | None,
        params: tuple[ValType, ...],
        results: tuple[ValType, ...],
        *,
        is_loop: bool = False,
    ) -> None:
        """Enter a block; its parameters must have been popped."""
        label = params if is_loop else results
        frame = Frame(op, params, results, label, len(self.stack), len(self.inits))
        self.frames.append(frame)
        self.floor = frame.height
        self.unreachable = False
        self.stack.extend(params)

    def pop_frame(self) -> Frame:
        """Leave a block: pop its results and forget the locals that were set in it."""
        frame = self.frames[-1]
        self.pop_types(frame.results)
        if len(self.stack) != frame.height:
            left = describe(self.stack[frame.height :])
            self.fail(
                f"type mismatch: block requires {describe(frame.results)} but stack has {left} in addition"
            )
        while len(self.inits) > frame.inits:
            self.unset.add(self.inits.pop())
        self.frames.pop()
        outer = self.frames[-1] if self.frames else frame
        self.floor = outer.height
        self.unreachable = outer.unreachable
        return frame

    def set_unreachable(self) -> None:
        """Drop the operands of the block: what follows cannot run."""
        frame = self.frames[-1]
        del self.stack[frame.height :]
        frame.unreachable = self.unreachable = True

    def label(self, labelidx: int) -> tuple[ValType, ...]:
        """Return the types a branch to a label takes along."""
        if labelidx >= len(self.frames):
            self.fail(f"unknown label {labelidx}")
        return self.frames[-1 - labelidx].label
