"""Type of the meter's fields, for readers and checkers; runtime/meter.py has the same."""

from collections.abc import Callable

class Tank:
    """What a machine's store is metered with."""

    fuel: int
    reserve: int
    filled: int
    portion: int | None
    limited: bool
    interrupted: bool
    refill: Callable[[int], int] | None
    seconds: float | None
    stop_at: float | None
    deadline_at: float | None
    pause: Callable[[BaseException | None], bool] | None
    calls: int
    armed: bool
