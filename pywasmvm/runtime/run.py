"""Runs: calls that can be stopped in the middle and go on later.

A run has a thread of its own, which is the guest's while `resume` or `advance` waits for it and stands still
otherwise: in the meter, where every stop is noticed, or in a host function that awaits something. So both
engines have it, and host functions between two guests are no obstacle.
Rule 1: one thread at a time: whoever resumes waits until the guest stands still or is done.
Rule 2: of the runs of a store the one begun last goes first; the others are refused until it is done or
        closed.
Rule 3: while a run stands still, neither its slice nor its deadline goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Generator
from contextvars import copy_context
from time import monotonic
from types import coroutine
from typing import TYPE_CHECKING, Any

from ..errors import DeadlineExceeded, UsageError

if TYPE_CHECKING:
    from .store import Store

__all__ = ["Run", "awaited", "drive_async"]

# How long a guest may go on after it was asked to stop, in seconds.
TICK = 0.004


class _Closed(BaseException):
    """Unwinds a guest that nobody wants to go on."""


class _Seat:
    """What a run and its thread share; the thread does not hold the run itself, so that it can be freed."""

    def __init__(self, store: Store, work: Callable[[], Any]) -> None:
        self.store = store
        self.work = work
        self.go = threading.Semaphore(0)
        self.still = threading.Semaphore(0)
        self.ident = 0
        self.done = False
        self.closing = False
        self.wanted = False  # somebody wants it to stand still
        self.slice_at: float | None = None
        self.left: float | None = None  # of the deadline
        self.stop: BaseException | None = None
        self.awaiting: Awaitable[Any] | None = None
        self.answer: Any = None
        self.failure: BaseException | None = None
        self.result: Any = None

    def main(self) -> None:
        """Be the guest's thread."""
        self.ident = threading.get_ident()
        self.go.acquire()
        try:
            if not self.closing:
                self.wind()
                self.result = self.work()
        except _Closed:
            pass
        except BaseException as exc:  # noqa: BLE001 - why: it is raised again where the run was resumed
            self.stop = exc
        self.done = True
        self.still.release()

    def stand(self) -> None:
        """Stand still until somebody resumes."""
        meter = self.store.meter
        self.left = None if meter.deadline_at is None else max(meter.deadline_at - monotonic(), 0.0)
        nested = meter.calls
        meter.pause, meter.deadline_at, meter.stop_at = None, None, None
        self.still.release()
        self.go.acquire()
        meter = self.store.meter
        meter.calls = nested
        if self.closing:
            raise _Closed
        meter.pause = self.pause
        meter.deadline_at = None if self.left is None else monotonic() + self.left
        self.wind()

    def wind(self) -> None:
        """Let the meter come by at the next tick, or when the slice or the deadline has passed."""
        meter = self.store.meter
        times = [at for at in (self.slice_at, meter.deadline_at) if at is not None]
        meter.stop_soon(min([monotonic() + TICK, *times]))

    def pause(self, stop: BaseException | None) -> bool:
        """Deal with a stop in the meter or a tick (None). Return False if it is not this run's guest."""
        if threading.get_ident() != self.ident:
            return False
        due = self.slice_at is not None and monotonic() >= self.slice_at
        if stop is None and not self.wanted and not due:
            self.wind()
            return True
        self.stop, self.wanted = stop, False
        self.stand()
        if isinstance(stop, DeadlineExceeded):
            self.store.meter.deadline_at = monotonic() + stop.seconds
            self.wind()
        return True

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        """Stand still until the awaitable has a result, and return that."""
        self.awaiting = awaitable
        self.stand()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return self.answer


class Run:
    """A call that can stop and go on. `Func.start` makes it; nothing runs before `resume` or `advance`.

    done    the guest has returned; `result` is what it returned, as a call would give it.
    """

    def __init__(self, store: Store, work: Callable[[], Any]) -> None:
        self._seat = _Seat(store, work)
        self._thread: threading.Thread | None = None

    @property
    def done(self) -> bool:
        """Whether it has come to its end, be it by an error."""
        return self._seat.done

    @property
    def result(self) -> Any:
        """What the guest returned. Raise UsageError before that."""
        if not self._seat.done or self._seat.closing or self._seat.stop is not None:
            raise UsageError("this run has no result: it has not returned")
        return self._seat.result

    def resume(self) -> Any:
        """Go on to the end and return the result.

        OutOfFuel, DeadlineExceeded and KeyboardInterrupt stop the run, which can be resumed again: after
        `store.set_fuel`, or with the full time of the deadline. Any other error has ended it. Raise
        UsageError if it is over, if a later run of the store has to end first, or if it waits for an async
        host function.
        """
        while not self.advance(None):
            if self._seat.awaiting is not None:
                raise UsageError("the guest waits for an async host function: use call_async")
        return self.result

    def advance(self, seconds: float | None = None) -> bool:
        """Go on for about so many seconds, None for any time. Tell whether it is done. Raises as `resume`."""
        seat = self._seat
        if seat.done:
            raise UsageError("this run is over")
        runs = seat.store.runs
        if self._thread is None:
            if runs and runs[-1].awaiting is None and threading.get_ident() != runs[-1].ident:
                raise UsageError("a run of this store stands still: it has to end or be closed first")
            runs.append(seat)
            self._thread = threading.Thread(target=copy_context().run, args=(seat.main,), daemon=True)
            self._thread.start()
            seat.store.meter.pause = seat.pause
        elif runs[-1] is not seat:
            raise UsageError("a later run of this store has to end or be closed first")
        seat.slice_at = None if seconds is None else monotonic() + seconds
        self._switch()
        stop, seat.stop = seat.stop, seat.stop if seat.done else None
        if stop is not None:
            raise stop
        return seat.done

    def _switch(self) -> None:
        """Let the guest's thread go on and wait until it stands still or is done."""
        seat = self._seat
        seat.go.release()
        try:
            seat.still.acquire()
        except BaseException:
            # why: Ctrl-C reaches this thread; the guest is stopped between two of its instructions.
            seat.wanted = True
            seat.still.acquire()
            if seat.done:
                self._leave()
            raise
        if seat.done:
            self._leave()

    def _leave(self) -> None:
        seat = self._seat
        if seat in seat.store.runs:
            seat.store.runs.remove(seat)
        seat.store.meter.pause = None

    def close(self) -> None:
        """Give it up: the guest is unwound where it stands. Does nothing if it is over."""
        seat = self._seat
        if seat.done:
            return
        seat.closing = True
        if self._thread is None:
            seat.done = True
            return
        self._switch()

    def __del__(self) -> None:
        if self._thread is not None and not self._seat.done and self._seat.store.runs[-1:] == [self._seat]:
            self.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def awaited(store: Store, func: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Call an async host function and return what it gives, while the guest's thread stands still."""
    seat = store.runs[-1] if store.runs else None
    if seat is None or threading.get_ident() != seat.ident:
        raise UsageError("the host function is async: call the guest with call_async")
    return seat.wait_for(func(*args))


@coroutine
def _yield_to_the_loop() -> Generator[None, None, None]:
    yield


async def drive_async(run: Run, seconds: float) -> Any:
    """Let a run go on in slices, awaiting what its host functions await. Return its result."""
    seat = run._seat
    try:
        while not run.advance(seconds):
            awaiting = seat.awaiting
            if awaiting is None:
                await _yield_to_the_loop()
                continue
            try:
                seat.answer = await awaiting
            except BaseException as exc:  # noqa: BLE001 - why: it is the guest's host function that failed
                seat.failure = exc
            seat.awaiting = None
        return run.result
    finally:
        run.close()
