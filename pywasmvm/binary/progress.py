"""Telling a caller how far a long job is, seldom enough to cost nothing."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "Ticker"]

# Called with what is done, what there is to do, and what is being done.
Progress = Callable[[int, int, str], None]


class Ticker:
    """Calls a progress hook at most once per hundredth of the job, and once at the end."""

    __slots__ = ("_hook", "_next", "_step", "_total", "_what")

    def __init__(self, hook: Progress | None, total: int, what: str) -> None:
        self._hook = hook
        self._total = total
        self._what = what
        self._step = max(1, total // 100)
        self._next = self._step

    def tick(self, done: int) -> None:
        """Report that `done` units are done, if it is time to."""
        if self._hook is not None and done >= self._next:
            self._next = done + self._step
            self._hook(done, self._total, self._what)

    def finish(self) -> None:
        """Report that everything is done."""
        if self._hook is not None:
            self._hook(self._total, self._total, self._what)
