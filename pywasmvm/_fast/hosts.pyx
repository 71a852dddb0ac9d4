# cython: language_level=3
"""What Python does for a guest that has stopped for it: host functions, and instructions that are left to Python.

Rule 1: while Python runs, `top` lies above every slot that is in use, so that the host may call guests.
Rule 2: numbers take the short way, where no converter of runtime/values.py is called; what is not plainly a
        number of the type goes to the converter, which knows the error.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset

from .emit cimport V128, slots_of
from .frames cimport Frames
from .heap cimport FuncHandle, number_at, take_number
from .machine cimport *
from .storage cimport InstHandle, Plan
from .tank cimport Tank
from .throwing cimport caller_of


cdef class Hosts(Frames):
    """The way out of a store's guests to the host, and back in."""

    cdef int call_host(self, u64* base) except -1:
        """Call a host function whose arguments stand at fp; then return from it as a guest would."""
        cdef Ctx* ctx = &self.ctx
        cdef FuncC* func = ctx.func
        cdef u64* fp = ctx.fp
        cdef Ins* to = <Ins*>ctx.acc
        cdef Ins* call
        cdef u64* caller
        cdef i64 depth = ctx.depth
        cdef InstC* inst = ctx.inst
        owner = <object>func.func
        cdef FuncHandle handle = owner.entry
        self.ctx.top = fp + max(func.n_params, func.n_results) + 8
        self.passing = 0
        if len(self.hosted) - len(self.unused) > self.most_hosted:
            self.collect_from(fp + func.n_params)
        try:
            if handle.direct is not None:
                self.call_direct(handle, fp)
            else:
                self.call_raw(owner, handle, fp)
        except BaseException as exc:
            ctx.depth, ctx.inst = depth, inst
            caller = fp
            call = caller_of(to, &caller)
            if self.caught(exc, call, caller):
                return 0
            self.note(exc, call, caller, base)
            raise
        # why: before the context is set, since a run may stand still in the tank while other guests run.
        self.charge((to - 1).c)
        ctx.depth, ctx.inst = depth, inst
        ctx.pc, ctx.fp, ctx.acc = to, fp - (to - 1).a, 0
        return 0

    cdef int call_direct(self, FuncHandle handle, u64* fp) except -1:
        """Call the embedder's own callable with the numbers at `fp`, and put its result there."""
        cdef const u8* classes = <const u8*>PyBytes_AS_STRING(handle.params)
        cdef Py_ssize_t i, n = PyBytes_GET_SIZE(handle.params)
        func = handle.direct
        if n == 0:
            result = func()
        elif n == 1:
            result = func(number_at(fp, classes[0]))
        elif n == 2:
            result = func(number_at(fp, classes[0]), number_at(fp + 1, classes[1]))
        elif n == 3:
            result = func(number_at(fp, classes[0]), number_at(fp + 1, classes[1]), number_at(fp + 2, classes[2]))
        else:
            result = func(*[number_at(fp + i, classes[i]) for i in range(n)])
        if PyBytes_GET_SIZE(handle.results) == 0:
            if result is not None:
                handle.finish(result)
        elif not take_number(result, (<const u8*>PyBytes_AS_STRING(handle.results))[0], fp):
            self.put(handle.finish(result), handle.results, fp)
        return 0

    cdef int call_raw(self, owner, FuncHandle handle, u64* fp) except -1:
        """Call a function's code with the raw values at `fp`, and put its results there."""
        cdef const u8* classes = handle.params
        cdef Py_ssize_t n = len(handle.params)
        if n == 0:
            result = owner.code()
        elif n == 1:
            result = owner.code(self.to_raw(fp, classes[0]))
        elif n == 2 and classes[0] != V128:
            result = owner.code(self.to_raw(fp, classes[0]), self.to_raw(fp + 1, classes[1]))
        else:
            result = owner.code(*self.take(fp, handle.params))
        return self.put(result, handle.results, fp)

    cdef int charge(self, u32 cost) except -1:
        """Take units out of the tank while Python has it."""
        if cost:
            self.meter.fuel -= cost
            if self.meter.fuel < 0:
                self.meter.empty(cost)
        return 0

    cdef int run_plan(self, u64* base) except -1:
        """Run an instruction that is left to Python."""
        cdef Ctx* ctx = &self.ctx
        cdef Ins* pc = ctx.pc
        cdef u64* fp = ctx.fp
        cdef u64* p = fp + pc.a
        cdef i64 depth = ctx.depth
        cdef InstC* inst = ctx.inst
        cdef Plan plan = (<InstHandle>inst.instance).plans[pc.c]
        cdef u8 cls
        args = []
        for cls in plan.params:
            args.append(self.to_raw(p, cls))
            p += slots_of(cls)
        self.ctx.top = p + 8
        self.passing = 0
        memset(p, 0, 64)
        if len(self.hosted) - len(self.unused) > self.most_hosted:
            self.collect_from(p)
        try:
            self.put(plan.run(*args), plan.results, fp + pc.a)
        except BaseException as exc:
            ctx.depth, ctx.inst = depth, inst
            if self.caught(exc, pc, fp):
                return 0
            self.note(exc, pc, fp, base)
            raise
        ctx.depth, ctx.inst = depth, inst
        ctx.pc, ctx.fp = pc + 1, fp
        return 0
