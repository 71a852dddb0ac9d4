# cython: language_level=3
"""Typing rules of control, variables, tables and memories. Follows `valid.rules_control` and `valid.rules_state`.

Spec: chapters 3.4.1 to 3.4.6. A rule returns 1 where its namesake in `valid` passes, else 0.
"""

from ._generated_opcodes cimport *
from .machine cimport u8, u32
from .operands cimport (
    FUNC_KIND, Block, Body, Imms, Scope, TypeRow, close_type, is_unset, label_at, local_type, match_type, match_types,
    peek_types, pop, pop_any, pop_block, pop_types, push, push_block, push_types, ref_to, set_local, set_unreachable,
    type_row,
)
from .rules_refs cimport rule_gc, rule_ref
from .wire cimport DEFINED, I32_TYPE, I64_TYPE, REFS, UNKNOWN_TYPE, read_u32

from ..syntax.types import AbsHeapType
from .dialect import HEAP_TYPES

cdef u32 EXN = HEAP_TYPES.index(AbsHeapType.EXN)
cdef u32 FUNC = HEAP_TYPES.index(AbsHeapType.FUNC)


cdef inline const u32* label_types(Block* label, u32* count) noexcept nogil:
    """Return the types a branch to a label takes along."""
    count[0] = label.n_params if label.code == OP_LOOP else label.n_results
    return label.params if label.code == OP_LOOP else label.results


# -- blocks ---------------------------------------------------------------------------------------------------

cdef bint rule_block(Body* body, u32 code, Imms* imms) noexcept nogil:
    """Type what opens, divides or closes a block."""
    cdef const TypeRow* row
    cdef Block* block
    cdef const u32* params = NULL
    cdef const u32* results = NULL
    cdef u32 n_params = 0, n_results = 0, t
    if code == OP_END or code == OP_ELSE:
        block = body.blocks + (body.n_blocks - 1)
        if code == OP_ELSE and block.code != OP_IF or not pop_block(body):
            return False
        if code == OP_ELSE:
            return push_block(body, OP_ELSE, block.params, block.n_params, block.results, block.n_results)
        if block.code == OP_IF and not match_types(
            body.scope, block.params, block.n_params, block.results, block.n_results
        ):
            return False
        return push_types(body, block.results, block.n_results) if block.n_results else True
    if imms.block.is_index:
        row = type_row(body.scope, imms.block.number, FUNC_KIND)
        if row == NULL:
            return False
        params, n_params, results, n_results = row.items, row.n_items, row.results, row.n_results
    elif imms.block.number:
        t = imms.block.number
        if not close_type(body.scope, &t):
            return False
        results, n_results = body.scope.singles + t, 1
    if code == OP_IF and not pop(body, I32_TYPE):
        return False
    if n_params and not pop_types(body, params, n_params):
        return False
    if code == OP_TRY_TABLE and not catches(body, imms):
        return False
    return push_block(body, code, params, n_params, results, n_results)


cdef bint catches(Body* body, Imms* imms) noexcept nogil:
    """Check the clauses of a try_table against the labels around it."""
    cdef const u8* p = imms.items
    cdef const TypeRow* tag
    cdef const u32* wanted
    cdef const u32* types
    cdef Block* label
    cdef u32 i, index = 0, labelidx = 0, count, n_types
    cdef u8 kind
    for i in range(imms.count):
        kind = p[0]
        p += 1
        types, n_types = NULL, 0
        if kind < 2:
            p = read_u32(p, body.end, &index)
            if index >= body.scope.n_tags:
                return False
            tag = body.scope.rows + body.scope.tags[index]
            types, n_types = tag.items, tag.n_items
        p = read_u32(p, body.end, &labelidx)
        label = label_at(body, labelidx)
        if label == NULL:
            return False
        wanted = label_types(label, &count)
        if kind & 1:
            # spec: the kinds with `_ref` bring the exception along.
            if count == 0 or not match_type(body.scope, ref_to(EXN, False), wanted[count - 1]):
                return False
            count -= 1
        if not match_types(body.scope, types, n_types, wanted, count):
            return False
    return True


# -- branches and calls ---------------------------------------------------------------------------------------

cdef bint branch_table(Body* body, Imms* imms) noexcept nogil:
    cdef const u8* p = imms.items
    cdef Block* label
    cdef const u32* types
    cdef u32 i, labelidx = 0, count, wanted
    label = label_at(body, imms.b)
    if label == NULL or not pop(body, I32_TYPE):
        return False
    label_types(label, &wanted)
    body.stamp += 1
    for i in range(imms.count):
        p = read_u32(p, body.end, &labelidx)
        label = label_at(body, labelidx)
        if label == NULL:
            return False
        # fast: tables of a thousand entries have few distinct labels.
        if label.stamp != body.stamp:
            label.stamp = body.stamp
            types = label_types(label, &count)
            if count != wanted or not peek_types(body, types, count):
                return False
    types = label_types(label_at(body, imms.b), &count)
    if not pop_types(body, types, count):
        return False
    set_unreachable(body)
    return True


cdef bint returns(Body* body, const TypeRow* row) noexcept nogil:
    """Type the end of a tail call."""
    if not match_types(
        body.scope, row.results, row.n_results, body.blocks[0].results, body.blocks[0].n_results
    ):
        return False
    if not pop_types(body, row.items, row.n_items):
        return False
    set_unreachable(body)
    return True


cdef bint call(Body* body, u32 code, Imms* imms) noexcept nogil:
    cdef const Scope* scope = body.scope
    cdef const TypeRow* row
    if code == OP_CALL or code == OP_RETURN_CALL:
        if imms.a >= scope.n_funcs:
            return False
        row = scope.rows + scope.funcs[imms.a]
    else:
        row = type_row(scope, imms.a, FUNC_KIND)
        if row == NULL:
            return False
        if code == OP_CALL_REF or code == OP_RETURN_CALL_REF:
            if not pop(body, ref_to(DEFINED + scope.numbers[imms.a], True)):
                return False
        else:
            if imms.b >= scope.n_tables or not match_type(scope, scope.tables[imms.b], ref_to(FUNC, True)):
                return False
            if not pop(body, scope.table_addrs[imms.b]):
                return False
    if code == OP_CALL or code == OP_CALL_INDIRECT or code == OP_CALL_REF:
        return pop_types(body, row.items, row.n_items) and push_types(body, row.results, row.n_results)
    return returns(body, row)


# -- operands, tables, memories -------------------------------------------------------------------------------

cdef bint select(Body* body, u32 code, Imms* imms) noexcept nogil:
    cdef u32 first = 0, second = 0, t = imms.a
    if not pop(body, I32_TYPE):
        return False
    if code == OP_SELECT_T:
        if imms.count != 1 or not close_type(body.scope, &t) or not pop(body, t) or not pop(body, t):
            return False
        push(body, t)
        return True
    if not pop_any(body, &second) or not pop_any(body, &first) or first >= REFS or second >= REFS:
        return False
    if first != second and first != UNKNOWN_TYPE and second != UNKNOWN_TYPE:
        return False
    push(body, second if first == UNKNOWN_TYPE else first)
    return True


cdef inline u32 smaller(u32 a, u32 b) noexcept nogil:
    return I32_TYPE if a == I32_TYPE or b == I32_TYPE else I64_TYPE


cdef bint table(Body* body, u32 code, u32 index, u32 other) noexcept nogil:
    cdef const Scope* scope = body.scope
    cdef u32 addr, t
    if code == OP_TABLE_INIT:
        index, other = other, index
    if index >= scope.n_tables:
        return False
    addr, t = scope.table_addrs[index], scope.tables[index]
    if code == OP_TABLE_GET:
        if not pop(body, addr):
            return False
        push(body, t)
        return True
    if code == OP_TABLE_SET:
        return pop(body, t) and pop(body, addr)
    if code == OP_TABLE_GROW:
        if not pop(body, addr) or not pop(body, t):
            return False
        push(body, addr)
        return True
    if code == OP_TABLE_FILL:
        return pop(body, addr) and pop(body, t) and pop(body, addr)
    if code == OP_TABLE_COPY:
        if other >= scope.n_tables or not match_type(scope, scope.tables[other], t):
            return False
        return (
            pop(body, smaller(addr, scope.table_addrs[other]))
            and pop(body, scope.table_addrs[other])
            and pop(body, addr)
        )
    if other >= scope.n_elems or not match_type(scope, scope.elems[other], t):
        return False
    return pop(body, I32_TYPE) and pop(body, I32_TYPE) and pop(body, addr)


cdef bint copy_memory(Body* body, u32 to, u32 source) noexcept nogil:
    cdef const u8* addrs = body.scope.mem_addrs
    if to >= body.scope.n_mems or source >= body.scope.n_mems:
        return False
    return pop(body, smaller(addrs[to], addrs[source])) and pop(body, addrs[source]) and pop(body, addrs[to])


cdef bint rule_plain(Body* body, u32 code, Imms* imms) noexcept nogil:
    """Type an instruction without a signature that opens and closes nothing."""
    cdef const TypeRow* tag
    cdef u32 got
    if code >> 16 == 0xFB:
        return rule_gc(body, code, imms)
    if code >= OP_REF_NULL and code <= OP_BR_ON_NON_NULL:
        return rule_ref(body, code, imms)
    if code >= OP_CALL and code <= OP_RETURN_CALL_REF:
        return call(body, code, imms)
    if code == OP_SELECT or code == OP_SELECT_T:
        return select(body, code, imms)
    if code == OP_BR_TABLE:
        return branch_table(body, imms)
    if code == OP_UNREACHABLE:
        set_unreachable(body)
        return True
    if code == OP_THROW:
        if imms.a >= body.scope.n_tags:
            return False
        tag = body.scope.rows + body.scope.tags[imms.a]
        if not pop_types(body, tag.items, tag.n_items):
            return False
        set_unreachable(body)
        return True
    if code == OP_THROW_REF:
        if not pop(body, ref_to(EXN, True)):
            return False
        set_unreachable(body)
        return True
    if code == OP_MEMORY_COPY:
        return copy_memory(body, imms.a, imms.b)
    if code == OP_TABLE_GET or code == OP_TABLE_SET or code >= OP_TABLE_INIT and code <= OP_TABLE_FILL:
        return table(body, code, imms.a, imms.b)
    return False
