"""What an expression costs: steps, counted while it is compiled and evaluated.

One step is a node of the expression that is visited, each time anew in a macro's loop, or what a function
does with 64 bytes of text or a few elements. A regular expression is matched by RE2, whose time is bounded by
the length of the text times the size of the program, and is counted so before it starts.
Rule 1: every step is taken from the budget of the running call from the host, and every few look at its
        deadline.
Rule 2: what would be too much is not begun.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import thread_time
from typing import Any

from . import Optional

celpy = Optional("celpy")
evaluation = Optional("celpy.evaluation")
re2 = Optional("re2")

__all__ = ["Steps", "counted_runner"]

BYTES_PER_STEP = 64
STEPS_PER_LOOK = 8
# Program size that RE2 may reach for one pattern; more is an error of the pattern.
PATTERN_MEMORY = 1 << 18
# Seconds of the parser per byte, as long as none was measured: it cannot be interrupted.
_PACE = 2e-5


class Steps:
    """The account of one host call."""

    pace = _PACE

    def __init__(self, vm: Any) -> None:
        self.vm = vm
        self._since_look = 0

    def spend(self, steps: int) -> None:
        """Take steps from the budget. Raise LimitError or DeadlineExceeded, which end the guest."""
        self.vm.budget.expression(steps)
        self._since_look += steps
        if self._since_look >= STEPS_PER_LOOK:
            self._since_look = 0
            self.vm.store.meter.check(False)

    def parse(self, environment: Any, text: str) -> Any:
        """Parse an expression: a step per byte, and not without the time for it."""
        self.spend(len(text))
        self.vm.store.meter.foresee(len(text) * Steps.pace)
        began = thread_time()
        tree = environment.compile(text)
        if len(text) > BYTES_PER_STEP:
            Steps.pace = (Steps.pace + (thread_time() - began) / len(text)) / 2
        return tree

    def functions(self, own: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
        """Return the functions of the language, counted; `own` replace some of the library's."""
        found = {**evaluation.base_functions, **own}
        # why: `matches` knows better what it costs.
        return {**{name: self._counted(f) for name, f in found.items()}, "matches": self._matches}

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.spend(1 + sum(map(_weight, args)))
            return function(*args)

        return counted

    def _matches(self, text: Any, pattern: Any) -> Any:
        if not isinstance(text, str) or not isinstance(pattern, str):
            return evaluation.CELEvalError("no such overload")
        self.spend(1 + len(pattern))
        options = re2.Options()
        options.max_mem, options.log_errors = PATTERN_MEMORY, False
        try:
            program = re2.compile(pattern, options=options)
        except re2.error as e:
            return evaluation.CELEvalError("match error", type(e), e.args)
        self.spend(len(text) * program.programsize // BYTES_PER_STEP)
        return celpy.celtypes.BoolType(program.search(text) is not None)


def _weight(value: Any) -> int:
    """Return the steps of looking at a value once."""
    if isinstance(value, (str, bytes)):
        return len(value) // BYTES_PER_STEP
    if isinstance(value, list):
        return len(value) // STEPS_PER_LOOK + sum(map(_weight, value))
    if isinstance(value, dict):
        return len(value) + sum(map(_weight, value.values()))
    return 0


@cache
def counted_runner() -> Any:
    """Return the class of programs whose `steps` count each visit of a node."""

    class Evaluator(evaluation.Evaluator):  # type: ignore[misc, name-defined]
        steps: Steps

        def sub_evaluator(self, ast: Any) -> Any:
            found = Evaluator(ast, activation=self.activation)
            found.steps = self.steps
            return found

        def visit(self, tree: Any) -> Any:
            self.steps.spend(1)
            return super().visit(tree)

    class Runner(celpy.InterpretedRunner):  # type: ignore[misc, name-defined]
        def evaluate_counted(self, context: dict[str, Any], steps: Steps, own: dict[str, Any]) -> Any:
            """Evaluate with the steps on an account."""
            self.functions = steps.functions(own)
            evaluator = Evaluator(ast=self.ast, activation=self.new_activation())
            evaluator.steps = steps
            return evaluator.evaluate(context)

    return Runner
