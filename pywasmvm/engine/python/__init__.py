"""The Python engine: a wasm function becomes the source of a Python function, without any compiler.

`backend.py` is the way in. Nothing is imported here: the compiled engine shares a few helpers of this folder
and should not have to load a translator for them.
"""
