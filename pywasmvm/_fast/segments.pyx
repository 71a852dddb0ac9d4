# cython: language_level=3
"""Fuel segments: what control pays where, and the code that pays nothing.

Fuel follows the rule of engine/fuel.py. A branch pays for the segment it enters, a call's return word for the one
behind the call; a word of its own (`charge`) is needed only where control falls into a label.
Rule 1: costs are known when a segment has ended, so words that pay are noted and filled in at the end.
Rule 2: without metering the same words get handlers that do not pay.
"""

from libc.stdlib cimport free

from .emit cimport Emitter
from .growing cimport ensure
from .machine cimport Handler, Ins, u8, u32, u64

from .emit import HANDLERS

# handler that pays -> the one that does not
cdef dict FREE = {
    HANDLERS[name.removesuffix("_free")]: address
    for name, address in HANDLERS.items() if name.endswith("_free") and "__" not in name
}
cdef Handler H_CHARGE = <Handler><size_t>HANDLERS["charge"]


cdef class Segments(Emitter):
    """The emitter with the costs of what it emits.

    merges  of a segment that is a loop nobody branches to: one more than the segment that it goes to.
    """

    def __dealloc__(self):
        free(self.costs)
        free(self.merges)
        free(self.segs)

    cdef int new_seg(self) except -1:
        """Start the next fuel segment."""
        ensure(<void**>&self.segs, &self.seg_room, self.n_segs + 1, sizeof(u64))
        ensure(<void**>&self.merges, &self.merge_room, self.n_segs + 1, sizeof(u32))
        self.segs[self.n_segs] = self.merges[self.n_segs] = 0
        self.seg = self.n_segs
        self.n_segs += 1
        return 0

    cdef int pay(self, u32 word, u8 field, u32 seg) except -1:
        """Note that a word's field is the cost of a segment."""
        ensure(<void**>&self.costs, &self.cost_room, self.n_costs + 1, sizeof(Cost))
        cdef Cost* cost = self.costs + self.n_costs
        cost.word, cost.field, cost.seg = word, field, seg
        self.n_costs += 1
        return 0

    cdef int charge(self) except -1:
        """Emit the word that pays for the segment which control falls into."""
        if self.metered:
            self.emit(H_CHARGE)
            self.pay(self.n - 1, IN_C, self.seg)
        return 0

    cdef int lift(self) except -1:
        """Give the words that would pay their handlers that do not."""
        cdef u32 i
        for i in range(self.n):
            free_handler = FREE.get(<size_t>self.code[i].h)
            if free_handler is not None:
                self.code[i].h = <Handler><size_t>free_handler
        return 0

    cdef bint resolve(self, u32 steps) noexcept:
        """Fill in the costs, when all segments are known, in so many steps; False if there is more to do."""
        cdef u32 i
        cdef Cost* cost
        cdef Ins* word
        # why: from the last one opened, since a loop's cost takes in those of the loops inside of it or behind it.
        while self.unmerged > 0 and steps > 0:
            self.unmerged -= 1
            steps -= 1
            i = self.merges[self.unmerged]
            if i > 0:
                self.segs[i - 1] += self.segs[self.unmerged]
                self.segs[self.unmerged] = 0
        while self.n_paid < self.n_costs and steps > 0:
            cost = self.costs + self.n_paid
            self.n_paid += 1
            steps -= 1
            word = self.code + cost.word
            if cost.field == IN_C:
                word.c = <u32>self.segs[cost.seg]
            elif cost.field == IN_B:
                word.b = <u32>self.segs[cost.seg]
            else:
                word.imm = self.segs[cost.seg]
        return steps > 0
