# cython: language_level=3
from .gcheap cimport GcType
from .machine cimport u32

cdef class TypeHandle:
    cdef GcType c
    cdef readonly object owner
    cdef bytes classes
    cdef bytes packed
    cdef list places


cdef TypeHandle make_type(object deftype)
cdef TypeHandle make_tag(object tag)
cdef u32 level_of(object deftype) except? 0xFFFFFFFF
