# cython: language_level=3
"""The machine of a store: its value stack, the driver loop, and the edge to Python.

The driver lets handlers run without the GIL until they stop, and deals with why they did: a host call, a function
that has not been translated, an instruction left to Python, an empty tank, a trap.
Rule 1: whatever Python may look at (fuel, memories, tables, globals) is up to date while Python runs.
Rule 2: fuel is lent in portions, so that signals, interrupts and deadlines are noticed.
Rule 3: an error leaves depth and stack as they were before the call that raised it.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport calloc, malloc
from libc.string cimport memset

from os import environ
from time import monotonic

from .clock cimport now_ns
from .emit cimport V128, slots_of
from .frames cimport Frames
from ._generated_opcodes cimport TRAP_UNDEFINED_ELEMENT, TRAP_UNINITIALIZED_ELEMENT
from .gcheap cimport gc_make
from .heap cimport FuncHandle, is_quick, number_at, take_numbers
from .machine cimport *
from .modinfo cimport ModInfo, Sig, class_of
from .storage cimport Cell, Elems, InstHandle, MemHandle, Plan
from .throwing cimport caller_of, note_code
from .translate cimport Translator

from ..errors import Trap, UsageError
from ..isa.model import TrapKind
from .emit import HANDLERS

# Between two looks at the clock, without and with a deadline that is near: an instruction takes from less than a nanosecond up to
# some microseconds (a call that clears thousands of locals). Between two looks at what Python may want, in nanoseconds.
cdef i64 PORTION = 1 << 15
cdef i64 SMALL_PORTION = 1 << 12
cdef i64 LOOK_NS = 4_000_000
cdef i64 SOON_NS = 1_000_000_000
cdef i64 FOREVER = <i64>(~<u64>0 >> 1)
cdef u64 DEBT = <u64>3 << 61
cdef u64 NO_LIMIT = <u64>1 << 60
cdef u32 MARGIN = 1024


cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_LEAVE = named("leave")
cdef Handler H_FOREIGN = named("foreign")
cdef Handler H_TRAP = named("stop_trap")
cdef Handler H_EMPTY = named("stop_empty")
cdef Handler H_EXHAUSTED = named("stop_exhausted")


cdef class Code:
    """What `Func.code` is for a guest function: a callable on raw values."""

    cdef Machine machine
    cdef FuncHandle handle

    def __call__(self, *args):
        return self.machine.call(self.handle, args)

    def quick(self, store, tuple params):
        """Call with Python numbers from outside of any guest. Return NotImplemented if that is not the case."""
        # fast: the way through Func._run and its converters costs ten times as much.
        cdef Machine machine = self.machine
        cdef u64* fp = machine.top
        if store is not machine.store or store.closed or store.nested_calls or machine.top != machine.ctx.stack:
            return NotImplemented
        if not take_numbers(params, self.handle.params, fp):
            return NotImplemented
        store.begin_call()
        store.nested_calls = 1
        try:
            machine.execute(self.handle.c, fp)
        except BaseException as exc:
            machine.tell_frames(exc)
            raise
        finally:
            store.nested_calls = 0
            machine.meter.stop_clock()
        if len(self.handle.results) == 0:
            return None
        return number_at(fp, (<const u8*>self.handle.results)[0])


cdef class Machine(Frames):
    """What runs the guests of one store."""

    cdef Ins[2] way_out
    cdef object meter
    cdef bint interrupted
    cdef bint metered
    cdef i64 stop_at
    cdef i64 look_at
    cdef object known_stop
    cdef object tell_frames
    cdef dict mems

    def __cinit__(self):
        self.mems = {}
        self.stop_at = FOREVER

    def __init__(self, store, i31, exn_class, wrap, tell_frames):
        self.store = store
        self.tell_frames = tell_frames
        self.meter = store.meter
        self.i31, self.exn_class, self.wrap = i31, exn_class, wrap
        limit = store.limits.gc_heap_bytes
        self.ctx.gc = gc_make(NO_LIMIT if limit is None else limit, environ.get("PYWASMVM_GC_STRESS") == "1")
        if self.ctx.gc == NULL:
            raise MemoryError
        cdef u64 slots = store.limits.value_stack_bytes // 8 + 2 * MARGIN
        self.ctx.stack = <u64*>malloc(slots * sizeof(u64))
        if self.ctx.stack == NULL:
            raise MemoryError
        self.ctx.stack_end = self.ctx.stack + slots - MARGIN
        self.top = self.ctx.stack
        self.ctx.max_depth = store.limits.call_depth
        self.ctx.on_trap, self.ctx.on_empty, self.ctx.on_exhausted = H_TRAP, H_EMPTY, H_EXHAUSTED
        self.metered = store.engine.config.metering
        self.ctx.per_unit = self.metered
        self.way_out[0].h = self.way_out[1].h = H_LEAVE

    cdef MemHandle mem_of(self, memory):
        handle = self.mems.get(id(memory))
        if handle is None:
            handle = self.mems[id(memory)] = MemHandle(memory)
        return handle

    def bind(self, instance, ModInfo info, planner):
        """Make the C side of an instance and give its functions their code."""
        cdef InstHandle handle = InstHandle.__new__(InstHandle)
        cdef FuncHandle func_handle
        cdef Code code
        cdef MemHandle mem
        cdef Elems elems
        handle.machine, handle.info, handle.planner, handle.instance = self, info, planner, instance
        handle.plans, handle.kept = [], []
        handle.c.funcs = <FuncC**>calloc(len(instance.funcs) + 1, sizeof(void*))
        handle.c.mems = <MemC**>calloc(len(instance.mems) + 1, sizeof(void*))
        handle.c.tables = <TableC**>calloc(len(instance.tables) + 1, sizeof(void*))
        handle.c.globals = <u64**>calloc(len(instance.checked.globals) + 1, sizeof(void*))
        if not (handle.c.funcs and handle.c.mems and handle.c.tables and handle.c.globals):
            raise MemoryError
        handle.c.mem0, handle.c.instance = &handle.no_memory, <void*>handle
        for i, memory in enumerate(instance.mems):
            mem = self.mem_of(memory)
            handle.c.mems[i] = &mem.c
        if instance.mems:
            handle.c.mem0 = handle.c.mems[0]
        for i, table in enumerate(instance.tables):
            elems = table.elems
            handle.kept.append(elems)
            handle.c.tables[i] = &elems.c
        for i, func in enumerate(instance.funcs):
            func_handle = self.handle_of(func)
            handle.c.funcs[i] = func_handle.c
            if func.instance is instance:
                func_handle.c.inst, func_handle.c.funcidx = &handle.c, func.funcidx
                func_handle.c.words[0].h = H_FOREIGN
                func_handle.c.entry = &func_handle.c.words[1]
                code = Code.__new__(Code)
                code.machine, code.handle = self, func_handle
                func.code = code
                func.quick = code.quick if is_quick(func_handle) else None
        self.handles.append((instance, handle))
        return handle

    cdef int place_globals(self, InstHandle handle, instance) except -1:
        """Note where the globals are; they are made after `bind`."""
        cdef Cell cell
        cdef Py_ssize_t i
        for i, item in enumerate(instance.globals):
            cell = item.cell
            handle.c.globals[i] = cell.slots
        return handle.place_segments()

    # -- running ------------------------------------------------------------------------------------------

    cdef object call(self, FuncHandle handle, tuple args):
        """Call a guest function with raw values."""
        cdef u64* fp = self.top
        cdef u64* p = fp
        cdef Py_ssize_t i, n = len(handle.params)
        cdef const u8* classes = handle.params
        if self.store.closed:
            raise UsageError("this store is closed")
        if len(args) != n:
            raise TypeError(f"expected {n} raw values, got {len(args)}")
        if fp + handle.c.n_params + handle.c.n_results + MARGIN > self.ctx.stack_end:
            raise self.exhausted()
        for i in range(n):
            self.from_raw(args[i], classes[i], p)
            p += slots_of(classes[i])
        self.execute(handle.c, fp)
        n = len(handle.results)
        if n == 0:
            return None
        classes = handle.results
        if n == 1:
            return self.to_raw(fp, classes[0])
        return self.take(fp, handle.results)

    cdef object exhausted(self):
        return self.store.exhausted()

    cdef int execute(self, FuncC* func, u64* fp) except -1:
        """Run a function whose arguments stand at `fp`; its results will stand there."""
        cdef InstC* inst = self.ctx.inst
        cdef i64 depth = self.ctx.depth
        cdef u64* top = self.top
        # why: the driver may stand at a word while a finalizer or a refill calls another function.
        cdef Ins* pc = self.ctx.pc
        cdef u64* frame = self.ctx.fp
        cdef u64 acc = self.ctx.acc
        self.ctx.inst = func.inst
        try:
            self.drive(func, fp)
        finally:
            self.ctx.inst, self.ctx.depth, self.top = inst, depth, top
            self.ctx.pc, self.ctx.fp, self.ctx.acc = pc, frame, acc
        return 0

    cdef i64 load_fuel(self) except? -1:
        """Take the tank from Python, and note what else the meter may want."""
        cdef object meter = self.meter
        cdef i64 fuel = meter.fuel
        self.interrupted = meter.interrupted
        stop_at = meter.stop_at
        if stop_at is not self.known_stop:
            self.known_stop = stop_at
            self.stop_at = FOREVER if stop_at is None else now_ns() + <i64>((stop_at - monotonic()) * 1e9)
        # why: an interrupt shows as a debt; the flag beside it is what the driver goes by.
        return <i64>(<u64>fuel + DEBT) if fuel < 0 and self.interrupted else fuel

    cdef int save_fuel(self, i64 total) except -1:
        self.meter.fuel = total
        return 0

    cdef int drive(self, FuncC* func, u64* base) except -1:
        """Run a function whose arguments stand at `base` to its end."""
        cdef Ctx* ctx = &self.ctx
        cdef i64 total = self.load_fuel()
        ctx.pc, ctx.fp, ctx.acc, ctx.status = func.entry, base, <u64>&self.way_out[1], DONE
        while True:
            with nogil:
                total = self.run(total)
            self.save_fuel(total)
            if ctx.status == DONE:
                return 0
            if ctx.status == EMPTY or ctx.status == SHORT:
                self.look(total, base)
            else:
                self.serve(base)
                ctx.status = DONE
            total = self.load_fuel()

    cdef int serve(self, u64* base) except -1:
        """Do what the handlers have left to Python."""
        cdef Ctx* ctx = &self.ctx
        cdef FuncC* callee
        cdef i64 cost
        if ctx.status == HOST:
            self.call_host(base)
        elif ctx.status == SLOW:
            self.run_plan(base)
        elif ctx.status == TRANSLATE:
            callee = ctx.func
            self.top = ctx.fp + callee.n_params
            self.translate(callee)
            ctx.pc = callee.entry
        elif ctx.status == COLLECT:
            cost = ctx.cost
            self.top = ctx.fp + ctx.pc.c
            self.meter.fuel -= cost
            self.make_room(ctx.gc.want, self.top)
            self.meter.fuel += cost
        elif ctx.status == THROWN:
            self.throw_out(base)
        else:
            self.fail(base)
        if self.stop_at != FOREVER and now_ns() >= self.stop_at:
            self.check(base)
        return 0

    cdef i64 run(self, i64 total) noexcept nogil:
        """Let handlers run until something needs Python; return the fuel that is left then.

        On EMPTY and SHORT nothing has been taken for what comes next: it is when the machine goes on.
        """
        cdef Ctx* ctx = &self.ctx
        cdef i64 lent, rest, now
        cdef i64 portion = PORTION if self.stop_at == FOREVER else SMALL_PORTION
        while True:
            lent = 0 if self.interrupted else portion
            if ctx.status == EMPTY:
                total -= ctx.cost
            elif ctx.status == SHORT:
                lent += ctx.cost
            lent = lent if lent < total else total
            rest = total - lent
            ctx.memlen = ctx.inst.mem0.nbytes
            RUN(ctx.pc, ctx.fp, ctx.inst.mem0.base, ctx, ctx.acc, lent, 0.0, 0.0)
            total = ctx.fuel + rest
            if ctx.status == TRAPPED and ctx.trap == SHORT_OF_FUEL:
                ctx.status = SHORT
            if ctx.status != EMPTY and ctx.status != SHORT or total < ctx.cost or self.interrupted:
                return total
            now = now_ns()
            if now >= self.look_at:
                return total
            portion = PORTION if self.stop_at - now > SOON_NS else SMALL_PORTION

    cdef int look(self, i64 total, u64* base) except -1:
        """See to signals, interrupts, the deadline and an empty tank, between two words."""
        cdef Ctx* ctx = &self.ctx
        cdef Ins* pc = ctx.pc
        cdef u64* fp = ctx.fp
        cdef u32 status = ctx.status
        cdef i64 cost = ctx.cost
        cdef u64* top = self.top
        self.top = self.frame_end()
        try:
            PyErr_CheckSignals()
            if self.meter.interrupted or total < cost:
                self.meter.fuel -= cost
                self.meter.empty(cost)
                self.meter.fuel += cost
            self.meter.check()
        except BaseException as exc:
            self.note(exc, pc, fp, base)
            raise
        finally:
            self.top = top
        ctx.pc, ctx.fp, ctx.acc, ctx.status, ctx.cost = pc, fp, 0, status, cost
        self.look_at = now_ns() + LOOK_NS
        if self.stop_at < self.look_at:
            self.look_at = self.stop_at
        return 0

    cdef int check(self, u64* base) except -1:
        """Look at the deadline after something that took its time."""
        cdef Ctx* ctx = &self.ctx
        cdef Ins* pc = ctx.pc
        cdef u64* fp = ctx.fp
        cdef u64 acc = ctx.acc
        cdef u64* top = self.top
        self.top = self.frame_end()
        try:
            self.meter.check()
        except BaseException as exc:
            self.note(exc, pc, fp, base)
            raise
        finally:
            self.top = top
        ctx.pc, ctx.fp, ctx.acc = pc, fp, acc
        return 0

    cdef int fail(self, u64* base) except -1:
        """Raise what stopped the machine."""
        if self.ctx.status == EXHAUSTED:
            raise self.exhausted()
        cdef Ins* pc = self.ctx.pc
        detail = ""
        if self.ctx.trap == TRAP_UNDEFINED_ELEMENT or self.ctx.trap == TRAP_UNINITIALIZED_ELEMENT:
            detail = str(self.ctx.fp[pc.b])
        trap = Trap(TrapKind(self.ctx.trap), detail)
        self.passing = 0
        self.note(trap, self.ctx.pc, self.ctx.fp, base)
        raise trap

    cdef int translate(self, FuncC* func) except -1:
        """Translate a function on its first call."""
        cdef InstHandle handle = <InstHandle>func.inst.instance
        cdef Translator translator
        if func.code != NULL:
            return 0
        if not handle.placed:
            self.place_globals(handle, handle.instance)
            handle.placed = True
        self.know_types()
        translator = Translator.__new__(Translator)
        translator.info, translator.inst, translator.metered = handle.info, &handle.c, self.metered
        translator.planner, translator.plans = handle.planner, handle.plans
        translator.machine, translator.tags = self, handle.planner.tags
        translator.translate(func)
        return note_code(&self.ctx, func)

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
        cdef const u8* classes = handle.params
        cdef Py_ssize_t n = len(handle.params)
        self.top = fp + max(func.n_params, func.n_results) + 8
        self.passing = 0
        if len(self.hosted) - len(self.unused) > self.most_hosted:
            self.collect_from(fp + func.n_params)
        try:
            if n == 0:
                result = owner.code()
            elif n == 1:
                result = owner.code(self.to_raw(fp, classes[0]))
            elif n == 2 and classes[0] != V128:
                result = owner.code(self.to_raw(fp, classes[0]), self.to_raw(fp + 1, classes[1]))
            else:
                result = owner.code(*self.take(fp, handle.params))
            self.put(result, handle.results, fp)
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
        self.top = p + 8
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
