"""How a step of a no-diff run ended, and when two endings agree.

Fuel: our rule is `engine/fuel.py`; wasmtime adds up while it runs, notes the sum down before calls, returns,
throws and `unreachable`, and looks at the tank only on entering a function and at the top of a loop.
Rule 1: where a run comes back (returned, thrown) or ends at `unreachable`, both have paid for exactly what
        ran: the totals are equal. `unreachable` ends a segment, so nothing behind it is in our bill.
Rule 2: at any other trap our bill has the rest of the segment in it and wasmtime's may lack what ran since it
        last noted the sum. All that holds is: theirs <= ours.
Rule 3: if wasmtime runs out, so do we, since we charge ahead.
Rule 4: if we run out and wasmtime comes back, then it has overdrawn its tank, and reports it empty.
Rule 5: if we run out and wasmtime traps, nothing can be said: the trap may stand in the segment that we
        did not start.
Rule 6: instantiation costs us what the start function costs (constant expressions are free); wasmtime has a
        function of its own that computes offsets and initial values, and charges for it. All that holds is:
        if both come back, ours <= theirs; and wasmtime may run out where we do not.
Rule 7: a memory.grow or table.grow that is refused costs us nothing. wasmtime charges for it when its
        compiler knew the amount, and not otherwise. So what refused growths asked for in this step is how
        much more theirs may be (and they may run out where we do not).
Rule 8: how far a run got that ended for want of fuel, stack or room is the engine's business. Its store is
        thrown away and the next step starts with a fresh one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..isa.model import TrapKind

__all__ = ["End", "Outcome", "difference"]


class End(str, Enum):
    """The ways a step can end."""

    RETURNED = "returned"
    TRAPPED = "trapped"
    THROWN = "thrown"
    OUT_OF_FUEL = "out of fuel"
    STACK = "call stack exhausted"
    LIMIT = "limit reached"
    REFUSED = "module refused"
    UNLINKABLE = "unlinkable"
    BROKEN = "engine failed"

    def __str__(self) -> str:
        return self.value


# After these the two engines' stores are no longer comparable (rule 8).
SPOILING = frozenset({End.OUT_OF_FUEL, End.STACK, End.LIMIT, End.BROKEN})
_CAME_BACK = frozenset({End.RETURNED, End.THROWN})


@dataclass(frozen=True)
class Outcome:
    """How one step ended on one engine.

    values   results of a call, or what was thrown, as bits and plain data that compare by ==.
    kinds    the trap kinds it may be: one of ours, as many as wasmtime's code does not tell apart.
    fuel     units used by this step.
    refused  pages and elements that refused growths asked for in this step; known of our engines only.
    text     the engine's own words.
    """

    end: End
    values: tuple[Any, ...] = ()
    kinds: frozenset[TrapKind] = frozenset()
    fuel: int = 0
    text: str = ""
    refused: int = 0

    @property
    def spoils(self) -> bool:
        """Return whether the store cannot be compared any more."""
        return self.end in SPOILING

    def __str__(self) -> str:
        if self.end is End.TRAPPED:
            what = "/".join(kind.name.lower() for kind in sorted(self.kinds)) or "?"
            return f"trapped ({what}; {self.text}), fuel {self.fuel}"
        values = f" {show(self.values)}" if self.values or self.end in _CAME_BACK else ""
        return f"{self.end}{values}{f' ({self.text})' if self.text else ''}, fuel {self.fuel}"


def show(value: Any) -> str:
    """Return plain data with numbers in hexadecimal, shortened."""
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))})"
    if isinstance(value, int):
        return hex(value)
    return repr(value) if len(repr(value)) < 60 else f"{repr(value)[:60]}..."


def difference(theirs: Outcome, ours: Outcome, tank: int, *, instantiation: bool = False) -> str | None:
    """Return what is wrong with our outcome given the reference's, None if they agree."""
    if ours.end is End.OUT_OF_FUEL:
        # Rules 4 and 5.
        if theirs.end in _CAME_BACK and theirs.fuel < tank:
            return "we ran out of fuel, the reference did not"
        return None
    if theirs.end is End.OUT_OF_FUEL and (instantiation or ours.fuel + ours.refused >= tank):
        return None
    if ours.end is not theirs.end:
        return f"we: {ours.end}; reference: {theirs.end}"
    if ours.end in _CAME_BACK and ours.values != theirs.values:
        return f"values differ: we {show(ours.values)}; reference {show(theirs.values)}"
    if ours.end is End.TRAPPED and not ours.kinds <= theirs.kinds:
        return "kinds of trap differ"
    least, most = _fuel_bounds(ours, instantiation, tank)
    if not least <= theirs.fuel <= most:
        return f"fuel differs: we {ours.fuel}, reference {theirs.fuel} ({theirs.end})"
    return None


def _fuel_bounds(ours: Outcome, instantiation: bool, tank: int) -> tuple[int, int]:
    """Return between which amounts the reference's fuel must lie where both ended alike."""
    came_back = ours.end in _CAME_BACK
    if instantiation:
        return (ours.fuel if came_back else 0), tank
    if came_back or TrapKind.UNREACHABLE in ours.kinds:
        return ours.fuel, ours.fuel + ours.refused
    return 0, (ours.fuel + ours.refused if ours.end is End.TRAPPED else tank)
