"""What a soak found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..profiling.figures import Growth, growth_of

__all__ = ["Measure", "SoakResult"]

MOST_TEXTS = 20
# What may be taken since the warm-up for caches, and growth per request that is no leak.
SLACK = {"host": 4 << 20, "objects": 2_000}
TOLERATED = {"host": 1.0, "objects": 0.01}


@dataclass(frozen=True)
class Measure:
    """The process at one moment.

    resident  bytes of the process.
    guests    bytes of it that are linear memory of the guests that serve: theirs to grow.
    objects   that Python's collector knows, without what the soak itself remembers.
    """

    requests: int
    resident: int
    guests: int
    objects: int

    @property
    def host(self) -> int:
        """Resident bytes outside of linear memories."""
        return self.resident - self.guests


@dataclass
class SoakResult:
    """Counts and complaints.

    faults    by kind: how many were injected; failures: after how many the plugin had failed.
    problems  number of wrong answers and of things left behind; `texts` has the first of them.
    every     requests between two measures.
    """

    seed: int
    engine: str
    requests: int = 0
    seconds: float = 0.0
    by_filter: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    overlapping: int = 0
    problems: int = 0
    texts: list[str] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    every: int = 1

    def complain(self, text: str) -> None:
        """Count a problem; keep its text if it is among the first."""
        self.problems += 1
        if len(self.texts) < MOST_TEXTS:
            self.texts.append(text)

    def growth(self, of: str) -> Growth | None:
        """Return how "host", "objects" or "guests" went over the requests."""
        return growth_of([getattr(m, of) for m in self.measures], self.every)

    @property
    def leaks(self) -> list[str]:
        """Return a line for what surely grows without end; guests may, on their own account."""
        out = []
        for of, unit in (("host", "bytes"), ("objects", "objects")):
            growth = self.growth(of)
            taken = growth.last - growth.first if growth is not None and growth.grows else 0
            if growth is not None and taken > SLACK[of] and growth.low > TOLERATED[of]:
                out.append(f"{of} grows by {growth.per_request:,.2f} {unit} per request")
        return out

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "seed": self.seed,
            "engine": self.engine,
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
            "requests_per_second": round(self.requests / max(self.seconds, 1e-9), 1),
            "by_filter": dict(self.by_filter),
            "faults": dict(self.faults),
            "failures": self.failures,
            "overlapping": self.overlapping,
            "problems": self.problems,
            "texts": self.texts,
            "leaks": self.leaks,
            "growth": {
                of: vars(g) if (g := self.growth(of)) else None for of in ("host", "objects", "guests")
            },
            "measures": [vars(m) for m in self.measures],
        }
