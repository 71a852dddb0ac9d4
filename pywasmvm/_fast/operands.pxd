# cython: language_level=3
"""A body under validation as C structs: operands, blocks, locals, and the subtyping of closed types.

Follows `valid.stack` and `valid.match`; a function returns 1 where those succeed and 0 where they raise.
Rule 1: nothing here knows an instruction.
Rule 2: after a 0 the body is given up, so nothing is put back.
"""

from libc.string cimport memcmp, memcpy

from .growing cimport grow
from .machine cimport u8, u32, u64
from .wire cimport BOTTOM_HEAP, DEFINED, REFS, UNKNOWN_TYPE, BlockType, TypeBytes

cdef enum:
    FUNC_KIND = 0
    STRUCT_KIND = 1
    ARRAY_KIND = 2
    KINDS = 3
    FLAT_LOCALS = 256
    ROOM = 32
    MANY = 16

# One instruction of the table as far as decoding and typing go; see `rows.pyx`.
cdef struct Row:
    u32 code
    u8 group
    u8 reads[2]
    u8 checks[2]
    u8 n_params
    u8 n_results
    u8 params[4]
    u8 results[2]
    u8 align
    u8 lanes
    u8 exact
    u8 names_data

# A closed defined type. `items` are a function's parameters or the fields of a structure or array.
cdef struct TypeRow:
    u8 kind
    u8 defaultable
    u8 numeric
    u32 depth
    const u32* supers
    u32 n_items
    u32 n_results
    const u32* items
    const u32* results
    const u8* mutable

# What bodies of one module may refer to. Types of tables, globals and so on are closed numbers.
cdef struct Scope:
    u32 n_types
    u32 n_funcs
    u32 n_tables
    u32 n_mems
    u32 n_globals
    u32 n_tags
    u32 n_elems
    u32 n_datas
    u8 has_data_count
    u32 most_locals
    u32 most_operands
    const u32* numbers
    const TypeRow* rows
    const u32* singles
    const u32* funcs
    const u8* declared
    const u32* tables
    const u8* table_addrs
    const u8* mem_addrs
    const u32* globals
    const u8* mutable
    const u32* tags
    const u32* elems
    u32 above[DEFINED]
    u32 top[DEFINED]
    u32 kind_above[KINDS]
    u32 kind_below[KINDS]
    u32 kind_top[KINDS]

cdef struct Block:
    u32 code
    u8 unreachable
    u32 n_params
    u32 n_results
    const u32* params
    const u32* results
    u32 height
    u32 n_inits
    u32 stamp

# Immediates of one instruction as they stand in the binary.
cdef struct Imms:
    u32 a
    u32 b
    u32 align
    u64 offset
    BlockType block
    u32 source
    u32 target
    u32 count
    const u8* items

cdef struct Body:
    const u8* p
    const u8* end
    const Scope* scope
    TypeBytes* types
    const Row* rows
    u32 most_blocks
    u8 uses_data
    u32* stack
    u32 sp
    u64 room
    u32 floor
    u8 unreachable
    Block* blocks
    u32 n_blocks
    u64 block_room
    u32 stamp
    u32 n_locals
    u32 n_params
    const u32* params
    u32 n_flat
    u32 flat[FLAT_LOCALS]
    u32* group_ends
    u32* group_types
    u32 n_groups
    u64 group_room
    u32 unset_end
    u8* unset
    u64 unset_room
    u32* inits
    u32 n_inits
    u64 init_room


# -- subtyping ------------------------------------------------------------------------------------------------

cdef inline bint match_heap(const Scope* scope, u32 a, u32 b) noexcept nogil:
    cdef const TypeRow* sub
    cdef const TypeRow* sup
    if a == b or a == BOTTOM_HEAP:
        return True
    if a >= DEFINED:
        sub = scope.rows + (a - DEFINED)
        if b < DEFINED:
            return (scope.kind_above[sub.kind] >> b) & 1
        sup = scope.rows + (b - DEFINED)
        return sub.depth > sup.depth and sub.supers[sup.depth - 1] == b - DEFINED
    if b >= DEFINED:
        return (scope.kind_below[scope.rows[b - DEFINED].kind] >> a) & 1
    return (scope.above[a] >> b) & 1


cdef inline u32 ref_to(u32 heap, bint nullable) noexcept nogil:
    return REFS + 2 * heap + nullable


cdef inline u32 heap_of(u32 t) noexcept nogil:
    return (t - REFS) >> 1


cdef inline bint is_nullable(u32 t) noexcept nogil:
    return (t - REFS) & 1


cdef inline bint match_type(const Scope* scope, u32 got, u32 want) noexcept nogil:
    if got == want:
        return True
    if got < REFS or want < REFS or (is_nullable(got) and not is_nullable(want)):
        return False
    return match_heap(scope, heap_of(got), heap_of(want))


cdef inline bint same_types(const u32* a, const u32* b, u32 count) noexcept nogil:
    cdef u32 i
    # fast: an instruction of three bytes may bring a thousand types along. Of a few, memcmp would read together what
    # has just been written apart, which stalls.
    if count > MANY:
        return memcmp(a, b, count * sizeof(u32)) == 0
    for i in range(count):
        if a[i] != b[i]:
            return False
    return True


cdef inline bint match_types(const Scope* scope, const u32* got, u32 n_got, const u32* want, u32 n_want) noexcept nogil:
    cdef u32 i
    if n_got != n_want:
        return False
    if same_types(got, want, n_got):
        return True
    for i in range(n_got):
        if not match_type(scope, got[i], want[i]):
            return False
    return True


cdef inline u32 top_heap(const Scope* scope, u32 heap) noexcept nogil:
    return scope.kind_top[scope.rows[heap - DEFINED].kind] if heap >= DEFINED else scope.top[heap]


# -- closing --------------------------------------------------------------------------------------------------

cdef inline bint close_heap(const Scope* scope, u32* heap) noexcept nogil:
    if heap[0] >= DEFINED:
        if heap[0] - DEFINED >= scope.n_types:
            return False
        heap[0] = DEFINED + scope.numbers[heap[0] - DEFINED]
    return True


cdef inline bint close_type(const Scope* scope, u32* t) noexcept nogil:
    cdef u32 heap
    if t[0] >= REFS:
        heap = heap_of(t[0])
        if not close_heap(scope, &heap):
            return False
        t[0] = ref_to(heap, is_nullable(t[0]))
    return True


cdef inline const TypeRow* type_row(const Scope* scope, u32 typeidx, u8 kind) noexcept nogil:
    """Return a type that must be of a kind, NULL if it is not."""
    if typeidx >= scope.n_types or scope.rows[scope.numbers[typeidx]].kind != kind:
        return NULL
    return scope.rows + scope.numbers[typeidx]


# -- operands -------------------------------------------------------------------------------------------------

cdef inline void push(Body* body, u32 t) noexcept nogil:
    # safe: the main loop makes room for ROOM operands before each instruction.
    body.stack[body.sp] = t
    body.sp += 1


cdef inline bint push_types(Body* body, const u32* types, u32 count) noexcept nogil:
    if body.sp + count > body.scope.most_operands:
        return False
    if not grow(<void**>&body.stack, &body.room, body.sp + count + ROOM, sizeof(u32)):
        return False
    if count:  # why: `types` may be NULL without one
        memcpy(body.stack + body.sp, types, count * sizeof(u32))
    body.sp += count
    return True


cdef inline bint accepts(Body* body, u32 got, u32 want) noexcept nogil:
    return got == want or got == UNKNOWN_TYPE or match_type(body.scope, got, want)


cdef inline bint pop(Body* body, u32 want) noexcept nogil:
    if body.sp == body.floor:
        return body.unreachable
    body.sp -= 1
    return accepts(body, body.stack[body.sp], want)


cdef inline bint pop_any(Body* body, u32* got) noexcept nogil:
    if body.sp == body.floor:
        got[0] = UNKNOWN_TYPE
        return body.unreachable
    body.sp -= 1
    got[0] = body.stack[body.sp]
    return True


cdef inline bint pop_ref(Body* body, u32* got) noexcept nogil:
    if not pop_any(body, got):
        return False
    if got[0] == UNKNOWN_TYPE:
        got[0] = ref_to(BOTTOM_HEAP, False)
    return got[0] >= REFS


cdef inline bint peek_types(Body* body, const u32* types, u32 count) noexcept nogil:
    cdef u32 here = body.sp - body.floor
    cdef const u32* got
    cdef u32 i
    if count > here:
        if not body.unreachable:
            return False
        types += count - here
        count = here
    got = body.stack + (body.sp - count)
    if same_types(got, types, count):
        return True
    for i in range(count):
        if not accepts(body, got[i], types[i]):
            return False
    return True


cdef inline bint pop_types(Body* body, const u32* types, u32 count) noexcept nogil:
    cdef u32 here = body.sp - body.floor
    if not peek_types(body, types, count):
        return False
    body.sp -= count if count < here else here
    return True


# -- blocks ---------------------------------------------------------------------------------------------------

cdef inline bint push_block(
    Body* body, u32 code, const u32* params, u32 n_params, const u32* results, u32 n_results
) noexcept nogil:
    cdef Block* block
    if not grow(<void**>&body.blocks, &body.block_room, body.n_blocks + 1, sizeof(Block)):
        return False
    block = body.blocks + body.n_blocks
    body.n_blocks += 1
    block.code, block.unreachable, block.stamp = code, False, 0
    block.params, block.n_params = params, n_params
    block.results, block.n_results = results, n_results
    block.height, block.n_inits = body.sp, body.n_inits
    body.floor, body.unreachable = body.sp, False
    return push_types(body, params, n_params)


cdef inline bint pop_block(Body* body) noexcept nogil:
    """Leave a block; its struct stays readable until the next one is pushed."""
    cdef Block* block = body.blocks + (body.n_blocks - 1)
    cdef u32 local
    if not pop_types(body, block.results, block.n_results) or body.sp != block.height:
        return False
    while body.n_inits > block.n_inits:
        body.n_inits -= 1
        local = body.inits[body.n_inits]
        body.unset[local >> 3] |= 1 << (local & 7)
    body.n_blocks -= 1
    if body.n_blocks:
        block -= 1
        body.floor, body.unreachable = block.height, block.unreachable
    return True


cdef inline void set_unreachable(Body* body) noexcept nogil:
    body.sp = body.floor
    body.unreachable = body.blocks[body.n_blocks - 1].unreachable = True


cdef inline Block* label_at(Body* body, u32 labelidx) noexcept nogil:
    return body.blocks + (body.n_blocks - 1 - labelidx) if labelidx < body.n_blocks else NULL


# -- locals ---------------------------------------------------------------------------------------------------

cdef inline bint local_type(Body* body, u32 localidx, u32* t) noexcept nogil:
    cdef u32 low = 0
    cdef u32 high
    cdef u32 middle
    if localidx < body.n_flat:
        t[0] = body.flat[localidx]
        return True
    if localidx >= body.n_locals:
        return False
    if localidx < body.n_params:
        t[0] = body.params[localidx]
        return True
    high = body.n_groups - 1
    while low < high:
        middle = (low + high) >> 1
        if localidx < body.group_ends[middle]:
            high = middle
        else:
            low = middle + 1
    t[0] = body.group_types[low]
    return True


cdef inline bint is_unset(Body* body, u32 localidx) noexcept nogil:
    return localidx < body.unset_end and (body.unset[localidx >> 3] >> (localidx & 7)) & 1


cdef inline bint set_local(Body* body, u32 localidx) noexcept nogil:
    if is_unset(body, localidx):
        if not grow(<void**>&body.inits, &body.init_room, body.n_inits + 1, sizeof(u32)):
            return False
        body.unset[localidx >> 3] &= ~(1 << (localidx & 7))
        body.inits[body.n_inits] = localidx
        body.n_inits += 1
    return True
