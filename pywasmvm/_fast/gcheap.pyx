# cython: language_level=3
"""The heap of structures, arrays and exceptions: allocation, and a collector that marks and sweeps.

Objects never move. Small ones are cells of blocks, one size a block; large ones are allocated one by one.
Rule 1: slots of the value stack are taken for references only after a look at the heap, so that a stale slot or
a number keeps garbage alive at worst; references in objects, globals and tables are exact.
Rule 2: nothing collects on its own. A handler that finds no room stops the machine, the driver collects.
Rule 3: `used` counts what both engines charge for an object (runtime/refs.py), not what malloc took.
"""

from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memset

from .growing cimport count_up_to, ensure, grow
from .machine cimport Gc, GcType, TableC, u8, u32, u64

cdef enum:
    SMALL_BLOCK = 32 << 10
    LARGE_BLOCK = 256 << 10
    MANY_BLOCKS = 64
    POISON = 0xDB


cdef Gc* gc_make(u64 limit, bint stress) noexcept:
    """Return an empty heap, NULL if there is no memory. `stress`: collect before each allocation."""
    cdef Gc* gc = <Gc*>calloc(1, sizeof(Gc))
    if gc != NULL:
        gc.limit, gc.stress = limit, stress
        gc.threshold = 0 if stress else (limit if limit < LEAST_THRESHOLD else LEAST_THRESHOLD)
    return gc


cdef void gc_free(Gc* gc) noexcept:
    cdef u64 i
    if gc == NULL:
        return
    for i in range(gc.n_blocks):
        free(gc.blocks[i].cells)
    for i in range(gc.n_large):
        free(gc.large[i])
    free(gc.blocks)
    free(gc.large)
    free(gc.marked)
    free(gc.roots)
    free(gc.host_marks)
    free(gc)


cdef int gc_root(Gc* gc, u64* cell, TableC* table) except -1:
    """Remember where a global or a table is, for good."""
    ensure(<void**>&gc.roots, &gc.root_room, gc.n_roots + 1, sizeof(Root))
    gc.roots[gc.n_roots].cell, gc.roots[gc.n_roots].table = cell, table
    gc.n_roots += 1
    return 0


# -- allocation -----------------------------------------------------------------------------------------------


cdef inline u64 n_cells(Block* block) noexcept nogil:
    """Return how many cells a block has; behind the last one some bytes may be left over."""
    return block.nbytes // block.size


cdef inline Obj* cell_at(Block* block, u64 index) noexcept nogil:
    return <Obj*>(block.cells + index * block.size)


cdef void link_cells(Gc* gc, Block* block) noexcept nogil:
    """Put the cells without an object on their free list, the lowest first."""
    cdef u32 cell = block.size // GRAIN
    cdef u64 i = n_cells(block)
    cdef Obj* obj
    while i > 0:
        i -= 1
        obj = cell_at(block, i)
        if obj.type == NULL:
            (<Obj**>obj)[1] = gc.free[cell]
            gc.free[cell] = obj


cdef bint add_block(Gc* gc, u32 cell) noexcept nogil:
    cdef u64 nbytes = SMALL_BLOCK if gc.n_blocks < MANY_BLOCKS else LARGE_BLOCK
    # why: cells of one size serve no other; without this a guest could make each size take the limit over again.
    if gc.block_bytes + nbytes > 2 * gc.limit + LEAST_THRESHOLD:
        return False
    if not grow(<void**>&gc.blocks, &gc.block_room, gc.n_blocks + 1, sizeof(Block)):
        return False
    cdef Block* block = gc.blocks + gc.n_blocks
    block.cells, block.nbytes, block.size = <u8*>calloc(nbytes, 1), nbytes, cell * GRAIN
    if block.cells == NULL:
        return False
    gc.n_blocks += 1
    gc.block_bytes += nbytes
    link_cells(gc, block)
    return True


cdef bint gc_refill(Gc* gc, u32 cell, u64 charge) noexcept nogil:
    """Make sure that an object fits. False: collect first, or give up if that was done or `no_memory`."""
    if gc.used + charge > gc.threshold:
        return False
    if cell == 0 or gc.free[cell] != NULL:
        return True
    return add_block(gc, cell)


cdef Obj* add_large(Gc* gc, GcType* type, u64 nbytes, u64 charge) noexcept nogil:
    """Return an object of its own, its content zero."""
    gc.want_cell, gc.want = 0, charge
    if gc.used + charge > gc.threshold:
        return NULL
    if not grow(<void**>&gc.large, &gc.large_room, gc.n_large + 1, sizeof(void*)):
        gc.no_memory = True
        return NULL
    cdef Obj* obj = <Obj*>calloc(nbytes, 1)
    if obj == NULL:
        gc.no_memory = True
        return NULL
    gc.large[gc.n_large] = obj
    gc.n_large += 1
    gc.used += charge
    obj.type = type
    return obj


cdef Obj* allocate(Gc* gc, GcType* type, u64 content, u64 charge) noexcept nogil:
    """Return an object with so many bytes of content, all zero; NULL if there must be a collection first."""
    cdef u64 nbytes = (sizeof(Obj) + content + GRAIN - 1) & ~<u64>(GRAIN - 1)
    cdef Obj* obj
    if nbytes >= N_CELLS * GRAIN:
        return add_large(gc, type, nbytes, charge)
    obj = take_cell(gc, type, <u32>(nbytes // GRAIN), charge)
    if obj == NULL:
        if not gc_refill(gc, <u32>(nbytes // GRAIN), charge):
            return NULL
        obj = take_cell(gc, type, <u32>(nbytes // GRAIN), charge)
    memset(slots(obj), 0, nbytes - sizeof(Obj))
    return obj


cdef Obj* gc_array(Gc* gc, GcType* type, u64 length) noexcept nogil:
    """Return an array of zeros; NULL if there must be a collection first."""
    # safe: lengths are below 2**32 and elements at most 16 bytes wide.
    cdef Obj* obj = allocate(gc, type, length << type.shift, sizeof(Obj) + (length << type.shift))
    if obj != NULL:
        obj.length = <u32>length
    return obj


cdef Obj* gc_slots(Gc* gc, GcType* type) noexcept nogil:
    """Return a structure or exception of zeros; NULL if there must be a collection first."""
    return allocate(gc, type, <u64>type.n_slots * 8, type.charge)


# -- marking --------------------------------------------------------------------------------------------------


cdef int by_address(const void* a, const void* b) noexcept nogil:
    cdef u64 x = (<u64*>a)[0]
    cdef u64 y = (<u64*>b)[0]
    return (x > y) - (x < y)


cdef Obj* find(Gc* gc, u64 ref) noexcept nogil:
    """Return the object at an address, NULL if there is none. The lists are sorted."""
    cdef u64 n = count_up_to(gc.blocks, gc.n_blocks, sizeof(Block), ref)
    cdef u64 inside
    cdef Block* block
    if n > 0:
        block = gc.blocks + (n - 1)
        inside = ref - <u64>block.cells
        if inside < n_cells(block) * block.size:
            return <Obj*>ref if inside % block.size == 0 and (<Obj*>ref).type != NULL else NULL
    n = count_up_to(gc.large, gc.n_large, sizeof(void*), ref)
    return <Obj*>ref if n > 0 and <u64>gc.large[n - 1] == ref else NULL


cdef void mark_object(Gc* gc, Obj* obj) noexcept nogil:
    if obj.state & 1:
        return
    obj.state |= 1
    if obj.type.n_refs == 0 and not (obj.type.traced and obj.length):
        return
    if not grow(<void**>&gc.marked, &gc.marked_room, gc.n_marked + 1, sizeof(void*)):
        gc.overflowed = True
        return
    gc.marked[gc.n_marked] = obj
    gc.n_marked += 1


cdef void gc_mark(Gc* gc, u64 ref) noexcept nogil:
    """Mark what an exact reference leads to."""
    if ref & 1 or ref == 0:
        return
    if ref & 7 == 2:
        gc.host_marks[ref >> 3] = 1
    else:
        mark_object(gc, <Obj*>ref)


cdef void gc_mark_range(Gc* gc, u64* p, u64* end) noexcept nogil:
    """Mark what slots of the value stack may lead to."""
    cdef Obj* obj
    while p < end:
        if p[0] & 7 == 2 and p[0] >> 3 < gc.n_host:
            gc.host_marks[p[0] >> 3] = 1
        elif is_object(p[0]):
            obj = find(gc, p[0])
            if obj != NULL:
                mark_object(gc, obj)
        p += 1


cdef void trace(Gc* gc, Obj* obj) noexcept nogil:
    cdef u64* content = slots(obj)
    cdef u32 i
    for i in range(obj.type.n_refs):
        gc_mark(gc, content[obj.type.refs[i]])
    if obj.type.traced:
        for i in range(obj.length):
            gc_mark(gc, content[i])


cdef void drain(Gc* gc) noexcept nogil:
    while gc.n_marked:
        gc.n_marked -= 1
        trace(gc, gc.marked[gc.n_marked])


cdef void gc_begin(Gc* gc) noexcept nogil:
    """Sort the lists; mark what globals, tables and handles of the host hold."""
    cdef u64 i, k
    cdef TableC* table
    cdef Block* block
    cdef Obj* obj
    qsort(gc.blocks, gc.n_blocks, sizeof(Block), by_address)
    qsort(gc.large, gc.n_large, sizeof(void*), by_address)
    memset(gc.host_marks, 0, gc.n_host)
    for i in range(gc.n_roots):
        table = gc.roots[i].table
        if table == NULL:
            gc_mark(gc, gc.roots[i].cell[0])
            continue
        for k in range(table.size):
            gc_mark(gc, table.elems[k])
    for i in range(gc.n_blocks):
        block = gc.blocks + i
        for k in range(n_cells(block)):
            obj = cell_at(block, k)
            if obj.type != NULL and obj.state > 1:
                mark_object(gc, obj)
    for i in range(gc.n_large):
        if gc.large[i].state > 1:
            mark_object(gc, gc.large[i])


cdef void retrace(Gc* gc) noexcept nogil:
    """Go over all marked objects again, when the list of those still to be traced could not grow."""
    cdef u64 i, k
    cdef Block* block
    cdef Obj* obj
    for i in range(gc.n_blocks):
        block = gc.blocks + i
        for k in range(n_cells(block)):
            obj = cell_at(block, k)
            if obj.type != NULL and obj.state & 1:
                trace(gc, obj)
                drain(gc)
    for i in range(gc.n_large):
        if gc.large[i].state & 1:
            trace(gc, gc.large[i])
            drain(gc)


# -- sweeping -------------------------------------------------------------------------------------------------


cdef u64 charged(Obj* obj) noexcept nogil:
    if obj.type.kind == ARRAY:
        return sizeof(Obj) + (<u64>obj.length << obj.type.shift)
    return obj.type.charge


cdef bint sweep_block(Gc* gc, Block* block) noexcept nogil:
    """Free what is not marked. Return whether anything is left."""
    cdef u64 k
    cdef Obj* obj
    cdef bint lives = False
    for k in range(n_cells(block)):
        obj = cell_at(block, k)
        if obj.type == NULL:
            continue
        if obj.state & 1:
            obj.state &= ~<u32>1
            lives = True
            continue
        gc.used -= charged(obj)
        if gc.stress:
            memset(obj, POISON, block.size)
        obj.type = NULL
    return lives


cdef void gc_finish(Gc* gc) noexcept nogil:
    """Mark what the roots lead to, free the rest."""
    cdef u64 i, n = 0
    drain(gc)
    while gc.overflowed:
        gc.overflowed = False
        retrace(gc)
    for i in range(gc.n_large):
        if gc.large[i].state & 1:
            gc.large[i].state &= ~<u32>1
            gc.large[n] = gc.large[i]
            n += 1
        else:
            gc.used -= charged(gc.large[i])
            free(gc.large[i])
    gc.n_large, n = n, 0
    memset(gc.free, 0, sizeof(gc.free))
    for i in range(gc.n_blocks):
        if sweep_block(gc, gc.blocks + i):
            link_cells(gc, gc.blocks + i)
            gc.blocks[n] = gc.blocks[i]
            n += 1
        else:
            gc.block_bytes -= gc.blocks[i].nbytes
            free(gc.blocks[i].cells)
    gc.n_blocks = n
