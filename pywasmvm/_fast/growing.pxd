# cython: language_level=3
"""Arrays that grow, and ones that are searched."""

from libc.stdlib cimport realloc

from .machine cimport u8, u64


cdef inline bint grow(void** block, u64* room, u64 wanted, size_t size) noexcept nogil:
    """Have room for so many items of a size. False, and nothing changed, if there is no memory."""
    cdef u64 more
    cdef void* bigger
    if wanted <= room[0]:
        return True
    more = 2 * wanted + 64
    bigger = realloc(block[0], more * size)
    if bigger == NULL:
        return False
    block[0], room[0] = bigger, more
    return True


cdef inline int ensure(void** block, u64* room, u64 wanted, size_t size) except -1:
    """Have room for so many items of a size, or raise MemoryError."""
    if not grow(block, room, wanted, size):
        raise MemoryError
    return 0


cdef inline u64 count_up_to(const void* items, u64 count, size_t size, u64 addr) noexcept nogil:
    """Return how many of the items stand up to an address, by which they are sorted: it is what each begins with."""
    cdef u64 low = 0
    cdef u64 high = count
    cdef u64 middle
    while low < high:
        middle = (low + high) // 2
        if (<const u64*>(<const u8*>items + middle * size))[0] <= addr:
            low = middle + 1
        else:
            high = middle
    return low
