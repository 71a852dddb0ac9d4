"""What an expression costs: steps, counted while it is compiled and evaluated.

One step is a node of the expression that is visited, each time anew in a macro's loop, or what a function
does with 64 bytes of text or a few elements. A regular expression is matched by RE2, whose time is bounded by
the length of the text times the size of the program, and is counted so before it starts.
Rule 1: every step is taken from the budget of the running call from the host, and every few look at its
        deadline.
Rule 2: what would be too much is not begun.
Rule 3: an expression costs the same steps whether its tree is known already (KNOWN) or not.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from time import thread_time
from typing import Any, NamedTuple

from ..optional import Optional

celpy = Optional("celpy")
evaluation = Optional("celpy.evaluation")
re2 = Optional("re2")

__all__ = ["NoSuchFunction", "Steps", "program"]

BYTES_PER_STEP = 64
STEPS_PER_LOOK = 8
MACROS = frozenset({"has", "all", "exists", "exists_one", "map", "filter", "dyn"})
# Program size that RE2 may reach for one pattern; more is an error of the pattern.
PATTERN_MEMORY = 1 << 18
# Seconds of the parser per byte, as long as none was measured: it cannot be interrupted.
_PACE = 2e-5
# Nodes that mean their child if they have only one.
STANDING = frozenset(
    {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary"}
)
# Frames of Python that the parser may take; the library itself asks for so many.
_FRAMES = 2500


class Parsed(NamedTuple):
    """An expression's tree, and the names in it."""

    tree: Any
    names: frozenset[str]


class Known:
    """Trees by their texts, the last used ones: plugins compile the same few expressions again and again.

    A tree takes some thousand times the room of its text, so only short texts are kept, few bytes in all.
    """

    longest, most = 1 << 9, 1 << 14  # bytes: of one text, of all

    def __init__(self) -> None:
        self._trees: OrderedDict[str, Parsed] = OrderedDict()
        self._size = 0
        self._lock = Lock()  # why: hosts may run in several threads

    def get(self, text: str) -> Parsed | None:
        with self._lock:
            found = self._trees.get(text)
            if found is not None:
                self._trees.move_to_end(text)
            return found

    def keep(self, text: str, parsed: Parsed) -> None:
        with self._lock:
            if len(text) > self.longest or text in self._trees:
                return
            self._trees[text] = parsed
            self._size += len(text)
            while self._size > self.most:
                self._size -= len(self._trees.popitem(last=False)[0])


KNOWN = Known()


class NoSuchFunction(Exception):  # noqa: N818 - why: the language's own words
    """A function is called that the language lacks."""


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

    def parse(self, text: str) -> Parsed:
        """Parse an expression: a step per byte, and not without the time for it.

        Raise CELParseError, NoSuchFunction, or RecursionError for one that is too deep.
        """
        self.spend(len(text))
        parsed = KNOWN.get(text)
        if parsed is None:
            self.vm.store.meter.foresee(len(text) * Steps.pace)
            began = thread_time()
            with _few_frames():
                tree = _environment().compile(text)
                names = frozenset(str(t) for t in tree.scan_values(lambda t: t.type == "IDENT"))
                tree = _shortened(tree)
            _check_functions(tree)
            if len(text) > BYTES_PER_STEP:
                Steps.pace = (Steps.pace + (thread_time() - began) / len(text)) / 2
            parsed = Parsed(tree, names)
            KNOWN.keep(text, parsed)
        return parsed

    def function(self, name: str, own: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
        """Return a function of the language, counted; `own` replace some of the library's."""
        if name == "matches":  # why: it knows better what it costs.
            return self._matches
        function = own[name] if name in own else evaluation.base_functions[name]

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


class _Functions(dict[str, Callable[..., Any]]):
    """The functions of one evaluation, each made when it is first called."""

    def __init__(self, steps: Steps, own: dict[str, Callable[..., Any]]) -> None:
        super().__init__()
        self.steps, self.own = steps, own

    def __missing__(self, name: str) -> Callable[..., Any]:
        found = self[name] = self.steps.function(name, self.own)
        return found

    def copy(self) -> _Functions:
        """Return itself: an evaluation in another scope is on the same account."""
        return self


def _check_functions(tree: Any) -> None:
    """Raise NoSuchFunction: in Envoy an expression knows its functions when it is made."""
    for node in tree.iter_subtrees():
        name = {"ident_arg": 0, "member_dot_arg": 1}.get(node.data)
        if name is not None and node.children[name].value not in {*evaluation.base_functions, *MACROS}:
            raise NoSuchFunction(f"no function {node.children[name].value}")


def _shortened(tree: Any) -> Any:
    """Return a tree without its nodes that only stand for their one child: most of what it has."""
    for node in tree.iter_subtrees_topdown():
        node.children = [_meant(child) for child in node.children]
    return _meant(tree)


def _meant(node: Any) -> Any:
    while getattr(node, "data", None) in STANDING and len(node.children) == 1:
        node = node.children[0]
    return node


@contextmanager
def _few_frames() -> Iterator[None]:
    """Have Python refuse what nests too deeply: the parser's generators use the stack of the process."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@cache
def _environment() -> Any:
    """Return the environment of all expressions. It changes Python's recursion limit."""
    return celpy.Environment(runner_class=_runner())


def program(parsed: Parsed) -> Any:
    """Return what evaluates an expression, with `evaluate_counted`."""
    return _environment().program(parsed.tree)


@cache
def _types() -> Any:
    """Return the names of types that every expression may use."""
    return evaluation.Activation(annotations=_environment().annotations).identifiers


@cache
def _runner() -> Any:
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

        def macro_has_eval(self, exprlist: Any) -> Any:
            """Tell whether a field is there; what is not there has no fields, not even absent ones."""
            (field,) = exprlist.children
            chosen = field.children[0] if field.data == "member" else field
            whole = self.visit(chosen.children[0]) if chosen.data == "member_dot" else None
            if isinstance(whole, evaluation.CELEvalError):
                return whole
            found = self.visit(field)
            if getattr(whole, "empty_is_absent", False) and isinstance(found, dict):
                return celpy.celtypes.BoolType(bool(found))
            return celpy.celtypes.BoolType(not isinstance(found, evaluation.CELEvalError))

    class Runner(celpy.InterpretedRunner):  # type: ignore[misc, name-defined]
        def new_activation(self) -> Any:
            """Return what an evaluation copies and adds its values to."""
            made = evaluation.Activation(functions=self.functions)
            made.identifiers = _types()
            return made

        def evaluate_counted(self, context: dict[str, Any], steps: Steps, own: dict[str, Any]) -> Any:
            """Evaluate with the steps on an account."""
            self.functions = _Functions(steps, own)
            evaluator = Evaluator(ast=self.ast, activation=self.new_activation())
            evaluator.steps = steps
            return evaluator.evaluate(context)

    return Runner
