"""Validation of one function body or constant expression.

Spec: chapters 3.5.1 (functions) and 3.4.13 (expressions); the algorithm is that of the appendix.
"""

from __future__ import annotations

from ..config import Features
from ..isa import BY_NAME, Feature, Kind
from ..syntax.instructions import Instr
from ..syntax.types import FuncType, ValType
from .checked import CheckedModule
from .context import Body
from .rules import RULES
from .signatures import FIXED
from .stack import accepts

__all__ = ["BodyValidator"]

_LOCAL_GET, _GLOBAL_GET, _REF_FUNC = BY_NAME["local.get"], BY_NAME["global.get"], BY_NAME["ref.func"]


class BodyValidator(Body):
    """Runs the rules over a list of instructions; `index` is that of the last one looked at."""

    def __init__(self, checked: CheckedModule, features: Features) -> None:
        super().__init__(checked, features)
        self.index = -1

    def validate_func(self, functype: FuncType, instrs: list[Instr]) -> None:
        """Check a function body; `local_types` and `unset` have been filled in."""
        self.push_frame(None, (), functype.results)
        self._run(instrs)

    def validate_const(self, want: ValType, instrs: list[Instr]) -> None:
        """Check a constant expression that has to deliver a `want`."""
        first = instrs[0]
        if len(instrs) == 2 and first[0].const and FIXED.get(first[0]) == ((), (want,)):
            return  # fast: one number, as in the tens of thousands of data segments of a Go module
        for self.index, instr in enumerate(instrs):
            self._check_const(instr)
        self.push_frame(None, (), (want,))
        self._run(instrs)

    def _check_const(self, instr: Instr) -> None:
        op = instr[0]
        if not op.const or (op.kind is Kind.BINOP and Feature.EXTENDED_CONST not in self.features):
            self.fail(f"constant expression required: {op.text} is not constant")
        if op is _GLOBAL_GET:
            if self.global_(instr[1]).mutable:
                self.fail(f"constant expression required: global {instr[1]} is mutable")
        elif op is _REF_FUNC:
            self.checked.declared.add(instr[1])

    def _run(self, instrs: list[Instr]) -> None:
        """Type the instructions one after the other. Raise ValidationError with `index` set."""
        stack = self.stack
        push, extend = stack.append, stack.extend
        fixed, rules = FIXED.get, RULES
        local_types, unset = self.local_types, self.unset
        n_locals = len(local_types)
        floor = self.floor
        index = 0
        try:
            # fast: every instruction of a module comes by here. The two kinds that most of them are,
            # local.get and rows that look at operands only, are typed in place: no call, and types compared
            # by identity first.
            for index, instr in enumerate(instrs):  # noqa: B007 (the failing one's is kept)
                op = instr[0]
                if op is _LOCAL_GET and instr[1] < n_locals and not unset:
                    push(local_types[instr[1]])
                    continue
                signature = fixed(op)
                if signature is None:
                    rules[op](self, instr)
                    floor = self.floor
                    continue
                params, results = signature
                if params:
                    depth = len(stack)
                    for want in params:
                        if depth == floor:
                            if not self.unreachable:
                                self.mismatch(params[::-1])
                            break
                        depth -= 1
                        got = stack[depth]
                        if got is not want and not accepts(got, want):
                            self.mismatch(params[::-1])
                    del stack[depth:]
                extend(results)
        finally:
            self.index = index
