# cython: language_level=3
"""Words from a symbolic stack: the part of the translator that knows operands but no labels.

`local.get` and constants only push entries; operations read them where they are. A temporary is read once, so
when the word just before wrote it, that word leaves it in the accumulator instead and this one takes it there.
Rule 1: an entry's own slot follows from its place on the stack, so that all paths to a label agree.
Rule 2: a local that is overwritten while it is on the stack is copied to its entry's slot first.
Rule 3: `last` is the word whose result may still move, `kept` one that wrote a local and left the value in the
        accumulator as well; after a label both are forgotten.
"""

from libc.stdlib cimport free
from libc.string cimport memset

from .growing cimport ensure
from .machine cimport Handler, Ins, i32, u8, u32, u64

from ..isa import OPS
from ..isa.model import Imm
from . import (
    _generated_compare,
    _generated_float,
    _generated_flow,
    _generated_fused_flow,
    _generated_fused_memory,
    _generated_fused_value,
    _generated_integer,
    _generated_memory,
    _generated_move,
    _generated_objects,
    _generated_vector,
    bulk,
    control,
    moves,
    objects,
    pointers,
    throwing,
)

HANDLERS: dict[str, int] = {}
for _unit in (
    _generated_integer, _generated_compare, _generated_float, _generated_memory, _generated_vector,
    _generated_flow, _generated_move, _generated_fused_flow, _generated_fused_memory, _generated_fused_value,
    _generated_objects, bulk, control, moves, objects, pointers, throwing,
):
    HANDLERS.update(_unit.handlers())

cdef OpInfo[0x600] TABLE
memset(TABLE, 0, sizeof(TABLE))

FORMS = ("ss", "si", "as", "ai", "sa")
STORES = ("ss", "sa", "si", "as", "ai", "is", "ia", "ii", "x")
LOADS = ("s_s", "s_a", "a_s", "a_a", "i_s", "i_a", "x")
# How many bytes of immediates follow a vector instruction; of a lane in memory the memarg comes before.
IMM_OF = {(Imm.LANEIDX,): 1, (Imm.LANEIDX_16,): 16, (Imm.MEMARG, Imm.LANEIDX): LANE_IN_MEMORY}
LETTERS = {"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128, "addr": I64, "funcref": FUNC}
# The comparison that holds when operands change places, and the one that holds when this one does not.
MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
INVERSE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
COMMUTATIVE = frozenset("add mul and or xor eq ne".split())


cdef OpInfo* op_info(u32 code) noexcept:
    """Return the entry of an opcode; the prefixes follow the one-byte codes."""
    cdef u32 prefix = code >> 16
    cdef u32 sub = code & 0xFFFF
    if prefix == 0:
        return &TABLE[code]
    if prefix == 0xFB:
        return &TABLE[0x100 + (sub & 0x7F)]
    if prefix == 0xFC:
        return &TABLE[0x180 + (sub & 0x7F)]
    if prefix == 0xFD:
        return &TABLE[0x200 + (sub & 0x1FF)]
    return &TABLE[0x400 + (sub & 0x7F)]


cdef int fill(Handler* into, str prefix, names) except -1:
    for i, name in enumerate(names):
        # why: a vector is never in an accumulator nor an immediate, so some forms are missing.
        into[i] = <Handler><size_t>HANDLERS.get(f"{prefix}_{name}", 0)
    return 0


def related(name: str, words: dict[str, str]) -> str:
    """Return the row's name with its operation replaced, "" if it has no counterpart."""
    t, _, rest = name.partition(".")
    operation, _, sign = rest.partition("_")
    if operation not in words:
        return ""
    return f"{t}.{words[operation]}{'_' + sign if sign else ''}"


def build_table() -> None:
    """Fill the table from the rows and the handlers that were generated for them."""
    cdef OpInfo* info
    by_name = {op.name: op for op in OPS}
    for op in OPS:
        info = op_info(op.code)
        info.code, info.fuel, info.kind = op.code, min(int(op.fuel), 1), SPECIAL
        for i, t in enumerate((op.params or ())[:4]):
            info.params[i] = LETTERS.get(t, REF)
        info.n_params = len(op.params or ())
        info.result = LETTERS.get(op.results[0], REF) if op.results else NO_CLASS
        kind, name = op.kind.value, op.name
        if f"{op.ident}_ss_br0" in HANDLERS:
            info.kind = COMPARE
            fill(info.h, op.ident, [f"{form}_{place}" for form in FORMS for place in "sa"])
            fill(info.br, op.ident, [f"{form}_br{polarity}" for form in FORMS for polarity in "01"])
            other = related(name, MIRRORED)
            info.swap = by_name[other].code if other else op.code
            other = related(name, INVERSE)
            info.inverse = by_name[other].code if name[0] == "i" else 0
        elif kind == "binop" and f"{op.ident}_ss_s" in HANDLERS:
            info.kind = BINARY
            fill(info.h, op.ident, [f"{form}_{place}" for form in FORMS for place in "sa"])
            # why: NaNs are canonical, so float sums and products commute to the bit.
            info.swap = op.code if name.partition(".")[2] in COMMUTATIVE else 0
        elif kind in ("unop", "cvtop") and f"{op.ident}_s_s" in HANDLERS:
            info.kind = UNARY
            fill(info.h, op.ident, ("s_s", "s_a", "a_s", "a_a"))
        elif kind == "load" and f"{op.ident}_x" in HANDLERS:
            info.kind = LOAD
            fill(info.h, op.ident, LOADS)
        elif kind == "store" and f"{op.ident}_x" in HANDLERS:
            info.kind = STORE
            fill(info.h, op.ident, STORES)
        elif kind in ("vector", "load", "store", "wideop", "rmw", "cmpxchg"):
            info.kind = VECTOR
            info.h[0] = <Handler><size_t>HANDLERS.get(f"{op.ident}_v", 0)
            info.imm = IMM_OF.get(op.imms, 0)


build_table()

cdef Handler H_COPY = <Handler><size_t>HANDLERS["copy_s"]
cdef Handler H_COPY_2 = <Handler><size_t>HANDLERS["copy_2"]
cdef Handler H_COPY_V128 = <Handler><size_t>HANDLERS["copy_v128"]
cdef Handler H_CONST = <Handler><size_t>HANDLERS["const_s"]
cdef Handler H_CONST_A = <Handler><size_t>HANDLERS["const_a"]
cdef Handler H_CONST_F32_A = <Handler><size_t>HANDLERS["const_f32_a"]
cdef Handler H_CONST_F64_A = <Handler><size_t>HANDLERS["const_f64_a"]
cdef Handler H_SELECT_V128 = <Handler><size_t>HANDLERS["select_v128"]
cdef Handler[12] H_SELECT
fill(H_SELECT, "select", [f"{form}_{place}{to}" for form in ("ss", "si", "is") for place in "sa" for to in ("", "_a")])


cdef class Emitter:
    """Words, and the symbolic stack they are made from."""

    def __cinit__(self):
        self.last = self.kept = -1

    def __dealloc__(self):
        free(self.code)
        free(self.offsets)
        free(self.stack)
        free(self.reads)

    cdef Handler handler(self, str name) except NULL:
        return <Handler><size_t>HANDLERS[name]

    cdef Ins* emit(self, Handler h) except NULL:
        """Append a word; its fields are zero. Earlier pointers to words are then stale."""
        cdef u64 room = self.room
        ensure(<void**>&self.code, &room, self.n + 1, sizeof(Ins))
        ensure(<void**>&self.offsets, &self.room, self.n + 1, sizeof(u32))
        cdef Ins* word = self.code + self.n
        memset(word, 0, sizeof(Ins))
        word.h = h
        self.offsets[self.n] = self.here
        self.n += 1
        return word

    cdef int push(self, u8 where, u8 cls, u32 local, u64 bits) except -1:
        ensure(<void**>&self.stack, &self.stack_room, self.depth + 1, sizeof(Entry))
        cdef Entry* e = self.stack + self.depth
        self.depth += 1
        e.where, e.cls, e.pos, e.local, e.bits = where, cls, self.sp, local, bits
        if where == LOCAL:
            self.reads[local] += 1
        self.sp += slots_of(cls)
        if self.sp > self.max_sp:
            self.max_sp = self.sp
        return 0

    cdef Entry pop(self) noexcept:
        self.depth -= 1
        cdef Entry e = self.stack[self.depth]
        self.sp = e.pos
        if e.where == LOCAL:
            self.reads[e.local] -= 1
        if self.clean > self.depth:
            self.clean = self.depth
        return e

    cdef void forget(self) noexcept:
        self.last = self.kept = -1

    cdef u32 slot(self, Entry* e) noexcept:
        return e.local if e.where == LOCAL else e.pos

    cdef int place(self, Entry* e, u32 to) except -1:
        """Emit what puts an entry's value into a slot."""
        cdef Ins* word
        cdef Ins* before
        if e.where == CONST:
            word = self.emit(H_CONST)
            word.d, word.imm = to, e.bits
            return 0
        cdef u32 source = self.slot(e)
        if source == to:
            return 0
        if e.cls == V128:
            word = self.emit(H_COPY_V128)
        else:
            # fast: two copies in a row share a word; arguments of calls come so.
            before = self.code + self.n - 1
            if self.last == <i32>self.n - 1 and self.last >= 0 and before.h == H_COPY and before.d != source:
                before.h, before.c, before.b = H_COPY_2, to, source
                self.forget()
                return 0
            word = self.emit(H_COPY)
            self.last, self.last_acc, self.last_op = <i32>self.n - 1, NULL, NULL
        word.d, word.a = to, source
        return 0

    cdef int ensure(self, Entry* e) except -1:
        """Put a constant that was popped into its slot."""
        if e.where != CONST:
            return 0
        self.place(e, e.pos)
        e.where = TEMP
        self.last, self.last_op = <i32>self.n - 1, NULL
        self.last_acc = H_CONST_F32_A if e.cls == F32 else (H_CONST_F64_A if e.cls == F64 else H_CONST_A)
        return 0

    cdef bint in_acc(self, Entry* e) noexcept:
        """Take an entry over the accumulator if the word just before made it. A temporary's slot is not written then."""
        if e.where == LOCAL:
            return self.kept >= 0 and self.kept == <i32>self.n - 1 and self.code[self.kept].d == e.local
        if e.where != TEMP or self.last < 0 or self.last != <i32>self.n - 1 or self.last_acc == NULL:
            return False
        if self.code[self.last].d != e.pos:
            return False
        self.code[self.last].h = self.last_acc
        self.last = -1
        return True

    cdef int made(self, u8 cls, Handler acc) except -1:
        """Push the result of the word just emitted."""
        self.code[self.n - 1].d = self.sp
        self.push(TEMP, cls, 0, 0)
        self.last, self.last_acc, self.last_op = <i32>self.n - 1, acc, NULL
        return 0

    cdef int settle(self, u32 count) except -1:
        """Put the topmost entries into their own slots."""
        cdef u32 i
        cdef Entry* e
        for i in range(self.depth - count, self.depth):
            e = self.stack + i
            if e.where == TEMP:
                continue
            self.place(e, e.pos)
            if e.where == LOCAL:
                self.reads[e.local] -= 1
            e.where = TEMP
        return 0

    cdef int flush(self) except -1:
        """Copy locals that are on the stack to their entries' slots, so that paths may part."""
        cdef u32 i
        cdef Entry* e
        for i in range(self.clean, self.depth):
            e = self.stack + i
            if e.where == LOCAL:
                self.place(e, e.pos)
                self.reads[e.local] -= 1
                e.where = TEMP
        self.clean = self.depth
        return 0

    cdef int unary(self, OpInfo* op) except -1:
        cdef Entry a = self.pop()
        self.ensure(&a)
        cdef int form = 2 if self.in_acc(&a) else 0
        cdef Ins* word = self.emit(op.h[form])
        word.a = self.slot(&a)
        return self.made(op.result, op.h[form + 1])

    cdef int binary(self, OpInfo* op) except -1:
        """Emit an operation on two operands, or a comparison, in the form that fits them."""
        cdef Entry b = self.pop()
        cdef Entry a = self.pop()
        cdef Entry other
        cdef int form
        if a.where == CONST and b.where != CONST and op.swap:
            other = a
            a = b
            b = other
            op = op_info(op.swap)
        self.ensure(&a)
        if b.where == CONST:
            form = 3 if self.in_acc(&a) else 1
        elif self.in_acc(&b):
            form = 4
        else:
            form = 2 if self.in_acc(&a) else 0
        cdef Ins* word = self.emit(op.h[2 * form])
        word.a = self.slot(&a)
        if b.where == CONST:
            # why not b too: a branch made of this comparison has the fuel of its other way there.
            word.imm = b.bits
        else:
            word.b = self.slot(&b)
        # why: operands may have changed places; the result belongs to the lower one's slot.
        self.sp = a.pos if a.pos < b.pos else b.pos
        self.made(op.result, op.h[2 * form + 1])
        if op.kind == COMPARE:
            self.last_op, self.last_form = op, form
        return 0

    cdef int select(self) except -1:
        cdef Entry c = self.pop()
        cdef Entry b = self.pop()
        cdef Entry a = self.pop()
        cdef Ins* word
        cdef int form = 0
        if c.where == CONST:
            self.ensure(&c)
        if a.where == CONST and b.where == CONST:
            self.ensure(&a)
        if a.cls == V128:
            word = self.emit(H_SELECT_V128)
        else:
            form = 8 if a.where == CONST else (4 if b.where == CONST else 0)
            if self.in_acc(&c):
                form += 2
            word = self.emit(H_SELECT[form])
        word.a, word.b, word.c = self.slot(&a), self.slot(&b), self.slot(&c)
        word.imm = a.bits if a.where == CONST else b.bits
        return self.made(a.cls, NULL if a.cls == V128 or a.cls == F32 or a.cls == F64 else H_SELECT[form + 1])

    cdef int vector(self, OpInfo* op, u64 imm, u32 c) except -1:
        """Emit a vector instruction: all operands come from slots; the third or `c` is in the field of that name."""
        cdef Entry[3] e
        cdef int i
        for i in range(op.n_params - 1, -1, -1):
            e[i] = self.pop()
            self.ensure(&e[i])
        cdef Ins* word = self.emit(op.h[0])
        word.a, word.c, word.imm = self.slot(&e[0]), c, imm
        if op.n_params > 1:
            word.b = self.slot(&e[1])
        if op.n_params > 2:
            word.c = self.slot(&e[2])
        if op.result == NO_CLASS:
            self.last = -1
            return 0
        return self.made(op.result, NULL)

    cdef int load(self, OpInfo* op, u64 offset, u64 mem) except -1:
        """Emit a load; `mem` is the memory's address, 0 for the 32-bit memory 0."""
        cdef Entry a = self.pop()
        cdef Ins* word
        cdef int form = 6
        if mem:
            self.ensure(&a)
            word = self.emit(op.h[6])
            word.b, word.c = <u32>mem, <u32>(mem >> 32)
        elif a.where == CONST:
            form = 4
            offset += <u32>a.bits
            word = self.emit(op.h[4])
        else:
            form = 2 if self.in_acc(&a) else 0
            word = self.emit(op.h[form])
        word.a, word.imm = self.slot(&a), offset
        return self.made(op.result, NULL if mem else op.h[form + 1])

    cdef int store(self, OpInfo* op, u64 offset, u64 mem) except -1:
        cdef Entry b = self.pop()
        cdef Entry a = self.pop()
        cdef Ins* word
        cdef int form
        if mem:
            self.ensure(&a)
            self.ensure(&b)
            word = self.emit(op.h[8])
            word.b, word.c = <u32>mem, <u32>(mem >> 32)
        else:
            if a.where == CONST:
                offset += <u32>a.bits
                form = 7 if b.where == CONST else (6 if self.in_acc(&b) else 5)
            elif b.where == CONST:
                form = 4 if self.in_acc(&a) else 2
            elif self.in_acc(&b):
                form = 1
            else:
                form = 3 if self.in_acc(&a) else 0
            word = self.emit(op.h[form])
            if b.where == CONST:
                word.b, word.c = <u32>b.bits, <u32>(b.bits >> 32)
        word.a, word.d, word.imm = self.slot(&a), self.slot(&b), offset
        self.last = -1
        return 0

    cdef int local_set(self, u32 slot, bint keep) except -1:
        """Write a local from the top of the stack; `keep` leaves the value there, as the local."""
        cdef Entry e = self.pop()
        cdef Entry* held
        cdef u32 i = self.depth
        cdef bint copied = False
        while self.reads[slot] > 0 and i > 0:
            i -= 1
            held = self.stack + i
            if held.where == LOCAL and held.local == slot:
                self.last = self.last if copied else -1
                self.place(held, held.pos)
                held.where = TEMP
                self.reads[slot] -= 1
                copied = True
        if e.where == TEMP and self.last >= 0 and self.last == <i32>self.n - 1 and self.code[self.last].d == e.pos:
            self.code[self.last].d = slot
            self.kept = self.last if self.last_acc != NULL else -1
        elif e.where != LOCAL or e.local != slot:
            self.last = -1
            self.place(&e, slot)
            if e.where != CONST and e.cls != V128 and e.cls != F32 and e.cls != F64:
                self.kept = <i32>self.n - 1
        self.last = -1
        if keep:
            self.push(LOCAL, e.cls, slot, 0)
        return 0
