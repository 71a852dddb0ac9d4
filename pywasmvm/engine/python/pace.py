"""How a translation keeps to the deadline of the call that needs it.

Reading and lowering look at the clock every few instructions. Python's own compiler cannot be interrupted;
its time follows from the length of the text, so what would not be done in time is not begun: the call ends at
once, with the error of a deadline, and the text is kept for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import thread_time
from typing import Any, TypeVar

__all__ = ["STEP", "Clock", "in_steps", "no_hurry"]

T = TypeVar("T")
# Instructions or locals between two looks; in a deep nest an instruction may take a tenth of a millisecond.
STEP = 32
# Seconds of Python's compiler per character of ours, the most that was seen; it forgets slowly.
_LEAST_PACE = 3e-7
_FORGET = 0.98
# Shorter texts are compiled within a millisecond or two, and say little about the pace.
_SHORT = 4000


def no_hurry() -> None:
    """Do nothing: the clock of a translation that no call waits for."""


def in_steps(items: Sequence[T], tick: Callable[[], None]) -> Iterator[T]:
    """Yield items with a look at the clock every now and then."""
    for start in range(0, len(items), STEP):
        tick()
        yield from items[start : start + STEP]


class Clock:
    """What a translation is told of a store's deadline. `tick` raises DeadlineExceeded if it has passed."""

    _pace = _LEAST_PACE

    def __init__(self, meter: Any) -> None:
        self.meter = meter
        self.tick: Callable[[], None] = meter.check

    def compile(self, work: Callable[[str, str], T], text: str, filename: str) -> T:
        """Compile a text. Raise DeadlineExceeded beforehand if that would take longer than what is left."""
        if len(text) < _SHORT:
            return work(text, filename)
        Clock._pace = max(_LEAST_PACE, Clock._pace * _FORGET)
        self.meter.foresee(len(text) * Clock._pace)
        began = thread_time()
        made = work(text, filename)
        Clock._pace = max(Clock._pace, (thread_time() - began) / len(text))
        return made
