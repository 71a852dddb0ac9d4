# cython: language_level=3
"""The C side of a store's objects, and the way of values between slots and Python.

A reference to a Python object is its address; the object is pinned here as long as some slot may hold it.
Rule 1: pins are let go by marking from the value stack, globals and tables, never while other slots are live.
"""

from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLongMask
from cpython.object cimport PyObject
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove

from .emit cimport F32, F64, FUNC, I32, I64, REF, V128, slots_of
from .machine cimport *
from .modinfo cimport ModInfo, class_of

from .emit import HANDLERS
from .modinfo import numbered_types, type_count, type_number

cdef Handler H_TO_HOST = <Handler><size_t>HANDLERS["to_host"]
cdef Handler H_TO_TRANSLATOR = <Handler><size_t>HANDLERS["to_translator"]


cdef class Plan:
    """An instruction left to Python: a callable on raw values, and the classes it takes and gives."""

    def __init__(self, run, params, results):
        self.run = run
        self.params = bytes(params)
        self.results = bytes(results)


cdef class MemHandle:
    """The C side of a Memory, refreshed when it grows."""

    def __init__(self, memory):
        self.memory = memory
        self.refresh()
        memory.on_grow.append(self.refresh)

    def refresh(self):
        """Read base and size again."""
        vmem = self.memory.vmem
        self.c.base = <u8*><size_t>vmem.base
        self.c.nbytes = vmem.nbytes
        self.c.page_size = self.memory.memtype.page_size


cdef class Cell:
    """The storage of a global: `raw` for Python, two slots for handlers."""

    def __init__(self, Heap machine, valtype):
        self.machine = machine
        self.cls = class_of(valtype)
        if self.cls == REF:
            machine.roots.append(self)

    @property
    def raw(self):
        """The raw value."""
        return self.machine.to_raw(self.slots, self.cls)

    @raw.setter
    def raw(self, value):
        self.machine.from_raw(value, self.cls, self.slots)


cdef class Elems:
    """The storage of a table: a sequence of raw references for Python, slots for handlers."""

    def __init__(self, Heap machine, reftype, init, count):
        self.machine = machine
        self.cls = class_of(reftype)
        if self.cls == REF:
            machine.roots.append(self)
        self.extend_by(count, init)

    def __dealloc__(self):
        free(self.c.elems)

    def extend_by(self, u64 count, init):
        """Append one reference `count` times."""
        cdef u64 bits = 0
        cdef u64 i
        cdef u64* elems
        self.machine.from_raw(init, self.cls, &bits)
        if self.c.size + count > self.c.capacity:
            # why: tables of many millions are rare and growing by half keeps repeated growth linear.
            self.c.capacity = self.c.size + count + self.c.size // 2
            elems = <u64*>realloc(self.c.elems, (self.c.capacity + 1) * sizeof(u64))
            if elems == NULL:
                raise MemoryError
            self.c.elems = elems
        for i in range(self.c.size, self.c.size + count):
            self.c.elems[i] = bits
        self.c.size += count

    def extend(self, values):
        """Append references."""
        for value in values:
            self.extend_by(1, value)

    def __len__(self):
        return self.c.size

    def __getitem__(self, key):
        cdef u64 index
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(self.c.size))]
        index = key
        if index >= self.c.size:
            raise IndexError("table index out of range")
        return self.machine.to_raw(self.c.elems + index, self.cls)

    def __setitem__(self, key, value):
        cdef u64 index
        if isinstance(key, slice):
            places = range(*key.indices(self.c.size))
            values = list(value)
            if len(values) != len(places):
                raise ValueError("a table's slice keeps its length")
            for place, item in zip(places, values):
                self[place] = item
            return
        index = key
        if index >= self.c.size:
            raise IndexError("table index out of range")
        self.machine.from_raw(value, self.cls, self.c.elems + index)

    def __delitem__(self, key):
        places = range(*key.indices(self.c.size)) if isinstance(key, slice) else None
        if places is None or places.step != 1 or places.stop != self.c.size:
            raise ValueError("a table is only ever cut at its end")
        self.c.size = places.start

    def __iter__(self):
        cdef u64 i
        for i in range(self.c.size):
            yield self.machine.to_raw(self.c.elems + i, self.cls)

    def move(self, u64 to, Elems source, u64 start, u64 count):
        """Copy elements, as table.copy does; the caller has checked the bounds."""
        memmove(self.c.elems + to, source.c.elems + start, count * sizeof(u64))


cdef class FuncHandle:
    """The C side of a Func."""

    def __dealloc__(self):
        if self.c != NULL:
            free(self.c.supers)
            free(self.c.offsets)
            free(self.c.code)
            free(self.c)


cdef class InstHandle:
    """The C side of an Instance, and what the translation of its functions needs."""

    def __dealloc__(self):
        free(self.c.funcs)
        free(self.c.tables)
        free(self.c.globals)
        free(self.c.mems)


cdef class Heap:
    """What the guests of one store can reach: values, references, functions."""

    def __cinit__(self):
        self.pins = {}
        self.roots = []
        self.handles = []
        self.most_pins = 1 << 14

    def __dealloc__(self):
        free(self.ctx.stack)
        free(self.ctx.type_depth)

    # -- values -------------------------------------------------------------------------------------------

    cdef object to_raw(self, u64* slot, u8 cls):
        """Return what a slot holds as a raw value."""
        cdef u64 bits = slot[0]
        if cls == I32 or cls == F32:
            return <u32>bits
        if cls == V128:
            return bits | (<object>slot[1] << 64)
        if cls == FUNC:
            return None if bits == 0 else <object>(<FuncC*>bits).func
        if cls == REF:
            if bits == 0:
                return None
            return self.i31(bits >> 1) if bits & 1 else <object><PyObject*>bits
        return bits

    cdef int from_raw(self, object raw, u8 cls, u64* slot) except -1:
        """Put a raw value into its slot or slots."""
        if cls == I32 or cls == F32:
            slot[0] = <u32>PyLong_AsUnsignedLongLongMask(raw)
        elif cls == V128:
            slot[0] = PyLong_AsUnsignedLongLongMask(raw)
            slot[1] = PyLong_AsUnsignedLongLongMask(raw >> 64)
        elif cls == FUNC:
            slot[0] = 0 if raw is None else <u64>self.handle_of(raw).c
        elif cls == REF:
            if raw is None:
                slot[0] = 0
            elif type(raw) is self.i31:
                slot[0] = (<u64>raw.bits << 1) | 1
            else:
                slot[0] = <u64><PyObject*>raw
                self.pins[slot[0]] = raw
        else:
            slot[0] = PyLong_AsUnsignedLongLongMask(raw)
        return 0

    cdef int unpin(self) except -1:
        """Let go of objects that no slot holds any more. Only when all live slots lie below `top`."""
        cdef u64* p = self.ctx.stack
        cdef dict kept = {}
        cdef dict pins = self.pins
        cdef Cell cell
        cdef Elems elems
        cdef u64 i
        while p < self.top:
            if p[0] in pins:
                kept[p[0]] = pins[p[0]]
            p += 1
        for root in self.roots:
            if type(root) is Cell:
                cell = root
                if cell.slots[0] in pins:
                    kept[cell.slots[0]] = pins[cell.slots[0]]
                continue
            elems = root
            for i in range(elems.c.size):
                if elems.c.elems[i] in pins:
                    kept[elems.c.elems[i]] = pins[elems.c.elems[i]]
        self.pins = kept
        self.most_pins = max(1 << 14, 2 * len(kept))
        return 0

    # -- making the C side -----------------------------------------------------------------------------------

    cdef int know_types(self) except -1:
        """Bring the table of subtype depths up to date."""
        if self.types_known == type_count():
            return 0
        types = numbered_types()
        cdef u32* depths = <u32*>realloc(self.ctx.type_depth, (len(types) + 1) * sizeof(u32))
        if depths == NULL:
            raise MemoryError
        self.ctx.type_depth = depths
        for i, deftype in enumerate(types):
            depths[i] = len(deftype.supers) - 1
        self.types_known = len(types)
        return 0

    cdef FuncHandle handle_of(self, func):
        """Return the C side of a Func, made on first use."""
        if func.entry is not None:
            return func.entry
        cdef FuncHandle handle = FuncHandle.__new__(FuncHandle)
        cdef FuncC* c = <FuncC*>calloc(1, sizeof(FuncC))
        if c == NULL:
            raise MemoryError
        handle.c = c
        functype, supers = func.deftype.comptype, func.deftype.supers
        handle.params = bytes([class_of(t) for t in functype.params])
        handle.results = bytes([class_of(t) for t in functype.results])
        handle.machine = self
        for cls in handle.params:
            c.n_params += slots_of(cls)
        for cls in handle.results:
            c.n_results += slots_of(cls)
        c.type_id = type_number(func.deftype)
        c.supers = <u32*>malloc((len(supers) + 1) * sizeof(u32))
        if c.supers == NULL:
            raise MemoryError
        c.n_supers = len(supers)
        for i, deftype in enumerate(supers):
            c.supers[i] = type_number(deftype)
        self.know_types()
        c.func = <void*>func
        c.words[0].h, c.words[1].h = H_TO_HOST, H_TO_TRANSLATOR
        c.words[0].imm = c.words[1].imm = <u64>c
        c.entry = c.words
        func.entry = handle
        self.handles.append((func, handle))
        return handle

    cdef tuple take(self, u64* p, bytes classes):
        """Return the raw values of slots in a row."""
        values = []
        cdef u8 cls
        for cls in classes:
            values.append(self.to_raw(p, cls))
            p += slots_of(cls)
        return tuple(values)

    cdef int put(self, object result, bytes classes, u64* p) except -1:
        """Write what a callable gave to slots in a row."""
        cdef Py_ssize_t n = len(classes)
        cdef u8 cls
        if n == 0:
            return 0
        if n == 1:
            return self.from_raw(result, (<const u8*>classes)[0], p)
        for value, cls in zip(result, classes, strict=True):
            self.from_raw(value, cls, p)
            p += slots_of(cls)
        return 0


cdef bint take_numbers(tuple params, bytes wanted, u64* p) except -1:
    """Put Python numbers into slots; False if one needs a closer look."""
    cdef Py_ssize_t i, n = len(wanted)
    cdef const u8* classes = wanted
    cdef long long value
    cdef int overflow = 0
    if len(params) != n or n > 64:
        return False
    for i in range(n):
        item = params[i]
        if classes[i] == F64:
            if type(item) is not float:
                return False
            std(p + i, <double>item)
            continue
        if type(item) is not int:
            return False
        value = PyLong_AsLongLongAndOverflow(item, &overflow)
        if overflow or classes[i] == I32 and (value < -2147483648 or value > 4294967295):
            return False
        p[i] = <u32>value if classes[i] == I32 else <u64>value
    return True


cdef object number_at(u64* p, u8 cls):
    """Return a slot as a Python number; integers are signed."""
    if cls == I32:
        return <i32><u32>p[0]
    if cls == I64:
        return <i64>p[0]
    return <double>lds(p) if cls == F32 else ldd(p)


cdef bint is_quick(FuncHandle handle):
    """Tell whether a function takes and gives only numbers that `quick` knows."""
    return (
        len(handle.results) <= 1
        and all(cls in (I32, I64, F32, F64) for cls in handle.results)
        and all(cls in (I32, I64, F64) for cls in handle.params)
    )
