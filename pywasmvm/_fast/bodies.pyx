# cython: language_level=3
"""Walks a body once: reads its immediates, and types it or only follows its blocks.

Rule 1: the answer is yes or no; what is wrong is said by `binary.read_instrs` and `valid.body`, which read a refused
        body again.
Rule 2: nothing recurses, and a body takes time in proportion to its bytes.
"""

from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from ._generated_opcodes cimport *
from .dialect cimport (
    ADDR_TYPE, BLOCK_RULE, CHECK_DATA, CHECK_ELEM, CHECK_LANE, CHECK_LANES, CHECK_MEM, CHECK_MEMARG, CHECK_TABLE,
    CHECKED, PLAIN, READ_1, READ_16, READ_4, READ_8, READ_BLOCKTYPE, READ_CAST, READ_CATCHES, READ_HEAPTYPE,
    READ_LABELS, READ_MEMARG, READ_NOTHING, READ_S32, READ_S64, READ_U32, READ_VALTYPES, READ_ZERO, Dialect, row_at,
)
from .growing cimport grow
from .machine cimport i64, unlikely
from .operands cimport (
    FLAT_LOCALS, ROOM, Block, Body, Imms, Row, Scope, TypeRow, close_type, is_nullable, is_unset, label_at,
    local_type, pop, pop_any, pop_types, push, push_block, push_types, set_local, set_unreachable,
)
from .rules_plain cimport rule_block, rule_plain
from .wire cimport (
    I32_TYPE, REF_BYTE, REFS, read_block, read_heap, read_signed, read_u32, read_unsigned, read_val,
)

cdef u32 NO_LIMIT = 0xFFFFFFFF
# Larger maps of locals without a value are left to Python.
cdef u32 MOST_UNSET = 1 << 20


# -- immediates -----------------------------------------------------------------------------------------------

cdef const u8* read_memarg(const u8* p, const u8* end, Imms* imms) noexcept nogil:
    cdef u32 flags
    imms.a = 0
    p = read_u32(p, end, &flags)
    if p == NULL or flags >= 0x80:
        return NULL
    if flags & 0x40:
        p = read_u32(p, end, &imms.a)
        if p == NULL:
            return NULL
    imms.align = flags & 0x3F
    # fast: most offsets are one byte long.
    if p < end and p[0] < 0x80:
        imms.offset = p[0]
        return p + 1
    return read_unsigned(p, end, 64, &imms.offset)


cdef const u8* read_list(Body* body, const u8* p, u8 how, Imms* imms) noexcept nogil:
    """Read a vector of labels, value types or catch clauses, which are kept as bytes."""
    cdef const u8* end = body.end
    cdef u32 i, number
    cdef u8 kind
    p = read_u32(p, end, &imms.count)
    if p == NULL:
        return NULL
    imms.items = p
    for i in range(imms.count):
        if how == READ_VALTYPES:
            p = read_val(body.types, p, end, &imms.a)
        elif how == READ_LABELS:
            p = read_u32(p, end, &number)
        else:
            if p >= end or p[0] > 3:
                return NULL
            kind = p[0]
            p += 1
            if kind < 2:
                p = read_u32(p, end, &number)
                if p == NULL:
                    return NULL
            p = read_u32(p, end, &number)
        if p == NULL:
            return NULL
    return p


cdef const u8* read_cast(Body* body, const u8* p, Imms* imms) noexcept nogil:
    cdef u32 source, target
    cdef u8 flags
    if p >= body.end or p[0] > 3:
        return NULL
    flags = p[0]
    p = read_u32(p + 1, body.end, &imms.a)
    if p != NULL:
        p = read_heap(body.types, p, body.end, &source)
    if p != NULL:
        p = read_heap(body.types, p, body.end, &target)
    if p != NULL:
        imms.source = REFS + 2 * source + (flags & 1)
        imms.target = REFS + 2 * target + (flags >> 1)
    return p


cdef inline const u8* skip(const u8* p, const u8* end, size_t nbytes) noexcept nogil:
    return p + nbytes if <size_t>(end - p) >= nbytes else NULL


cdef const u8* read_imm(Body* body, const u8* p, u8 how, u32* number, Imms* imms) noexcept nogil:
    cdef const u8* end = body.end
    cdef i64 value
    if how == READ_U32:
        return read_u32(p, end, number)
    elif how == READ_MEMARG:
        return read_memarg(p, end, imms)
    elif how == READ_S32:
        return read_signed(p, end, 32, &value)
    elif how == READ_S64:
        return read_signed(p, end, 64, &value)
    elif how == READ_BLOCKTYPE:
        return read_block(body.types, p, end, &imms.block)
    elif how == READ_1 or how == READ_ZERO:
        if p >= end or (how == READ_ZERO and p[0]):
            return NULL
        number[0] = p[0]
        return p + 1
    elif how == READ_4:
        return skip(p, end, 4)
    elif how == READ_8:
        return skip(p, end, 8)
    elif how == READ_16:
        imms.items = p
        return skip(p, end, 16)
    elif how == READ_HEAPTYPE:
        return read_heap(body.types, p, end, number)
    elif how == READ_CAST:
        return read_cast(body, p, imms)
    return read_list(body, p, how, imms)


cdef inline bint read_imms(Body* body, const Row* row, Imms* imms) noexcept nogil:
    # fast: an index of one byte, which most immediates are.
    if row.reads[0] == READ_U32 and body.p < body.end and body.p[0] < 0x80:
        imms.a = body.p[0]
        body.p += 1
    else:
        body.p = read_imm(body, body.p, row.reads[0], &imms.a, imms)
        if body.p == NULL:
            return False
    if row.reads[1] != READ_NOTHING:
        body.p = read_imm(body, body.p, row.reads[1], &imms.b, imms)
        return body.p != NULL
    return True


# -- rows with a signature ------------------------------------------------------------------------------------

cdef inline bint type_plain(Body* body, const Row* row) noexcept nogil:
    cdef int i = row.n_params
    while i > 0:
        i -= 1
        if not pop(body, row.params[i]):
            return False
    for i in range(row.n_results):
        push(body, row.results[i])
    return True


cdef bint check_imm(Body* body, const Row* row, int which, Imms* imms, u32* addr) noexcept nogil:
    cdef const Scope* scope = body.scope
    cdef u32 index = imms.b if which else imms.a
    cdef u8 how = row.checks[which]
    cdef int i
    if how == CHECK_MEMARG:
        if imms.a >= scope.n_mems or imms.align > row.align or (row.exact and imms.align != row.align):
            return False
        addr[0] = scope.mem_addrs[imms.a]
        return addr[0] != I32_TYPE or imms.offset < <u64>1 << 32
    elif how == CHECK_MEM:
        if index >= scope.n_mems:
            return False
        addr[0] = scope.mem_addrs[index]
    elif how == CHECK_TABLE:
        if index >= scope.n_tables:
            return False
        addr[0] = scope.table_addrs[index]
    elif how == CHECK_DATA:
        return index < scope.n_datas
    elif how == CHECK_ELEM:
        return index < scope.n_elems
    elif how == CHECK_LANE:
        return index < row.lanes
    elif how == CHECK_LANES:
        for i in range(16):
            if imms.items[i] >= row.lanes:
                return False
    return True


cdef bint type_checked(Body* body, const Row* row, Imms* imms) noexcept nogil:
    cdef u32 addr = 0
    cdef int i
    if not check_imm(body, row, 0, imms, &addr) or (row.checks[1] and not check_imm(body, row, 1, imms, &addr)):
        return False
    i = row.n_params
    while i > 0:
        i -= 1
        if not pop(body, addr if row.params[i] == ADDR_TYPE else row.params[i]):
            return False
    for i in range(row.n_results):
        push(body, addr if row.results[i] == ADDR_TYPE else row.results[i])
    return True


# -- the rules that most instructions of a module go by -------------------------------------------------------

cdef inline bint branch(Body* body, u32 code, u32 labelidx) noexcept nogil:
    cdef Block* label = label_at(body, labelidx)
    cdef const u32* types
    cdef u32 count
    if label == NULL or (code == OP_BR_IF and not pop(body, I32_TYPE)):
        return False
    types = label.params if label.code == OP_LOOP else label.results
    count = label.n_params if label.code == OP_LOOP else label.n_results
    if count and not pop_types(body, types, count):
        return False
    if code == OP_BR:
        set_unreachable(body)
        return True
    return push_types(body, types, count) if count else True


cdef inline bint type_by_rule(Body* body, u32 code, Imms* imms) noexcept nogil:
    cdef u32 t
    if code == OP_LOCAL_GET:
        if not local_type(body, imms.a, &t) or unlikely(is_unset(body, imms.a)):
            return False
        push(body, t)
        return True
    elif code == OP_LOCAL_SET:
        return local_type(body, imms.a, &t) and pop(body, t) and set_local(body, imms.a)
    elif code == OP_LOCAL_TEE:
        if not local_type(body, imms.a, &t) or not pop(body, t):
            return False
        push(body, t)
        return set_local(body, imms.a)
    elif code == OP_BR or code == OP_BR_IF:
        return branch(body, code, imms.a)
    elif code == OP_GLOBAL_GET:
        if imms.a >= body.scope.n_globals:
            return False
        push(body, body.scope.globals[imms.a])
        return True
    elif code == OP_GLOBAL_SET:
        if imms.a >= body.scope.n_globals or not body.scope.mutable[imms.a]:
            return False
        return pop(body, body.scope.globals[imms.a])
    elif code == OP_DROP:
        return pop_any(body, &t)
    elif code == OP_RETURN:
        if not pop_types(body, body.blocks[0].results, body.blocks[0].n_results):
            return False
        set_unreachable(body)
        return True
    return rule_plain(body, code, imms)


# -- the walk -------------------------------------------------------------------------------------------------

cdef bint follow(Body* body, u32 code) noexcept nogil:
    """Open, divide or close a block without a look at types."""
    cdef Block* block = body.blocks + (body.n_blocks - 1)
    if code == OP_END:
        body.n_blocks -= 1
        return True
    if code == OP_ELSE:
        if block.code != OP_IF:
            return False
        block.code = OP_ELSE
        return True
    if not grow(<void**>&body.blocks, &body.block_room, body.n_blocks + 1, sizeof(Block)):
        return False
    body.blocks[body.n_blocks].code = code
    body.n_blocks += 1
    return True


cdef bint walk(Body* body, bint typed) noexcept nogil:
    """Go through the instructions up to the `end` of the outermost block. Return whether all is well."""
    cdef const Row* rows = body.rows
    cdef const Row* row
    cdef Imms imms
    cdef u32 code, sub
    cdef bint is_right
    while body.n_blocks:
        if body.p >= body.end:
            return False
        code = body.p[0]
        body.p += 1
        row = rows + code
        if unlikely(row.code != code):
            body.p = read_u32(body.p, body.end, &sub)
            if code < 0xFB or body.p == NULL or sub > 0xFFFF:
                return False
            code = code << 16 | sub
            row = row_at(rows, code)
            if row == NULL:
                return False
        if row.reads[0] != READ_NOTHING and not read_imms(body, row, &imms):
            return False
        body.uses_data |= row.names_data
        if not typed:
            if row.group == BLOCK_RULE and not follow(body, code):
                return False
        else:
            if unlikely(body.sp + ROOM > body.room):
                if not grow(<void**>&body.stack, &body.room, body.sp + ROOM, sizeof(u32)):
                    return False
            if row.group == PLAIN:
                is_right = type_plain(body, row)
            elif row.group == CHECKED:
                is_right = type_checked(body, row, &imms)
            elif row.group == BLOCK_RULE:
                is_right = rule_block(body, code, &imms)
            else:
                is_right = type_by_rule(body, code, &imms)
            # why: Python looks at the height of the stack less often; that it is stricter here costs only time.
            if not is_right or unlikely(body.sp > body.scope.most_operands):
                return False
        if row.group == BLOCK_RULE and body.n_blocks and body.n_blocks - 1 > body.most_blocks:
            return False
    return True


cdef const u8* read_locals(Body* body, const u8* p, bint typed) noexcept nogil:
    """Read the groups of locals; parameters have been noted before."""
    cdef u32 i, n_groups, count, t
    cdef u64 total = body.n_params
    p = read_u32(p, body.end, &n_groups)
    body.n_groups = 0
    for i in range(n_groups):
        if p != NULL:
            p = read_u32(p, body.end, &count)
        if p != NULL:
            p = read_val(body.types, p, body.end, &t)
        if p == NULL:
            return NULL
        if not typed or not count:
            if typed and not close_type(body.scope, &t):
                return NULL
            continue
        total += count
        if total > body.scope.most_locals or not close_type(body.scope, &t):
            return NULL
        if not add_group(body, <u32>total, count, t):
            return NULL
    return p


cdef bint add_group(Body* body, u32 end, u32 count, u32 t) noexcept nogil:
    cdef u32 first = end - count
    cdef u64 room = body.group_room
    if not grow(<void**>&body.group_ends, &room, body.n_groups + 1, sizeof(u32)):
        return False
    if not grow(<void**>&body.group_types, &body.group_room, body.n_groups + 1, sizeof(u32)):
        return False
    body.group_ends[body.n_groups], body.group_types[body.n_groups] = end, t
    body.n_groups += 1
    body.n_locals = end
    while body.n_flat < FLAT_LOCALS and body.n_flat < end:
        body.flat[body.n_flat] = t
        body.n_flat += 1
    return True if t < REFS or is_nullable(t) else note_unset(body, first, end)


cdef bint note_unset(Body* body, u32 first, u32 end) noexcept nogil:
    """Note that locals have no value yet."""
    cdef u32 covered = (body.unset_end + 7) >> 3
    cdef u32 nbytes = (end + 7) >> 3
    cdef u32 i
    if end > MOST_UNSET or not grow(<void**>&body.unset, &body.unset_room, nbytes, 1):
        return False
    memset(body.unset + covered, 0, nbytes - covered)
    body.unset_end = end
    i = first
    while i < end:
        if i & 7 == 0 and end - i >= 8:
            body.unset[i >> 3] = 0xFF
            i += 8
        else:
            body.unset[i >> 3] |= 1 << (i & 7)
            i += 1
    return True


cdef class BodyWalker:
    """A walk's memory, used for one body after the other."""

    def __cinit__(self, Dialect dialect, limits):
        memset(&self.c, 0, sizeof(Body))
        self.dialect = dialect
        self.c.types, self.c.rows = &dialect.types, dialect.rows
        self.c.most_blocks = NO_LIMIT if limits.nesting is None else min(limits.nesting, NO_LIMIT)

    def __dealloc__(self):
        free(self.c.stack)
        free(self.c.blocks)
        free(self.c.group_ends)
        free(self.c.group_types)
        free(self.c.unset)
        free(self.c.inits)

    cdef bint prove_expr(self, const u8* p, const u8* end) noexcept nogil:
        """Return whether an expression starts at `p`; `self.c.p` is then behind its `end`."""
        cdef Body* body = &self.c
        body.p, body.end, body.n_blocks, body.uses_data = p, end, 0, False
        return follow(body, OP_BLOCK) and walk(body, False)

    cdef bint prove_body(self, const u8* p, const u8* end) noexcept nogil:
        """Return whether there are well-formed locals and instructions, and nothing else."""
        self.c.end, self.c.n_params = end, 0
        p = read_locals(&self.c, p, False)
        return p != NULL and self.prove_expr(p, end) and self.c.p == end

    cdef bint check_body(self, const u8* p, const u8* end, u32 deftype) noexcept nogil:
        """Return whether there is a valid body of a function type; `deftype` is that type's own number."""
        cdef Body* body = &self.c
        cdef const TypeRow* row = body.scope.rows + deftype
        body.end, body.params, body.n_params = end, row.items, row.n_items
        body.n_locals, body.n_flat = row.n_items, min(row.n_items, <u32>FLAT_LOCALS)
        body.unset_end, body.n_inits, body.sp, body.n_blocks, body.uses_data = 0, 0, 0, 0, False
        memcpy(body.flat, row.items, body.n_flat * sizeof(u32))
        if row.n_items > body.scope.most_locals:
            return False
        p = read_locals(body, p, True)
        if p == NULL or not push_block(body, OP_BLOCK, NULL, 0, row.results, row.n_results):
            return False
        body.p = p
        if not walk(body, True) or body.p != end:
            return False
        return body.scope.has_data_count or not body.uses_data
