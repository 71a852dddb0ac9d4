# cython: language_level=3
"""Instructions on what has an address: constants, locals, globals, memories, tables.

Rule 1: immediates are read before anything looks at whether the code is dead.
"""

from libc.string cimport memcpy

from ._generated_opcodes cimport *
from .body cimport BodyReader
from .emit cimport CONST, F32, F64, I32, I64, LANE_IN_MEMORY, LOAD, LOCAL, V128, Entry, OpInfo
from .template cimport GLOBAL_SPACE, HOME_IMM, HOME_PAIR, MEM_SPACE, TABLE_SPACE
from .machine cimport Handler, Ins, InstC, u8, u32, u64

from .emit import HANDLERS
from ..errors import InternalError


cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_GLOBAL_GET_S = named("global_get_s")
cdef Handler H_GLOBAL_GET_A = named("global_get_a")
cdef Handler H_GLOBAL_GET_V128 = named("global_get_v128")
cdef Handler H_GLOBAL_SET_S = named("global_set_s")
cdef Handler H_GLOBAL_SET_A = named("global_set_a")
cdef Handler H_GLOBAL_SET_V128 = named("global_set_v128")
cdef Handler H_CONST_V128 = named("const_v128")
cdef Handler H_TABLE_GET = named("table_get")
cdef Handler H_TABLE_SET = named("table_set")
cdef Handler H_TABLE_SIZE = named("table_size")
cdef Handler H_MEMORY_SIZE = named("memory_size")
cdef Handler H_MEMORY_FILL = named("memory_fill")
cdef Handler H_MEMORY_COPY = named("memory_copy")


cdef class DataReader(BodyReader):
    """The reader with the instructions that only move data."""

    cdef int variable(self, u32 code) except -1:
        cdef u32 index = self.leb()
        cdef Ins* word
        cdef Entry e
        cdef Entry other
        cdef u8 cls
        cdef bint from_acc
        if self.dead:
            return 0
        if code == OP_LOCAL_GET:
            return self.push(LOCAL, self.local_classes[index], self.local_slots[index], 0)
        if code == OP_LOCAL_SET or code == OP_LOCAL_TEE:
            return self.local_set(self.local_slots[index], code == OP_LOCAL_TEE)
        if code == OP_GLOBAL_GET:
            cls = self.info.global_classes[index]
            word = self.emit(H_GLOBAL_GET_V128 if cls == V128 else H_GLOBAL_GET_S)
            word.imm = <u64>self.inst.globals[index]
            self.stands(GLOBAL_SPACE, index, HOME_IMM)
            return self.made(cls, NULL if cls == V128 or cls == F32 or cls == F64 else H_GLOBAL_GET_A)
        if code == OP_GLOBAL_SET:
            e = self.pop()
            self.ensure(&e)
            from_acc = e.cls != V128 and e.cls != F32 and e.cls != F64 and self.in_acc(&e)
            word = self.emit(H_GLOBAL_SET_V128 if e.cls == V128 else (H_GLOBAL_SET_A if from_acc else H_GLOBAL_SET_S))
            word.a, word.imm = self.slot(&e), <u64>self.inst.globals[index]
            self.stands(GLOBAL_SPACE, index, HOME_IMM)
            self.forget()
            return 0
        raise InternalError(f"no translation for opcode {code:#x}")

    cdef int constant(self, u32 code) except -1:
        cdef u64 bits = 0
        cdef u64 high = 0
        cdef u8 cls
        cdef Ins* word
        if code == OP_I32_CONST:
            cls, bits = I32, <u64><u32>self.sleb64()
        elif code == OP_I64_CONST:
            cls, bits = I64, <u64>self.sleb64()
        elif code == OP_F32_CONST:
            cls = F32
            memcpy(&bits, self.p, 4)
            self.p += 4
        elif code == OP_F64_CONST:
            cls = F64
            memcpy(&bits, self.p, 8)
            self.p += 8
        else:
            memcpy(&bits, self.p, 8)
            memcpy(&high, self.p + 8, 8)
            self.p += 16
            if self.dead:
                return 0
            word = self.emit(H_CONST_V128)
            word.b, word.c, word.imm = <u32>bits, <u32>(bits >> 32), high
            return self.made(V128, NULL)
        return 0 if self.dead else self.push(CONST, cls, 0, bits)

    cdef int access(self, OpInfo* op) except -1:
        """Read a memarg and emit a load or store."""
        cdef u32 align = self.leb()
        cdef u32 memidx = self.leb() if align & 0x40 else 0
        cdef u64 offset = self.leb64()
        cdef u64 mem = 0
        if self.dead:
            return 0
        if memidx or self.info.mem64[memidx]:
            mem, self.tied = <u64>self.inst.mems[memidx], True
        return self.load(op, offset, mem) if op.kind == LOAD else self.store(op, offset, mem)

    cdef int vector_op(self, OpInfo* op) except -1:
        """Read the immediates of a vector instruction and emit it."""
        cdef u32 align, memidx, lane = 0
        cdef u64 imm = 0
        if op.imm == LANE_IN_MEMORY:
            align = self.leb()
            memidx = self.leb() if align & 0x40 else 0
            imm = self.leb64()
            lane = self.p[0] | memidx << 8
            self.p += 1
        elif op.imm:
            # safe: the module's bytes live as long as any of its instances.
            imm = self.p[0] if op.imm == 1 else <u64>self.p
            self.p += op.imm
        return 0 if self.dead else self.vector(op, imm, lane)

    cdef int memory(self, u32 code) except -1:
        cdef u32 index = self.leb()
        cdef u32 source = self.leb() if code == OP_MEMORY_COPY else 0
        cdef Ins* word
        cdef int i
        if self.dead:
            return 0
        if code == OP_MEMORY_SIZE:
            word = self.emit(H_MEMORY_SIZE)
            word.imm = <u64>self.inst.mems[index]
            self.stands(MEM_SPACE, index, HOME_IMM)
            return self.made(I64 if self.info.mem64[index] else I32, NULL)
        self.settle(3)
        for i in range(3):
            self.pop()
        word = self.emit(H_MEMORY_FILL if code == OP_MEMORY_FILL else H_MEMORY_COPY)
        word.a, word.d, word.imm = self.sp, self.metered, <u64>self.inst.mems[index]
        self.stands(MEM_SPACE, index, HOME_IMM)
        if code == OP_MEMORY_COPY:
            word.b, word.c = <u32><u64>self.inst.mems[source], <u32>(<u64>self.inst.mems[source] >> 32)
            self.stands(MEM_SPACE, source, HOME_PAIR)
        self.forget()
        return 0

    cdef int table(self, u32 code) except -1:
        cdef u32 index = self.leb()
        cdef Entry e
        cdef Entry b
        cdef Ins* word
        if self.dead:
            return 0
        if code == OP_TABLE_SIZE:
            word = self.emit(H_TABLE_SIZE)
            word.imm = <u64>self.inst.tables[index]
            self.stands(TABLE_SPACE, index, HOME_IMM)
            return self.made(I64 if self.info.table64[index] else I32, NULL)
        if code == OP_TABLE_SET:
            b = self.pop()
            self.ensure(&b)
        e = self.pop()
        self.ensure(&e)
        word = self.emit(H_TABLE_GET if code == OP_TABLE_GET else H_TABLE_SET)
        word.a, word.imm = self.slot(&e), <u64>self.inst.tables[index]
        self.stands(TABLE_SPACE, index, HOME_IMM)
        if code == OP_TABLE_SET:
            word.b = self.slot(&b)
            self.forget()
            return 0
        return self.made(self.info.table_classes[index], NULL)
