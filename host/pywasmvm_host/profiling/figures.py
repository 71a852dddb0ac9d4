"""Many numbers in few: mean and quantiles, and how fast something grows with a confidence interval.

Rule 1: quantiles are values that occurred (nearest rank), so a budget is never missed by an average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["STATISTICS", "Growth", "Summary", "growth_of"]

STATISTICS = ("mean", "p50", "p99", "max")
CONFIDENCE = 0.95
WARM_UP = 0.2  # the part of a run that is left out: caches and pools fill in it
MOST_BLOCKS = 20
FEWEST_BLOCKS = 6
# Quantiles of Student's distribution for a two-sided interval of 95 %, by degrees of freedom.
STUDENT = {4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201, 12: 2.179,
           13: 2.160, 14: 2.145, 15: 2.131, 16: 2.120, 17: 2.110, 18: 2.101}  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """A quantity over all calls or requests."""

    count: int
    mean: float
    p50: int
    p99: int
    max: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Summary:
        """Summarize; of nothing, everything is 0."""
        if not values:
            return cls(0, 0.0, 0, 0, 0)
        ordered = sorted(values)

        def rank(part: float) -> int:
            return ordered[max(0, math.ceil(part * len(ordered)) - 1)]

        return cls(len(ordered), sum(ordered) / len(ordered), rank(0.5), rank(0.99), ordered[-1])


@dataclass(frozen=True)
class Growth:
    """How a size went over the requests: bytes per request by least squares, after the warm-up.

    low, high  the bounds of the slope at the confidence given.
    grows      the slope is surely above 0, and the size reached new heights in each third of the run: a
               single step, or a heap that swings, is no growth.
    """

    per_request: float
    low: float
    high: float
    confidence: float
    requests: int
    first: int
    last: int
    grows: bool

    def __str__(self) -> str:
        if not self.grows:
            return "steady"
        sure = f"{100 * self.confidence:.0f} %: {self.low:,.1f} to {self.high:,.1f}"
        return f"grows {self.per_request:,.1f} bytes per request ({sure})"


def growth_of(sizes: Sequence[int], every: int = 1) -> Growth | None:
    """Return the growth of a size measured after `every` requests; None if there are too few of them.

    The slope is that of the means of up to twenty blocks: neighbouring requests see nearly the same size,
    and taken one by one would feign a certainty that is not there.
    """
    kept = np.asarray(sizes[int(len(sizes) * WARM_UP) :], dtype=np.float64)
    blocks = min(MOST_BLOCKS, len(kept))
    if blocks < FEWEST_BLOCKS:
        return None
    pieces = np.array_split(kept, blocks)
    y = np.array([piece.mean() for piece in pieces])
    ends = np.cumsum([len(piece) for piece in pieces])
    x = ends - np.array([len(piece) for piece in pieces]) / 2
    dx = x - x.mean()
    slope = float((dx * y).sum() / (dx * dx).sum())
    rest = y - y.mean() - slope * dx
    error = math.sqrt(float((rest * rest).sum()) / (blocks - 2) / float((dx * dx).sum()))
    reach = STUDENT[blocks - 2] * error
    tops = [float(third.max()) for third in np.array_split(kept, 3)]
    return Growth(
        slope / every, (slope - reach) / every, (slope + reach) / every, CONFIDENCE, len(kept) * every,
        int(kept[0]), int(kept[-1]),
        slope - reach > 0 and tops[0] < tops[1] < tops[2],
    )  # fmt: skip
