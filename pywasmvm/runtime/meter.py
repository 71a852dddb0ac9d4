"""What a run uses up: the fuel tank of a store, and the clock it runs against.

Rule 1: whoever finds the tank overdrawn, or has done a long piece of work, comes by here. Nothing else stops
        a run.
Rule 2: an empty tank goes before the deadline, so what a run may do with its fuel does not depend on the
        clock.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from ..errors import DeadlineExceeded, LimitError, OutOfFuel

__all__ = ["UNLIMITED_FUEL", "Meter", "MeterRules"]

# Fits a signed 64-bit register with room for a block that overdraws.
UNLIMITED_FUEL = 1 << 62
# What an interrupt takes out of the tank, so that the next block finds it empty; within 64 bits, too.
_INTERRUPT_DEBT = 3 << 61
_SURELY_IN_DEBT = -(1 << 60)
# With a deadline the tank is filled for what may take this part of the time left even with slow instructions.
_LEAST_PORTION = 200
_UNITS_PER_SECOND = 100_000


class MeterRules:
    """What a meter does; its fields are `Meter`'s, or a backend's of the same names.

    Generated code does `S.fuel -= cost; if S.fuel < 0: S.empty(cost)`.

    fuel     units at hand; UNLIMITED_FUEL and below when nothing was set.
    reserve  units that come to hand when `fuel` is used up.
    filled   units put in so far, so that consumed = filled - remaining.
    portion  the most that is at hand at a time, None for everything. The Python engine sets it: small numbers
             are faster, and a loop that keeps the fuel in a local comes by here once a portion.
    refill   called with the cost that could not be paid; returns units to add, 0 for none.
    seconds  what the deadline allows a call, None for any time; `deadline_at` is when it has passed.
    stop_at  when to come by here at the latest, None if there is no need to.
    pause    what a run that can stand still (run.py) does in place of an error, or with None when `stop_at`
             has passed; it returns False if the guest is not that run's.
    calls    how many calls from the host to a guest are nested.
    armed    a call from outside has to begin with `Store.begin_call`, which may refuse it.
    """

    # why: not a literal, since mypy would take it for all the fields there are.
    __slots__ = tuple[str, ...]()

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

    @property
    def remaining(self) -> int:
        """Return the units left, also while an interrupt is pending."""
        return self.fuel + self.reserve + (_INTERRUPT_DEBT if self.fuel < _SURELY_IN_DEBT else 0)

    @property
    def consumed(self) -> int:
        """Return the units used since the store was made."""
        return self.filled - self.remaining

    def set_fuel(self, fuel: int) -> None:
        """Replace what is in the tank."""
        self.add(fuel - self.remaining)
        self.limited = True

    def add(self, units: int) -> None:
        """Put units in (or take them out) without changing what counts as consumed."""
        self.fuel += units
        self.filled += units
        self._share()

    def set_portion(self, portion: int | None) -> None:
        """Set the most that is at hand at a time."""
        self.portion = portion
        self._share()

    def start_clock(self, seconds: float | None) -> None:
        """Let the deadline pass `seconds` from now, never if None."""
        self.seconds = seconds
        self.stop_at = self.deadline_at = None if seconds is None else monotonic() + seconds
        if self.pause is not None:
            self.pause(None)
        self._share()

    def stop_clock(self) -> None:
        """Forget the deadline: the call is over."""
        self.stop_at = self.deadline_at = None

    def stop_soon(self, stop_at: float) -> None:
        """Come by here at that time."""
        self.stop_at = stop_at
        self._share()

    def _share(self, least: int = 0) -> None:
        """Divide what there is between `fuel` and `reserve`, `least` at hand if there is so much."""
        if self.interrupted:
            return
        total = self.fuel + self.reserve
        self.fuel = total if self.portion is None else min(total, max(self._size(self.portion), least))
        self.reserve = total - self.fuel

    def _size(self, portion: int) -> int:
        """Return how much may be at hand: with a deadline so little that it cannot be missed by far."""
        if self.stop_at is None:
            return portion
        # why: the less time is left the sooner we look again, since units differ in time by a factor of 1000.
        left = max(self.stop_at - monotonic(), 0.0)
        return min(portion, _LEAST_PORTION + int(left * _UNITS_PER_SECOND))

    def gather(self, need: int) -> None:
        """Bring `need` units to hand, or all there are. Nobody is charged, nothing is refilled."""
        self._share(need)

    def interrupt(self) -> None:
        """Make the next block stop. May be called from another thread or a signal handler.

        A thread that is just writing `fuel` back can lose this, so whoever interrupts repeats it: the epoch
        ticks on. In return nothing is asked of the loop.
        """
        self.interrupted = True
        if self.fuel >= _SURELY_IN_DEBT:
            self.fuel -= _INTERRUPT_DEBT

    def check(self, may_pause: bool = True) -> None:
        """Raise DeadlineExceeded if the deadline has passed. For what takes long without using fuel.

        `may_pause`: the fuel at hand is in `fuel`, so a run can stand still here.
        """
        if self.stop_at is None or monotonic() < self.stop_at:
            return
        if self.deadline_at is not None and monotonic() >= self.deadline_at:
            stop = self._late()
            if not may_pause:
                raise stop
            self._stop(stop)
        elif self.pause is not None and may_pause:
            self.pause(None)

    def foresee(self, seconds: float) -> None:
        """Raise DeadlineExceeded if so much time is not left, before what cannot be interrupted."""
        if self.deadline_at is not None and monotonic() + seconds >= self.deadline_at:
            self._stop(self._late())

    def _late(self) -> DeadlineExceeded:
        seconds = self.seconds or 0.0
        return DeadlineExceeded(f"deadline exceeded: {seconds:g} s a call", seconds=seconds)

    def _stop(self, stop: BaseException) -> None:
        """Raise, or stand still if the guest can; then there is another try."""
        if self.pause is None or not self.pause(stop):
            raise stop

    def empty(self, cost: int) -> None:
        """Deal with an overdrawn tank: put `cost` back, then raise, or charge it if a refill allows it."""
        self.fuel += cost
        if self.interrupted:
            self.interrupted = False
            # why: a loop that wrote its own count back has wiped the debt out; nothing is owed then.
            self.fuel += _INTERRUPT_DEBT if self.fuel < _SURELY_IN_DEBT else 0
            raise LimitError("epoch deadline reached: the guest was interrupted")
        if self.refill is not None and self.remaining < cost:
            self.add(self.refill(cost))
        self._share(cost)
        while self.fuel < cost:
            left = f"{cost} units needed, {self.fuel} left"
            self._stop(OutOfFuel(f"all fuel consumed: {left}", fuel_needed=cost))
            self._share(cost)
        if self.stop_at is not None:
            self.check()
        self.fuel -= cost


class Meter(MeterRules):
    """A meter of a store that no backend has given one of its own."""

    __slots__ = tuple(MeterRules.__annotations__)

    def __init__(self) -> None:
        self.fuel = self.filled = UNLIMITED_FUEL
        self.reserve = self.calls = 0
        self.portion = None
        self.limited = self.interrupted = self.armed = False
        self.refill = None
        self.seconds = self.stop_at = self.deadline_at = None
        self.pause = None
