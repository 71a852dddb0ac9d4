# cython: language_level=3
"""The C side of a store's objects, and the way of values between slots and Python.

Values of the host have a number here as long as the guest may reach them; objects of the guest that the host
holds have a handle, and are kept by it.
Rule 1: a collection happens only while every live slot lies below a known place, and with the GIL.
"""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLongMask
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

from .emit cimport F32, F64, FUNC, I32, I64, REF, V128, slots_of
from .gcheap cimport *
from .gctypes cimport TypeHandle, make_tag, make_type
from .machine cimport *
from .modinfo cimport class_of
from .pointers cimport IS_FLOAT, IS_NARROW, IS_THERE, describe

from time import thread_time
from weakref import WeakKeyDictionary, WeakValueDictionary

from ..errors import LimitError, UsageError
from ..syntax.types import DefType
from .emit import HANDLERS
from .modinfo import numbered_types, type_count, type_number

# Seconds per byte of the heap that a collection is thought to take at least.
cdef double LEAST_PACE = 2e-10
cdef Py_ssize_t LEAST_HOSTED = 1 << 14
cdef Handler H_TO_POINTER = <Handler><size_t>HANDLERS["to_pointer"]
cdef Handler H_TO_HOST = <Handler><size_t>HANDLERS["to_host"]
cdef Handler H_TO_TRANSLATOR = <Handler><size_t>HANDLERS["to_translator"]


# Weakly, as the numbers of types are kept.
SHAPES = WeakKeyDictionary()


cdef tuple shape_of(deftype):
    """Return the classes of a function type's parameters and results, how many slots both take, and if it is numeric."""
    found = SHAPES.get(deftype)
    if found is None:
        params = bytes([class_of(t) for t in deftype.comptype.params])
        results = bytes([class_of(t) for t in deftype.comptype.results])
        sizes = [sum([slots_of(cls) for cls in classes]) for classes in (params, results)]
        numeric = len(results) <= 1 and is_numeric(params) and is_numeric(results)
        found = SHAPES[deftype] = (params, results, *sizes, numeric)
    return found


cdef void drop_code(FuncC* c) noexcept:
    """Free the code of a function."""
    cdef u32 i
    for i in range(c.n_tries):
        free(c.tries[i].clauses)
    free(c.tries)
    free(c.offsets)
    free(c.code)


cdef class FuncHandle:
    """The C side of a Func, for Python.

    numeric  it takes plain numbers, and gives one at most.
    direct   the embedder's callable if that takes Python numbers, and `finish`, what makes raw values of its result.
    native   the embedder's C function, NULL if there is none that can be called directly.
    """

    def __dealloc__(self):
        # why: a function that a module defines has its C side, and its code, in the block of its instance.
        if self.c != NULL and not self.borrowed:
            free(self.c.supers)
            free(self.c)
            free(self.native)


# why: cleared before it is freed it would lose the machine, whose heap its count is in.
@cython.no_gc_clear
cdef class Held:
    """A counted hold of the host on an object; what the host sees of it stands in engine/fast_refs.py."""

    def __dealloc__(self):
        if self.obj != NULL:
            self.obj.state -= 2

    cdef TypeHandle type(self):
        return <TypeHandle>self.obj.type.owner

    @property
    def owner(self):
        """The closed type of a structure or array, the tag of an exception."""
        return self.type().owner

    @property
    def kind(self):
        """1 for a structure, 2 for an array, 3 for an exception."""
        return self.obj.type.kind

    @property
    def descriptor(self):
        """The structure that describes this one, None for most."""
        if not self.obj.type.has_desc:
            return None
        cdef u64 bits = slots(self.obj)[self.obj.type.n_slots - 1]
        return self.machine.to_raw(&bits, REF)

    @descriptor.setter
    def descriptor(self, raw):
        if self.obj.type.has_desc:
            slots(self.obj)[self.obj.type.n_slots - 1] = self.machine.bits_of(raw)

    def __len__(self):
        return self.obj.length if self.obj.type.kind == ARRAY else len(self.type().classes)

    def __getitem__(self, u64 index):
        cdef TypeHandle type = self.type()
        cdef u64[2] slot
        cdef u64* p
        cdef u8 nbytes
        if index >= <u64>len(self):
            raise IndexError("index out of range")
        if type.c.kind == ARRAY:
            slot[0] = slot[1] = 0
            memcpy(slot, elements(self.obj) + (index << type.c.shift), 1 << type.c.shift)
            return self.machine.to_raw(slot, type.classes[0])
        p = slots(self.obj) + <u32>type.places[index]
        nbytes = type.packed[index]
        raw = self.machine.to_raw(p, type.classes[index])
        return raw & ((1 << 8 * nbytes) - 1) if nbytes else raw

    def __setitem__(self, u64 index, raw):
        cdef TypeHandle type = self.type()
        cdef u64[2] slot
        if index >= <u64>len(self):
            raise IndexError("index out of range")
        if type.c.kind == ARRAY:
            self.machine.from_raw(raw, type.classes[0], slot)
            memcpy(elements(self.obj) + (index << type.c.shift), slot, 1 << type.c.shift)
        else:
            self.machine.from_raw(raw, type.classes[index], slots(self.obj) + <u32>type.places[index])


cdef Held hold(Heap machine, Obj* obj):
    cdef Held held = Held.__new__(Held)
    held.machine, held.obj = machine, obj
    obj.state += 2
    return held


cdef class Heap:
    """What the guests of one store can reach: values, references, functions."""

    def __cinit__(self):
        self.types = {}
        self.refs = WeakValueDictionary()
        self.hosted, self.unused, self.numbers = [], [], {}
        self.roots = []
        self.handles = []
        self.most_hosted = LEAST_HOSTED

    def __dealloc__(self):
        free(self.ctx.stack)
        free(self.ctx.type_depth)
        free(self.ctx.ranges)
        gc_free(self.ctx.gc)

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
            if bits & 1:
                return self.i31(bits >> 1)
            return self.hosted[bits >> 3] if bits & 7 == 2 else self.object_at(<Obj*>bits)
        return bits

    cdef int from_raw(self, object raw, u8 cls, u64* slot) except -1:
        """Put a raw value into its slot or slots."""
        if cls == I32 or cls == F32:
            slot[0] = <u32>PyLong_AsUnsignedLongLongMask(raw)
        elif cls == V128:
            slot[0] = PyLong_AsUnsignedLongLongMask(raw)
            slot[1] = PyLong_AsUnsignedLongLongMask(raw >> 64)
        elif cls == FUNC:
            slot[0] = 0 if raw is None else <u64>self.c_of(raw)
        elif cls == REF:
            slot[0] = self.bits_of(raw)
        else:
            slot[0] = PyLong_AsUnsignedLongLongMask(raw)
        return 0

    cdef object object_at(self, Obj* obj):
        """Return the handle of an object: the same one as long as the host holds it."""
        found = self.refs.get(<u64>obj)
        if found is None:
            found = self.refs[<u64>obj] = self.wrap(hold(self, obj))
        return found

    cdef u64 bits_of(self, object raw) except? 0:
        """Return a reference, not to a function, as a slot holds it."""
        if raw is None:
            return 0
        if type(raw) is self.i31:
            return (<u64>raw.bits << 1) | 1
        held = getattr(raw, "held", None)
        if type(held) is Held:
            if (<Held>held).machine is not self:
                raise UsageError(f"this {type(raw).__name__} belongs to another store")
            return <u64>(<Held>held).obj
        if isinstance(raw, self.exn_class):
            return self.new_exn(raw.tag, raw.values)
        return self.host_bits(raw)

    cdef u64 host_bits(self, object raw) except? 0:
        """Give a value of the host its number."""
        number = self.numbers.get(id(raw))
        if number is None:
            if self.unused:
                number = self.unused.pop()
                self.hosted[number] = raw
            else:
                number = len(self.hosted)
                self.hosted.append(raw)
                self.room_for_host()
            self.numbers[id(raw)] = number
        return <u64>number << 3 | 2

    cdef int room_for_host(self) except -1:
        """Have a mark for each value of the host."""
        cdef Gc* gc = self.ctx.gc
        cdef size_t n = len(self.hosted)
        cdef u8* marks
        if n & (n - 1) == 0:
            marks = <u8*>realloc(gc.host_marks, 2 * n)
            if marks == NULL:
                raise MemoryError
            gc.host_marks = marks
        gc.n_host = n
        return 0

    # -- objects ----------------------------------------------------------------------------------------------

    cdef TypeHandle type_of(self, owner):
        """Return the layout of a closed type, or of a tag's exceptions."""
        found = self.types.get(owner)
        if found is None:
            found = self.types[owner] = make_type(owner) if isinstance(owner, DefType) else make_tag(owner)
        return found

    cdef u64 new_exn(self, object tag, tuple values) except 0:
        """Make an exception of raw values."""
        cdef TypeHandle type = self.type_of(tag)
        # why: whoever is filling slots with the arguments of a call must not lose the ones before.
        cdef Obj* obj = self.new_object(type, 0, False)
        self.put_all(values, type.classes, slots(obj))
        return <u64>obj

    cdef Obj* new_object(self, TypeHandle type, u64 length, bint may_collect) except NULL:
        """Return an object of zeros. Raise LimitError if the heap is full."""
        cdef Gc* gc = self.ctx.gc
        cdef Obj* obj
        while True:
            obj = gc_array(gc, &type.c, length) if type.c.kind == ARRAY else gc_slots(gc, &type.c)
            if obj != NULL:
                return obj
            if may_collect:
                self.make_room(gc.want, self.ctx.top)
            else:
                self.allow(gc.want)

    def new_struct(self, deftype, fields, descriptor):
        """Make a structure of raw fields and return its handle."""
        cdef TypeHandle type = self.type_of(deftype)
        cdef Obj* obj = self.new_object(type, 0, True)
        result = self.object_at(obj)
        self.put_all(fields, type.classes, slots(obj))
        if descriptor is not None:
            slots(obj)[type.c.n_slots - 1] = self.bits_of(descriptor)
        return result

    def new_array(self, deftype, elems):
        """Make an array of raw elements and return its handle."""
        cdef Obj* obj = self.new_object(self.type_of(deftype), len(elems), True)
        cdef Held held = hold(self, obj)
        for i, raw in enumerate(elems):
            held[i] = raw
        return self.object_at(obj)

    def new_exception(self, tag, tuple values):
        """Make an exception of raw values and return its handle."""
        return self.object_at(<Obj*>self.new_exn(tag, values))

    @property
    def heap_used(self):
        """Return what the objects are charged, in bytes."""
        return self.ctx.gc.used

    # -- collecting -------------------------------------------------------------------------------------------

    def collect(self):
        """Free unreachable objects now."""
        self.collect_from(self.ctx.top)

    cdef double collecting(self) noexcept:
        """Return how many seconds a collection may take now, by the last one: nothing interrupts it."""
        # why: forgotten bit by bit, since one over cold memory says little.
        self.pace = max(0.9 * self.pace, LEAST_PACE)
        return <double>self.ctx.gc.used * self.pace

    cdef int collect_from(self, u64* top) except -1:
        """Free what neither the slots below `top` nor globals, tables and handles lead to."""
        cdef Gc* gc = self.ctx.gc
        # why: the thread's time, since a collection that waited for the processor says nothing of the next.
        cdef double began = thread_time()
        cdef u64 used = gc.used
        cdef u64* stack = self.ctx.stack
        # why without the GIL from end to end: nothing of the host may run and change what is being marked.
        with nogil:
            gc_begin(gc)
            gc_mark_range(gc, stack, top)
            gc_finish(gc)
        self.pace = (<double>thread_time() - began) / <double>(used + 1)
        if not gc.stress:
            gc.threshold = min(gc.limit, max(2 * gc.used, <u64>LEAST_THRESHOLD))
        dropped = [i for i in range(gc.n_host) if not gc.host_marks[i] and self.hosted[i] is not None]
        for i in dropped:
            del self.numbers[id(self.hosted[i])]
            self.unused.append(i)
        released = [self.hosted[i] for i in dropped]
        for i in dropped:
            self.hosted[i] = None
        self.most_hosted = max(LEAST_HOSTED, 2 * (len(self.hosted) - len(self.unused)))
        # why last: what the host does when a value goes must find everything in order.
        del released
        return 0

    cdef int allow(self, u64 charge) except -1:
        """Let so many bytes more be used. Raise LimitError if that passes the limit."""
        cdef Gc* gc = self.ctx.gc
        if gc.used + charge > gc.limit:
            raise LimitError(
                f"gc_heap_bytes limit reached: {gc.limit}, {gc.used} bytes used, {charge} wanted"
            )
        gc.threshold = max(gc.threshold, gc.used + charge)
        if gc.no_memory or not gc_refill(gc, gc.want_cell, charge):
            gc.no_memory = False
            raise LimitError(f"gc_heap_bytes limit reached: no memory for {charge} bytes more")
        return 0

    cdef int make_room(self, u64 charge, u64* top) except -1:
        """Collect, and let so many bytes more be used. Raise LimitError if there is no room."""
        self.collect_from(top)
        return self.allow(charge)

    # -- making the C side -----------------------------------------------------------------------------------

    cdef int know_types(self) except -1:
        """Bring the table of subtype depths up to date."""
        cdef i64 count = type_count()
        if self.types_known == count:
            return 0
        cdef u32* depths = <u32*>realloc(self.ctx.type_depth, (count + 1) * sizeof(u32))
        if depths == NULL:
            raise MemoryError
        self.ctx.type_depth = depths
        for deftype, number in numbered_types():
            if number < count:
                depths[number] = len(deftype.supers) - 1
        self.types_known = count
        return 0

    cdef FuncC* c_of(self, func) except NULL:
        """Return the C side of a Func. The machine knows those that modules define, too."""
        return self.handle_of(func).c

    cdef FuncHandle handle_of(self, func):
        """Return the C side of a Func with a handle on it, made on first use."""
        if func.entry is not None:
            return func.entry
        cdef FuncHandle handle = FuncHandle.__new__(FuncHandle)
        cdef FuncC* c
        if func.instance is not None:
            handle.c, handle.borrowed, handle.machine = self.c_of(func), True, self
            handle.params, handle.results, _, _, handle.numeric = shape_of(func.deftype)
            func.entry = handle
            return handle
        c = <FuncC*>calloc(1, sizeof(FuncC))
        if c == NULL:
            raise MemoryError
        handle.c = c
        supers = func.deftype.supers
        handle.params, handle.results, c.n_params, c.n_results, handle.numeric = shape_of(func.deftype)
        if func.direct is not None and handle.numeric:
            handle.direct, handle.finish = func.direct
        handle.machine = self
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
        if func.pointer is not None:
            handle.native = describe(func.pointer.address, passing(handle.params), (passing(handle.results) or b"\0")[0])
        if handle.native != NULL:
            c.words[0].h, c.words[0].imm = H_TO_POINTER, <u64>handle.native
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

    cdef int put_all(self, values, bytes classes, u64* p) except -1:
        """Write raw values to slots in a row."""
        cdef u8 cls
        for value, cls in zip(values, classes, strict=True):
            self.from_raw(value, cls, p)
            p += slots_of(cls)
        return 0

    cdef int put(self, object result, bytes classes, u64* p) except -1:
        """Write what a callable gave to slots in a row."""
        cdef Py_ssize_t n = len(classes)
        if n == 0:
            return 0
        if n == 1:
            return self.from_raw(result, (<const u8*>classes)[0], p)
        return self.put_all(result, classes, p)


cdef bint take_number(object item, u8 cls, u64* p) except -1:
    """Put a Python number into a slot; False if it needs a closer look."""
    cdef long long value
    cdef int overflow = 0
    if cls == F64:
        if type(item) is not float:
            return False
        std(p, <double>item)
        return True
    if type(item) is not int or cls == F32:
        return False
    value = PyLong_AsLongLongAndOverflow(item, &overflow)
    if overflow or cls == I32 and (value < -2147483648 or value > 4294967295):
        return False
    p[0] = <u32>value if cls == I32 else <u64>value
    return True


cdef object number_at(u64* p, u8 cls):
    """Return a slot as a Python number; integers are signed."""
    if cls == I32:
        return <i32><u32>p[0]
    if cls == I64:
        return <i64>p[0]
    return <double>lds(p) if cls == F32 else ldd(p)


cdef bytes passing(bytes classes):
    """Return how C passes numbers of these classes."""
    return bytes([
        IS_THERE | IS_FLOAT * (cls in (F32, F64)) | IS_NARROW * (cls in (I32, F32)) for cls in classes
    ])


cdef bint is_numeric(bytes classes):
    """Tell whether all of these are plain numbers."""
    return all([cls in (I32, I64, F32, F64) for cls in classes])
