# cython: language_level=3
from .emit cimport Entry, OpInfo
from .machine cimport Handler, Ins, i32, u8, u32, u64
from .modinfo cimport ModInfo, Sig
from .segments cimport Segments

cdef enum LabelKind:
    BLOCK = 0
    LOOP = 1
    THEN = 2
    OTHERWISE = 3
    BODY = 4
    TRY = 5

# A label: depth and sp are the stack below its parameters.
cdef struct Label:
    u8 kind
    u8 dead
    u8 named
    u8 reached
    Sig* sig
    u32 depth
    u32 sp
    u32 target
    u32 seg
    u32 before
    i32 fixups
    i32 otherwise
    i32 stub
    i32 handler

cdef struct Fixup:
    u32 word
    i32 next
    u8 field

cdef class Flow(Segments):
    cdef ModInfo info
    cdef Sig* sig
    cdef Label* labels
    cdef u32 n_labels
    cdef u64 label_room
    cdef Fixup* fixups
    cdef u32 n_fixups
    cdef u64 fixup_room
    cdef u32 link
    cdef bint dead

    cdef int aim(self, u32 word, u8 field, u32 depth) except -1
    cdef int open(self, u8 kind, Sig* sig) except -1
    cdef int open_if(self, Sig* sig) except -1
    cdef int otherwise(self) except -1
    cdef int close(self, u32 next_byte, u32 next_next) except -1
    cdef int finish_label(self, Label* label, u32 next_byte) except -1
    cdef int branch(self, u32 depth) except -1
    cdef int branch_plain(self, u32 depth) except -1
    cdef int branch_if(self, u32 depth, bint negate) except -1
    cdef int branch_on(self, u32 depth, Ins word, Handler no, u8 field) except -1
    cdef int branch_table(self, u32* targets, u32 count) except -1
    cdef int give_back(self) except -1
    cdef int jump_to(self, u32 depth) except -1
    cdef u32 arity(self, Label* label) noexcept
    cdef u8* arity_classes(self, Label* label) noexcept
    cdef bint in_place(self, Label* label) noexcept
    cdef int move_to(self, u32 to, u32 count) except -1
    cdef void unwind(self, Label* label) noexcept
    cdef int call_word(self, Handler h, Sig* sig, u32 b, u32 d, u64 imm) except -1
    cdef int tail_word(self, Sig* sig) except -1
    cdef Ins condition(self, bint negate, Handler* no, u8* field) except *
    cdef int patch_target(self, u32 word, u32 target) except -1
