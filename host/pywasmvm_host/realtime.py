"""A world whose time is the machine's: timers fire when they are due, and clocks of guests tell the time."""

from __future__ import annotations

import time

from .world import World

__all__ = ["RealTimeWorld"]


class RealTimeWorld(World):
    """A World that waits. Randomness stays seeded; what depends on the time differs from run to run."""

    def __init__(self, *, seed: int = 1, log_level: int = 0) -> None:
        self._began = time.monotonic_ns()
        super().__init__(seed=seed, start_ns=time.time_ns(), log_level=log_level)

    @property
    def now_ns(self) -> int:
        """Return the time, in nanoseconds since 1970."""
        # why: by a clock that nobody sets back, or a timer could fire before its time.
        return self.start_ns + time.monotonic_ns() - self._began

    @now_ns.setter
    def now_ns(self, _: int) -> None:
        """Do nothing: this time is not ours to set."""

    def wait_until(self, at_ns: int) -> None:
        """Sleep until a moment."""
        while (left := at_ns - self.now_ns) > 0:
            time.sleep(left / 1e9)
