# cython: language_level=3
"""What may stand in a module under one set of features, as tables: instructions and bytes that are types.

Rule 1: everything here is filled from the table of instructions or asked of the readers in `binary`.
"""

from libc.string cimport memset

from .operands cimport Row
from .wire cimport DEFINED, F32_TYPE, F64_TYPE, I32_TYPE, I64_TYPE, REFS, V128_TYPE

from ..binary.read_types import read_blocktype, read_heaptype, read_valtype
from ..binary.reader import Reader
from ..errors import InternalError, ModuleError
from ..isa import OPS, Imm, TrapKind
from ..isa.model import ADDR, U32_IMMS
from ..syntax.types import ANYREF, EXNREF, EXTERNREF, FUNCREF, I31REF, AbsHeapType, NumType

HEAP_TYPES = list(AbsHeapType)
NUMBERS = {
    NumType.I32: I32_TYPE,
    NumType.I64: I64_TYPE,
    NumType.F32: F32_TYPE,
    NumType.F64: F64_TYPE,
    NumType.V128: V128_TYPE,
}
cdef dict LETTERS = {str(numtype): number for numtype, number in NUMBERS.items()}
for reftype in (ANYREF, EXNREF, EXTERNREF, FUNCREF, I31REF):
    LETTERS[str(reftype)] = REFS + 2 * HEAP_TYPES.index(reftype.heaptype) + 1
LETTERS[ADDR] = ADDR_TYPE

cdef dict READS = {
    **dict.fromkeys(U32_IMMS, READ_U32),
    Imm.I32: READ_S32,
    Imm.I64: READ_S64,
    Imm.LANEIDX: READ_1,
    Imm.F32: READ_4,
    Imm.F64: READ_8,
    Imm.V128: READ_16,
    Imm.LANEIDX_16: READ_16,
    Imm.MEMARG: READ_MEMARG,
    Imm.BLOCKTYPE: READ_BLOCKTYPE,
    Imm.LABELIDX_VEC: READ_LABELS,
    Imm.VALTYPE_VEC: READ_VALTYPES,
    Imm.HEAPTYPE: READ_HEAPTYPE,
    Imm.CAST: READ_CAST,
    Imm.CATCH_VEC: READ_CATCHES,
    Imm.ORDER: READ_ZERO,
}
cdef dict CHECKS = {
    Imm.MEMARG: CHECK_MEMARG,
    Imm.MEMIDX: CHECK_MEM,
    Imm.TABLEIDX: CHECK_TABLE,
    Imm.DATAIDX: CHECK_DATA,
    Imm.ELEMIDX: CHECK_ELEM,
    Imm.LANEIDX: CHECK_LANE,
    Imm.LANEIDX_16: CHECK_LANES,
    **dict.fromkeys((Imm.I32, Imm.I64, Imm.F32, Imm.F64, Imm.V128, Imm.ORDER, Imm.U32), CHECK_NOTHING),
}
BLOCK_OPS = frozenset({"else", "end"})


def number_of(valtype: object) -> int:
    """Return the number of a value type whose heap type, if any, is abstract or an index."""
    number = NUMBERS.get(valtype)
    if number is not None:
        return number
    heaptype = valtype.heaptype
    heap = heaptype + DEFINED if isinstance(heaptype, int) else HEAP_TYPES.index(heaptype)
    return REFS + 2 * heap + valtype.nullable


def asked(read: object, spelling: bytes, features: object) -> object:
    """Return what a reader makes of some bytes, None if they are malformed."""
    try:
        return read(Reader(spelling, 0, features))
    except ModuleError:
        return None


cdef class Dialect:
    """The tables for one set of features."""

    def __init__(self, features):
        self.features = features
        memset(&self.types, 0, sizeof(self.types))
        memset(self.rows, 0xFF, sizeof(self.rows))
        for byte in range(0x100):
            valtype = asked(read_valtype, bytes([byte]), features)
            if valtype is not None:
                self.types.val[byte] = number_of(valtype)
            heaptype = asked(read_heaptype, bytes([byte]), features)
            if isinstance(heaptype, AbsHeapType):
                self.types.heap[byte] = 1 + HEAP_TYPES.index(heaptype)
        self.types.typed_refs = asked(read_valtype, b"\x64\x00", features) is not None
        self.types.multi_value = asked(read_blocktype, b"\x00", features) is not None
        for op in OPS:
            if op.feature in features:
                self.add(op)

    cdef int add(self, op) except -1:
        """Fill in the row of an instruction."""
        cdef u32 prefix = op.code >> 16
        cdef u32 sub = op.code & 0xFFFF
        cdef u32 base = {0: 0, 0xFB: 0x100, 0xFC: 0x180, 0xFD: 0x200, 0xFE: 0x400}[prefix]
        cdef Row* row = self.rows + (base + sub)
        memset(row, 0, sizeof(Row))
        row.code = op.code
        if row_at(self.rows, op.code) != row:
            raise InternalError(f"opcode {op.code:#x} has no place in the compiled table")
        row.align = op.align if op.access else 0
        row.lanes = op.lanes
        row.exact = TrapKind.UNALIGNED_ATOMIC in op.traps
        row.names_data = Imm.DATAIDX in op.imms
        for i, imm in enumerate(op.imms):
            row.reads[i] = READS[imm]
        if op.params is None:
            row.group = BLOCK_RULE if Imm.BLOCKTYPE in op.imms or op.name in BLOCK_OPS else RULE
            return 0
        for i, imm in enumerate(op.imms):
            row.checks[i] = CHECKS[imm]
        row.group = CHECKED if any(CHECKS[imm] for imm in op.imms) else PLAIN
        row.n_params, row.n_results = len(op.params), len(op.results)
        for i, letter in enumerate(op.params):
            row.params[i] = LETTERS[letter]
        for i, letter in enumerate(op.results):
            row.results[i] = LETTERS[letter]
        return 0
