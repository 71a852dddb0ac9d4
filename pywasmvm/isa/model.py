"""What a row of the instruction table is, and the words its columns may hold.

Standard library only: the generator loads this folder alone, so it works when everything else is broken.
Rule 1: a fact about an instruction stands in its row and nowhere else.
Rule 2: a row with a signature is typed by it; a row without one (`params is None`) is typed by the
        validator's rule of the same name.
Spec: chapter 5.4 (encoding), 7.4 (index of instructions), appendix A.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

# Letters of a stack signature. ADDR is the address type of the memory or table that the immediate names.
I32, I64, F32, F64, V128 = "i32", "i64", "f32", "f64", "v128"
FUNCREF, EXTERNREF, ANYREF, EXNREF, I31REF = "funcref", "externref", "anyref", "exnref", "i31ref"
ADDR = "addr"


class Imm(str, Enum):
    """Kinds of immediates, in encoding order; the comment is the Python value an instruction tuple carries.

    Indices are ints. Types are `syntax.types` objects with type indices not yet resolved.
    """

    BLOCKTYPE = "blocktype"  # None (empty) | ValType | int (typeidx)
    LABELIDX = "labelidx"
    LABELIDX_VEC = "vec(labelidx)"  # tuple[int, ...]
    FUNCIDX = "funcidx"
    TYPEIDX = "typeidx"
    TABLEIDX = "tableidx"
    MEMIDX = "memidx"
    TAGIDX = "tagidx"
    GLOBALIDX = "globalidx"
    LOCALIDX = "localidx"
    DATAIDX = "dataidx"
    ELEMIDX = "elemidx"
    FIELDIDX = "fieldidx"
    LANEIDX = "laneidx"  # int, one plain byte
    LANEIDX_16 = "laneidx*16"  # bytes of length 16 (i8x16.shuffle)
    U32 = "u32"  # plain count (array.new_fixed)
    I32 = "i32"  # unsigned int
    I64 = "i64"  # unsigned int
    F32 = "f32"  # bits as unsigned int
    F64 = "f64"  # bits as unsigned int
    V128 = "v128"  # 128 bits as unsigned int, lane 0 in the lowest bits
    MEMARG = "memarg"  # syntax.instructions.MemArg
    VALTYPE_VEC = "vec(valtype)"  # tuple[ValType, ...] (select with types)
    HEAPTYPE = "heaptype"  # HeapType
    CAST = "castop"  # syntax.instructions.CastTarget (br_on_cast, br_on_cast_fail)
    CATCH_VEC = "vec(catch)"  # tuple[syntax.instructions.Catch, ...]
    ORDER = "memorder"  # int, atomic.fence's reserved byte (proposal threads)


# Immediates that are one unsigned LEB128 number of 32 bits.
U32_IMMS = (
    Imm.LABELIDX,
    Imm.FUNCIDX,
    Imm.TYPEIDX,
    Imm.TABLEIDX,
    Imm.MEMIDX,
    Imm.TAGIDX,
    Imm.GLOBALIDX,
    Imm.LOCALIDX,
    Imm.DATAIDX,
    Imm.ELEMIDX,
    Imm.FIELDIDX,
    Imm.U32,
)


class Feature(Enum):
    """The step of the standard, or the proposal, that brought an instruction."""

    MVP = "mvp"
    SIGN_EXTENSION = "sign-extension"
    SATURATING_FLOAT = "saturating-float-to-int"
    MULTI_VALUE = "multi-value"
    BULK_MEMORY = "bulk-memory"
    REFERENCE_TYPES = "reference-types"
    SIMD = "simd"
    RELAXED_SIMD = "relaxed-simd"
    TAIL_CALL = "tail-call"
    EXTENDED_CONST = "extended-const"
    FUNCTION_REFERENCES = "function-references"
    GC = "gc"
    EXCEPTIONS = "exceptions"
    MULTI_MEMORY = "multi-memory"
    MEMORY64 = "memory64"
    THREADS = "threads"
    CUSTOM_PAGE_SIZES = "custom-page-sizes"
    WIDE_ARITHMETIC = "wide-arithmetic"
    CUSTOM_DESCRIPTORS = "custom-descriptors"


# What is not in WebAssembly 3.0: off unless `config.Features` switches it on.
PROPOSALS = frozenset(
    {Feature.THREADS, Feature.CUSTOM_PAGE_SIZES, Feature.WIDE_ARITHMETIC, Feature.CUSTOM_DESCRIPTORS}
)


class Fuel(IntEnum):
    """Fuel classes. The value is the cost in units; PER_UNIT adds one unit per byte, element or
    page (memory.grow) that the instruction is asked for.

    Source: what wasmtime 50 charges; tests/isa/test_fuel.py measures it again.
    """

    FREE = 0
    ONE = 1
    PER_UNIT = 2


FUEL_UNITS: dict[Fuel, int] = {Fuel.FREE: 0, Fuel.ONE: 1, Fuel.PER_UNIT: 1}
FUEL_FUNCTION_ENTRY = 1


class TrapKind(IntEnum):
    """Why a guest trapped. Both engines use these numbers."""

    NONE = 0
    UNREACHABLE = 1
    DIVIDE_BY_ZERO = 2
    INTEGER_OVERFLOW = 3
    INVALID_CONVERSION = 4
    MEMORY_OUT_OF_BOUNDS = 5
    TABLE_OUT_OF_BOUNDS = 6
    UNDEFINED_ELEMENT = 7
    UNINITIALIZED_ELEMENT = 8
    INDIRECT_CALL_TYPE_MISMATCH = 9
    NULL_REFERENCE = 10
    NULL_FUNCTION_REFERENCE = 11
    NULL_STRUCTURE_REFERENCE = 12
    NULL_ARRAY_REFERENCE = 13
    NULL_I31_REFERENCE = 14
    NULL_EXCEPTION_REFERENCE = 15
    ARRAY_OUT_OF_BOUNDS = 16
    CAST_FAILURE = 17
    UNALIGNED_ATOMIC = 18
    EXPECTED_SHARED_MEMORY = 19
    NULL_DESCRIPTOR_REFERENCE = 20
    DESCRIPTOR_CAST_FAILURE = 21


# The wording of the official test suite; an error's text starts with it.
TRAP_MESSAGES: dict[TrapKind, str] = {
    TrapKind.NONE: "",
    TrapKind.UNREACHABLE: "unreachable",
    TrapKind.DIVIDE_BY_ZERO: "integer divide by zero",
    TrapKind.INTEGER_OVERFLOW: "integer overflow",
    TrapKind.INVALID_CONVERSION: "invalid conversion to integer",
    TrapKind.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    TrapKind.TABLE_OUT_OF_BOUNDS: "out of bounds table access",
    TrapKind.UNDEFINED_ELEMENT: "undefined element",
    TrapKind.UNINITIALIZED_ELEMENT: "uninitialized element",
    TrapKind.INDIRECT_CALL_TYPE_MISMATCH: "indirect call type mismatch",
    TrapKind.NULL_REFERENCE: "null reference",
    TrapKind.NULL_FUNCTION_REFERENCE: "null function reference",
    TrapKind.NULL_STRUCTURE_REFERENCE: "null structure reference",
    TrapKind.NULL_ARRAY_REFERENCE: "null array reference",
    TrapKind.NULL_I31_REFERENCE: "null i31 reference",
    TrapKind.NULL_EXCEPTION_REFERENCE: "null exception reference",
    TrapKind.ARRAY_OUT_OF_BOUNDS: "out of bounds array access",
    TrapKind.CAST_FAILURE: "cast failure",
    TrapKind.UNALIGNED_ATOMIC: "unaligned atomic",
    TrapKind.EXPECTED_SHARED_MEMORY: "expected shared memory",
    TrapKind.NULL_DESCRIPTOR_REFERENCE: "null descriptor reference",
    TrapKind.DESCRIPTOR_CAST_FAILURE: "descriptor cast failure",
}


# Kinds whose official wording ends with the index: "uninitialized element 7".
INDEXED_TRAPS = frozenset((TrapKind.UNDEFINED_ELEMENT, TrapKind.UNINITIALIZED_ELEMENT))


class Kind(str, Enum):
    """The families of rows; everything in one family is lowered by one piece of code."""

    SPECIAL = "special"  # a rule and a body of its own
    CONST = "const"  # pushes its immediate
    UNOP = "unop"
    BINOP = "binop"
    TESTOP = "testop"  # one operand, a truth value
    RELOP = "relop"  # two operands, a truth value
    CVTOP = "cvtop"
    WIDEOP = "wideop"  # two results (i64.add128 and its kin)
    LOAD = "load"
    STORE = "store"
    RMW = "rmw"  # atomic read-modify-write
    CMPXCHG = "cmpxchg"
    VECTOR = "vector"  # every pure v128 instruction


class Nan(str, Enum):
    """What an instruction with float operands or results does with NaNs.

    The rule is the deterministic profile: a NaN that arithmetic makes is the canonical one, positive, with
    only the quiet bit set, whatever went in.
    """

    NONE = ""
    ARITH = "arith"  # operands' payloads are not looked at, a NaN result is canonical
    BLIND = "blind"  # operands' payloads are not looked at, the result is no float
    BITS = "bits"  # sign and payload of a NaN pass through or are seen


@dataclass(frozen=True, eq=False)
class Op:
    """One instruction. Compared by identity: there is one row per instruction in a process.

    name      unique key and, unless `mnemonic` says otherwise, the spelling in the text format.
    code      the opcode byte, or `prefix << 16 | subopcode` for the prefixes FB, FC, FD, FE.
    imms      kinds of the immediates in encoding order.
    params, results   stack signature, first pushed first; None where the typing looks at the context.
    access    bytes touched by a load, store or atomic: the natural alignment is its logarithm.
    lanes     number of lanes a LANEIDX may name.
    traps     kinds the instruction itself can raise.
    const     True if it may stand in a constant expression (`end` may).
    kind      the family, see `Kind`.
    nan       the NaN rule, see `Nan`.

    The meaning, in four columns; None for instructions whose meaning is a small emitter or handler of the
    same name in each engine. Integer operands and results are unsigned. Names in them: the operands `a b c d`
    in push order; `x`, the number in memory (little-endian, unsigned, `access` bytes wide), for instructions
    that touch memory; `lane`, the lane immediate; `imm`, any other immediate; all further names are constants
    and functions of `engine/python/numeric.py` (`py`, `pyf`) and `_fast/numeric.pxd` (`c`, `check`).

    py        Python expression, floats and v128 as unsigned ints of their bits. An operand may occur twice.
              Put names or parenthesised expressions in, and parentheses around it. TESTOP and RELOP give a
              bool. LOAD: what is pushed, from `x`. STORE: what is written, from `b`. RMW, CMPXCHG: what is
              written, from `x` and the operands; pushed is `x`. WIDEOP: a tuple.
    pyf       the same where f32 and f64 operands and results are Python floats, in rows that have any (an f32
              is the float of equal value; a NaN keeps its payload in the upper bits). In ARITH rows a NaN
              result may be any NaN: `canon(x)` before something looks at its bits, that is before anything
              but an ARITH or BLIND row.
    c         C expression, valid as Cython too; i32 is u32, i64 is u64, f32 is float, f64 is double. It may
              be undefined where `check` reports a trap.
    check     C expression for the number of the TrapKind these operands raise, TRAP_NONE = 0; None: no trap
              depends on operands alone. `py` and `pyf` raise the Trap themselves.
    lazy      names among `a b c` whose value matters only modulo 2**N (N the operand's width), so that `py`
              may be given an unreduced, even negative, Python int there.
    """

    name: str
    code: int
    imms: tuple[Imm, ...] = ()
    params: tuple[str, ...] | None = None
    results: tuple[str, ...] | None = None
    feature: Feature = Feature.MVP
    fuel: Fuel = Fuel.ONE
    traps: tuple[TrapKind, ...] = ()
    access: int = 0
    lanes: int = 0
    const: bool = False
    kind: Kind = Kind.SPECIAL
    nan: Nan = Nan.NONE
    py: str | None = None
    pyf: str | None = None
    c: str | None = None
    check: str | None = None
    lazy: str = ""
    mnemonic: str | None = None

    @property
    def text(self) -> str:
        """Return the keyword of the text format."""
        return self.mnemonic or self.name

    @property
    def ident(self) -> str:
        """Return the name as a Python or C identifier: `i32.add` gives `i32_add`."""
        return self.name.replace(".", "_")

    @property
    def prefix(self) -> int:
        """Return the prefix byte, 0 for one-byte opcodes."""
        return self.code >> 16

    @property
    def align(self) -> int:
        """Return the natural alignment as a power of two (for rows with `access`)."""
        return self.access.bit_length() - 1

    def __repr__(self) -> str:
        return f"<Op {self.name}>"
