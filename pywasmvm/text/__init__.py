"""Spec chapter 6: the text format, `.wat` and `.wast`, to a syntax `Module` and back.

Nothing here knows bytes: whoever wants them gives the module to the encoder.
"""

from __future__ import annotations

from .parser import ModuleParser, parse_module
from .printer import Printer, print_module

__all__ = ["ModuleParser", "Printer", "parse_module", "print_module"]
