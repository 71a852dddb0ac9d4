"""No-diff runs: the same module on our engines and on wasmtime, step by step, compared after each step.

Compared are: acceptance, instantiation, results of every exported function called with corner arguments (as
bits), kinds of traps, thrown values, fuel, and in the end exported and imported memories, tables and globals,
and the log of the calls of imported functions. What agreement means stands in `nodiff_outcome.py`.
Rule 1: after the first difference of an engine in a module nothing more is said about them: the rest follows.
Rule 2: our engines agree with each other to the unit of fuel and the letter of a message.
Rule 3: there is no list of exceptions; limits that the engines do not share are kept out of reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..binary import decode_module, encode_module
from ..config import Features
from ..isa.model import PROPOSALS
from ..syntax.module import ExternKind, Module
from ..syntax.types import FuncType
from ..valid import validate_module
from ..valid.checked import CheckedModule
from .nodiff_ours import OurSide
from .nodiff_outcome import End, Outcome, difference, show
from .nodiff_recipes import RECIPES
from .nodiff_sides import TANK, Side
from .nodiff_stubs import NoValue, stub_module
from .nodiff_values import arguments

__all__ = ["Difference", "Report", "compare_module", "make_sides"]

_ATTEMPTS = 3
_INSTANTIATE = "instantiate"


@dataclass(frozen=True)
class Difference:
    """Where an engine and the reference part. `number` is the module's (and its salt), `seed` its family."""

    engine: str
    recipe: str
    number: int
    step: str
    what: str
    theirs: str = ""
    ours: str = ""
    seed: int = 0
    wasm: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        lines = [f"{self.recipe} {self.seed}/{self.number} [{self.engine}] {self.step}: {self.what}"]
        if self.theirs or self.ours:
            lines += [f"  reference: {self.theirs}", f"  {self.engine}: {self.ours}"]
        return "\n".join(lines)


@dataclass
class Report:
    """What came of some modules: counts by name, and the differences."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in another report."""
        self.counts.update(other.counts)
        self.differences += other.differences


def make_sides(recipe: str, engines: Sequence[str], reference: str = "wasmtime") -> tuple[Side, list[Side]]:
    """Return the reference and one side per engine, all with the recipe's proposals on."""
    ours: list[Side] = [OurSide(engine, RECIPES[recipe]) for engine in engines]
    if reference != "wasmtime":
        return OurSide(reference, RECIPES[recipe]), ours
    from .nodiff_wasmtime import WasmtimeSide

    return WasmtimeSide(RECIPES[recipe]), ours


def compare_module(wasm: bytes, recipe: str, number: int, sides: tuple[Side, list[Side]]) -> Report:
    """Run one module on all sides. `number` salts the arguments."""
    return _Comparison(wasm, recipe, number, sides).run()


class _Comparison:
    def __init__(self, wasm: bytes, recipe: str, number: int, sides: tuple[Side, list[Side]]) -> None:
        self.wasm = wasm
        self.recipe = recipe
        self.number = number
        self.theirs, ours = sides
        self.sides = list(ours)  # those that have not differed yet
        self.report = Report(Counter(modules=1))
        self.fresh = False

    def run(self) -> Report:
        """Run all steps, or as many as there are sides left to compare."""
        self.theirs.reset()
        for side in self.sides:
            side.reset()
        checked = self._load()
        if checked is None or not self.sides or not self._instantiate():
            return self.report
        for position, name, functype in _functions(checked):
            for attempt in range(_ATTEMPTS if functype.params else 1):
                args = arguments(functype, self.number, attempt)
                if args is None:
                    self.report.counts["functions without arguments"] += 1
                    break
                if not self.sides or not (self.fresh or self._instantiate()):
                    return self.report
                self._call(position, name, functype, args)
        if self.fresh:
            self._compare_states()
        return self.report

    def _load(self) -> CheckedModule | None:
        """Load the module everywhere. Return it as we see it, None if it is not to be run."""
        outcomes = self._step("load", lambda side: side.load(self.wasm, 0))
        if outcomes.end is not End.RETURNED:
            self.report.counts["refused"] += 1
        if outcomes.end is not End.RETURNED or not self.sides:
            return None
        module = decode_module(self.wasm, Features().with_(*PROPOSALS))
        checked = validate_module(module, Features().with_(*PROPOSALS))
        stub = _stub(module)
        if stub is None:
            self.report.counts["imports without a value"] += 1
            return None
        for side in (self.theirs, *self.sides):
            side.reset()
        self._step("load stub", lambda side: side.load(stub, 0))
        self._step("load", lambda side: side.load(self.wasm, len(module.imports)))
        return checked

    def _instantiate(self) -> bool:
        """Start afresh. Return whether there is an instance to call."""
        outcome = self._step(_INSTANTIATE, lambda side: side.instantiate(TANK))
        self.fresh = outcome.end is End.RETURNED
        if not self.fresh:
            self.report.counts[f"instantiation {outcome.end}"] += 1
        return self.fresh

    def _call(self, position: int, name: str, functype: FuncType, args: tuple[Any, ...]) -> None:
        step = f"call {name!r}{show(args)}"
        outcome = self._step(step, lambda side: side.call(position, functype, args, TANK))
        self.report.counts["calls"] += 1
        self.report.counts[str(outcome.end)] += 1

    def _step(self, step: str, act: Callable[[Side], Outcome]) -> Outcome:
        """Do one step on all sides, drop those that differ. Return the reference's outcome."""
        starting = step == _INSTANTIATE
        theirs = act(self.theirs)
        spoiled = theirs.spoils
        first = theirs if isinstance(self.theirs, OurSide) else None
        for side in list(self.sides):
            ours = act(side)
            spoiled = spoiled or ours.spoils
            what = difference(theirs, ours, TANK, instantiation=starting)
            if what is not None:
                self._differ(side, step, what, str(theirs), str(ours))
            elif first is not None and ours != first:
                self._differ(side, step, "our engines differ", str(first), str(ours))
            first = first or ours
        if spoiled:
            self.fresh = False
        return theirs

    def _compare_states(self) -> None:
        theirs = self.theirs.state()
        self.report.counts["states"] += 1
        for side in list(self.sides):
            ours = side.state()
            for place in theirs:
                if ours.get(place) != theirs[place]:
                    what = _first_difference(theirs[place], ours.get(place))
                    self._differ(side, f"state of {place}", what, "", "")
                    break

    def _differ(self, side: Side, step: str, what: str, theirs: str, ours: str) -> None:
        self.sides.remove(side)
        self.report.differences.append(
            Difference(side.name, self.recipe, self.number, step, what, theirs, ours, wasm=self.wasm)
        )


def _functions(checked: CheckedModule) -> Iterator[tuple[int, str, FuncType]]:
    """Yield position, name and type of each exported function."""
    for position, (name, (kind, index)) in enumerate(checked.exports.items()):
        if kind is ExternKind.FUNC:
            yield position, name, checked.functype(checked.funcs[index])


def _stub(module: Module) -> bytes | None:
    try:
        return encode_module(stub_module(module))
    except NoValue:
        return None


def _first_difference(theirs: Any, ours: Any) -> str:
    if not isinstance(theirs, (bytes, tuple)) or type(theirs) is not type(ours):
        return f"we {show(ours)}; reference {show(theirs)}"
    if len(theirs) != len(ours):
        return f"size differs: we {len(ours)}, reference {len(theirs)}"
    place = next(i for i, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    return f"at {place:#x}: we {show(ours[place])}; reference {show(theirs[place])}"
