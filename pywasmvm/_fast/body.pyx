# cython: language_level=3
"""Reads the parts of a body: numbers, types, locals. What an instruction means is not known here.

Rule 1: the body is proven, so nothing is checked again.
"""

from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from .emit cimport FUNC, REF, slots_of
from .flow cimport Flow
from .growing cimport ensure
from .machine cimport i64, u8, u32, u64
from .modinfo cimport Sig
from .template cimport Place

from ..binary.read_instrs import read_instr
from ..binary.reader import Reader
from ..config import Features
from ..isa.model import Feature

cdef enum:
    EXACT = 0x62 - 0x80

cdef object EVERYTHING = Features(frozenset(Feature))


cdef class BodyReader(Flow):
    """A position in a body, the types of its locals, and what ties its code to an instance.

    places  where addresses of the instance stand. `tied`: it has ties of another kind.
    """

    def __cinit__(self):
        self.owned = []

    def __dealloc__(self):
        free(self.local_classes)
        free(self.local_slots)
        free(self.places)

    cdef int stands(self, u8 space, u32 index, u8 home) except -1:
        """Note that the last word holds the address of a thing of the instance."""
        cdef Place* place
        ensure(<void**>&self.places, &self.place_room, self.n_places + 1, sizeof(Place))
        place = self.places + self.n_places
        place.word, place.index, place.space, place.home = self.n - 1, index, space, home
        self.n_places += 1
        return 0

    # -- reading ------------------------------------------------------------------------------------------

    cdef u32 leb(self) noexcept:
        return <u32>self.leb64()

    cdef u64 leb64(self) noexcept:
        cdef u64 value = self.p[0] & 0x7F
        cdef int shift = 7
        while self.p[0] & 0x80:
            self.p += 1
            value |= <u64>(self.p[0] & 0x7F) << shift
            shift += 7
        self.p += 1
        return value

    cdef i64 sleb64(self) noexcept:
        cdef u64 value = 0
        cdef int shift = 0
        cdef u8 byte
        while True:
            byte = self.p[0]
            self.p += 1
            value |= <u64>(byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if byte & 0x40 and shift < 64:
            value |= ~<u64>0 << shift
        return <i64>value

    cdef u8 heap_class(self) except 0:
        """Read a heap type and return the class of references to it."""
        cdef i64 heap = self.sleb64()
        if heap == EXACT:
            heap = self.sleb64()
        if heap >= 0:
            return FUNC if heap < self.info.n_types and self.info.types[heap] != NULL else REF
        return FUNC if heap in (-16, -13) else REF

    cdef u8 read_class(self) except 0:
        """Read a value type and return its class."""
        cdef u8 byte = self.p[0]
        self.p += 1
        if byte >= 0x7B:
            return 0x80 - byte
        if byte == 0x63 or byte == 0x64:
            return self.heap_class()
        return FUNC if byte == 0x70 or byte == 0x73 else REF

    cdef Sig* read_blocktype(self) except NULL:
        cdef u8 byte = self.p[0]
        cdef size_t address
        cdef Sig* sig
        if byte == 0x40 or (byte & 0xC0) == 0x40:
            address = <size_t>malloc(sizeof(Sig) + 1)
            if address == 0:
                raise MemoryError
            self.owned.append(address)
            sig = <Sig*>address
            memset(sig, 0, sizeof(Sig) + 1)
            sig.params = sig.results = <u8*>(sig + 1)
            if byte == 0x40:
                self.p += 1
            else:
                sig.results[0] = self.read_class()
                sig.n_results, sig.result_slots = 1, slots_of(sig.results[0])
            return sig
        return self.info.types[self.leb()]

    cdef object decode(self, const u8* start):
        """Read one instruction with the decoder of the binary format."""
        reader = Reader(self.info.binary, start - self.start, EVERYTHING)
        instr = read_instr(reader)
        self.p = self.start + <size_t>reader.pos
        return instr

    cdef int add_local(self, u8 cls, u32 slot) except -1:
        cdef u32 size
        if self.n_locals & (self.n_locals - 1) == 0:
            size = 2 * self.n_locals + 2
            self.local_classes = <u8*>realloc(self.local_classes, size)
            self.local_slots = <u32*>realloc(self.local_slots, size * sizeof(u32))
            if self.local_classes == NULL or self.local_slots == NULL:
                raise MemoryError
        self.local_classes[self.n_locals] = cls
        self.local_slots[self.n_locals] = slot
        self.n_locals += 1
        return 0

    cdef int read_locals(self, Sig* sig) except -1:
        """Read the locals; leaves the number of their slots in `link`, the slot behind them."""
        cdef u32 i, groups, count, slot = 0
        cdef u8 cls
        for i in range(sig.n_params):
            self.add_local(sig.params[i], slot)
            slot += slots_of(sig.params[i])
        groups = self.leb()
        while groups > 0:
            groups -= 1
            count = self.leb()
            cls = self.read_class()
            for i in range(count):
                self.add_local(cls, slot)
                slot += slots_of(cls)
        self.link = slot
        self.reads = <u32*>malloc((slot + 1) * sizeof(u32))
        if self.reads == NULL:
            raise MemoryError
        memset(self.reads, 0, (slot + 1) * sizeof(u32))
        return 0
