# cython: language_level=3
"""Translated functions that the next instances of a module copy: the words, and where an address stands in them.

Rule 1: a word holds addresses of its own instance only where the translator has noted a place; a function with any
other tie to its instance or store has no template (`BodyReader.tied`).
Rule 2: a template is taken before the code first runs, since words change when they do.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .machine cimport FuncC, InstC, Ins, pair, u8, u32, u64
from .modinfo cimport ModInfo

from ..errors import InternalError


cdef u64 address_of(const InstC* inst, const Place* place) noexcept:
    if place.space == FUNC_SPACE:
        return <u64>inst.funcs[place.index]
    if place.space == TABLE_SPACE:
        return <u64>inst.tables[place.index]
    if place.space == MEM_SPACE:
        return <u64>inst.mems[place.index]
    return <u64>inst.globals[place.index]


cdef int keep(ModInfo info, FuncC* func, const Place* places, u32 count) except -1:
    """Keep a copy of a function's code, which has not run."""
    cdef u32 n = func.n_words
    cdef u32 i
    cdef Ins* word
    for i in range(count):
        word = func.code + places[i].word
        if (word.imm if places[i].home == HOME_IMM else pair(&word.b)) != address_of(func.inst, places + i):
            raise InternalError(f"word {places[i].word} of function {func.funcidx} has another address")
    cdef Template* kept = <Template*>info.block(
        sizeof(Template) + n * (sizeof(Ins) + sizeof(u32)) + count * sizeof(Place)
    )
    kept.code = <Ins*>(kept + 1)
    kept.places = <Place*>(kept.code + n)
    kept.offsets = <u32*>(kept.places + count)
    kept.n_words, kept.n_places, kept.link = n, count, func.link
    memcpy(kept.code, func.code, n * sizeof(Ins))
    if count:  # why: memcpy's arguments must not be null, even for no bytes
        memcpy(kept.places, places, count * sizeof(Place))
    memcpy(kept.offsets, func.offsets, n * sizeof(u32))
    info.templates[func.funcidx] = kept
    return 0


cdef bint copy_into(ModInfo info, FuncC* func) except -1:
    """Give a function the code of its template. False: it has none."""
    cdef const Template* kept = <const Template*>info.templates[func.funcidx]
    cdef const Place* place
    cdef u64 address
    cdef u32 i
    if kept == NULL:
        return False
    cdef Ins* code = <Ins*>malloc(kept.n_words * sizeof(Ins))
    cdef u32* offsets = <u32*>malloc(kept.n_words * sizeof(u32))
    if code == NULL or offsets == NULL:
        free(code)
        free(offsets)
        raise MemoryError
    memcpy(code, kept.code, kept.n_words * sizeof(Ins))
    memcpy(offsets, kept.offsets, kept.n_words * sizeof(u32))
    for i in range(kept.n_places):
        place = kept.places + i
        address = address_of(func.inst, place)
        if place.home == HOME_IMM:
            code[place.word].imm = address
        else:
            code[place.word].b, code[place.word].c = <u32>address, <u32>(address >> 32)
    func.offsets, func.n_words, func.link = offsets, kept.n_words, kept.link
    func.code = func.entry = code
    return True
