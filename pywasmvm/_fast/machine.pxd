# cython: language_level=3
"""What the compiled engine's parts share: the code word, the context, and the C side of the store's objects.

A function is translated to an array of words. A word's handler is called with the machine's state in registers
and ends with the call of the next word's handler, which the compiler makes a jump. For a compiler that does
not, PYWASMVM_RETURNING makes that call a note of the next word and its state, which RUN goes through.
Rule 1: slots are 64 bits wide; an i32 or f32 is zero-extended; a v128 takes two slots, low half first.
Rule 2: a reference is 0 for null, a FuncC* for a function, (bits << 1) | 1 for an i31, (number << 3) | 2 for a
value of the host, else an Obj* (gcheap.pxd).
Rule 3: the machine is little-endian.
"""

from libc.stdint cimport int32_t as i32
from libc.stdint cimport int64_t as i64
from libc.stdint cimport uint8_t as u8
from libc.stdint cimport uint16_t as u16
from libc.stdint cimport uint32_t as u32
from libc.stdint cimport uint64_t as u64
from libc.string cimport memcpy

cdef extern from *:
    """
    #if PYWASMVM_RETURNING
    /* Only calls of the member h look like this; elsewhere it has no parentheses. */
    #define h(p, f, m, c, a, u, d, s) h, (c)->next = (p), (c)->next_fp = (f), (c)->next_mem = (m), \\
        (c)->next_acc = (a), (c)->next_fuel = (u), (c)->next_facc = (d), (c)->next_sacc = (s)
    #define RUN(p, f, m, c, a, u, d, s) do { \\
        (p)->h(p, f, m, c, a, u, d, s); \\
        while ((c)->next) { \\
            (c)->now = (c)->next; (c)->next = 0; \\
            ((c)->now->h)((c)->now, (c)->next_fp, (c)->next_mem, (c), (c)->next_acc, (c)->next_fuel, \\
                          (c)->next_facc, (c)->next_sacc); \\
        } } while (0)
    #else
    #define RUN(p, f, m, c, a, u, d, s) (p)->h(p, f, m, c, a, u, d, s)
    #endif
    """
    bint unlikely(bint condition) noexcept nogil

cdef struct Ins
cdef struct Ctx
cdef struct FuncC
cdef struct InstC
cdef struct Gc
cdef struct GcType

ctypedef void (*Handler)(
    Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc
) noexcept nogil

# One word of code. What the fields mean is the handler's business; mostly d is the destination slot (or a
# branch's distance in bytes), a and b are source slots, c the fuel of the segment that a branch leads to.
cdef struct Ins:
    Handler h
    u32 d
    u32 a
    u32 b
    u32 c
    u64 imm

cdef struct MemC:
    u8* base
    u64 nbytes
    u64 page_size
    void* memory

cdef struct TableC:
    u64* elems
    u64 size
    u64 capacity
    bint is64

# A segment: bytes, or references; nothing once dropped.
cdef struct SegC:
    u8* base
    u64 size

# A clause of a try_table: what it catches (tag NULL: everything), the word that takes over, where the values go.
cdef struct Clause:
    GcType* tag
    u32 word
    u32 slot
    bint with_ref

# The words [start, end) that a try_table guards; the ones inside come later in a function's list.
cdef struct TryC:
    u32 start
    u32 end
    u32 n_clauses
    Clause* clauses

# A function of the store. words[0] is its entrance from other instances, words[1] stands in for code that has
# not been translated yet.
cdef struct FuncC:
    Ins* entry
    InstC* inst
    Ins* code
    u32* offsets
    u32 n_words
    u32 link
    u32 n_params
    u32 n_results
    u32 type_id
    u32 n_supers
    u32* supers
    i32 funcidx
    TryC* tries
    u32 n_tries
    void* func
    Ins words[2]

cdef struct InstC:
    MemC* mem0
    FuncC** funcs
    TableC** tables
    u64** globals
    MemC** mems
    SegC* datas
    SegC* elems
    void* instance

cdef enum Status:
    DONE = 0
    TRAPPED = 1
    EMPTY = 2
    HOST = 3
    TRANSLATE = 4
    SLOW = 5
    EXHAUSTED = 6
    COLLECT = 7
    THROWN = 8
    SHORT = 9

# In place of a trap: the word at pc wants `cost` units, has taken nothing and is to be tried again. The driver calls
# that status SHORT.
cdef enum:
    SHORT_OF_FUEL = 0x7FFFFFFF

# Work that is longer is done in steps of so many bytes, so that the driver can look at the clock: a step leaves in the
# operands what is still to do, gives the fuel for that back and stops at its own word.
cdef enum:
    STEP = 1 << 20
    STEP_WORDS = 1 << 17

# Translated functions by the address of their code.
cdef struct Range:
    Ins* code
    FuncC* func

# The machine's state outside of registers. per_unit: what a byte or element of a bulk instruction costs.
# top: where the stack is free while Python or a C function of the host runs. tank: the store's; rest: what the
# handlers have not been lent of it. patience: how many C functions may be called before a look at the clock.
cdef struct Ctx:
    u64 memlen
    Handler on_trap
    Handler on_empty
    Handler on_exhausted
    u64* stack_end
    i64 depth
    i64 max_depth
    InstC* inst
    u32* type_depth
    Ins* pc
    u64* fp
    u64 acc
    i64 fuel
    u32 status
    u32 trap
    i64 cost
    FuncC* func
    u64* stack
    Gc* gc
    i64 per_unit
    Range* ranges
    u64 n_ranges
    u64 range_room
    u64 thrown
    u64* top
    i64* tank
    i64 rest
    i32 patience
    bint has_gil
    # with PYWASMVM_RETURNING: the word that is running, the next one and the state it gets
    Ins* now
    Ins* next
    u64* next_fp
    u8* next_mem
    u64 next_acc
    i64 next_fuel
    double next_facc
    float next_sacc


cdef extern from *:
    void RUN(
        Ins* pc, u64* fp, u8* mem, Ctx* ctx, u64 acc, i64 fuel, double facc, float sacc
    ) noexcept nogil


cdef inline double ldd(const u64* p) noexcept nogil:
    cdef double value
    memcpy(&value, p, 8)
    return value


cdef inline void std(u64* p, double value) noexcept nogil:
    memcpy(p, &value, 8)


cdef inline float lds(const u64* p) noexcept nogil:
    cdef float value
    memcpy(&value, p, 4)
    return value


cdef inline u64 pair(const u32* p) noexcept nogil:
    """Read the fields b and c of a word as one number."""
    cdef u64 value
    memcpy(&value, p, 8)
    return value


cdef inline u8 ld8(const u8* p) noexcept nogil:
    return p[0]


cdef inline u16 ld16(const u8* p) noexcept nogil:
    cdef u16 value
    memcpy(&value, p, 2)
    return value


cdef inline u32 ld32(const u8* p) noexcept nogil:
    cdef u32 value
    memcpy(&value, p, 4)
    return value


cdef inline u64 ld64(const u8* p) noexcept nogil:
    cdef u64 value
    memcpy(&value, p, 8)
    return value


cdef inline float ldf32(const u8* p) noexcept nogil:
    cdef float value
    memcpy(&value, p, 4)
    return value


cdef inline double ldf64(const u8* p) noexcept nogil:
    cdef double value
    memcpy(&value, p, 8)
    return value


cdef inline void st8(u8* p, u8 value) noexcept nogil:
    p[0] = value


cdef inline void st16(u8* p, u16 value) noexcept nogil:
    memcpy(p, &value, 2)


cdef inline void st32(u8* p, u32 value) noexcept nogil:
    memcpy(p, &value, 4)


cdef inline void st64(u8* p, u64 value) noexcept nogil:
    memcpy(p, &value, 8)


cdef inline void stf32(u8* p, float value) noexcept nogil:
    memcpy(p, &value, 4)


cdef inline void stf64(u8* p, double value) noexcept nogil:
    memcpy(p, &value, 8)


cdef inline Ins* at(Ins* pc, u32 distance) noexcept nogil:
    """Return the word `distance` bytes on; the distance is signed."""
    return <Ins*>(<u8*>pc + <i32>distance)


cdef inline i32 clamp(i32 value, i32 low, i32 high) noexcept nogil:
    return low if value < low else (high if value > high else value)
