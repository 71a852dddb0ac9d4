# cython: language_level=3
"""What validation found out about a module outside of its bodies, as C arrays for the typing of bodies.

Closed types get numbers of their own here: equal types of a module have one number.
Rule 1: which abstract type matches which is asked of `valid.match`, type by type.
"""

from libc.string cimport memset

from .operands cimport ARRAY_KIND, FUNC_KIND, STRUCT_KIND
from .wire cimport BOTTOM_HEAP, DEFINED, I8_TYPE, I16_TYPE, REFS

from ..syntax.types import ArrayType, DefType, FuncType, PackedType, RefType
from ..valid.match import is_defaultable, match_heaptype, top_of
from .dialect import HEAP_TYPES, NUMBERS

cdef dict PACKED = {PackedType.I8: I8_TYPE, PackedType.I16: I16_TYPE}
cdef u32 NO_LIMIT = 0xFFFFFFFF


cdef u32 bounded(limit) except? 0:
    return NO_LIMIT if limit is None else min(limit, NO_LIMIT)


cdef class ModuleScope:
    """The C side of a CheckedModule whose definitions have been validated."""

    def __init__(self, checked, limits, operands):
        memset(&self.c, 0, sizeof(Scope))
        self.checked = checked
        self.kept = []
        self.numbers = {}
        self.c.most_locals = bounded(limits.locals)
        self.c.most_operands = bounded(operands)
        for deftype in checked.types:
            self.numbers.setdefault(deftype, len(self.numbers))
        self.c.n_types = len(checked.types)
        self.c.numbers = self.words([self.numbers[deftype] for deftype in checked.types])
        cdef TypeRow* rows = <TypeRow*>self.room(len(self.numbers) * sizeof(TypeRow))
        self.c.rows = rows
        for i, deftype in enumerate(self.numbers):
            self.add_type(rows + <size_t>i, deftype)
        self.c.singles = self.words(range(REFS + 2 * (DEFINED + len(self.numbers))))
        self.add_relations()
        self.add_spaces()

    cdef void* room(self, size_t nbytes) except NULL:
        """Return zeroed memory that lives as long as this object."""
        block = bytearray(nbytes + 8)
        self.kept.append(block)
        return <void*><char*>block

    cdef u32* words(self, values) except NULL:
        cdef u32* found = <u32*>self.room(len(values) * sizeof(u32))
        cdef size_t i = 0
        for value in values:
            found[i] = value
            i += 1
        return found

    def heap_number(self, heaptype: object) -> int:
        """Return the number of a closed heap type."""
        if isinstance(heaptype, DefType):
            return DEFINED + self.numbers[heaptype]
        return HEAP_TYPES.index(heaptype)

    def number(self, storage: object) -> int:
        """Return the number of a closed value or storage type."""
        if isinstance(storage, RefType):
            return REFS + 2 * self.heap_number(storage.heaptype) + storage.nullable
        return PACKED[storage] if isinstance(storage, PackedType) else NUMBERS[storage]

    cdef int add_type(self, TypeRow* row, deftype) except -1:
        comptype = deftype.comptype
        row.depth = len(deftype.supers)
        row.supers = self.words([self.numbers[parent] for parent in deftype.supers])
        if isinstance(comptype, FuncType):
            row.kind = FUNC_KIND
            row.n_items, row.n_results = len(comptype.params), len(comptype.results)
            row.items = self.words([self.number(t) for t in comptype.params])
            row.results = self.words([self.number(t) for t in comptype.results])
            return 0
        fields = (comptype.field,) if isinstance(comptype, ArrayType) else comptype.fields
        row.kind = ARRAY_KIND if isinstance(comptype, ArrayType) else STRUCT_KIND
        row.n_items = len(fields)
        row.items = self.words([self.number(field.storage) for field in fields])
        row.defaultable = all(is_defaultable(field.storage) for field in fields)
        cdef u8* mutable = <u8*>self.room(len(fields))
        for i, field in enumerate(fields):
            mutable[<size_t>i] = field.mutable
        row.mutable = mutable
        return 0

    cdef int add_relations(self) except -1:
        """Fill in how abstract heap types match each other and the three kinds of defined types."""
        self.c.above[BOTTOM_HEAP] = NO_LIMIT
        for i, heaptype in enumerate(HEAP_TYPES):
            self.c.above[<size_t>i] = sum(
                match_heaptype(heaptype, other) << bit for bit, other in enumerate(HEAP_TYPES)
            )
            self.c.top[<size_t>i] = HEAP_TYPES.index(top_of(heaptype))
        kinds = {}
        for i, deftype in enumerate(self.numbers):
            kinds.setdefault(self.c.rows[<size_t>i].kind, deftype)
        for kind, deftype in kinds.items():
            self.add_kind(kind, deftype)
        return 0

    cdef int add_kind(self, int kind, deftype) except -1:
        above = sum(match_heaptype(deftype, other) << bit for bit, other in enumerate(HEAP_TYPES))
        below = sum(match_heaptype(other, deftype) << bit for bit, other in enumerate(HEAP_TYPES))
        self.c.kind_above[kind], self.c.kind_below[kind] = above, below
        self.c.kind_top[kind] = HEAP_TYPES.index(top_of(deftype))
        return 0

    cdef int add_spaces(self) except -1:
        """Fill in the index spaces."""
        checked = self.checked
        cdef u8* flags
        self.c.n_funcs = len(checked.funcs)
        self.c.funcs = self.words([self.numbers[deftype] for deftype in checked.funcs])
        flags = <u8*>self.room(len(checked.funcs))
        for funcidx in checked.declared:
            # why: an element segment or constant expression may name more than there is only in bad modules.
            if funcidx < <object>self.c.n_funcs:
                flags[<size_t>funcidx] = 1
        self.c.declared = flags
        self.c.n_tables = len(checked.tables)
        self.c.tables = self.words([self.number(tabletype.reftype) for tabletype in checked.tables])
        flags = <u8*>self.room(len(checked.tables))
        for i, tabletype in enumerate(checked.tables):
            flags[<size_t>i] = NUMBERS[tabletype.addrtype]
        self.c.table_addrs = flags
        self.c.n_mems = len(checked.mems)
        flags = <u8*>self.room(len(checked.mems))
        for i, memtype in enumerate(checked.mems):
            flags[<size_t>i] = NUMBERS[memtype.addrtype]
        self.c.mem_addrs = flags
        self.c.n_globals = len(checked.globals)
        self.c.globals = self.words([self.number(globaltype.valtype) for globaltype in checked.globals])
        flags = <u8*>self.room(len(checked.globals))
        for i, globaltype in enumerate(checked.globals):
            flags[<size_t>i] = globaltype.mutable
        self.c.mutable = flags
        self.c.n_tags = len(checked.tags)
        self.c.tags = self.words([self.numbers[deftype] for deftype in checked.tags])
        self.c.n_elems = len(checked.elems)
        self.c.elems = self.words([self.number(reftype) for reftype in checked.elems])
        self.c.n_datas = checked.n_datas
        self.c.has_data_count = checked.module.data_count is not None
        return 0
