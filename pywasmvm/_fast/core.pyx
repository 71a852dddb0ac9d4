# cython: language_level=3
"""The machine of a store: its value stack, the driver loop, and the edge to Python.

The driver lets handlers run without the GIL until they stop, and deals with why they did: a host call, a function
that has not been translated, an instruction left to Python, an empty tank, a trap.
Rule 1: whatever Python may look at (fuel, memories, tables, globals) is up to date while Python runs.
Rule 2: fuel is lent in portions, so that signals, interrupts and deadlines are noticed.
Rule 3: an error leaves depth and stack as they were before the call that raised it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.stdlib cimport calloc, malloc

from os import environ
from time import monotonic

from .clock cimport now_ns
from .emit cimport slots_of
from ._generated_opcodes cimport TRAP_UNDEFINED_ELEMENT, TRAP_UNINITIALIZED_ELEMENT
from .gcheap cimport gc_make
from .heap cimport FuncHandle, number_at, take_number
from .hosts cimport Hosts
from .machine cimport *
from .modinfo cimport ModInfo, Sig, class_of
from .storage cimport Cell, Elems, InstHandle, MemHandle
from .tank cimport Tank
from .template cimport copy_into
from .throwing cimport note_code
from .translate cimport Translator

from ..errors import LimitError, Trap, UsageError
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
# One turn in so many lets other threads run, however short it is.
cdef u32 LONG_TURN = 64


cdef Handler named(str name) except NULL:
    return <Handler><size_t>HANDLERS[name]


cdef Handler H_LEAVE = named("leave")
cdef Handler H_TRAP = named("stop_trap")
cdef Handler H_EMPTY = named("stop_empty")
cdef Handler H_EXHAUSTED = named("stop_exhausted")


cdef class Code:
    """What `Func.code` is for a guest function: a callable on raw values."""

    cdef Machine machine
    cdef FuncHandle handle

    def __call__(self, *args):
        return self.machine.call(self.handle, args)


cdef class Machine(Hosts):
    """What runs the guests of one store."""

    cdef Ins[2] way_out
    cdef bint interrupted
    cdef bint metered
    cdef i64 stop_at
    cdef i64 look_at
    cdef object known_stop
    cdef dict begun
    cdef object tell_frames
    cdef dict mems

    def __cinit__(self):
        self.mems, self.begun = {}, {}
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
        self.ctx.top = self.ctx.stack
        self.ctx.max_depth = store.limits.call_depth
        self.ctx.on_trap, self.ctx.on_empty, self.ctx.on_exhausted = H_TRAP, H_EMPTY, H_EXHAUSTED
        self.metered = store.engine.config.metering
        self.ctx.per_unit = self.metered
        self.ctx.tank = &self.meter.fuel
        self.way_out[0].h = self.way_out[1].h = H_LEAVE

    cdef MemHandle mem_of(self, memory):
        handle = self.mems.get(id(memory))
        if handle is None:
            handle = self.mems[id(memory)] = MemHandle(memory)
        return handle

    def bind(self, instance, ModInfo info, planner):
        """Make the C side of an instance and give its functions their code."""
        cdef InstHandle handle = InstHandle.__new__(InstHandle)
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
        self.know_types()
        handle.make_funcs(instance.funcs)
        info.n_instances += 1
        self.handles.append((instance, handle))
        return handle

    cdef FuncC* c_of(self, func) except NULL:
        cdef InstHandle handle
        if func.instance is None:
            return self.handle_of(func).c
        handle = func.instance.code
        return handle.c.funcs[<u32>func.funcidx]

    def give_code(self, func):
        """Give a function that a module defines what the edge calls."""
        cdef Code code = Code.__new__(Code)
        code.machine, code.handle = self, self.handle_of(func)
        func.code = code

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
        cdef u64* fp = self.ctx.top
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

    cdef bint take_numbers(self, tuple args, bytes wanted) except -1:
        """Put what follows the store in `args` on an empty stack; False if it needs a closer look."""
        cdef Py_ssize_t i, n = PyBytes_GET_SIZE(wanted)
        cdef const u8* classes = <const u8*>PyBytes_AS_STRING(wanted)
        if PyTuple_GET_SIZE(args) != n + 1 or args[0] is not self.store or n > MARGIN:
            return False
        for i in range(n):
            if not take_number(args[i + 1], classes[i], self.ctx.top + i):
                return False
        return True

    cdef object call_quickly(self, FuncHandle handle):
        """Call a guest function from outside; its arguments are the only thing on the stack."""
        cdef u64* fp = self.ctx.top
        self.meter.calls = 1
        try:
            self.execute(handle.c, fp)
        except BaseException as exc:
            self.tell_frames(exc)
            raise
        finally:
            self.meter.calls = 0
            if self.meter.stop_at is not None or self.meter.deadline_at is not None:
                self.meter.stop_clock()
        if PyBytes_GET_SIZE(handle.results) == 0:
            return None
        return number_at(fp, (<const u8*>PyBytes_AS_STRING(handle.results))[0])

    cdef object exhausted(self):
        return self.store.exhausted()

    cdef int execute(self, FuncC* func, u64* fp) except -1:
        """Run a function whose arguments stand at `fp`; its results will stand there."""
        cdef InstC* inst = self.ctx.inst
        cdef i64 depth = self.ctx.depth
        cdef u64* top = self.ctx.top
        # why: the driver may stand at a word while a finalizer or a refill calls another function.
        cdef Ins* pc = self.ctx.pc
        cdef u64* frame = self.ctx.fp
        cdef u64 acc = self.ctx.acc
        cdef i64 rest = self.ctx.rest
        self.ctx.inst = func.inst
        try:
            self.drive(func, fp)
        finally:
            self.ctx.inst, self.ctx.depth, self.ctx.top, self.ctx.rest = inst, depth, top, rest
            self.ctx.pc, self.ctx.fp, self.ctx.acc = pc, frame, acc
        return 0

    cdef i64 load_fuel(self) except? -1:
        """Take the tank from Python, and note what else the meter may want."""
        cdef Tank meter = self.meter
        cdef i64 fuel = meter.fuel
        self.interrupted = meter.interrupted
        if meter.stop_at is not self.known_stop:
            stop_at = meter.stop_at
            self.known_stop = stop_at
            self.stop_at = FOREVER if stop_at is None else now_ns() + <i64>((stop_at - monotonic()) * 1e9)
            self.look_at = min(self.look_at, self.stop_at)
        # why: an interrupt shows as a debt; the flag beside it is what the driver goes by.
        return <i64>(<u64>fuel + DEBT) if fuel < 0 and self.interrupted else fuel

    cdef int drive(self, FuncC* func, u64* base) except -1:
        """Run a function whose arguments stand at `base` to its end."""
        cdef Ctx* ctx = &self.ctx
        cdef i64 total = self.load_fuel()
        cdef u32 turns = 0
        ctx.pc, ctx.fp, ctx.acc, ctx.status = func.entry, base, <u64>&self.way_out[1], DONE
        while True:
            # fast: to let go of the GIL and to take it again costs more than what many calls do; bench, crossing.
            turns += 1
            if self.metered and turns % LONG_TURN:
                total = self.run(total, True)
                if self.goes_on(total):
                    with nogil:
                        total = self.run(total, False)
            else:
                with nogil:
                    total = self.run(total, False)
            self.meter.fuel = total
            if ctx.status == DONE:
                return 0
            if ctx.status == EMPTY or ctx.status == SHORT:
                self.look(base, True)
            else:
                self.serve(base)
                if turns % LONG_TURN == 0:
                    self.look(base, False)
                ctx.status = DONE
            total = self.load_fuel()

    cdef int serve(self, u64* base) except -1:
        """Do what the handlers have left to Python."""
        cdef Ctx* ctx = &self.ctx
        cdef FuncC* callee
        cdef i64 cost
        cdef Ins* pc
        cdef u64* fp
        if ctx.status == HOST:
            self.call_host(base)
        elif ctx.status == SLOW:
            self.run_plan(base)
        elif ctx.status == TRANSLATE:
            callee = ctx.func
            self.ctx.top = ctx.fp + callee.n_params
            self.translate(callee, base)
            ctx.pc = callee.entry
            return 0
        elif ctx.status == COLLECT:
            cost, pc, fp = ctx.cost, ctx.pc, ctx.fp
            self.ctx.top = fp + pc.c
            self.meter.fuel -= cost
            try:
                self.meter.foresee(self.collecting())
                self.make_room(ctx.gc.want, self.ctx.top)
            except LimitError as exc:
                self.note(exc, pc, fp, base)
                raise
            self.meter.fuel += cost
        elif ctx.status == THROWN:
            self.throw_out(base)
        else:
            self.fail(base)
        if self.stop_at != FOREVER and now_ns() >= self.stop_at:
            self.look(base, False)
        return 0

    cdef bint goes_on(self, i64 total) noexcept nogil:
        """Tell whether the machine has stopped for the clock alone: there is fuel for what comes next."""
        cdef Ctx* ctx = &self.ctx
        return (ctx.status == EMPTY or ctx.status == SHORT) and total >= ctx.cost and not self.interrupted

    cdef i64 run(self, i64 total, bint brief) noexcept nogil:
        """Let handlers run until something needs Python, or for a moment; return the fuel that is left then.

        On EMPTY and SHORT nothing has been taken for what comes next: it is when the machine goes on.
        """
        cdef Ctx* ctx = &self.ctx
        cdef i64 lent, now
        cdef i64 portion = SMALL_PORTION if brief or self.stop_at != FOREVER else PORTION
        # why: nobody knows how long a C function takes.
        cdef i32 patience = LONG_TURN if self.stop_at == FOREVER else 0
        while True:
            lent = 0 if self.interrupted else portion
            if ctx.status == EMPTY:
                total -= ctx.cost
            elif ctx.status == SHORT:
                lent += ctx.cost
            lent = lent if lent < total else total
            ctx.rest = total - lent
            ctx.has_gil, ctx.patience = brief, patience
            ctx.memlen = ctx.inst.mem0.nbytes
            RUN(ctx.pc, ctx.fp, ctx.inst.mem0.base, ctx, ctx.acc, lent, 0.0, 0.0)
            total = ctx.fuel + ctx.rest
            if ctx.status == TRAPPED and ctx.trap == SHORT_OF_FUEL:
                ctx.status = SHORT
            if brief or not self.goes_on(total):
                return total
            now = now_ns()
            if now >= self.look_at:
                return total
            portion = PORTION if self.stop_at - now > SOON_NS else SMALL_PORTION

    cdef int look(self, u64* base, bint at_tank) except -1:
        """See to signals, which a host function in C does not, and to the deadline; `at_tank`: to the tank first.

        The machine stands between two words, and goes on there. At the tank it wants `cost` units.
        """
        cdef Ctx* ctx = &self.ctx
        cdef Ins* pc = ctx.pc
        cdef u64* fp = ctx.fp
        cdef u64* top = ctx.top
        cdef u64 acc = ctx.acc
        cdef u32 status = ctx.status
        cdef i64 cost = ctx.cost
        ctx.top = self.frame_end()
        try:
            PyErr_CheckSignals()
            if at_tank and (self.meter.interrupted or self.meter.fuel < cost):
                self.meter.fuel -= cost
                self.meter.empty(cost)
                self.meter.fuel += cost
            self.meter.check()
        except BaseException as exc:
            self.note(exc, pc, fp, base)
            raise
        finally:
            ctx.top = top
        ctx.pc, ctx.fp, ctx.acc, ctx.status, ctx.cost = pc, fp, acc, status, cost
        self.look_at = now_ns() + LOOK_NS
        if self.stop_at < self.look_at:
            self.look_at = self.stop_at
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

    cdef int check_entry(self, FuncC* func, u64* base) except -1:
        """See to the deadline while the machine stands before a function that is not entered yet."""
        cdef Ctx* ctx = &self.ctx
        cdef Ins* pc = ctx.pc
        cdef u64* fp = ctx.fp
        cdef u64 acc = ctx.acc
        cdef u64* top = ctx.top
        try:
            self.meter.check()
        except BaseException as exc:
            self.note_entry(exc, func, <Ins*>acc, fp, base)
            raise
        finally:
            ctx.top = top
        ctx.pc, ctx.fp, ctx.acc = pc, fp, acc
        # why: a run that stood still here has more time now.
        self.load_fuel()
        return 0

    cdef int translate(self, FuncC* func, u64* base) except -1:
        """Translate a function on its first call; a call that has no time for all of it leaves the rest to the next."""
        cdef InstHandle handle = <InstHandle>func.inst.instance
        cdef Translator translator
        if func.code != NULL:
            return 0
        if not handle.placed:
            self.place_globals(handle, handle.instance)
            handle.placed = True
        self.know_types()
        if copy_into(handle.info, func):
            return note_code(&self.ctx, func)
        translator = self.begun.pop(<size_t>func, None)
        if translator is None:
            translator = Translator.__new__(Translator)
            translator.info, translator.inst, translator.metered = handle.info, &handle.c, self.metered
            translator.planner, translator.plans = handle.planner, handle.plans
            translator.machine, translator.tags = self, handle.planner.tags
            translator.begin(func)
        while not translator.go_on(self.stop_at):
            self.begun[<size_t>func] = translator
            self.check_entry(func, base)
            # why: while a run stands still other guests run, and may need the function too.
            translator = self.begun.pop(<size_t>func, None)
            if translator is None:
                return 0
        translator.finish(func)
        note_code(&self.ctx, func)
        return self.check_entry(func, base) if now_ns() >= self.stop_at else 0


cdef class QuickFunc:
    """Comes before Func among the bases of guest functions: `func(store, *numbers)` from outside of any guest."""

    def __call__(self, *args):
        cdef FuncHandle handle = self.entry
        cdef Machine machine
        cdef Tank meter
        if handle is None or not handle.numeric:
            return self.call_anyhow(*args)
        machine = <Machine>handle.machine
        meter = machine.meter
        if meter.calls or machine.ctx.top != machine.ctx.stack or not machine.take_numbers(args, handle.params):
            return self.call_anyhow(*args)
        if meter.armed or meter.pause is not None:
            if machine.store.closed:
                return self.call_anyhow(*args)
            machine.store.begin_call()
            # why: other guests may have run meanwhile.
            machine.take_numbers(args, handle.params)
        return machine.call_quickly(handle)
