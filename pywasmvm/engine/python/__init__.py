"""The Python engine: a wasm function becomes the source of a Python function, without any compiler."""

from __future__ import annotations

from .backend import PythonBackend, make_backend, source_of

__all__ = ["PythonBackend", "make_backend", "source_of"]
