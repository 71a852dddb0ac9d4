"""The compiled engine: translation to threaded code and the handlers that run it.

Only `engine/fast.py` and `engine/fast_load.py` import this folder; everything in it is optional and missing
where no compiler was.
"""
