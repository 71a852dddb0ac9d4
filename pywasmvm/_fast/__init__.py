"""The compiled engine: translation to threaded code and the handlers that run it.

Only `engine/fast.py` imports this folder; everything in it is optional and missing where no compiler was.
"""
