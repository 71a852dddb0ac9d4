"""What one call from the host may still do: host calls, bytes copied, log lines. Counted anew for each call.

Rule 1: counters run here; what grows and stays (metrics, queues, headers) is counted where it is kept.
"""

from __future__ import annotations

from .backend import LimitError
from .errors import OverLimit
from .limits import Limits

__all__ = ["Budget"]

ENDLESS = 1 << 62


class Budget:
    """The counters of the running outermost call. `start` sets them back."""

    __slots__ = ("copied", "expression_steps", "host_calls", "limits", "log_bytes", "log_lines", "place")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.place = ""
        self.start("")

    def start(self, place: str) -> None:
        """Begin a call from the host; `place` is what messages name."""
        limits = self.limits
        self.place = place
        self.host_calls = ENDLESS if limits.host_calls is None else limits.host_calls
        self.copied = ENDLESS if limits.copied_bytes is None else limits.copied_bytes
        self.expression_steps = ENDLESS if limits.expression_steps is None else limits.expression_steps
        self.log_lines = ENDLESS if limits.log_lines is None else limits.log_lines
        self.log_bytes = ENDLESS if limits.log_bytes is None else limits.log_bytes

    def host_call(self, name: str) -> None:
        """Count a host call. Raise LimitError, which ends the guest."""
        self.host_calls -= 1
        if self.host_calls < 0:
            raise LimitError(self.limits.reached("host_calls", f"in {self.place}, by {name}"))

    def copy(self, nbytes: int) -> None:
        """Count bytes about to be copied. Raise LimitError, which ends the guest."""
        self.copied -= nbytes
        if self.copied < 0:
            raise LimitError(self.limits.reached("copied_bytes", f"in {self.place}"))

    def expression(self, steps: int) -> None:
        """Count steps of an expression about to be taken. Raise LimitError, which ends the guest."""
        self.expression_steps -= steps
        if self.expression_steps < 0:
            raise LimitError(self.limits.reached("expression_steps", f"in {self.place}"))

    def log(self, nbytes: int) -> None:
        """Count a line about to be logged. Raise OverLimit, which refuses it."""
        if self.log_lines <= 0:
            raise OverLimit("log_lines")
        if self.log_bytes < nbytes:
            raise OverLimit("log_bytes")
        self.log_lines -= 1
        self.log_bytes -= nbytes


def within(name: str, most: int | None, count: int) -> None:
    """Raise OverLimit if `count` is more than the limit allows."""
    if most is not None and count > most:
        raise OverLimit(name)
