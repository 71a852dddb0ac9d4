# cython: language_level=3
"""The C side of memories, globals, tables and instances: where handlers find what Python sees as objects."""

from libc.stdlib cimport calloc, free, malloc, realloc

from .emit cimport FUNC, REF
from .gcheap cimport gc_root
from .heap cimport Heap, drop_code
from .machine cimport *
from .modinfo cimport ModInfo, Sig, class_of

from array import array

from .emit import HANDLERS

cdef bytes DROPPED = b""
cdef enum:
    NO_FUNC = -1

cdef Handler H_FOREIGN = <Handler><size_t>HANDLERS["foreign"]
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
            gc_root(machine.ctx.gc, self.slots, NULL)
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
            gc_root(machine.ctx.gc, NULL, &self.c)
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

    def indices(self, InstHandle handle):
        """Return the indices that an instance has for these functions, -1 for null; None if it lacks one of them."""
        cdef i32[::1] found
        cdef u64 i
        if self.cls != FUNC:
            return None
        result = array("i", bytes(self.c.size * sizeof(i32)))
        if self.c.size:
            found = result
            for i in range(self.c.size):
                found[i] = index_of(handle, <FuncC*>self.c.elems[i])
                if found[i] < NO_FUNC:
                    return None
        return result

    def fill(self, InstHandle handle, const i32[::1] indices):
        """Become the functions that an instance has at these indices, as many as there are elements."""
        cdef u64 i
        for i in range(self.c.size):
            self.c.elems[i] = 0 if indices[i] == NO_FUNC else <u64>handle.c.funcs[indices[i]]


cdef i32 index_of(InstHandle handle, FuncC* func) noexcept:
    """Return the index of a function in an instance; less than NO_FUNC if it is of another one."""
    cdef u32 i
    if func == NULL:
        return NO_FUNC
    if func.inst == &handle.c:
        return func.funcidx
    for i in range(handle.info.n_imported):
        if handle.c.funcs[i] == func:
            return <i32>i
    return NO_FUNC - 1


cdef class InstHandle:
    """The C side of an Instance, and what the translation of its functions needs."""

    def __dealloc__(self):
        cdef u32 i
        for i in range(self.n_own):
            drop_code(self.own + i)
        free(self.own)
        free(self.c.funcs)
        free(self.c.tables)
        free(self.c.globals)
        free(self.c.mems)
        self.forget_segments()

    cdef int make_funcs(self, list funcs) except -1:
        """Make the C side of the functions that the instance defines; find that of those it imports."""
        cdef u32 imported = self.info.n_imported
        cdef u32 i
        cdef FuncC* c
        cdef Sig* sig
        self.own = <FuncC*>calloc(len(funcs) - imported + 1, sizeof(FuncC))
        if self.own == NULL:
            raise MemoryError
        self.n_own = len(funcs) - imported
        for i in range(imported):
            self.c.funcs[i] = self.machine.c_of(funcs[i])
        for i in range(self.n_own):
            c, sig = self.own + i, self.info.funcs[imported + i]
            self.c.funcs[imported + i] = c
            c.n_params, c.n_results = sig.param_slots, sig.result_slots
            c.type_id, c.n_supers, c.supers = sig.type_id, sig.n_supers, sig.supers
            # safe: the list belongs to the instance, which the machine keeps.
            c.func = <void*>funcs[imported + i]
            c.words[0].h, c.words[1].h = H_FOREIGN, H_TO_TRANSLATOR
            c.words[0].imm = c.words[1].imm = <u64>c
            c.entry = &c.words[1]
            c.inst, c.funcidx = &self.c, imported + i
        return 0

    cdef void forget_segments(self) noexcept:
        cdef size_t i
        for i in range(self.n_elems):
            free(self.c.elems[i].base)
        free(self.c.elems)
        free(self.c.datas)
        self.c.elems = self.c.datas = NULL
        self.n_elems = 0

    def note_segments(self):
        """Look at the instance's segments again: a snapshot was put back."""
        if self.placed:
            self.forget_segments()
            self.place_segments()

    cdef int place_segments(self) except -1:
        """Note where the segments are; they are made after `bind`."""
        cdef const u8[::1] view
        cdef list datas = self.instance.datas
        elems = self.instance.elems
        self.c.datas = <SegC*>calloc(len(datas) + 1, sizeof(SegC))
        self.c.elems = <SegC*>calloc(len(elems) + 1, sizeof(SegC))
        if not (self.c.datas and self.c.elems):
            raise MemoryError
        self.n_elems, self.bytes_kept = len(elems), []
        for i, data in enumerate(datas):
            # fast: of a Go module's tens of thousands all are dropped, and have the one empty object in their place
            if data is not DROPPED and len(data):
                view = data
                self.bytes_kept.append(data)
                self.c.datas[i].base, self.c.datas[i].size = <u8*>&view[0], len(data)
        for i, refs in enumerate(elems):
            if refs:
                self.place_elem(i, refs)
        return 0

    cdef int place_elem(self, Py_ssize_t index, list refs) except -1:
        cdef u64* base = <u64*>malloc(len(refs) * sizeof(u64))
        cdef u8 cls = class_of(self.info.checked.elems[index])
        if base == NULL:
            raise MemoryError
        self.c.elems[index].base, self.c.elems[index].size = <u8*>base, len(refs)
        # safe: the instance's own list keeps the objects until the segment is dropped.
        for i, raw in enumerate(refs):
            self.machine.from_raw(raw, cls, base + <size_t>i)
        return 0

    def drop_data(self, size_t index):
        """Forget a data segment."""
        self.instance.datas[index] = b""
        self.c.datas[index].size = 0

    def drop_elem(self, size_t index):
        """Forget an element segment."""
        self.instance.elems[index] = None
        self.c.elems[index].size = 0
