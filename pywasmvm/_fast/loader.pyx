# cython: language_level=3
"""The sections with many entries, and all bodies, at the speed of C: the compiled side of `binary.bulk`.

Entries are found, not kept: what stays of a section is where each entry starts.
Rule 1: reading stops at the first entry that is not as it should be; Python then reads that entry and says why.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from .bodies cimport BodyWalker
from .dialect cimport Dialect
from .growing cimport grow
from .machine cimport i64, u8, u32, u64
from .operands cimport Body
from .scope cimport ModuleScope
from .wire cimport read_signed, read_u32, read_val

from functools import lru_cache

from ..isa import BY_NAME, Feature
from .dialect import Dialect as make_dialect

cdef u8 I32_CONST = BY_NAME["i32.const"].code
cdef u8 END = BY_NAME["end"].code
cdef u32 NO_LIMIT = 0xFFFFFFFF
# How many bytes of code are validated between two looks at the world outside.
cdef size_t STRIDE = 1 << 20

dialect_for = lru_cache(maxsize=16)(make_dialect)


cdef bint append(Words* words, u32 value) noexcept nogil:
    if not grow(<void**>&words.items, &words.room, words.count + 1, sizeof(u32)):
        return False
    words.items[words.count] = value
    words.count += 1
    return True


cdef object taken(Words* words):
    """Return the numbers as a sequence, and free them."""
    try:
        return memoryview(PyBytes_FromStringAndSize(<char*>words.items, words.count * sizeof(u32))).cast("I")
    finally:
        free(words.items)


cdef class Loader:
    """Reads modules that use these features and stay within these limits."""

    cdef Dialect dialect
    cdef object limits
    cdef u32 most_locals
    cdef u32 most_bytes
    cdef bint has_bulk

    def __init__(self, features, limits):
        self.dialect = dialect_for(features)
        self.limits = limits
        self.most_locals = NO_LIMIT if limits.locals is None else min(limits.locals, NO_LIMIT)
        self.most_bytes = NO_LIMIT if limits.body_bytes is None else min(limits.body_bytes, NO_LIMIT)
        self.has_bulk = Feature.BULK_MEMORY in features

    # -- sections -----------------------------------------------------------------------------------------

    def indices(self, bytes data, u32 pos, u32 count):
        """Read numbers. Return them and the offset behind them."""
        return self.entries(data, pos, count, False)

    def codes(self, bytes data, u32 pos, u32 count):
        """Read entries of the code section. Return where they start and the offset behind them."""
        return self.entries(data, pos, count, True)

    cdef tuple entries(self, bytes data, u32 pos, u32 count, bint are_codes):
        cdef const u8* start = <const u8*><char*>data
        cdef const u8* end = start + len(data)
        cdef const u8* p = start + pos
        cdef const u8* after
        cdef Words words
        cdef u32 value
        memset(&words, 0, sizeof(words))
        with nogil:
            while words.count < count:
                value = <u32>(p - start)
                after = self.code_end(p, end) if are_codes else read_u32(p, end, &value)
                if after == NULL or not append(&words, value):
                    break
                p = after
        return taken(&words), <u32>(p - start)

    cdef const u8* code_end(self, const u8* p, const u8* end) noexcept nogil:
        cdef u32 size, n_groups, i, count, t
        cdef u64 total = 0
        p = read_u32(p, end, &size)
        if p == NULL or size > <size_t>(end - p) or size > self.most_bytes:
            return NULL
        end = p + size
        p = read_u32(p, end, &n_groups)
        for i in range(n_groups):
            if p != NULL:
                p = read_u32(p, end, &count)
            if p != NULL:
                p = read_val(&self.dialect.types, p, end, &t)
            if p == NULL:
                return NULL
            total += count
        return end if p != NULL and total <= self.most_locals else NULL

    def datas(self, bytes data, u32 pos, u32 count):
        """Read data segments. Return five sequences of numbers and the offset behind the segments.

        Per segment: where it starts, its address, where its bytes start, how many there are. The fifth sequence
        lists the segments whose address is not known, which is that of all but `i32.const` in memory 0.
        """
        cdef const u8* start = <const u8*><char*>data
        cdef const u8* end = start + len(data)
        cdef const u8* p = start + pos
        cdef Words words[5]
        cdef BodyWalker walker = BodyWalker(self.dialect, self.limits)
        memset(words, 0, sizeof(words))
        with nogil:
            while words[0].count < count:
                if not self.data_segment(walker, words, start, end, &p):
                    break
        return [taken(&words[i]) for i in range(5)], <u32>(p - start)

    cdef bint data_segment(
        self, BodyWalker walker, Words* words, const u8* start, const u8* end, const u8** at
    ) noexcept nogil:
        cdef const u8* p
        cdef u32 flags, memidx, size
        cdef i64 addr = 0
        cdef bint is_plain = False
        p = read_u32(at[0], end, &flags)
        if p == NULL or flags > 2 or (flags and not self.has_bulk):
            return False
        if flags == 2:
            p = read_u32(p, end, &memidx)
            if p == NULL:
                return False
        if flags == 0 and p < end and p[0] == I32_CONST:
            p = read_signed(p + 1, end, 32, &addr)
            if p == NULL:
                return False
            is_plain = p < end and p[0] == END
            p = p + 1 if is_plain else at[0] + 1
        if flags != 1 and not is_plain:
            addr = 0
            if not walker.prove_expr(p, end):
                return False
            p = walker.c.p
        p = read_u32(p, end, &size)
        if p == NULL or size > <size_t>(end - p):
            return False
        if not is_plain and not append(&words[4], words[0].count):
            return False
        if not append(&words[1], <u32>addr) or not append(&words[2], <u32>(p - start)) or not append(&words[3], size):
            return False
        if not append(&words[0], <u32>(at[0] - start)):
            return False
        at[0] = p + size
        return True

    # -- bodies -------------------------------------------------------------------------------------------

    def suspect(self, bytes data, starts, u32 first, bint data_too):
        """Return the index of the first body from `first` on that may be malformed, or how many there are.

        With `data_too` a body that names a data segment is as suspect as one that is malformed.
        """
        cdef const u32[::1] at = starts
        cdef const u8* start = <const u8*><char*>data
        cdef u32 index = first, count = len(starts), size = 0
        cdef const u8* p
        cdef BodyWalker walker = BodyWalker(self.dialect, self.limits)
        with nogil:
            while index < count:
                p = read_u32(start + at[index], start + at[index] + 5, &size)
                if not walker.prove_body(p, p + size) or (data_too and walker.c.uses_data):
                    break
                index += 1
        return index

    def checker(self, checked, starts, typeidxs, operands):
        """Return a Checker for the bodies of a module whose definitions have been validated."""
        return Checker(self, checked, starts, typeidxs, operands)

    # -- instances ----------------------------------------------------------------------------------------

    def place(self, bytes data, addrs, inits, sizes, u32 first, u32 last, buffer):
        """Copy the segments from `first` to before `last`. Return the index of the first that does not fit."""
        cdef const u32[::1] at = addrs
        cdef const u32[::1] init = inits
        cdef const u32[::1] size = sizes
        cdef u8[::1] memory = buffer
        cdef const u8* start = <const u8*><char*>data
        cdef u64 nbytes = memory.shape[0]
        cdef u32 index = first
        cdef u8* base = &memory[0] if nbytes else NULL
        with nogil:
            while index < last and <u64>at[index] + size[index] <= nbytes:
                if size[index]:
                    memcpy(base + at[index], start + init[index], size[index])
                index += 1
        return index


cdef class Checker:
    """Validates the bodies of one module."""

    cdef ModuleScope scope
    cdef BodyWalker walker
    cdef bytes data
    cdef const u32[::1] starts
    cdef const u32[::1] typeidxs

    def __init__(self, Loader loader, checked, starts, typeidxs, operands):
        self.scope = ModuleScope(checked, loader.limits, operands)
        self.walker = BodyWalker(loader.dialect, loader.limits)
        self.walker.c.scope = &self.scope.c
        self.data = checked.module.binary
        self.starts, self.typeidxs = starts, typeidxs

    def accepted(self, u32 first):
        """Validate bodies from `first` on. Return the index of the first one that was not accepted or not reached.

        The second result says whether it was refused: it is then for the rules in Python.
        """
        cdef const u8* start = <const u8*><char*>self.data
        cdef u32 index = first, count = <u32>self.starts.shape[0], size = 0
        cdef size_t done = 0
        cdef const u8* p
        cdef bint is_right = True
        with nogil:
            while index < count and done < STRIDE:
                p = read_u32(start + self.starts[index], start + self.starts[index] + 5, &size)
                is_right = self.walker.check_body(p, p + size, self.scope.c.numbers[self.typeidxs[index]])
                if not is_right:
                    break
                done += size
                index += 1
        return index, not is_right
