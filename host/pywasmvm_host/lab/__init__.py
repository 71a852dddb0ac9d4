"""The laboratory: attacks on a host, run against this one and against a real Envoy.

The attacks are plugins. Those that can be written in the text format stand, each with a page of prose, in
`tests/attacks` (an installed package has them as data); generate.py makes the others.
"""

from __future__ import annotations

from .attack import Attack, collection
from .run import Result, run_attack

__all__ = ["Attack", "Result", "collection", "run_attack"]
