# cython: language_level=3
"""What the translator must know of a module, as C arrays; made once per module and shared by its instances."""

from libc.stdlib cimport calloc, free

from .machine cimport u8, u32, u64
from .emit cimport F32, F64, FUNC, I32, I64, REF, V128, slots_of

from weakref import WeakKeyDictionary

from ..binary import decode_module, encode_module
from ..syntax.module import ExternKind
from ..syntax.types import AbsHeapType, DefType, Exact, FuncType, NumType

cdef dict CLASSES = {NumType.I32: I32, NumType.I64: I64, NumType.F32: F32, NumType.F64: F64, NumType.V128: V128}
# Weakly, so that a type goes with the last module, object or function of it.
TYPE_IDS = WeakKeyDictionary()
cdef u64 GIVEN = 0


cdef u8 class_of(object valtype) except 0:
    """Return the class of a closed value type."""
    cls = CLASSES.get(valtype)
    if cls is not None:
        return cls
    heaptype = valtype.heaptype
    if isinstance(heaptype, Exact):
        heaptype = heaptype.heaptype
    if isinstance(heaptype, DefType):
        return FUNC if isinstance(heaptype.comptype, FuncType) else REF
    return FUNC if heaptype in (AbsHeapType.FUNC, AbsHeapType.NOFUNC) else REF


def type_number(deftype: object) -> int:
    """Return a number for a closed type, the same for equal types in the whole process.

    Rule: a number is given once, so nothing takes a new type for one that is gone.
    """
    global GIVEN
    found = TYPE_IDS.get(deftype)
    if found is not None:
        return found
    number = GIVEN
    GIVEN += 1
    return TYPE_IDS.setdefault(deftype, number)


def type_count() -> int:
    """Return how many numbers have been given."""
    return GIVEN


def numbered_types() -> list[tuple[object, int]]:
    """Return the types that are in use, with their numbers."""
    return list(TYPE_IDS.items())


cdef class ModInfo:
    """Types and places of a checked module."""

    def __init__(self, checked, features, limits):
        self.checked = checked
        syntax = checked.module
        if syntax.binary is None:
            # why: the translator reads bytes; a module from the text format gets some.
            self.binary = encode_module(syntax)
            self.syntax = decode_module(self.binary, features, limits, bodies=False)
        else:
            self.binary = syntax.binary
            self.syntax = syntax
        self.n_imported = syntax.import_count(ExternKind.FUNC)
        self.n_types = len(checked.types)
        self.types = <Sig**>self.block(len(checked.types) * sizeof(void*))
        self.funcs = <Sig**>self.block(len(checked.funcs) * sizeof(void*))
        self.templates = <void**>self.block(len(checked.funcs) * sizeof(void*))
        by_type = {}
        for i, deftype in enumerate(checked.types):
            if isinstance(deftype.comptype, FuncType):
                self.types[i] = self.sig_of(deftype, by_type)
        for i, deftype in enumerate(checked.funcs):
            self.funcs[i] = self.sig_of(deftype, by_type)
        self.global_classes = <u8*>self.block(len(checked.globals))
        for i, globaltype in enumerate(checked.globals):
            self.global_classes[i] = class_of(globaltype.valtype)
        self.table_classes = <u8*>self.block(len(checked.tables))
        self.table64 = <u8*>self.block(len(checked.tables))
        for i, tabletype in enumerate(checked.tables):
            self.table_classes[i] = class_of(tabletype.reftype)
            self.table64[i] = tabletype.addrtype is NumType.I64
        self.mem64 = <u8*>self.block(len(checked.mems))
        for i, memtype in enumerate(checked.mems):
            self.mem64[i] = memtype.addrtype is NumType.I64

    def __dealloc__(self):
        cdef Block* block
        while self.blocks != NULL:
            block = self.blocks
            self.blocks = block.next
            free(block)

    cdef size_t block(self, size_t nbytes) except 0:
        """Return zeroed memory that lives as long as this object."""
        cdef Block* block = <Block*>calloc(sizeof(Block) + nbytes + 1, 1)
        if block == NULL:
            raise MemoryError
        block.next = self.blocks
        self.blocks = block
        return <size_t>(block + 1)

    cdef Sig* sig_of(self, deftype, dict by_type) except NULL:
        address = by_type.get(deftype)
        if address is None:
            functype = deftype.comptype
            address = <size_t>self.make_sig(functype.params, functype.results)
            by_type[deftype] = address
            self.name_type(<Sig*><size_t>address, deftype)
        return <Sig*><size_t>address

    cdef int name_type(self, Sig* sig, deftype) except -1:
        """Note the numbers of a signature's type and of those it is declared a subtype of."""
        supers = deftype.supers
        sig.type_id, sig.n_supers = type_number(deftype), len(supers)
        sig.supers = <u32*>self.block(len(supers) * sizeof(u32))
        for i, closed in enumerate(supers):
            sig.supers[i] = type_number(closed)
        return 0

    cdef Sig* make_sig(self, tuple params, tuple results) except NULL:
        """Return the signature of a closed function type."""
        cdef Sig* sig = <Sig*>self.block(sizeof(Sig) + len(params) + len(results))
        cdef u8* classes = <u8*>(sig + 1)
        sig.params, sig.results = classes, classes + len(params)
        sig.n_params, sig.n_results = len(params), len(results)
        for i, t in enumerate(params):
            sig.params[i] = class_of(t)
            sig.param_slots += slots_of(sig.params[i])
        for i, t in enumerate(results):
            sig.results[i] = class_of(t)
            sig.result_slots += slots_of(sig.results[i])
        return sig
