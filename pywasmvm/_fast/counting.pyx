# cython: language_level=3
"""How often each word runs: what the list of fusions is made from (python -m bench.fusions).

Rule 1: nothing is counted, and nothing costs anything, unless `start` is called before a function is translated.
Rule 2: behind a function's words stand as many again: of each the handler it would have, and in imm its count.
"""

from libc.string cimport memcpy

from .machine cimport *
from .storage cimport InstHandle
from .throwing cimport owner_of

from .emit import HANDLERS

cdef bint COUNTING = False


def start() -> None:
    """Count the words of functions that are translated from now on, and do not fuse them."""
    global COUNTING
    COUNTING = True


cdef bint is_counting() noexcept:
    return COUNTING


cdef void count(Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc) noexcept nogil:
    """Count a word, then do what it is there for."""
    cdef Ins* counter = pc + owner_of(ctx, pc).n_words
    cdef Handler handler = counter.h
    counter.imm += 1
    # why: a local, since what looks like a call of the field only notes the next word in a returning build.
    handler(pc, fp, mem, ctx, acc, fuel, facc, sacc)


cdef void add_counters(Ins* code, u32 n) noexcept:
    """Put counters behind the words of a function, where there is room for them."""
    cdef u32 i
    memcpy(code + n, code, n * sizeof(Ins))
    for i in range(n):
        code[i].h, code[n + i].imm = &count, 0


def counted(InstHandle instance) -> list[list[tuple[str, int]]]:
    """Return, for each function of an instance that has been translated, its words: handler and count."""
    names = {address: name for name, address in HANDLERS.items()}
    cdef FuncC* func
    cdef Ins* counters
    cdef u32 i, k
    found = []
    for i in range(len(instance.instance.funcs)):
        func = instance.c.funcs[i]
        if func != NULL and func.code != NULL and func.inst == &instance.c:
            counters = func.code + func.n_words
            found.append([(names.get(<size_t>counters[k].h, ""), counters[k].imm) for k in range(func.n_words)])
    return found
