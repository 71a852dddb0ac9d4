# cython: language_level=3
"""Typing rules of references, structures, arrays and casts. Follows `valid.rules_ref`, rule by rule.

Spec: chapters 3.4.7 to 3.4.12. A rule returns 1 where its namesake in `valid` passes, else 0.
"""

from ._generated_opcodes cimport *
from .machine cimport u8, u32
from .operands cimport (
    ARRAY_KIND, FUNC_KIND, STRUCT_KIND, Block, Body, Imms, Scope, TypeRow, accepts, close_heap, close_type, heap_of,
    is_nullable, label_at, match_type, pop, pop_any, pop_ref, pop_types, push, push_types, ref_to, set_unreachable,
    top_heap, type_row,
)
from .wire cimport DEFINED, I8_TYPE, I16_TYPE, I32_TYPE, REFS

from ..syntax.types import AbsHeapType
from .dialect import HEAP_TYPES

cdef u32 ANY = HEAP_TYPES.index(AbsHeapType.ANY)
cdef u32 ARRAY = HEAP_TYPES.index(AbsHeapType.ARRAY)
cdef u32 EQ = HEAP_TYPES.index(AbsHeapType.EQ)
cdef u32 EXTERN = HEAP_TYPES.index(AbsHeapType.EXTERN)
cdef u32 I31 = HEAP_TYPES.index(AbsHeapType.I31)


# -- references -----------------------------------------------------------------------------------------------

cdef bint rule_ref(Body* body, u32 code, Imms* imms) noexcept nogil:
    """Type an instruction on references of any kind."""
    cdef u32 got
    cdef u32 heap = imms.a
    if code == OP_REF_NULL:
        if not close_heap(body.scope, &heap):
            return False
        push(body, ref_to(heap, True))
        return True
    if code == OP_REF_IS_NULL:
        if not pop_ref(body, &got):
            return False
        push(body, I32_TYPE)
        return True
    if code == OP_REF_FUNC:
        if imms.a >= body.scope.n_funcs or not body.scope.declared[imms.a]:
            return False
        push(body, ref_to(DEFINED + body.scope.funcs[imms.a], False))
        return True
    if code == OP_REF_EQ:
        if not pop(body, ref_to(EQ, True)) or not pop(body, ref_to(EQ, True)):
            return False
        push(body, I32_TYPE)
        return True
    if code == OP_REF_AS_NON_NULL:
        if not pop_ref(body, &got):
            return False
        push(body, ref_to(heap_of(got), False))
        return True
    if code == OP_BR_ON_NULL or code == OP_BR_ON_NON_NULL:
        return branch_on_null(body, code, imms.a)
    return False


cdef bint branch_on_null(Body* body, u32 code, u32 labelidx) noexcept nogil:
    cdef Block* label = label_at(body, labelidx)
    cdef const u32* types
    cdef u32 count, got = 0
    if code == OP_BR_ON_NULL and not pop_ref(body, &got):
        return False
    if label == NULL:
        return False
    types = label.params if label.code == OP_LOOP else label.results
    count = label.n_params if label.code == OP_LOOP else label.n_results
    if code == OP_BR_ON_NON_NULL:
        if count == 0 or types[count - 1] < REFS:
            return False
        count -= 1
        if not pop(body, ref_to(heap_of(types[count]), True)):
            return False
    if not pop_types(body, types, count) or not push_types(body, types, count):
        return False
    if code == OP_BR_ON_NULL:
        push(body, ref_to(heap_of(got), False))
    return True


cdef bint branch_on_cast(Body* body, u32 code, Imms* imms) noexcept nogil:
    cdef Block* label = label_at(body, imms.a)
    cdef u32 source = imms.source, target = imms.target, rest, taken, count
    cdef const u32* types
    if not close_type(body.scope, &source) or not close_type(body.scope, &target):
        return False
    if label == NULL or not match_type(body.scope, target, source):
        return False
    rest = ref_to(heap_of(source), is_nullable(source) and not is_nullable(target))
    types = label.params if label.code == OP_LOOP else label.results
    count = label.n_params if label.code == OP_LOOP else label.n_results
    taken = target if code == OP_BR_ON_CAST else rest
    if count == 0 or types[count - 1] < REFS or not match_type(body.scope, taken, types[count - 1]):
        return False
    count -= 1
    if not pop(body, source) or not pop_types(body, types, count) or not push_types(body, types, count):
        return False
    push(body, rest if code == OP_BR_ON_CAST else target)
    return True


cdef bint cast(Body* body, u32 code, u32 heap) noexcept nogil:
    """ref.test and ref.cast."""
    if not close_heap(body.scope, &heap) or not pop(body, ref_to(top_heap(body.scope, heap), True)):
        return False
    if code == OP_REF_TEST or code == OP_REF_TEST_NULL:
        push(body, I32_TYPE)
    else:
        push(body, ref_to(heap, code == OP_REF_CAST_NULL))
    return True


cdef bint convert(Body* body, u32 source, u32 target) noexcept nogil:
    cdef u32 got
    if not pop_any(body, &got) or not accepts(body, got, ref_to(source, True)):
        return False
    push(body, ref_to(target, got >= REFS and is_nullable(got)))
    return True


# -- structures and arrays ------------------------------------------------------------------------------------

cdef inline u32 unpacked(u32 storage) noexcept nogil:
    return I32_TYPE if storage == I8_TYPE or storage == I16_TYPE else storage


cdef inline bint is_packed(u32 storage) noexcept nogil:
    return storage == I8_TYPE or storage == I16_TYPE


cdef bint new_struct(Body* body, u32 code, const TypeRow* row, u32 t) noexcept nogil:
    cdef u32 i
    if row == NULL:
        return False
    if code == OP_STRUCT_NEW_DEFAULT:
        if not row.defaultable:
            return False
    else:
        for i in range(row.n_items):
            if body.sp == body.floor:
                if not body.unreachable:
                    return False
                break
            if not pop(body, unpacked(row.items[row.n_items - 1 - i])):
                return False
    push(body, t)
    return True


cdef bint struct_field(Body* body, u32 code, const TypeRow* row, u32 fieldidx, u32 reftype) noexcept nogil:
    cdef u32 storage
    if row == NULL or fieldidx >= row.n_items:
        return False
    storage = row.items[fieldidx]
    if code == OP_STRUCT_SET:
        return row.mutable[fieldidx] and pop(body, unpacked(storage)) and pop(body, reftype)
    if is_packed(storage) != (code != OP_STRUCT_GET) or not pop(body, reftype):
        return False
    push(body, unpacked(storage))
    return True


cdef bint new_array(Body* body, u32 code, Imms* imms, const TypeRow* row, u32 t) noexcept nogil:
    cdef const Scope* scope = body.scope
    cdef u32 storage = row.items[0], i
    if code == OP_ARRAY_NEW:
        if not pop(body, I32_TYPE) or not pop(body, unpacked(storage)):
            return False
    elif code == OP_ARRAY_NEW_DEFAULT:
        if not row.defaultable or not pop(body, I32_TYPE):
            return False
    elif code == OP_ARRAY_NEW_FIXED:
        for i in range(imms.b):
            if body.sp == body.floor:
                if not body.unreachable:
                    return False
                break
            if not pop(body, unpacked(storage)):
                return False
    else:
        if not segment_fits(body, code == OP_ARRAY_NEW_DATA, imms.b, storage):
            return False
        if not pop(body, I32_TYPE) or not pop(body, I32_TYPE):
            return False
    push(body, t)
    return True


cdef bint segment_fits(Body* body, bint is_data, u32 index, u32 storage) noexcept nogil:
    if is_data:
        return storage < REFS and index < body.scope.n_datas
    if index >= body.scope.n_elems:
        return False
    return storage >= REFS and match_type(body.scope, body.scope.elems[index], storage)


cdef bint array_access(Body* body, u32 code, Imms* imms, const TypeRow* row, u32 reftype) noexcept nogil:
    """Instructions on an array that is there."""
    cdef u32 storage = row.items[0]
    cdef const TypeRow* source
    if code == OP_ARRAY_GET or code == OP_ARRAY_GET_S or code == OP_ARRAY_GET_U:
        if is_packed(storage) != (code != OP_ARRAY_GET) or not pop(body, I32_TYPE) or not pop(body, reftype):
            return False
        push(body, unpacked(storage))
        return True
    if not row.mutable[0]:
        return False
    if code == OP_ARRAY_SET:
        return pop(body, unpacked(storage)) and pop(body, I32_TYPE) and pop(body, reftype)
    if not pop(body, I32_TYPE):
        return False
    if code == OP_ARRAY_FILL:
        return pop(body, unpacked(storage)) and pop(body, I32_TYPE) and pop(body, reftype)
    if not pop(body, I32_TYPE):
        return False
    if code == OP_ARRAY_COPY:
        source = type_row(body.scope, imms.b, ARRAY_KIND)
        if source == NULL or not storage_matches(body, source.items[0], storage):
            return False
        if not pop(body, ref_to(DEFINED + body.scope.numbers[imms.b], True)):
            return False
        return pop(body, I32_TYPE) and pop(body, reftype)
    if code == OP_ARRAY_INIT_DATA or code == OP_ARRAY_INIT_ELEM:
        if not segment_fits(body, code == OP_ARRAY_INIT_DATA, imms.b, storage):
            return False
        return pop(body, I32_TYPE) and pop(body, reftype)
    return False


cdef bint storage_matches(Body* body, u32 a, u32 b) noexcept nogil:
    return a == b if a < REFS or b < REFS else match_type(body.scope, a, b)


cdef bint rule_gc(Body* body, u32 code, Imms* imms) noexcept nogil:
    """Type an instruction of the prefix FB that has no signature."""
    cdef u32 t
    cdef const TypeRow* row
    if code == OP_REF_TEST or code == OP_REF_TEST_NULL or code == OP_REF_CAST or code == OP_REF_CAST_NULL:
        return cast(body, code, imms.a)
    if code == OP_BR_ON_CAST or code == OP_BR_ON_CAST_FAIL:
        return branch_on_cast(body, code, imms)
    if code == OP_ANY_CONVERT_EXTERN:
        return convert(body, EXTERN, ANY)
    if code == OP_EXTERN_CONVERT_ANY:
        return convert(body, ANY, EXTERN)
    if code == OP_REF_I31:
        if not pop(body, I32_TYPE):
            return False
        push(body, ref_to(I31, False))
        return True
    if code == OP_ARRAY_LEN:
        if not pop(body, ref_to(ARRAY, True)):
            return False
        push(body, I32_TYPE)
        return True
    if imms.a >= body.scope.n_types:
        return False
    t = ref_to(DEFINED + body.scope.numbers[imms.a], False)
    if code == OP_STRUCT_NEW or code == OP_STRUCT_NEW_DEFAULT:
        return new_struct(body, code, type_row(body.scope, imms.a, STRUCT_KIND), t)
    if code >= OP_STRUCT_GET and code <= OP_STRUCT_SET:
        return struct_field(body, code, type_row(body.scope, imms.a, STRUCT_KIND), imms.b, t + 1)
    row = type_row(body.scope, imms.a, ARRAY_KIND)
    if row == NULL:
        return False
    if code >= OP_ARRAY_NEW and code <= OP_ARRAY_NEW_ELEM:
        return new_array(body, code, imms, row, t)
    return array_access(body, code, imms, row, t + 1)
