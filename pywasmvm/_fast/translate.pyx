# cython: language_level=3
"""Reads a validated body byte by byte and drives the parts below: one pass, on the first call of a function.

A translation can stand still between two steps, when the time of the call is over, and be taken up by a later call.
What has no handler of its own is left to Python through a plan (`slow`), with its operands in their slots.
Rule 1: the body is proven, so nothing is checked again.
Rule 2: immediates are read before anything looks at whether the code is dead.
"""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from ._generated_opcodes cimport *
from .clock cimport now_ns
from .counting cimport add_counters, is_counting
from .emit cimport (
    BINARY, COMPARE, CONST, FUNC, I32, I64, LOAD, STORE, TEMP, UNARY, VECTOR, Entry, OpInfo, op_info,
)
from .flow cimport BLOCK, BODY, LOOP, TRY, Label
from .fuse cimport fuse
from .gctypes cimport TypeHandle
from .machine cimport Clause, FuncC, Handler, Ins, InstC, MemC, TableC, TryC, i32, i64, u8, u32, u64
from .modinfo cimport ModInfo, Sig
from .objread cimport ObjectReader
from .segments cimport IN_B, IN_C
from .template cimport FUNC_SPACE, HOME_IMM, TABLE_SPACE, keep

from .emit import HANDLERS
from ..errors import InternalError


cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_SLOW = named("slow")
cdef Handler H_UNREACHABLE = named("unreachable")
cdef Handler H_ENTER_0 = named("enter_0")
cdef Handler H_ENTER_N = named("enter_n")
cdef Handler H_CALL_FIRST = named("call_first")
cdef Handler H_CALL_FOREIGN = named("call_foreign")
cdef Handler H_CALL_INDIRECT = named("call_indirect")
cdef Handler H_CALL_REF = named("call_ref")
cdef Handler H_FIND_FUNC = named("find_func")
cdef Handler H_FIND_INDIRECT = named("find_indirect")
cdef Handler H_FIND_REF = named("find_ref")
cdef Handler H_NON_NULL = named("non_null")
# What is done between two looks at the clock, each well below a millisecond: instructions read, costs filled in, words
# fused.
cdef enum:
    INSTRS = 64
    COSTS = 1 << 16
    WORDS = 1 << 12
# Functions with more words have no template: what is copied must not take long.
cdef u32 MOST_KEPT = 1 << 16
# Room above a frame for what enters and leaves through its top: foreign frames, host results.
cdef u32 SLACK = 16


cdef class Translator(ObjectReader):
    """Translates functions of one instance."""

    def __cinit__(self):
        self.tries = []

    cdef int begin(self, FuncC* func) except -1:
        """Begin to translate a function."""
        cdef Sig* sig = self.info.funcs[func.funcidx]
        body = self.info.syntax.funcs[func.funcidx - <i32>self.info.n_imported]
        self.start = <const u8*>self.info.binary
        self.p = self.start + <size_t>body.offset
        self.sig = sig
        self.read_locals(sig)
        self.sp = self.max_sp = self.link + 1
        self.new_seg()
        self.segs[0] = 1
        cdef Ins* word = self.emit(H_ENTER_N if self.link > sig.param_slots else H_ENTER_0)
        word.d, word.a, word.b = self.link, sig.param_slots, self.link - sig.param_slots
        self.pay(0, IN_C, 0)
        self.open(BODY, sig)
        return 0

    cdef bint go_on(self, i64 stop_at) except -1:
        """Translate on; False if the clock says `stop_at` before all is done."""
        while not self.step():
            if now_ns() >= stop_at:
                return False
        return True

    cdef bint step(self) except -1:
        """Do a little of what is to be done; True when that was all."""
        cdef u32 count = INSTRS
        if self.n_labels > 0:
            while self.n_labels > 0 and count > 0:
                self.read_one()
                count -= 1
            self.unmerged = self.n_segs
            return False
        if not self.metered and self.n_fused == 0:
            self.lift()
        elif self.metered and not self.resolve(COSTS):
            return False
        count = min(<u32>WORDS, self.n - self.n_fused)
        if not is_counting():
            fuse(self.code + self.n_fused, count)
        self.n_fused += count
        return self.n_fused == self.n

    cdef int read_one(self) except -1:
        """Read an instruction and emit what becomes of it."""
        cdef OpInfo* op
        cdef u32 code, sub
        self.here = <u32>(self.p - self.start)
        code = self.p[0]
        self.p += 1
        if code >= 0xFB and code <= 0xFE:
            sub = self.leb()
            code = (code << 16) | sub
        op = op_info(code)
        self.segs[self.seg] += op.fuel
        return self.one(code, op)

    cdef int finish(self, FuncC* func) except -1:
        """Give the function its code: all has been done."""
        self.code[0].imm = self.max_sp + SLACK
        # fast: what grew large is cut where it lies, not copied.
        cdef Ins* code = <Ins*>realloc(self.code, (2 if is_counting() else 1) * self.n * sizeof(Ins))
        self.code = NULL
        cdef u32* offsets = <u32*>realloc(self.offsets, self.n * sizeof(u32))
        self.offsets = NULL
        if code == NULL or offsets == NULL:
            raise MemoryError
        if is_counting():
            add_counters(code, self.n)
            self.tied = True
        for address in self.owned:
            free(<void*><size_t>address)
        func.offsets, func.n_words, func.link = offsets, self.n, self.link
        self.finish_tries(func)
        func.code = func.entry = code
        # why: a module that has one instance all its life shall not hold its code twice.
        if self.info.n_instances > 1 and not self.tied and self.n <= MOST_KEPT:
            keep(self.info, func, self.places, self.n_places)
        return 0

    cdef int finish_tries(self, FuncC* func) except -1:
        """Give a function the ranges that its try_tables guard; an inner one is noted after the one around it."""
        cdef TryC* guard
        cdef Clause* clause
        cdef TypeHandle type
        if not self.tries:
            return 0
        self.tied = True
        func.tries = <TryC*>calloc(len(self.tries), sizeof(TryC))
        if func.tries == NULL:
            raise MemoryError
        func.n_tries = len(self.tries)
        for i, (start, end, stubs) in enumerate(self.tries):
            guard = func.tries + <u32>i
            guard.start, guard.end = start, end
            guard.clauses = <Clause*>calloc(len(stubs), sizeof(Clause))
            if guard.clauses == NULL:
                raise MemoryError
            guard.n_clauses = len(stubs)
            for k, (kind, tag, word, slot) in enumerate(stubs):
                clause = guard.clauses + <u32>k
                clause.word, clause.slot, clause.with_ref = word, slot, kind & 1
                if kind < 2:
                    type = self.machine.type_of(self.tags[tag])
                    clause.tag = &type.c
        return 0

    # -- instructions ---------------------------------------------------------------------------------------

    cdef int one(self, u32 code, OpInfo* op) except -1:
        if op.kind == BINARY or op.kind == COMPARE:
            return 0 if self.dead else self.binary(op)
        if op.kind == UNARY:
            return 0 if self.dead else self.unary(op)
        if op.kind == LOAD or op.kind == STORE:
            return self.access(op)
        if op.kind == VECTOR and op.h[0] != NULL:
            return self.vector_op(op)
        if code <= 0x15 or code == OP_TRY_TABLE:
            return self.control(code)
        if code >= OP_LOCAL_GET and code <= OP_GLOBAL_SET:
            return self.variable(code)
        if code >= OP_I32_CONST and code <= OP_F64_CONST or code == OP_V128_CONST:
            return self.constant(code)
        if code == OP_I32_EQZ or code == OP_I64_EQZ:
            return 0 if self.dead else self.test(code)
        if code == OP_DROP:
            if not self.dead:
                self.pop()
            return 0
        if code == OP_SELECT or code == OP_SELECT_T:
            if code == OP_SELECT_T and self.leb():
                self.read_class()
            return 0 if self.dead else self.select()
        if code == OP_MEMORY_SIZE or code == OP_MEMORY_COPY or code == OP_MEMORY_FILL:
            return self.memory(code)
        return self.reference(code)

    cdef int test(self, u32 code) except -1:
        """Emit eqz: it turns a comparison just made around, else compares with zero."""
        cdef Entry* e = self.stack + (self.depth - 1)
        cdef OpInfo* other
        if (
            code == OP_I32_EQZ and e.where == TEMP and self.last >= 0 and self.last == <i32>self.n - 1
            and self.last_op != NULL and self.last_op.kind == COMPARE and self.last_op.inverse
            and self.code[self.last].d == e.pos
        ):
            other = op_info(self.last_op.inverse)
            self.code[self.last].h = other.h[2 * self.last_form]
            self.last_acc, self.last_op = other.h[2 * self.last_form + 1], other
            return 0
        self.push(CONST, I32, 0, 0)
        return self.binary(op_info(OP_I32_EQ if code == OP_I32_EQZ else OP_I64_EQ))

    cdef int end_path(self) except -1:
        """Note that control does not go on here."""
        self.new_seg()
        self.dead = True
        self.forget()
        return 0

    cdef int control(self, u32 code) except -1:
        cdef Sig* sig
        if code == OP_NOP:
            return 0
        if code == OP_BLOCK or code == OP_LOOP:
            sig = self.read_blocktype()
            return self.open(BLOCK if code == OP_BLOCK else LOOP, sig)
        if code == OP_IF:
            sig = self.read_blocktype()
            return self.open_if(sig)
        if code == OP_ELSE:
            return self.otherwise()
        if code == OP_END:
            if self.n_labels > 1 and self.labels[self.n_labels - 1].handler >= 0:
                self.tries[self.labels[self.n_labels - 1].handler][1] = self.n
            return self.close(self.p[0] if self.n_labels > 1 else 0, 0)
        if code == OP_TRY_TABLE:
            return self.open_try()
        if code == OP_UNREACHABLE:
            if not self.dead:
                self.emit(H_UNREACHABLE)
            return self.end_path()
        if code == OP_THROW or code == OP_THROW_REF:
            self.throw_op(code)
            return self.end_path()
        if code >= OP_CALL:
            return self.calls(code)
        return self.branches(code)

    cdef int open_try(self) except -1:
        """Open a try_table. Its clauses count labels from outside of it."""
        cdef Sig* sig = self.read_blocktype()
        cdef u32 count = self.leb()
        cdef Label* label
        clauses = []
        cdef u32 kind, tag, target, i
        for i in range(count):
            kind = self.p[0]
            self.p += 1
            tag = self.leb() if kind < 2 else 0
            target = self.leb()
            label = self.labels + (self.n_labels - 1 - target)
            label.named = 1
            clauses.append((kind, tag, target))
        self.open(TRY, sig)
        if self.dead or not clauses:
            return 0
        # why: a clause's values arrive in the slots of its label; a stub of one word each pays and goes there.
        stubs = []
        self.emit(self.handler("jump"))
        cdef u32 over = self.n - 1
        for kind, tag, target in clauses:
            stubs.append(self.clause_stub(kind, tag, target))
        self.patch_target(over, self.n)
        self.forget()
        label = self.labels + (self.n_labels - 1)
        label.handler = len(self.tries)
        self.tries.append([self.n, self.n, stubs])
        return 0

    cdef object clause_stub(self, u32 kind, u32 tag, u32 target):
        """Emit where a caught exception enters. Return (kind, tag, word, slot of the first value)."""
        cdef u32 depth = self.depth, sp = self.sp, before = self.n
        cdef u32 index = target + 1
        cdef Label* label = self.labels + (self.n_labels - 1 - index)
        cdef u32 count = self.arity(label)
        cdef u32 i, start
        self.forget()
        start = self.sp
        for i in range(count):
            self.push(TEMP, self.arity_classes(label)[i], 0, 0)
        self.branch_plain(index)
        while self.depth > depth:
            self.pop()
        self.sp = sp
        self.forget()
        return (kind, tag, before, start)

    cdef int branches(self, u32 code) except -1:
        cdef u32 depth, count, i
        cdef u32* targets
        if code == OP_BR:
            depth = self.leb()
            self.branch(depth)
            return self.end_path()
        if code == OP_BR_IF:
            depth = self.leb()
            return self.branch_if(depth, False)
        if code == OP_RETURN:
            if not self.dead:
                self.give_back()
            return self.end_path()
        count = self.leb() + 1
        targets = <u32*>malloc(count * sizeof(u32))
        if targets == NULL:
            raise MemoryError
        for i in range(count):
            targets[i] = self.leb()
        try:
            self.branch_table(targets, count)
        finally:
            free(targets)
        return self.end_path()

    cdef int calls(self, u32 code) except -1:
        cdef u32 index = self.leb()
        cdef u32 table = self.leb() if code == OP_CALL_INDIRECT or code == OP_RETURN_CALL_INDIRECT else 0
        cdef bint is_tail = code == OP_RETURN_CALL or code == OP_RETURN_CALL_INDIRECT or code == OP_RETURN_CALL_REF
        cdef bint direct = code == OP_CALL or code == OP_RETURN_CALL
        cdef Sig* sig = self.info.funcs[index] if direct else self.info.types[index]
        cdef Entry e
        cdef FuncC* func
        cdef Ins* word
        cdef u32 slot = 0
        if self.dead:
            return self.end_path() if is_tail else self.new_seg()
        if not direct:
            e = self.pop()
            # why: the settling of the arguments comes first, and a constant needs a slot they do not use.
            self.ensure(&e)
            self.forget()
            slot = self.slot(&e)
        if is_tail:
            self.settle(sig.n_params)
            word = self.emit(H_FIND_FUNC if direct else (H_FIND_REF if code == OP_RETURN_CALL_REF else H_FIND_INDIRECT))
            word.b, word.d = slot, sig.type_id
            if direct:
                word.imm = <u64>self.inst.funcs[index]
                self.stands(FUNC_SPACE, index, HOME_IMM)
            elif code == OP_RETURN_CALL_INDIRECT:
                word.imm = <u64>self.inst.tables[table]
                self.stands(TABLE_SPACE, table, HOME_IMM)
            self.tail_word(sig)
            return self.end_path()
        if code == OP_CALL:
            func = self.inst.funcs[index]
            self.call_word(H_CALL_FIRST if func.inst == self.inst else H_CALL_FOREIGN, sig, 0, 0, <u64>func)
            return self.stands(FUNC_SPACE, index, HOME_IMM)
        if code == OP_CALL_REF:
            return self.call_word(H_CALL_REF, sig, slot, 0, 0)
        self.call_word(H_CALL_INDIRECT, sig, slot, sig.type_id, <u64>self.inst.tables[table])
        return self.stands(TABLE_SPACE, table, HOME_IMM)

    cdef int reference(self, u32 code) except -1:
        cdef Entry e
        cdef Entry b
        cdef Ins* word
        cdef u32 index
        cdef u8 cls
        cdef Ins branch
        if code == OP_REF_NULL:
            cls = self.heap_class()
            return 0 if self.dead else self.push(CONST, cls, 0, 0)
        if code == OP_REF_FUNC:
            index = self.leb()
            self.tied = True
            return 0 if self.dead else self.push(CONST, FUNC, 0, <u64>self.inst.funcs[index])
        if code == OP_REF_IS_NULL or code == OP_REF_EQ:
            if self.dead:
                return 0
            if code == OP_REF_IS_NULL:
                self.push(CONST, I64, 0, 0)
            return self.binary(op_info(OP_I64_EQ))
        if code == OP_ANY_CONVERT_EXTERN or code == OP_EXTERN_CONVERT_ANY:
            return 0
        if code == OP_REF_AS_NON_NULL:
            if self.dead:
                return 0
            e = self.pop()
            self.ensure(&e)
            word = self.emit(H_NON_NULL)
            word.a = self.slot(&e)
            return self.made(e.cls, NULL)
        if code == OP_TABLE_GET or code == OP_TABLE_SET or code == OP_TABLE_SIZE:
            return self.table(code)
        if code == OP_BR_ON_NULL or code == OP_BR_ON_NON_NULL:
            return self.branch_null(code)
        return 0 if self.object_op(code) else self.leave(code)

    cdef int branch_null(self, u32 code) except -1:
        """Emit br_on_null or br_on_non_null as a comparison with zero."""
        cdef u32 depth = self.leb()
        cdef Entry e
        cdef Ins word
        cdef OpInfo* op = op_info(OP_I64_EQ if code == OP_BR_ON_NULL else OP_I64_NE)
        self.labels[self.n_labels - 1 - depth].named = 1
        if self.dead:
            return self.new_seg()
        self.settle(1)
        self.forget()
        word.h, word.a, word.b, word.c, word.d, word.imm = op.br[2], self.sp - 1, 0, 0, 0, 0
        if code == OP_BR_ON_NULL:
            e = self.pop()
            self.branch_on(depth, word, op.br[3], IN_B)
            return self.push(TEMP, e.cls, 0, 0)
        self.branch_on(depth, word, op.br[3], IN_B)
        self.pop()
        return 0

    cdef int leave(self, u32 code) except -1:
        """Leave an instruction to Python."""
        self.tied = True
        instr = self.decode(self.start + self.here)
        cdef Ins* word
        cdef u32 i
        if self.dead:
            return 0
        plan = self.planner(instr)
        cdef u32 count = len(plan.params)
        self.settle(count)
        for i in range(count):
            self.pop()
        word = self.emit(H_SLOW)
        word.a, word.c = self.sp, len(self.plans)
        self.plans.append(plan)
        for cls in plan.results:
            self.push(TEMP, cls, 0, 0)
        self.forget()
        return 0
