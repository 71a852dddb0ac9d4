# cython: language_level=3
"""Fusion: where handlers in a row have a common one, the first word gets it.

Rule 1: every word keeps its fields, so control may enter at any of them; each word gets what is best from there on.
Rule 2: the sequences follow from the names of the fused handlers, which are their parts' with `__` between.
"""

from libc.stdlib cimport calloc, free, malloc

from .machine cimport Handler, Ins, u32, u64

from .emit import HANDLERS

cdef enum:
    LONGEST = 4

# A step from a node of the tree of sequences by one more handler; `fused` is NULL where none ends.
cdef struct Step:
    u32 node
    u32 to
    Handler by
    Handler fused

cdef u32 MASK = 0
cdef Step* STEPS = NULL


cdef inline u32 place_of(u32 node, Handler by) noexcept nogil:
    cdef u64 key = ((<u64>by >> 5) + <u64>node * <u64>0x9E3779B1) * <u64>0x9E3779B97F4A7C15
    return <u32>(key >> 32) & MASK


cdef Step* find(u32 node, Handler by) noexcept nogil:
    """Return the step, or the empty place where it belongs."""
    cdef u32 place = place_of(node, by)
    while STEPS[place].by != NULL and not (STEPS[place].by == by and STEPS[place].node == node):
        place = (place + 1) & MASK
    return STEPS + place


cdef int plant() except -1:
    """Make the tree of sequences."""
    global MASK, STEPS
    cdef u32 nodes = 1
    cdef u32 node
    cdef Step* step = NULL
    cdef Handler by
    sequences = [(name.split("__"), address) for name, address in HANDLERS.items() if "__" in name]
    while MASK < 4 * LONGEST * len(sequences):
        MASK = 2 * MASK + 1
    STEPS = <Step*>calloc(MASK + 1, sizeof(Step))
    if STEPS == NULL:
        raise MemoryError
    for names, address in sequences:
        node = 0
        for name in names:
            by = <Handler><size_t>HANDLERS[name]
            step = find(node, by)
            if step.by == NULL:
                step.node, step.by, step.to = node, by, nodes
                nodes += 1
            node = step.to
        step.fused = <Handler><size_t>address
    return 0


plant()


cdef int fuse(Ins* code, u32 n) except -1:
    """Give the words of a function their fused handlers."""
    cdef u32* jumps = <u32*>malloc((n + 1) * sizeof(u32))
    cdef Handler* best = <Handler*>malloc((n + 1) * sizeof(Handler))
    cdef Step* step = NULL
    cdef u32 i, j, node
    if jumps == NULL or best == NULL:
        free(jumps)
        free(best)
        raise MemoryError
    jumps[n] = 0
    for i in range(n - 1, -1, -1):
        jumps[i], best[i] = jumps[i + 1] + 1, code[i].h
        node, j = 0, i
        while j < n:
            step = find(node, code[j].h)
            if step.by == NULL:
                break
            j += 1
            node = step.to
            if step.fused != NULL and jumps[j] < jumps[i]:
                jumps[i], best[i] = jumps[j] + 1, step.fused
    for i in range(n):
        code[i].h = best[i]
    free(jumps)
    free(best)
    return 0
