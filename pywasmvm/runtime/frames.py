"""Where in the guest an exception came from.

A Trap gets its `frames`; an exception of the embedder's own passes unchanged with the frames added as notes.
"""

from __future__ import annotations

from typing import Any

from ..errors import Frame, LimitError, OutOfFuel, Trap, WasmError

__all__ = ["note_frames"]

_PREFIX = "wasm frame: "
MOST_NOTES = 20


def note_frames(backend: object, exc: BaseException) -> None:
    """Write the guest frames that `exc` passed on to it. The outermost call has the last word."""
    find = getattr(backend, "frames", None)
    if find is None:
        return
    if isinstance(exc, Trap):
        exc.frames = find(exc)
    elif isinstance(exc, (OutOfFuel, LimitError)):
        frames = find(exc)
        if frames:
            exc.locate(frames[0].func)
    elif not isinstance(exc, WasmError):
        _add_notes(exc, find(exc))


def _add_notes(exc: Any, frames: tuple[Frame, ...]) -> None:
    """Add one note per frame, in place of those an inner call added."""
    # why: `add_note` came with Python 3.11; the attribute it fills works before, too.
    notes = [note for note in getattr(exc, "__notes__", ()) if not note.startswith(_PREFIX)]
    notes += [f"{_PREFIX}{frame}" for frame in frames[:MOST_NOTES]]
    if len(frames) > MOST_NOTES:
        notes.append(f"{_PREFIX}and {len(frames) - MOST_NOTES} more")
    if notes:
        exc.__notes__ = notes
