# cython: language_level=3
"""Instructions on objects: structures, arrays, casts, exceptions, and the bulk ones on segments and tables.

Rule 1: immediates are read before anything looks at whether the code is dead.
Rule 2: a word that may need room says in `c` how many slots of the frame are in use, its operands included.
"""

from libc.string cimport memset

from ._generated_opcodes cimport *
from .emit cimport CONST, F32, F64, FUNC, I32, I64, REF, TEMP, V128, Entry, slots_of
from .segments cimport IN_B
from .gcheap cimport (
    Obj, TEST_ARRAY, TEST_EQ, TEST_EXACT, TEST_FUNC, TEST_FUNC_EXACT, TEST_I31, TEST_NOTHING, TEST_STRUCT,
    TEST_TOP, TEST_TYPE,
)
from .gctypes cimport TypeHandle
from .machine cimport Handler, Ins, u8, u32, u64

from ..syntax.types import AbsHeapType, DefType, Exact, FuncType
from .emit import HANDLERS
from .modinfo import type_number

cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_IF_A = named("branch_if_a")
cdef Handler H_UNLESS_A = named("branch_unless_a")
cdef dict ABSTRACT = {
    AbsHeapType.ANY: TEST_TOP,
    AbsHeapType.EXTERN: TEST_TOP,
    AbsHeapType.FUNC: TEST_TOP,
    AbsHeapType.EXN: TEST_TOP,
    AbsHeapType.EQ: TEST_EQ,
    AbsHeapType.I31: TEST_I31,
    AbsHeapType.STRUCT: TEST_STRUCT,
    AbsHeapType.ARRAY: TEST_ARRAY,
}


cdef bint in_numbers(u8 cls) noexcept:
    """Tell whether a class goes through the integer accumulator."""
    return cls == I32 or cls == I64 or cls == REF or cls == FUNC


cdef str width_of(TypeHandle type, u32 field, str sign, bint is_struct):
    """Return the part of a handler's name that says how wide a field or element is."""
    cdef u8 cls = type.classes[field]
    if type.packed[field]:
        return f"{8 * type.packed[field]}{sign}"
    if cls == V128:
        return "128"
    return "32" if not is_struct and (cls == I32 or cls == F32) else "64"


cdef class ObjectReader(DataReader):
    """The reader with the instructions on objects."""

    cdef TypeHandle type_at(self, u32 typeidx):
        self.tied = True
        return self.machine.type_of(self.info.checked.types[typeidx])

    cdef int gather(self, u32 count) except -1:
        """Pop operands, which stand in a row then from `sp` on."""
        cdef u32 i
        self.settle(count)
        for i in range(count):
            self.pop()
        return 0

    cdef bint object_op(self, u32 code) except -1:
        """Translate an instruction of this file. False: it is none."""
        if code == OP_STRUCT_NEW or code == OP_STRUCT_NEW_DEFAULT:
            self.struct_new(code)
        elif code == OP_STRUCT_NEW_DESC or code == OP_STRUCT_NEW_DEFAULT_DESC:
            self.struct_new(code)
        elif code == OP_STRUCT_GET or code == OP_STRUCT_GET_S or code == OP_STRUCT_GET_U:
            self.struct_get(code)
        elif code == OP_STRUCT_SET:
            self.struct_set()
        elif code == OP_REF_I31:
            self.simple("ref_i31", REF)
        elif code == OP_I31_GET_S or code == OP_I31_GET_U:
            self.simple("i31_get_s" if code == OP_I31_GET_S else "i31_get_u", I32)
        elif code >= OP_REF_TEST and code <= OP_REF_CAST_NULL:
            self.type_test(code)
        elif code == OP_BR_ON_CAST or code == OP_BR_ON_CAST_FAIL:
            self.branch_cast(code)
        elif code == OP_BR_ON_CAST_DESC_EQ or code == OP_BR_ON_CAST_DESC_EQ_FAIL:
            self.branch_cast(code)
        elif code == OP_REF_GET_DESC:
            self.leb()
            self.simple("get_desc", REF)
        elif code == OP_REF_CAST_DESC_EQ or code == OP_REF_CAST_DESC_EQ_NULL:
            self.desc_cast()
        else:
            return self.array_op(code) or self.bulk_op(code)
        return True

    cdef bint array_op(self, u32 code) except -1:
        cdef Entry e
        cdef Ins* word
        cdef bint from_acc
        if code == OP_ARRAY_NEW or code == OP_ARRAY_NEW_DEFAULT:
            self.array_new(code)
        elif code == OP_ARRAY_NEW_FIXED:
            self.array_fixed()
        elif code == OP_ARRAY_NEW_DATA or code == OP_ARRAY_NEW_ELEM:
            self.array_segment(code)
        elif code == OP_ARRAY_INIT_DATA or code == OP_ARRAY_INIT_ELEM:
            self.array_segment(code)
        elif code == OP_ARRAY_GET or code == OP_ARRAY_GET_S or code == OP_ARRAY_GET_U:
            self.array_get(code)
        elif code == OP_ARRAY_SET:
            self.array_set()
        elif code == OP_ARRAY_LEN:
            if not self.dead:
                e = self.pop()
                self.ensure(&e)
                from_acc = self.in_acc(&e)
                word = self.emit(named("array_len_a_s" if from_acc else "array_len_s_s"))
                word.a = self.slot(&e)
                self.made(I32, named("array_len_a_a" if from_acc else "array_len_s_a"))
        else:
            return False
        return True

    cdef int simple(self, str name, u32 cls) except -1:
        """Emit a word on one reference or number."""
        cdef Entry e
        cdef Ins* word
        if self.dead:
            return 0
        e = self.pop()
        self.ensure(&e)
        word = self.emit(named(name))
        word.a = self.slot(&e)
        return self.made(cls, NULL)

    # -- structures -------------------------------------------------------------------------------------------

    cdef int struct_new(self, u32 code) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef bint described = code == OP_STRUCT_NEW_DESC or code == OP_STRUCT_NEW_DEFAULT_DESC
        cdef bint given = code == OP_STRUCT_NEW or code == OP_STRUCT_NEW_DESC
        cdef u32 top = self.sp
        cdef str name = "struct_new"
        cdef Ins* word
        if self.dead:
            return 0
        self.gather((<u32>len(type.classes) if given else 0) + described)
        if described:
            name = "struct_new_desc"
        elif not given or type.c.cell == 0:
            name = "struct_new_x"
        word = self.emit(named(name))
        word.a, word.c, word.imm = self.sp, top, <u64>&type.c
        word.b = type.c.n_slots - type.c.has_desc if given else 0
        return self.made(REF, NULL)

    cdef int struct_get(self, u32 code) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u32 field = self.leb()
        cdef Entry e
        cdef Ins* word
        cdef str name
        cdef u8 cls = type.classes[field]
        if self.dead:
            return 0
        e = self.pop()
        self.ensure(&e)
        name = "struct_get" + width_of(type, field, "_s" if code == OP_STRUCT_GET_S else "_u", True)
        name += "_a" if self.in_acc(&e) else "_s"
        word = self.emit(named(name + "_s"))
        word.a, word.imm = self.slot(&e), sizeof(Obj) + 8 * <u64>type.places[field]
        return self.made(cls, named(name + "_a") if in_numbers(cls) else NULL)

    cdef int struct_set(self) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u32 field = self.leb()
        cdef Entry a
        cdef Entry b
        cdef Ins* word
        cdef bint from_acc
        if self.dead:
            return 0
        b = self.pop()
        self.ensure(&b)
        a = self.pop()
        self.ensure(&a)
        from_acc = in_numbers(b.cls) and self.in_acc(&b)
        word = self.emit(named(f"struct_set{128 if b.cls == V128 else 64}_{'a' if from_acc else 's'}"))
        word.a, word.b, word.imm = self.slot(&a), self.slot(&b), sizeof(Obj) + 8 * <u64>type.places[field]
        self.forget()
        return 0

    # -- arrays -----------------------------------------------------------------------------------------------

    cdef int array_new(self, u32 code) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u32 top = self.sp
        cdef Ins* word
        if self.dead:
            return 0
        self.gather(2 if code == OP_ARRAY_NEW else 1)
        word = self.emit(named("array_new"))
        word.a, word.b, word.c, word.imm = self.sp, top - 1, top, <u64>&type.c
        return self.made(REF, NULL)

    cdef int array_fixed(self) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u32 count = self.leb()
        cdef u32 top = self.sp
        cdef Ins* word
        if self.dead:
            return 0
        self.gather(count)
        word = self.emit(named("array_new_fixed"))
        word.a, word.b, word.c, word.imm = self.sp, count, top, <u64>&type.c
        return self.made(REF, NULL)

    cdef int array_segment(self, u32 code) except -1:
        """Emit array.new_data, array.init_data and their kin for elements."""
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u32 index = self.leb()
        cdef u32 top = self.sp
        cdef bint is_elem = code == OP_ARRAY_NEW_ELEM or code == OP_ARRAY_INIT_ELEM
        cdef Ins* word
        if self.dead:
            return 0
        if code == OP_ARRAY_INIT_DATA or code == OP_ARRAY_INIT_ELEM:
            self.gather(4)
            word = self.emit(named("array_init"))
            word.a, word.b, word.d = self.sp, index, is_elem
            self.forget()
            return 0
        self.gather(2)
        word = self.emit(named("array_new_elem" if is_elem else "array_new_data"))
        word.a, word.b, word.c, word.imm = self.sp, index, top, <u64>&type.c
        return self.made(REF, NULL)

    cdef int array_get(self, u32 code) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef u8 cls = type.classes[0]
        cdef Entry a
        cdef Entry b
        cdef Ins* word
        cdef str name
        if self.dead:
            return 0
        b = self.pop()
        a = self.pop()
        self.ensure(&a)
        name = "array_get" + width_of(type, 0, "_s" if code == OP_ARRAY_GET_S else "_u", False)
        name += "_i" if b.where == CONST else ("_a" if self.in_acc(&b) else "_s")
        word = self.emit(named(name + "_s"))
        word.a = self.slot(&a)
        if b.where == CONST:
            word.imm = b.bits
        else:
            word.b = self.slot(&b)
        return self.made(cls, named(name + "_a") if in_numbers(cls) else NULL)

    cdef int array_set(self) except -1:
        cdef TypeHandle type = self.type_at(self.leb())
        cdef Entry a
        cdef Entry b
        cdef Entry value
        cdef Ins* word
        cdef bint from_acc
        if self.dead:
            return 0
        value = self.pop()
        self.ensure(&value)
        b = self.pop()
        self.ensure(&b)
        a = self.pop()
        self.ensure(&a)
        from_acc = in_numbers(value.cls) and self.in_acc(&value)
        word = self.emit(named(f"array_set{width_of(type, 0, '', False)}_{'a' if from_acc else 's'}"))
        word.a, word.b, word.d = self.slot(&a), self.slot(&b), self.slot(&value)
        self.forget()
        return 0

    # -- segments, tables and ranges ----------------------------------------------------------------------------

    cdef bint bulk_op(self, u32 code) except -1:
        cdef u32 index, other
        cdef u64 imm
        cdef Ins* word
        cdef TypeHandle type
        if code == OP_ARRAY_FILL or code == OP_ARRAY_COPY:
            type = self.type_at(self.leb())
            if code == OP_ARRAY_COPY:
                self.leb()
            if self.dead:
                return True
            self.gather(4 if code == OP_ARRAY_FILL else 5)
            word = self.emit(named("array_fill" if code == OP_ARRAY_FILL else "array_copy"))
            word.a, word.b = self.sp, self.sp + 2 + slots_of(type.classes[0])
        elif code == OP_MEMORY_INIT or code == OP_TABLE_INIT:
            index, other = self.leb(), self.leb()
            if self.dead:
                return True
            self.gather(3)
            word = self.emit(named("memory_init" if code == OP_MEMORY_INIT else "table_init"))
            self.tied = True
            imm = <u64>self.inst.mems[other] if code == OP_MEMORY_INIT else <u64>self.inst.tables[other]
            word.a, word.b, word.imm = self.sp, index, imm
        elif code == OP_TABLE_COPY or code == OP_TABLE_FILL:
            index = self.leb()
            other = self.leb() if code == OP_TABLE_COPY else 0
            if self.dead:
                return True
            self.gather(3)
            word = self.emit(named("table_copy" if code == OP_TABLE_COPY else "table_fill"))
            self.tied = True
            word.a, word.imm = self.sp, <u64>self.inst.tables[index]
            imm = <u64>self.inst.tables[other]
            word.b, word.c = <u32>imm, <u32>(imm >> 32)
        else:
            return False
        self.forget()
        return True

    # -- tests and casts ----------------------------------------------------------------------------------------

    cdef u32 test_of(self, object heaptype, u64* want) except? 0xFFFFFFFF:
        """Return how to test for a heap type, and what to test for."""
        cdef bint exact = isinstance(heaptype, Exact)
        deftype = self.info.checked.close_heaptype(heaptype.heaptype if exact else heaptype)
        if not isinstance(deftype, DefType):
            return ABSTRACT.get(deftype, TEST_NOTHING)
        want[0] = <u64>type_number(deftype) | <u64>(len(deftype.supers) - 1) << 32
        if isinstance(deftype.comptype, FuncType):
            return TEST_FUNC_EXACT if exact else TEST_FUNC
        return TEST_EXACT if exact else TEST_TYPE

    cdef int type_test(self, u32 code) except -1:
        """Emit ref.test or ref.cast."""
        instr = self.decode(self.start + self.here)
        cdef bint is_cast = code == OP_REF_CAST or code == OP_REF_CAST_NULL
        cdef u64 want = 0
        cdef u32 test = self.test_of(instr[1], &want)
        cdef Entry e
        cdef Ins* word
        cdef str name = "type" if test == TEST_TYPE else "other"
        if self.dead:
            return 0
        e = self.pop()
        self.ensure(&e)
        word = self.emit(named(f"cast_{name}" if is_cast else f"test_{name}_s"))
        word.a, word.b, word.c = self.slot(&e), code == OP_REF_TEST_NULL or code == OP_REF_CAST_NULL, test
        word.imm = want
        return self.made(e.cls, NULL) if is_cast else self.made(I32, named(f"test_{name}_a"))

    cdef int branch_cast(self, u32 code) except -1:
        """Emit br_on_cast and its kin: a test that leaves its answer in the accumulator, and a branch."""
        target = self.decode(self.start + self.here)[1]
        cdef u32 depth = target.labelidx
        cdef bint described = code == OP_BR_ON_CAST_DESC_EQ or code == OP_BR_ON_CAST_DESC_EQ_FAIL
        cdef u64 want = 0
        cdef u32 test = 0
        cdef Entry descriptor
        cdef Ins word
        cdef Ins* made
        self.labels[self.n_labels - 1 - depth].named = 1
        if self.dead:
            return self.new_seg()
        if described:
            descriptor = self.pop()
            self.ensure(&descriptor)
            test = self.slot(&descriptor)
            self.settle(1)
            made = self.emit(named("test_desc_a"))
        else:
            test = self.test_of(target.target.heaptype, &want)
            self.settle(1)
            made = self.emit(named("test_type_a" if test == TEST_TYPE else "test_other_a"))
        made.a, made.b, made.c, made.imm = self.sp - 1, target.target.nullable, test, want
        memset(&word, 0, sizeof(Ins))
        self.forget()
        if code == OP_BR_ON_CAST or code == OP_BR_ON_CAST_DESC_EQ:
            word.h = H_IF_A
            return self.branch_on(depth, word, H_UNLESS_A, IN_B)
        word.h = H_UNLESS_A
        return self.branch_on(depth, word, H_IF_A, IN_B)

    cdef int desc_cast(self) except -1:
        """Emit ref.cast_desc_eq."""
        instr = self.decode(self.start + self.here)
        cdef Entry descriptor
        cdef Entry e
        cdef Ins* word
        if self.dead:
            return 0
        descriptor = self.pop()
        self.ensure(&descriptor)
        e = self.pop()
        self.ensure(&e)
        word = self.emit(named("cast_desc"))
        word.a, word.c = self.slot(&e), self.slot(&descriptor)
        word.b = instr[0].name == "ref.cast_desc_eq_null"
        return self.made(REF, NULL)

    # -- exceptions -----------------------------------------------------------------------------------------------

    cdef int throw_op(self, u32 code) except -1:
        """Emit throw or throw_ref."""
        cdef u32 index = self.leb() if code == OP_THROW else 0
        cdef u32 top = self.sp
        cdef TypeHandle tag
        cdef Entry e
        cdef Ins* word
        if self.dead:
            return 0
        if code == OP_THROW_REF:
            e = self.pop()
            self.ensure(&e)
            word = self.emit(named("throw_ref"))
            word.a = self.slot(&e)
            return 0
        tag, self.tied = self.machine.type_of(self.tags[index]), True
        self.gather(<u32>len(tag.classes))
        word = self.emit(named("throw"))
        word.a, word.c, word.imm = self.sp, top, <u64>&tag.c
        return 0
