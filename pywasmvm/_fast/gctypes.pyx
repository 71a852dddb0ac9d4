# cython: language_level=3
"""Layouts of objects, made from closed types; one per type and store.

Rule 1: a field takes whole slots, an element its own width; what is packed is cut when it is read.
"""

from libc.stdlib cimport free, malloc

from .emit cimport F32, F64, I32, I64, REF, V128, slots_of
from .gcheap cimport ARRAY, EXN, GRAIN, N_CELLS, Obj, STRUCT
from .machine cimport u8, u32, u64
from .modinfo cimport class_of

from ..syntax.types import ArrayType, PackedType
from .modinfo import type_number

cdef dict PACKED = {PackedType.I8: 1, PackedType.I16: 2}
cdef dict SHIFTS = {I32: 2, F32: 2, V128: 4}


cdef class TypeHandle:
    """A type of objects, or a tag as the type of its exceptions.

    classes   of the fields, the element or the payload; `packed` their widths in bytes if they are packed.
    places    the first slot of each field.
    """

    def __dealloc__(self):
        free(self.c.supers)
        free(self.c.refs)


cdef int lay_out(TypeHandle handle, storages) except -1:
    """Give each field its slots. A descriptor comes last, as only some subtypes may have one."""
    cdef u8 cls
    cdef u32 place = 0
    classes, packed, places, traced = [], [], [], []
    for storage in storages:
        cls = I32 if storage in PACKED else class_of(storage)
        classes.append(cls)
        packed.append(PACKED.get(storage, 0))
        places.append(place)
        if cls == REF:
            traced.append(place)
        place += slots_of(cls)
    handle.classes, handle.packed, handle.places = bytes(classes), bytes(packed), places
    if handle.c.has_desc:
        traced.append(place)
        place += 1
    handle.c.n_slots = place
    # why: what is charged is the same in both engines, whatever an object really takes.
    handle.c.charge = sizeof(Obj) + 8 * len(classes)
    cdef u64 nbytes = (sizeof(Obj) + 8 * <u64>place + GRAIN - 1) // GRAIN * GRAIN
    handle.c.cell = <u32>(nbytes // GRAIN) if nbytes < N_CELLS * GRAIN else 0
    handle.c.refs = <u32*>malloc((len(traced) + 1) * sizeof(u32))
    if handle.c.refs == NULL:
        raise MemoryError
    handle.c.n_refs = len(traced)
    for i, slot in enumerate(traced):
        handle.c.refs[i] = slot
    return 0


cdef u32 level_of(object deftype) except? 0xFFFFFFFF:
    """Return where a type stands in the list of supertypes of its subtypes."""
    return len(deftype.supers) - 1


cdef TypeHandle make_type(object deftype):
    """Return the layout of a structure or array type."""
    cdef TypeHandle handle = TypeHandle.__new__(TypeHandle)
    comptype, supers = deftype.comptype, deftype.supers
    handle.owner = deftype
    handle.c.owner = <void*>handle
    handle.c.type_id = type_number(deftype)
    handle.c.n_supers = len(supers)
    handle.c.supers = <u32*>malloc((len(supers) + 1) * sizeof(u32))
    if handle.c.supers == NULL:
        raise MemoryError
    for i, each in enumerate(supers):
        handle.c.supers[i] = type_number(each)
    if not isinstance(comptype, ArrayType):
        handle.c.kind = STRUCT
        handle.c.has_desc = deftype.subtype.descriptor is not None
        lay_out(handle, [field.storage for field in comptype.fields])
        return handle
    handle.c.kind = ARRAY
    lay_out(handle, [comptype.field.storage])
    handle.c.n_refs = 0
    handle.c.traced = handle.classes[0] == REF
    width = handle.packed[0]
    handle.c.shift = width - 1 if width else SHIFTS.get(handle.classes[0], 3)
    return handle


cdef TypeHandle make_tag(object tag):
    """Return a tag as the type of its exceptions."""
    cdef TypeHandle handle = TypeHandle.__new__(TypeHandle)
    handle.owner = tag
    handle.c.owner = <void*>handle
    handle.c.kind = EXN
    lay_out(handle, tag.deftype.comptype.params)
    return handle
