# cython: language_level=3
"""Fusion: where handlers in a row have a common one, the first word gets it.

Rule 1: every word keeps its fields, so control may enter at any of them; each word gets what is best from there on.
Rule 2: the sequences follow from the names of the fused handlers, which are their parts' with `__` between.
"""

from libc.stdlib cimport calloc, free, malloc

from .machine cimport Handler, Ins, u32, u64

from .emit import HANDLERS

# A step from a node of the tree of sequences by one more handler; `fused` is NULL where none ends. `stays`: how likely
# control goes on to the next word.
cdef struct Step:
    u32 node
    u32 to
    Handler by
    Handler fused
    float stays

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


def likelihood(name: str) -> float:
    """Return how likely control goes on to the word behind one with this handler."""
    if name.startswith(("jump", "switch", "return", "tail", "unreachable")):
        return 0.0
    return 0.5 if "_br" in name or name.startswith("branch_") else 1.0


cdef int plant() except -1:
    """Make the tree of sequences. At its root is every handler."""
    global MASK, STEPS
    cdef u32 nodes = 1
    cdef u32 node
    cdef Step* step = NULL
    cdef Handler by
    sequences = {name: address if "__" in name else 0 for name, address in HANDLERS.items()}
    while MASK < 2 * sum(1 + name.count("__") for name in sequences):
        MASK = 2 * MASK + 1
    STEPS = <Step*>calloc(MASK + 1, sizeof(Step))
    if STEPS == NULL:
        raise MemoryError
    for sequence, address in sequences.items():
        node = 0
        for name in sequence.split("__"):
            by = <Handler><size_t>HANDLERS[name]
            step = find(node, by)
            if step.by == NULL:
                step.node, step.by, step.to, step.stays = node, by, nodes, likelihood(name)
                nodes += 1
            node = step.to
        if address:
            step.fused = <Handler><size_t>address
    return 0


plant()


cdef int fuse(Ins* code, u32 n) except -1:
    """Give the words of a function the handlers that make for the fewest jumps on the way."""
    cdef float* jumps = <float*>malloc((n + 1) * sizeof(float))
    cdef Handler* best = <Handler*>malloc((n + 1) * sizeof(Handler))
    cdef Step* step
    cdef u32 i, j, node
    cdef float reaches, total
    if jumps == NULL or best == NULL:
        free(jumps)
        free(best)
        raise MemoryError
    jumps[n] = 0
    for i in range(n - 1, -1, -1):
        jumps[i], best[i] = n + 1, code[i].h
        node, j, reaches = 0, i, 1
        while j < n:
            step = find(node, code[j].h)
            if step.by == NULL:
                break
            j += 1
            node = step.to
            reaches *= step.stays
            total = 1 + reaches * jumps[j]
            if (step.fused != NULL or j == i + 1) and total < jumps[i]:
                jumps[i] = total
                best[i] = step.fused if step.fused != NULL else code[i].h
    for i in range(n):
        code[i].h = best[i]
    free(jumps)
    free(best)
    return 0
