# cython: language_level=3
"""The fields of a meter where the machine has them at hand; runtime/meter.py says what they are and does the rest."""


cdef class Tank:
    """What a machine's store is metered with."""
