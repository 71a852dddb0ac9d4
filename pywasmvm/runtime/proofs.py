"""Knowing that a module is valid without validating its bodies again.

A proof says: this version of the package, with these features and limits, found the bodies of the module with
this hash to be valid. It stands in the cache or in a serialized module.
Rule 1: a proof counts only under the cache's seal (cache.py), which no other user and no damage can forge:
        code is run without further checks on the strength of it.
Rule 2: only bodies are taken on trust. The module itself is decoded and its definitions validated every time.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Features, Limits
from .cache import stamp_of

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["FEWEST_BYTES", "content_hash", "is_proven", "keep_proof", "stamp"]

KIND = "valid"
# Below this size validating takes less time than asking the cache.
FEWEST_BYTES = 1 << 15

_PARTS = ("isa", "syntax", "binary", "valid", "_fast")


def content_hash(binary: bytes) -> bytes:
    """Return the hash that a module goes by."""
    from hashlib import sha256  # noqa: PLC0415 - why: it loads OpenSSL, 3.4 MB that only the cache needs

    return sha256(binary).digest()


def stamp(engine: Engine) -> bytes:
    """Return a hash of all that validity depends on besides the module."""
    return _stamp(engine.features, engine.limits)


@lru_cache(maxsize=8)
def _stamp(features: Features, limits: Limits) -> bytes:
    package = Path(__file__).parents[1]
    places = [str(package / part) for part in _PARTS]
    names = sorted(feature.name for feature in features.enabled)
    return stamp_of(places, *names, repr(limits))


def is_proven(engine: Engine, digest: bytes) -> bool:
    """Tell whether the engine's cache knows the module of this hash as valid."""
    return engine.cache is not None and engine.cache.get(KIND, _key(engine, digest)) is not None


def keep_proof(engine: Engine, digest: bytes) -> None:
    """Keep in the engine's cache that the module of this hash is valid."""
    if engine.cache is not None:
        engine.cache.put(KIND, _key(engine, digest), b"")


def _key(engine: Engine, digest: bytes) -> bytes:
    from hashlib import sha256  # noqa: PLC0415

    return sha256(stamp(engine) + digest).digest()
