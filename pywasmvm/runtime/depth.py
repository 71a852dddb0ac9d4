"""Room on Python's stack for guests.

Guest frames are Python frames in the Python engine, so Python's recursion limit is their limit. It belongs
to the whole process: we raise it while any guest runs and put it back afterwards.
Rule 1: the limit is only ever raised; whoever set a higher one keeps it.
"""

from __future__ import annotations

import sys
import threading

__all__ = ["lower_limit", "raise_limit"]

# A guest function that makes tail calls, or a host function, takes two. The guest's own limit is counted by
# the engine.
PYTHON_FRAMES_PER_CALL = 2
SPARE_FRAMES = 500

_lock = threading.Lock()
_running: list[int] = []
_before = 0


def raise_limit(call_depth: int) -> None:
    """Make room for `call_depth` more frames until `lower_limit` is called with the same number."""
    global _before
    with _lock:
        if not _running:
            _before = sys.getrecursionlimit()
        _running.append(call_depth)
        wanted = _before + PYTHON_FRAMES_PER_CALL * max(_running) + SPARE_FRAMES
        if wanted > sys.getrecursionlimit():
            sys.setrecursionlimit(wanted)


def lower_limit(call_depth: int) -> None:
    """Undo one `raise_limit`."""
    with _lock:
        # why: a signal handler may have raised before `raise_limit` came this far.
        if call_depth in _running:
            _running.remove(call_depth)
        if not _running:
            try:
                sys.setrecursionlimit(_before)
            except RecursionError:
                # why: a caller that is itself deeper than the old limit keeps the higher one.
                return
