"""The Python engine: a wasm function becomes the source of a Python function. No compiler, no binary wheel needed."""

from __future__ import annotations

from .backend import PythonBackend, make_backend, source_of

__all__ = ["PythonBackend", "make_backend", "source_of"]
