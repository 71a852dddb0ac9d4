# cython: language_level=3
"""Labels, branches and calls: the part of the translator that knows where control goes.

What a segment costs is the business of segments.pyx.
Rule 1: dead code emits nothing, but its branches name labels and its segments are cut.
"""

from libc.stdlib cimport free

from .emit cimport COMPARE, CONST, Entry, F32, F64, I32, LOCAL, OpInfo, TEMP, V128, op_info, slots_of
from .growing cimport ensure
from .machine cimport Handler, Ins, i32, u8, u32, u64
from .modinfo cimport ModInfo, Sig
from .segments cimport IN_B, IN_C, IN_IMM, Segments

from .emit import HANDLERS
from ..errors import InternalError

cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_JUMP = named("jump")
cdef Handler H_IF_S = named("branch_if_s")
cdef Handler H_IF_A = named("branch_if_a")
cdef Handler H_UNLESS_S = named("branch_unless_s")
cdef Handler H_UNLESS_A = named("branch_unless_a")
cdef Handler H_SWITCH_S = named("switch_s")
cdef Handler H_SWITCH_A = named("switch_a")
cdef Handler H_UNREACHABLE = named("unreachable")
cdef Handler H_RETURN_0 = named("return_0")
cdef Handler H_RETURN_S = named("return_s")
cdef Handler H_RETURN_I = named("return_i")
cdef Handler H_RETURN_A = named("return_a")
cdef Handler H_RETURN_N = named("return_n")
cdef Handler H_TAIL = named("tail")
cdef Handler H_COPY = named("copy_s")

cdef enum:
    END_BYTE = 0x0B
    ELSE_BYTE = 0x05
    RETURN_BYTE = 0x0F


cdef class Flow(Segments):
    """The emitter with a control stack."""

    def __dealloc__(self):
        free(self.labels)
        free(self.fixups)

    # -- labels ---------------------------------------------------------------------------------------

    cdef int patch_target(self, u32 word, u32 target) except -1:
        self.code[word].d = (target - word) * <u32>sizeof(Ins)
        return 0

    cdef int aim(self, u32 word, u8 field, u32 depth) except -1:
        """Make a word branch to the label `depth` levels out and pay for what is there."""
        cdef Label* label = self.labels + (self.n_labels - 1 - depth)
        label.reached = 1
        if label.kind == LOOP:
            self.patch_target(word, label.target)
            return self.pay(word, field, label.seg)
        ensure(<void**>&self.fixups, &self.fixup_room, self.n_fixups + 1, sizeof(Fixup))
        cdef Fixup* fixup = self.fixups + self.n_fixups
        fixup.word, fixup.field, fixup.next = word, field, label.fixups
        label.fixups = <i32>self.n_fixups
        self.n_fixups += 1
        return 0

    cdef int open(self, u8 kind, Sig* sig) except -1:
        """Open a block, loop, try or the body itself. Its parameters are on the stack."""
        ensure(<void**>&self.labels, &self.label_room, self.n_labels + 1, sizeof(Label))
        cdef Label* label = self.labels + self.n_labels
        self.n_labels += 1
        label.kind, label.dead, label.named, label.reached = kind, self.dead, 0, 0
        label.sig, label.fixups, label.otherwise, label.stub, label.handler = sig, -1, -1, -1, -1
        label.before = self.seg
        if not self.dead:
            if kind != BODY:
                self.flush()
                self.settle(sig.n_params)
            label.depth = self.depth - (0 if kind == BODY else sig.n_params)
            label.sp = self.sp - (0 if kind == BODY else sig.param_slots)
        if kind == LOOP:
            self.new_seg()
            label.seg = self.seg
            if not self.dead:
                # why: whether a branch names this loop shows only later; if none does, the cost is merged.
                self.charge()
                label.target = self.n
                self.forget()
        return 0

    cdef int open_if(self, Sig* sig) except -1:
        """Open an `if`; the condition is on top of the stack."""
        cdef Ins word
        cdef Handler no
        cdef u8 field
        if self.dead:
            self.new_seg()
            return self.open(THEN, sig)
        cdef u32 i
        cdef bint is_clean = True
        for i in range(self.clean, self.depth - 1):
            if self.stack[i].where == LOCAL:
                is_clean = False
        # why: a parameter has to be in its slot on both ways, and a constant may lie below `clean`.
        for i in range(self.depth - 1 - sig.n_params, self.depth - 1):
            if self.stack[i].where == CONST:
                is_clean = False
        cdef Entry e
        if not is_clean:
            e = self.pop()
            self.last = -1
            if e.where != TEMP:
                self.place(&e, e.pos)
            self.flush()
            self.settle(sig.n_params)
            self.push(TEMP, e.cls, 0, 0)
            self.last = -1
        word = self.condition(True, &no, &field)
        self.emit(word.h)[0] = word
        self.last = -1
        cdef u32 index = self.n - 1
        self.new_seg()
        self.pay(index, field, self.seg)
        self.open(THEN, sig)
        self.labels[self.n_labels - 1].otherwise = <i32>index
        return 0

    cdef int otherwise(self) except -1:
        """Turn from an `if` to its `else`."""
        cdef Label* label = self.labels + (self.n_labels - 1)
        cdef u32 i
        if not label.dead and not self.dead:
            self.move_to(label.sp, label.sig.n_results)
            self.jump_to(0)
        self.new_seg()
        label = self.labels + (self.n_labels - 1)
        label.kind = OTHERWISE
        self.dead = label.dead
        self.forget()
        if label.dead:
            return 0
        self.patch_target(<u32>label.otherwise, self.n)
        self.pay(<u32>label.otherwise, IN_C, self.seg)
        label.otherwise = -1
        self.unwind(label)
        for i in range(label.sig.n_params):
            self.push(TEMP, label.sig.params[i], 0, 0)
        return 0

    cdef void unwind(self, Label* label) noexcept:
        while self.depth > label.depth:
            self.pop()
        self.sp = label.sp

    cdef int close(self, u32 next_byte, u32 next_next) except -1:
        """Close the innermost block at its `end`."""
        cdef Label* label = self.labels + (self.n_labels - 1)
        cdef bint is_if = label.kind == THEN or label.kind == OTHERWISE
        if label.kind == LOOP:
            if not label.named:
                self.merges[label.seg] = label.before + 1
            self.n_labels -= 1
            self.dead = self.dead or label.dead
            return 0
        if label.kind == BODY:
            if not self.dead:
                self.give_back()
            self.n_labels -= 1
            return 0
        if not is_if and not label.named:
            self.n_labels -= 1
            self.dead = self.dead or label.dead
            return 0
        return self.finish_label(label, next_byte)

    cdef int finish_label(self, Label* label, u32 next_byte) except -1:
        """Bring all paths to a label together and start the segment behind it."""
        cdef bint falls = not self.dead and not label.dead
        cdef bint outer_ends
        cdef Label* outer = label - 1
        cdef i32 at
        cdef Fixup* fixup
        cdef u32 i
        if falls:
            self.move_to(label.sp, label.sig.n_results)
        self.new_seg()
        # fast: no word for a segment that is known to be free.
        outer_ends = outer.kind == BODY or outer.named or outer.kind == THEN or outer.kind == OTHERWISE
        if falls and not (
            next_byte == RETURN_BYTE
            or next_byte == ELSE_BYTE
            or (next_byte == END_BYTE and outer.kind != LOOP and outer_ends)
        ):
            self.charge()
        at = label.fixups
        while at >= 0:
            fixup = self.fixups + at
            self.patch_target(fixup.word, self.n)
            self.pay(fixup.word, fixup.field, self.seg)
            at = fixup.next
        if label.otherwise >= 0:
            self.patch_target(<u32>label.otherwise, self.n)
            self.pay(<u32>label.otherwise, IN_C, self.seg)
        self.forget()
        self.n_labels -= 1
        self.dead = not (falls or label.reached or label.otherwise >= 0)
        if label.dead:
            self.dead = True
            return 0
        self.unwind(label)
        for i in range(label.sig.n_results):
            self.push(TEMP, label.sig.results[i], 0, 0)
        return 0

    # -- branches ---------------------------------------------------------------------------------------

    cdef u32 arity(self, Label* label) noexcept:
        return label.sig.n_params if label.kind == LOOP else label.sig.n_results

    cdef u8* arity_classes(self, Label* label) noexcept:
        return label.sig.params if label.kind == LOOP else label.sig.results

    cdef bint in_place(self, Label* label) noexcept:
        """Tell whether the label's values stand where it wants them."""
        cdef u32 count = self.arity(label)
        cdef u32 i
        if count == 0:
            return True
        if self.stack[self.depth - count].pos != label.sp:
            return False
        for i in range(self.depth - count, self.depth):
            if self.stack[i].where != TEMP:
                return False
        return True

    cdef int move_to(self, u32 to, u32 count) except -1:
        """Copy the topmost values to slots in a row from `to` on; the symbolic stack stays as it is."""
        cdef u32 i
        cdef Entry* e
        for i in range(self.depth - count, self.depth):
            e = self.stack + i
            # safe: a temporary lies at or above its destination, so copying upwards loses nothing.
            self.place(e, to)
            to += slots_of(e.cls)
        self.last = -1
        return 0

    cdef int jump_to(self, u32 depth) except -1:
        self.emit(H_JUMP)
        return self.aim(self.n - 1, IN_C, depth)

    cdef int branch(self, u32 depth) except -1:
        """Emit `br`, without its segment's end."""
        cdef Label* label = self.labels + (self.n_labels - 1 - depth)
        label.named = 1
        if not self.dead:
            self.branch_plain(depth)
        return 0

    cdef int branch_plain(self, u32 depth) except -1:
        cdef Label* label = self.labels + (self.n_labels - 1 - depth)
        if label.kind == BODY:
            return self.give_back()
        self.move_to(label.sp, self.arity(label))
        return self.jump_to(depth)

    cdef Ins condition(self, bint negate, Handler* no, u8* field) except *:
        """Pop a condition. Return the word that branches if it holds, and the handler of the contrary in `no`."""
        cdef Entry e = self.pop()
        cdef Ins word
        cdef Handler yes
        word.d = word.a = word.b = word.c = 0
        word.imm = 0
        field[0] = IN_B
        self.ensure(&e)
        if (
            e.where == TEMP and self.last >= 0 and self.last == <i32>self.n - 1 and self.last_op != NULL
            and self.last_op.kind == COMPARE and self.code[self.last].d == e.pos
        ):
            word = self.code[self.last]
            self.n -= 1
            yes, no[0] = self.last_op.br[2 * self.last_form], self.last_op.br[2 * self.last_form + 1]
            field[0] = IN_B if self.last_form == 1 or self.last_form == 3 else IN_IMM
            # why: a comparison leaves anything there, and the way not taken may have nothing to pay.
            if field[0] == IN_B:
                word.b = 0
            else:
                word.imm = 0
        elif self.in_acc(&e):
            yes, no[0] = H_IF_A, H_UNLESS_A
        else:
            word.a = self.slot(&e)
            yes, no[0] = H_IF_S, H_UNLESS_S
        self.last = -1
        word.h = no[0] if negate else yes
        if negate:
            no[0] = yes
        return word

    cdef int branch_if(self, u32 depth, bint negate) except -1:
        """Emit `br_if` and start the next segment; the condition is on the stack."""
        cdef Handler no
        cdef u8 field
        cdef Ins word
        self.labels[self.n_labels - 1 - depth].named = 1
        if self.dead:
            return self.new_seg()
        word = self.condition(negate, &no, &field)
        return self.branch_on(depth, word, no, field)

    cdef int branch_on(self, u32 depth, Ins word, Handler no, u8 field) except -1:
        """Emit a branch on a condition and start the next segment."""
        cdef Label* label = self.labels + (self.n_labels - 1 - depth)
        cdef u32 index
        label.named = 1
        if label.kind != BODY and self.in_place(label):
            self.emit(word.h)[0] = word
            index = self.n - 1
            self.aim(index, IN_C, depth)
            self.new_seg()
            self.pay(index, field, self.seg)
        else:
            self.emit(word.h)[0] = word
            index = self.n - 1
            self.code[index].h = no
            self.branch_plain(depth)
            self.patch_target(index, self.n)
            self.new_seg()
            self.pay(index, IN_C, self.seg)
        self.forget()
        return 0

    cdef int branch_table(self, u32* targets, u32 count) except -1:
        """Emit `br_table`; the last of the targets is the default. The index is on the stack."""
        cdef u32 i, first
        cdef Entry e
        cdef Label* label
        for i in range(count):
            self.labels[self.n_labels - 1 - targets[i]].named = 1
        if self.dead:
            return 0
        e = self.pop()
        self.ensure(&e)
        cdef bint from_acc = self.in_acc(&e)
        cdef Ins* word = self.emit(H_SWITCH_A if from_acc else H_SWITCH_S)
        word.a, word.imm = self.slot(&e), count - 1
        self.forget()
        first = self.n
        for i in range(count):
            self.emit(H_UNREACHABLE)
        for i in range(count):
            self.labels[self.n_labels - 1 - targets[i]].stub = -1
        for i in range(count):
            label = self.labels + (self.n_labels - 1 - targets[i])
            if label.kind != BODY and self.in_place(label):
                self.aim(first + i, IN_C, targets[i])
                continue
            if label.stub < 0:
                label.stub = <i32>self.n
                self.branch_plain(targets[i])
                self.forget()
                label = self.labels + (self.n_labels - 1 - targets[i])
            self.patch_target(first + i, <u32>label.stub)
        return 0

    cdef int give_back(self) except -1:
        """Return from the function with the topmost values; the symbolic stack stays as it is."""
        cdef u32 count = self.sig.n_results
        cdef Entry* e
        cdef Ins* word
        cdef u32 start
        if count == 0:
            word = self.emit(H_RETURN_0)
            word.b = self.link
            return 0
        e = self.stack + (self.depth - count)
        if count > 1 or e.cls == V128:
            start = e.pos
            self.move_to(start, count)
            word = self.emit(H_RETURN_N)
            word.a, word.d, word.b = start, self.sig.result_slots, self.link
            return 0
        cdef Entry value = e[0]
        if value.where == CONST:
            word = self.emit(H_RETURN_I)
            word.imm = value.bits
        elif value.cls != F32 and value.cls != F64 and self.in_acc(&value):
            word = self.emit(H_RETURN_A)
        else:
            word = self.emit(H_RETURN_S)
            word.a = self.slot(&value)
        word.b = self.link
        self.last = -1
        return 0

    # -- calls --------------------------------------------------------------------------------------------

    cdef int call_word(self, Handler h, Sig* sig, u32 b, u32 d, u64 imm) except -1:
        """Emit a call: arguments go to their slots, which become the callee's first locals."""
        cdef u32 i
        cdef Ins* word
        self.settle(sig.n_params)
        for i in range(sig.n_params):
            self.pop()
        word = self.emit(h)
        word.a, word.b, word.d, word.imm = self.sp, b, d, imm
        for i in range(sig.n_results):
            self.push(TEMP, sig.results[i], 0, 0)
        self.forget()
        self.new_seg()
        return self.pay(self.n - 1, IN_C, self.seg)

    cdef int tail_word(self, Sig* sig) except -1:
        """Emit the second half of a tail call; the first half has found the function."""
        cdef u32 i
        for i in range(sig.n_params):
            self.pop()
        cdef Ins* word = self.emit(H_TAIL)
        word.a, word.d, word.b = self.sp, sig.param_slots, self.link
        self.forget()
        return 0
