"""One virtual machine: a loaded module linked, started, and called.

A guest call saves and clears the effective context, runs, and, when it was the outermost one, performs what
the guest asked for meanwhile (deferred actions). A trap marks the VM as failed for good; it is never raised
to callers of `call`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from . import backend
from .abi.model import Callback, HostCall
from .beginning import Away, begin
from .budget import Budget, within
from .errors import RUN_ERRORS, BadMemory, PluginFailed
from .guestmem import GuestMemory
from .limits import Limits
from .loading import LoadedModule
from .machine import forbid
from .plugin import Key
from .profile import Profile
from .records import CallRecord, LogLine
from .shared import VmMetricIds
from .trapreport import LAST_CALLS, Seen, logged_backtrace, trap_report

if TYPE_CHECKING:
    from .abi.wasi import WasiCall
    from .context import Context, RootContext
    from .guest import Guest, State
    from .world import World

__all__ = ["FAILED", "Vm"]

LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
FULL = 1 << 60
# What a VM has of its guest.
GUEST = ("guest", "store", "memory", "functions")


class _Failed:
    """What `Vm.call` returns when the guest trapped."""

    def __bool__(self) -> bool:
        return False


FAILED = _Failed()


class Vm:
    """One instance of a module with its contexts. See the module docstring."""

    guest: Guest
    store: Any
    memory: GuestMemory

    def __init__(
        self,
        world: World,
        loaded: LoadedModule,
        engine: Any,
        profile: Profile,
        limits: Limits,
        *,
        vm_id: str = "",
        vm_configuration: bytes = b"",
        environment: dict[str, str] | None = None,
        capabilities: frozenset[str] = frozenset(),
        thread: str = "worker",
    ) -> None:
        self.world = world
        self.loaded = loaded
        self.profile = profile
        self.limits = limits
        self.version = loaded.version
        self.vm_id = vm_id
        self.vm_configuration = vm_configuration
        self.environment = dict(environment or {})
        self.capabilities = capabilities
        self.thread = thread
        self.contexts: dict[int, Context] = {}
        self.roots: dict[Key, RootContext] = {}
        self.metric_ids = VmMetricIds(world.metrics)
        self.failed = False
        self.failure = ""
        self.failure_error: BaseException | None = None
        self.stop_next = False
        self.rebuild = False
        self._dns_tokens = 0
        self.hazards: dict[str, int] = {}
        self._said: set[str] = set()
        self._next_context = 0
        self._stack: list[Context | None] = []
        self._effective = 0
        self._bound = ""
        self.budget = Budget(limits)
        self.scarce: dict[str, int] = {}  # callback -> the fuel it gets at most (faults.py)
        self.spent = 0
        self.moment = (-1, 0)  # the moment of the last callback, and how many there were at it
        self._restricted = "instantiate"
        self._deferred: list[Callable[[], None]] = []
        self.recent: deque[Seen] = deque(maxlen=LAST_CALLS)
        self._active: list[CallRecord] = []
        self.next_call = {0: 0, 1: 1, 2: 2, 3: 3}
        self.engine = engine
        self.callbacks: Mapping[str, Callback] = {}
        self.functions: dict[str, Any] = {}

    # ---- loading
    def start(self) -> None:
        """Link, instantiate and initialize. Raises HostError when any of it fails."""
        self.budget.start("its start section")
        self._serve(self.loaded.guests.take(self))
        self._restricted = ""
        self.callbacks, self.allocator = self.loaded.callbacks(self.profile, self.capabilities)
        self.functions = {name: self.guest.exports[name] for name in self.callbacks}
        kind = self.guest.kind
        if kind is not None and kind.state is not None:
            Away(self, kind.state)
        self._initialize()

    def _serve(self, guest: Guest) -> None:
        """Take a guest as this VM's."""
        self.guest, self.store = guest, guest.store
        self.memory = GuestMemory(guest.memory, guest.store, self.budget.copy)

    def release(self) -> None:
        """Give the guest back if everything in the VM has ended; one that goes on keeps its own."""
        busy = self._stack or self._deferred or self.scarce or (self.contexts and not self.failed)
        if not busy and hasattr(self, "guest"):
            self.functions, self.rebuild = {}, True
            guest = self.guest
            del self.guest, self.store, self.memory
            guest.give_back()

    def state(self) -> State:
        """Return the state of its guest. Raise HostError if that holds what belongs to others."""
        return self.memory.state if isinstance(self.memory, Away) else self.guest.snapshot()

    def restore(self, state: State) -> None:
        """Go on from the state of a VM that was just like this one, in a store of its own."""
        self._serve(self.loaded.guests.take_in_state(self, state))
        self.functions = {name: self.guest.exports[name] for name in self.callbacks}

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy may take over: all but the guest itself, which `restore` brings."""
        return {name: value for name, value in self.__dict__.items() if name not in GUEST}

    def _initialize(self) -> None:
        self._restricted = "start" if self.profile.restrict_start else ""
        main: tuple[str, tuple[int, ...]] = ("main", (0, 0)) if self.has("main") else ("__main_void", ())
        calls = [("_initialize", ()), main] if self.has("_initialize") else [("_start", ())]
        begin(self, ("vm",), partial(self._call_all, [call for call in calls if self.has(call[0])]))
        self._restricted = ""
        if self.failed:
            raise PluginFailed(
                f"Failed to initialize Wasm code: {self.failure.splitlines()[0]}",
                reason="Failed to initialize Wasm code",
                advice="The code it runs before its first callback trapped",
            ) from self.failure_error

    def _call_all(self, calls: list[tuple[str, tuple[int, ...]]]) -> str:
        """Call exports as the VM itself; return the failure, or the empty text."""
        for name, args in calls:
            self.call(None, name, *args)
        return self.failure

    # ---- contexts
    def new_context_id(self) -> int:
        while True:
            self._next_context = (self._next_context + 1) & 0xFFFFFFFF
            if self._next_context and self._next_context not in self.contexts:
                return self._next_context

    def acting_context(self, on_root: bool = False) -> Any:
        """Return the effective context if it lives, else the one of the running callback."""
        context = self.contexts.get(self._effective) if self._effective else None
        if context is None:
            context = self._stack[-1] if self._stack else None
        if context is None:
            from .context import VmContext  # noqa: PLC0415

            context = VmContext(self)
        return context.root if on_root else context

    def running_context(self) -> Any:
        return self._stack[-1] if self._stack else None

    def set_effective(self, context_id: int) -> bool:
        if context_id and context_id not in self.contexts:
            return False
        self._effective = context_id
        return True

    # ---- calls
    def has(self, name: str) -> bool:
        return name in self.functions

    def _allowance(self, context: Context | None, of_start: bool, callback: str) -> tuple[int, str]:
        """Return the fuel for a call from the host, and the name of the limit that it comes from."""
        limits = self.limits
        fuel, name = (limits.fuel_start, "fuel_start") if of_start else (limits.fuel, "fuel")
        bound = (FULL, "") if fuel is None or fuel >= FULL else (max(fuel, 0), name)
        if limits.fuel_stream is not None and context is not None and context is not context.root:
            bound = min(bound, (max(limits.fuel_stream - context.spent, 0), "fuel_stream"))
        if limits.fuel_vm is not None:
            bound = min(bound, (max(limits.fuel_vm - self.spent, 0), "fuel_vm"))
        if callback in self.scarce:
            bound = min(bound, (max(self.scarce[callback], 0), ""))
        return bound

    def _set_limits(self, context: Context | None, name: str, starting: bool) -> None:
        """Give a call from the host its fuel, time and budget."""
        of_start = starting or context is None
        fuel, self._bound = self._allowance(context, of_start, name)
        # fast: Store.set_fuel asks anew whether the engine counts fuel
        self.store.meter.set_fuel(fuel)
        self.guest.set_clock("deadline_start" if of_start else "deadline")
        self.budget.start(name)

    def _too_many(self) -> bool:
        """Count a call from the host; tell whether there were too many without time passing."""
        now, count = self.world.now_ns, self.moment[1]
        count = count + 1 if self.moment[0] == now else 1
        self.moment = (now, count)
        return self.limits.callbacks_at_once is not None and count > self.limits.callbacks_at_once

    def _record(self, context: Context | None, callback: str, args: tuple[int, ...]) -> CallRecord:
        """Begin the record of a call, and keep it."""
        prefix = name = ""
        if context is not None:
            prefix, name = context.log_prefix, context.plugin.name if context.plugin else ""
        first, nested = args[0] if args else 0, bool(self._stack)
        phase = self.world.phase
        record = CallRecord(callback, first, args, prefix, self.thread, phase, nested=nested, name=name)
        self.world.records.append(record)
        return record

    def call(
        self, context: Context | None, name: str, *args: int, starting: bool = False, hold: bool = False
    ) -> Any:
        """Call an export; return its result, None when it is absent or has none, FAILED after a trap.

        `hold` leaves it to the caller to end the call with `end_call`, after looking at the result.
        """
        function = self.functions.get(name)
        if function is None:
            return None
        outer = not self._stack
        if self.failed and outer:  # the allocator is asked again while the callback goes on
            return FAILED
        saved, self._effective = self._effective, 0
        record = self._record(context, name, args)
        if outer:
            if self._too_many():
                text = self.limits.reached("callbacks_at_once", f"by {name}")
                self._effective = saved
                self._fail(name, backend.LimitError(text), record)
                return FAILED
            self._set_limits(context, name, starting)
        meter, before_bytes, before_copied = self.store.meter, self.memory.nbytes, self.budget.copied
        before_fuel = meter.remaining
        given = [_signed(a) for a in args]
        self._trace(f"[host->vm] {name}({', '.join(map(str, args))})")
        self._stack.append(context)
        self._active.append(record)
        result: Any = None
        try:
            result = function(self.store, *given)
            if result is not None:
                result = int(result) & 0xFFFFFFFF
            record.result = result
            self._trace(f"[host<-vm] {name} return" + (f": {result}" if result is not None else ""))
        except RUN_ERRORS as e:
            result = FAILED
            self._fail(name, e, record)
        finally:
            self._active.pop()
            self._stack.pop()
            self._effective = saved
            record.fuel = before_fuel - max(meter.remaining, 0)
            record.memory_bytes = self.memory.nbytes
            record.grew_bytes = record.memory_bytes - before_bytes
            record.copied_bytes = before_copied - self.budget.copied
        if outer:
            self.spent += record.fuel
            if context is not None:
                context.spent += record.fuel
            if not hold:
                self.end_call()
        return result

    def end_call(self) -> None:
        """Do what the guest asked for during its call."""
        self.stop_next = False
        self._run_deferred()

    def _trace(self, text: str) -> None:
        self.world.trace.append((self.world.phase, self.thread, text))

    def _run_deferred(self) -> None:
        while self._deferred:
            self._deferred.pop(0)()

    def _fail(self, name: str, error: BaseException, record: CallRecord) -> None:
        reason = backend.trap_reason(error, self.loaded.code)
        self.failed = True
        self.failure_error = error
        limit = f" ({error})" if isinstance(error, backend.CallStackExhausted) else ""
        stack = logged_backtrace(error, self.loaded.facts.function_names())
        lines = [f"Function: {name} failed: Uncaught {reason}{limit}", *stack]
        record.trap = trap_report(self, record, reason + limit, error, self.recent)
        self.failure = record.failed = lines[0] if len(lines) == 1 else "\n".join(lines)
        late = isinstance(error, backend.DeadlineExceeded)
        if late or backend.is_out_of_fuel(error):
            where, bound = f"in {name}", self.guest.clock if late else self._bound
            reached = self.limits.reached(bound, where) if bound else where
            what = "deadline exceeded" if late else "out of fuel"
            self.failure = record.failed = f"Function: {name} failed: {what} ({reached})"
        self.world.note("error", self.failure, self.thread)

    def defer(self, action: Callable[[], None]) -> None:
        """Do something when the running guest call has ended."""
        self._deferred.append(action)

    # ---- what host calls need
    def enter_host_call(self, row: HostCall | WasiCall) -> None:
        """Count a host call and note its name. Raise RestrictedCall if it may not be made now."""
        if self._restricted and not (
            (self._restricted == "start" and row.anytime)
            or (self._restricted == "allocator" and row.in_allocator)
            # why: in a start section the host does not know the memory yet; Envoy 1.40 crashes
            or (self._restricted == "instantiate" and row.name == "sched_yield")
        ):
            raise forbid(row.name)
        self.budget.host_call(row.name)
        if self._active:
            self._active[-1].host_calls.append(row.name)

    def leave_host_call(
        self, row: HostCall | WasiCall, words: tuple[int, ...], status: int | None
    ) -> int | None:
        """Keep a host call for a trap's report, tell the world's observers of it, and pass its result on."""
        self.recent.append((row, words, status))
        for observe in self.world.host_call_observers:
            observe(self, row, words, status)
        return status

    def allocate(self, data: bytes) -> int | None:
        """Get room from the guest and copy data there; None if it gives none."""
        saved = self._restricted
        if self.profile.restrict_start:
            self._restricted = "allocator"
        try:
            addr = self.call(None, self.allocator, len(data))
        finally:
            self._restricted = saved
        if addr is FAILED or not addr:
            return None
        try:
            self.memory.write(addr, data)
        except BadMemory:
            return None
        return int(addr)

    def log(self, level: int, message: bytes, prefix: str) -> None:
        self.budget.log(len(message))
        self.world.logs.append(LogLine(LEVELS[level], prefix, message, self.thread, self.world.phase))

    def check_callouts(self, root: Any) -> None:
        """Raise OverLimit if a root context may not have one more call under way."""
        under_way = len(root.http_calls) + len(root.grpc_calls) + len(root.redis_calls) + root.lookups
        within("callouts", self.limits.callouts, under_way + 1)

    def refuse(self, limit: str, by: str) -> None:
        """Note, once per limit, that a host call was refused because of it."""
        self.say_once(self.limits.reached(limit, f"by {by}, which is refused"))

    def hazard(self, text: str) -> None:
        """Note a guest mistake that Envoy passes over in silence."""
        self.hazards[text] = self.hazards.get(text, 0) + 1

    def say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.world.note("warning", text, self.thread)

    def new_dns_token(self) -> int:
        """Return the next number of a DNS look-up."""
        self._dns_tokens += 1
        return self._dns_tokens

    def new_token(self, kind: int) -> int:
        """Return the next id of a callout; its two low bits are the kind."""
        self.next_call[kind] = (self.next_call[kind] + 4) & 0xFFFFFFFF
        return self.next_call[kind]


def _signed(value: int) -> int:
    return ((value + 0x80000000) & 0xFFFFFFFF) - 0x80000000
