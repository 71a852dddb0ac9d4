# cython: language_level=3
from .flow cimport Flow
from .machine cimport InstC, i64, u8, u32, u64
from .modinfo cimport Sig
from .template cimport Place

cdef class BodyReader(Flow):
    cdef const u8* start
    cdef const u8* p
    cdef InstC* inst
    cdef u8* local_classes
    cdef u32* local_slots
    cdef u32 n_locals
    cdef list owned
    cdef Place* places
    cdef u32 n_places
    cdef u64 place_room
    cdef bint tied

    cdef int stands(self, u8 space, u32 index, u8 home) except -1
    cdef u32 leb(self) noexcept
    cdef u64 leb64(self) noexcept
    cdef i64 sleb64(self) noexcept
    cdef u8 heap_class(self) except 0
    cdef object decode(self, const u8* start)
    cdef int add_local(self, u8 cls, u32 slot) except -1
    cdef u8 read_class(self) except 0
    cdef Sig* read_blocktype(self) except NULL
    cdef int read_locals(self, Sig* sig) except -1
