"""The compiled reader and validator as the runtime sees it: the adapter to `_fast.loader`."""

from __future__ import annotations

from typing import Any

from ..binary import Bulk
from ..errors import UnsupportedError
from ..isa.model import Feature

__all__ = ["make_bulk"]


def make_bulk(engine: Any) -> Bulk:
    """Return what reads and validates modules for an Engine. Raise UnsupportedError if it is not built."""
    try:
        from .._fast.loader import Loader
    except ImportError as error:
        raise UnsupportedError(f"the compiled engine is not built: {error}") from error
    if Feature.CUSTOM_DESCRIPTORS in engine.features:
        raise UnsupportedError("the compiled engine does not have the proposal custom-descriptors")
    bulk: Bulk = Loader(engine.features, engine.limits)
    return bulk
