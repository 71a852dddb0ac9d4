"""The binary format: bytes to Module and back.

Spec: chapter 5.
"""

from __future__ import annotations

from .bulk import Bulk, DataItems, FuncItems
from .decoder import decode_module
from .encoder import encode_module
from .lazy import LazyExpr
from .names import decode_names, encode_names
from .progress import Progress, Ticker
from .read_code import prove_bodies

__all__ = [
    "Bulk",
    "DataItems",
    "FuncItems",
    "LazyExpr",
    "Progress",
    "Ticker",
    "decode_module",
    "decode_names",
    "encode_module",
    "encode_names",
    "prove_bodies",
]
