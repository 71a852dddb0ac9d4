"""Validation: typing of everything in a module, closed types, subtyping.

Spec: chapter 3.
"""

from __future__ import annotations

from .checked import CheckedModule
from .match import (
    default_value,
    is_defaultable,
    match_deftype,
    match_externtype,
    match_functype,
    match_heaptype,
    match_limits,
    match_reftype,
    match_valtype,
)
from .module import validate_module

__all__ = [
    "CheckedModule",
    "default_value",
    "is_defaultable",
    "match_deftype",
    "match_externtype",
    "match_functype",
    "match_heaptype",
    "match_limits",
    "match_reftype",
    "match_valtype",
    "validate_module",
]
