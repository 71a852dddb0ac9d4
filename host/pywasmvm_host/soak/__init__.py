"""A soak: very many requests over several filters, with faults drawn at random, every answer checked.

Each answer is compared with the one the same filter gave when it was fresh: without a fault, or under the
very same fault. Memory, Python objects and what requests leave behind are counted at intervals.
docs/profile.md describes the file of filters and the command.
"""

from __future__ import annotations

from .result import Measure, SoakResult
from .run import Soak
from .subject import Subject, read_subjects

__all__ = ["Measure", "Soak", "SoakResult", "Subject", "read_subjects"]
