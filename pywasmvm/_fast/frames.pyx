# cython: language_level=3
"""Which frames stand on the value stack: for traps to name them and for exceptions to be caught in them.

Rule 1: nothing here changes a frame but what a handler that catches is given.
"""

from .gcheap cimport Obj, slots
from .gctypes cimport TypeHandle
from .heap cimport Heap
from .machine cimport *
from .modinfo cimport ModInfo
from .storage cimport InstHandle
from .throwing cimport caller_of, owner_of, unwind

from ..errors import LimitError, OutOfFuel, Trap, WasmError, WasmException

# A trap's frames are for reading: of a runaway recursion the innermost ones say it all.
cdef Py_ssize_t MOST_FRAMES = 200
cdef u32 MARGIN = 1024


cdef class Frames(Heap):
    """The frames of a store's guests.

    passing  the exception that is on its way through drivers and host functions, 0 for none.
    """

    cdef list walk(self, Ins* pc, u64* fp, u64* base):
        """Return (function, word) for the frames from `pc` down to the driver's own call, the innermost of many."""
        cdef FuncC* func
        found = []
        while pc != NULL and fp >= base and len(found) < MOST_FRAMES:
            func = owner_of(&self.ctx, pc)
            if func == NULL:
                break
            found.append((<size_t>func, <size_t>pc))
            pc = caller_of(<Ins*>fp[func.link], &fp)
        return found

    cdef int note(self, exc, Ins* pc, u64* fp, u64* base) except -1:
        """Write the frames an exception passes on to it, for the edge to find."""
        cdef FuncC* func
        cdef Ins* word
        if isinstance(exc, WasmError) and not isinstance(exc, (Trap, OutOfFuel, LimitError)):
            return 0
        # why: the same exception may be raised again later; only frames of this raise count.
        frames = list(getattr(exc, "_wasm_frames", ())) if self.passing == <size_t><void*>exc else []
        for func_at, pc_at in self.walk(pc, fp, base):
            func = <FuncC*><size_t>func_at
            word = <Ins*><size_t>pc_at
            frames.append(((<InstHandle>func.inst.instance).info.checked, func.funcidx, func.offsets[word - func.code]))
        self.passing = <size_t><void*>exc
        try:
            exc._wasm_frames = frames
        except AttributeError:
            self.passing = 0
        return 0

    cdef int note_entry(self, exc, FuncC* func, Ins* to, u64* fp, u64* base) except -1:
        """Write the frames of an exception that comes before a function is entered, which would return to `to`."""
        cdef u64* caller = fp
        cdef Ins* call = caller_of(to, &caller)
        cdef ModInfo info = (<InstHandle>func.inst.instance).info
        self.passing = 0
        self.note(exc, call, caller, base)
        if self.passing:
            offset = info.syntax.funcs[func.funcidx - <i32>info.n_imported].offset
            exc._wasm_frames.insert(0, (info.checked, func.funcidx, offset))
        return 0

    cdef u64* frame_end(self) noexcept:
        """Return where the stack is free while the machine stands at a word."""
        cdef FuncC* func = owner_of(&self.ctx, self.ctx.pc)
        return self.ctx.fp + (MARGIN if func == NULL else func.code[0].imm)

    cdef bint caught(self, exc, Ins* pc, u64* fp) except -1:
        """Look for a try_table around the frames; if one catches, prepare the machine to go on there."""
        cdef Ins* to
        if not isinstance(exc, WasmException) or pc == NULL:
            return False
        to = unwind(&self.ctx, pc, fp, <Obj*>self.new_exn(exc.tag, exc.values))
        if to == NULL:
            return False
        self.ctx.pc, self.ctx.acc = to, 0
        return True

    cdef int throw_out(self, u64* base) except -1:
        """Raise what no frame of this run has caught."""
        cdef Obj* exn = <Obj*>self.ctx.thrown
        cdef TypeHandle tag = <TypeHandle>exn.type.owner
        exc = WasmException(tag.owner, self.take(slots(exn), tag.classes))
        self.passing = 0
        self.note(exc, self.ctx.pc, self.ctx.fp, base)
        raise exc
