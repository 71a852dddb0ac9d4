"""From one wasm function to the source of one Python function: the state and the main loop.

The bodies of the instructions stand in the `lower_*` modules, one small function per special row; rows with
a `py` column go through lower_numeric. A body is called as `body(f, instr)`, where `f` is the Lowering.
Rule 1: values stay text on a symbolic stack until something needs them in a variable; the operand at height
h is kept
        in the Python local `s<h>`, wasm local i in `l<i>`.
Rule 2: a pending text at height h reads only `s` variables of height h or more, and locals.
Rule 3: nothing from the module but numbers enters the source.
Names in the source: D frames left, F fuel left (charges.py), S the store's meter, J a branch on its way out
of several loops, B<n> a dispatcher's position, E the flat try_table we are in; others are set up by link.py.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from ...errors import InternalError
from ...syntax.instructions import Instr
from ...syntax.types import NumType, RefType
from ..fuel import segment_costs
from .charges import charge, find_needs, pays_per_unit
from .pace import in_steps, no_hurry
from .plan import Node, Plan, make_plan
from .values import ATOM, DIRTY, MEM, TRAP, Range, Val, name_of, reduced
from .writer import Writer

__all__ = ["BODIES", "Frame", "Lowering", "Source", "body", "letter"]

MOST_TEXT = 300
# Instructions between two looks at the clock, less one: one may have to go over a stack of thousands.
_LOOK = 7
MOST_DEPTH = 12

Body = Callable[["Lowering", Instr], None]
# Op -> what lowers it; filled by the lower_* modules.
BODIES: dict[Any, Body] = {}

_LETTERS = {
    NumType.I32: "i32",
    NumType.I64: "i64",
    NumType.F32: "f32",
    NumType.F64: "f64",
    NumType.V128: "v128",
}


def letter(valtype: NumType | RefType) -> str:
    """Return the short name of a type: the letters of the table, "ref" for every reference."""
    return _LETTERS.get(valtype, "ref")  # type: ignore[arg-type]


def body(*ops: Any) -> Callable[[Body], Body]:
    """Register the decorated function as what lowers these rows."""

    def register(function: Body) -> Body:
        for op in ops:
            BODIES[op] = function
        return function

    return register


class Source:
    """The result: text, per line the position and the fuel owed, and what the caller must know."""

    __slots__ = ("debts", "has_tail_calls", "lines", "text")

    def __init__(self, text: str, lines: array[int], debts: array[int], has_tail_calls: bool) -> None:
        self.text = text
        self.lines = lines
        self.debts = debts
        self.has_tail_calls = has_tail_calls


class Loop:
    """A Python `while True` that is open. `exits`: jumps out to an outer one, {code: (level, action)}."""

    __slots__ = ("exits", "frame")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.exits: dict[int, tuple[int, str]] = {}


class Frame:
    """A wasm block that is open.

    base      operand height below its parameters.
    level     index of its Python loop in `loops`, -1 if it has none (or is flat: then its region's).
    reached   whether its end is reached by some way other than falling into it.
    debt      fuel that is owed at its end, None as long as nothing has got there (charges.py).
    copies    how many more times the body of a loop is to be written (lower_control.py).
    counter   of a loop: a local and the bounds it has at the head (facts.py).
    facts     what was known about locals where it was opened (facts.py).
    owed      fuel that was owed where it was opened; of a loop: at its head.
    condition what an `if` tested.
    guards    per `if not` that is open for it: the fuel to be charged where that does not hold.
    """

    __slots__ = (
        "base",
        "clauses",
        "condition",
        "copies",
        "counter",
        "debt",
        "facts",
        "guards",
        "level",
        "node",
        "owed",
        "params",
        "reached",
        "region",
        "results",
        "saved",
        "then_live",
    )

    def __init__(self, node: Node, base: int, params: tuple[str, ...], results: tuple[str, ...]) -> None:
        self.node = node
        self.base = base
        self.params = params
        self.results = results
        self.level = -1
        self.guards: list[int] = []
        self.debt: int | None = None
        self.owed = 0
        self.copies = 1
        self.counter: tuple[int, int, int] | None = None
        self.condition: Any = None
        self.facts: dict[int, Val] = {}
        self.reached = False
        self.region: Any = None
        self.saved: list[Val] = []
        self.then_live = False
        self.clauses: Any = ()

    @property
    def label(self) -> tuple[str, ...]:
        """Return the types that a branch to its label carries."""
        return self.params if self.node.kind == "loop" else self.results


class Lowering:
    """One function on its way."""

    def __init__(
        self,
        module: Any,
        params: tuple[str, ...],
        results: tuple[str, ...],
        locals_: list[Any],
        funcidx: int = 0,
        bounds: dict[int, Range] | None = None,
        tick: Callable[[], None] = no_hurry,
    ) -> None:
        """`module` is a ModuleCode; `locals_` are the closed types of the locals, parameters first.

        `bounds` are those that a first translation has found; `tick` looks at the clock (pace.py).
        """
        self.tick = tick
        self.known_bounds = bounds or {}
        self.module = module
        self.funcidx = funcidx
        self.params = params
        self.results = results
        self.local_types = locals_
        self.local_letters = [letter(t) for t in in_steps(locals_, tick)]
        self.w = Writer()
        self.stack: list[Val] = []
        self.frames: list[Frame] = []
        self.loops: list[Loop] = []
        # What local.get pushes; between two joins of control a narrower range may be known than the type's.
        self.local_vals: list[Val] = []
        self.base_vals: list[Val] = []
        self.narrowed: set[int] = set()
        # Bounds of all that is ever assigned to a local.
        self.bounds: dict[int, Range] = {}
        self.dirty_locals: set[int] = set()
        self.uses_jump = False
        self.has_tail_calls = False
        self.live = True
        self.reload = self.due = self.resumes = False
        self.exact = True
        self.again: int | None = None
        self.region_count = 0
        self.temps = 0
        # flat try_tables: (value of E, frames around it, clauses)
        self.flat_tries: list[tuple[int, list[Frame], Any]] = []
        self.instrs: list[Instr] = []
        self.plan: Plan
        self.costs: dict[int, int] = {}
        self.needs: dict[int, int] = {}

    # -- the operand stack -------------------------------------------------------------------------

    def push(self, val: Val) -> None:
        """Push a value, in a variable if its text has grown too long to go on."""
        if val.depth > MOST_DEPTH or len(val.text) > MOST_TEXT:
            self.stack.append(val)
            self.spill(len(self.stack) - 1)
        else:
            self.stack.append(val)

    def push_name(self, t: str) -> str:
        """Push the variable of the new top and return its name, which the caller assigns at once."""
        height = len(self.stack)
        name = f"s{height}"
        self.before_assign(name, height)
        self.stack.append(name_of(name, t))
        return name

    def pop(self) -> Val:
        """Pop a value as it is."""
        return self.stack.pop()

    def pop_int(self) -> Val:
        """Pop an integer in its unsigned range."""
        return reduced(self.stack.pop())

    def pop_raw(self) -> str:
        """Pop a value as text of its raw form: floats as bits."""
        return self.raw(self.stack.pop())

    def pop_internal(self) -> str:
        """Pop a value as text in the form that variables hold: reduced, NaNs made canonical."""
        return self.settled(self.stack.pop()).text

    def raw(self, val: Val) -> str:
        """Return the text of a value's raw form."""
        val = self.settled(val)
        if val.t in ("f32", "f64"):
            return f"{val.t}_to_bits({val.text})"
        return val.text

    def settled(self, val: Val) -> Val:
        """Return the value as variables hold it."""
        if val.flags & DIRTY:
            return Val(
                f"canon({val.text})", val.t, 0, 0, val.flags & (TRAP | MEM) | ATOM, val.reads, val.depth + 1
            )
        return reduced(val)

    def spill(self, height: int) -> None:
        """Put the operand at `height` into its variable, unless it is there or a constant."""
        val = self.stack[height]
        name = f"s{height}"
        if val.const is not None or val.text == name:
            return
        self.before_trap(height)
        flags = val.flags & DIRTY | ATOM
        val = reduced(val)
        self.before_assign(name, height)
        self.w.put(f"{name} = {val.text}")
        self.stack[height] = Val(name, val.t, val.lo, val.hi, flags, frozenset((name,)))

    def forget_ranges(self) -> None:
        """Forget what is known about locals: here control comes together."""
        for localidx in self.narrowed:
            self.local_vals[localidx] = self.base_vals[localidx]
        self.narrowed.clear()

    def before_assign(self, name: str, skip: int = -1) -> None:
        """Spill what still reads `name`, which is about to change."""
        for height, val in enumerate(self.stack):
            if height != skip and name in val.reads:
                self.spill_away(height, name)

    def spill_away(self, height: int, name: str) -> None:
        """Save an operand whose text reads `name`, which by rule 2 is not its own variable."""
        if self.stack[height].text == name == f"s{height}":
            raise InternalError(f"operand variable {name} would be overwritten")
        self.spill(height)

    def before_trap(self, height: int) -> None:
        """If the operand at `height` may trap, first evaluate what is older and may trap."""
        if self.stack[height].flags & TRAP:
            for older in range(height):
                if self.stack[older].flags & TRAP:
                    self.spill(older)

    def spill_flagged(self, flags: int) -> None:
        """Evaluate every pending operand that has one of these flags, lowest first."""
        for height, val in enumerate(self.stack):
            if val.flags & flags:
                self.spill(height)

    def before_effect(self) -> None:
        """Evaluate what must not be evaluated after an effect."""
        self.spill_flagged(TRAP | MEM)

    def before_branch(self) -> None:
        """Evaluate what could trap: it must not be skipped."""
        self.spill_flagged(TRAP)

    def spill_all(self) -> None:
        """Put every operand where joining paths agree on it: in its variable, constants as they are."""
        for height, val in enumerate(self.stack):
            if val.flags & DIRTY:
                self.settle_height(height)
            else:
                self.spill(height)

    def settle_height(self, height: int) -> None:
        """Put the operand at `height` into its variable in settled form."""
        val = self.stack[height]
        name = f"s{height}"
        if val.flags & DIRTY:
            self.before_trap(height)
            self.assign_float(name, val, height)
            self.stack[height] = name_of(name, val.t)
        else:
            self.spill(height)

    def assign_float(self, name: str, val: Val, height: int = -1) -> None:
        """Assign a float whose NaN must be the canonical one."""
        self.before_assign(name, height)
        if val.text != name:
            self.w.put(f"{name} = {val.text}")
        if val.flags & DIRTY:
            self.w.put(f"if {name} != {name}: {name} = NAN")

    def effect(self, text: str) -> None:
        """Write a statement with an effect."""
        self.before_effect()
        self.w.put(text)

    def fresh(self) -> str:
        """Return a scratch variable that nothing on the stack reads."""
        self.temps += 1
        return f"t{self.temps}"

    def named(self, val: Val) -> Val:
        """Return the value as something that may be written twice: a variable or a constant."""
        if val.flags & ATOM and (val.const is not None or val.text.isidentifier()):
            return val
        self.before_branch()
        name = self.fresh()
        self.w.put(f"{name} = {val.text}")
        return Val(name, val.t, val.lo, val.hi, ATOM | val.flags & DIRTY, frozenset((name,)))

    # -- the main loop -------------------------------------------------------------------------------

    def lower(self, instrs: list[Instr], resumes: bool = False) -> Source:
        """Translate a body, its final `end` included. `resumes`: to the form that goes on at a checkpoint."""
        from .lower_control import begin_chunk, close_function, open_function, skip_dead

        self.instrs = instrs
        self.resumes = resumes
        self.plan = make_plan(instrs, resumes, self.tick)
        self.exact = resumes or not self.module.metered or self.plan.has_try
        if self.module.metered:
            self.costs = segment_costs(instrs)
            self.tick()
        if not self.exact:
            self.needs = find_needs(self.plan, self.costs)
            self.tick()
        open_function(self)
        bodies, w, costs = BODIES, self.w, self.costs
        pos, end = 0, len(instrs)
        while pos < end:
            instr = instrs[pos]
            w.pos = pos
            if pos & _LOOK == 0:
                self.tick()
            if not self.live:
                pos = skip_dead(self, pos)
                continue
            if self.due and resumes:
                self.due = False
                self.spill_all()
                begin_chunk(self, pos)
            if self.due or self.reload or pos in costs:
                charge(self, pos)
            if not self.stack:
                self.temps = 0
            bodies[instr[0]](self, instr)
            if pays_per_unit(instr):
                self.due = resumes or not self.exact
            pos = pos + 1 if self.again is None else self.again
            self.again = None
        text, lines, debts = close_function(self)
        return Source(text, lines, debts, self.has_tail_calls)
