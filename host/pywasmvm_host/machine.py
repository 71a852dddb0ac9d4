"""From table rows to functions the engine can call: reading parameters, checks, writing outputs.

The order of checks inside a host call is Envoy's: `first` (an enum out of range), then every input range,
then the
body, then the outputs. Outputs are written only for OK, except where the row says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from .abi.enums import Errno, Status
from .abi.model import HostCall, Param
from .abi.pairs import decode_pairs, pairs_problem
from .abi.wasi import WasiCall
from .calls import BODIES, WASI_BODIES
from .errors import Answered, BadMemory, BadPairs, OverLimit, RestrictedCall

if TYPE_CHECKING:
    from .context import Context
    from .guest import Guest
    from .vm import Vm

__all__ = ["Allocated", "Call", "LazyBytes", "host_function", "restricted_function", "wasi_function"]

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF
OK = Status.OK  # fast: looking a member of an enum up takes longer than comparing with it


class LazyBytes:
    """A range of guest memory that is read only when asked for."""

    def __init__(self, vm: Vm, addr: int, size: int) -> None:
        self.vm = vm
        self.addr = addr
        self.size = size

    def read(self) -> bytes:
        return self.vm.memory.read(self.addr, self.size)


class Call:
    """One host call in progress: who called, and what it acts on."""

    __slots__ = ("context", "row", "vm")

    def __init__(self, vm: Vm, row: HostCall, context: Context) -> None:
        self.vm = vm
        self.row = row
        self.context = context

    @property
    def world(self) -> Any:
        return self.vm.world

    @property
    def root(self) -> Any:
        return self.context.root

    @property
    def profile(self) -> Any:
        return self.vm.profile


class Allocated(bytes):
    """A result that the guest's allocator is asked room for even when it is empty."""


def _signed32(word: int) -> int:
    word &= M32
    return word - (1 << 32) if word >> 31 else word


def _signed64(word: int) -> int:
    word &= M64
    return word - (1 << 64) if word >> 63 else word


# kind of a parameter -> what makes its value of the VM, the words, and the place of its first word
READERS: dict[str, Callable[[Vm, tuple[int, ...], int], Any]] = {
    "u32": lambda vm, words, at: words[at] & M32,
    "ptr": lambda vm, words, at: words[at] & M32,
    "i32": lambda vm, words, at: _signed32(words[at]),
    "i64": lambda vm, words, at: _signed64(words[at]),
    "bool": lambda vm, words, at: words[at] & M32 != 0,
    "bytes": lambda vm, words, at: vm.memory.read(words[at], words[at + 1]),
    "lazy": lambda vm, words, at: LazyBytes(vm, words[at] & M32, words[at + 1] & M32),
    "pairs": lambda vm, words, at: _pairs(vm, vm.memory.read(words[at], words[at + 1])),
}


def _write_word(vm: Vm, words: tuple[int, ...], at: int, value: int) -> Status:
    vm.memory.write_u32(words[at], value)
    return OK


def _write_long(vm: Vm, words: tuple[int, ...], at: int, value: int) -> Status:
    vm.memory.write_u64(words[at], value)
    return OK


def _write_bytes(vm: Vm, words: tuple[int, ...], at: int, value: bytes) -> Status:
    addr = vm.allocate(value) if value or isinstance(value, Allocated) else 0
    if addr is None:
        return Status.INVALID_MEMORY_ACCESS
    vm.memory.write_u32(words[at], addr)
    vm.memory.write_u32(words[at + 1], len(value))
    return OK


# kind of an output -> what writes it
WRITERS: dict[str, Callable[[Vm, tuple[int, ...], int, Any], Status]] = {
    "out_u32": _write_word,
    "out_u64": _write_long,
    "out_bytes": _write_bytes,
}


@cache
def _plan(params: tuple[Param, ...]) -> tuple[list[Any], list[Any]]:
    """Return what reads the inputs and what writes the outputs, each with the place of its first word."""
    inputs, outputs, at = [], [], 0
    for p in params:
        if p.kind in WRITERS:
            outputs.append((WRITERS[p.kind], at))
        else:
            inputs.append((READERS[p.kind], at))
        at += len(p.words)
    return inputs, outputs


def _pairs(vm: Vm, data: bytes) -> list[tuple[bytes, bytes]]:
    problem = pairs_problem(data)
    if problem and vm.profile.strict_pairs:
        raise BadPairs(problem)
    if problem:
        vm.hazard(f"malformed header list: {problem}; Envoy reads it as an empty one")
    return decode_pairs(data)


def _write_results(
    vm: Vm, words: tuple[int, ...], outputs: list[Any], results: tuple[Any, ...], status: int
) -> int:
    """Write what a body gives besides its status; return that, or the status of a write that failed."""
    for i, (write, at) in enumerate(outputs):
        written = write(vm, words, at, results[i])
        if written != OK:
            return int(written)
    return status


def host_function(guest: Guest, row: HostCall) -> Callable[..., Any]:
    """Return the function the engine calls for one row."""
    perform = BODIES[row.name]
    inputs, outputs = _plan(row.params)
    first = None
    if row.first is not None:
        names = [p.name for p in row.params]
        more = 1 if row.group == "buffer" and guest.vm.profile.higress_calls else 0  # the Redis reply
        first = (sum(len(p.words) for p in row.params[: names.index(row.first[0])]), row.first[1] + more)

    def function(*words: int) -> int | None:
        vm: Vm = guest.vm
        try:
            vm.enter_host_call(row)
            if first is not None and words[first[0]] & M32 > first[1]:
                return vm.leave_host_call(row, words, int(Status.BAD_ARGUMENT))
            values = []
            for read, at in inputs:  # fast: a comprehension is one more call
                values.append(read(vm, words, at))
            if row.slot_first:
                for _, at in outputs:
                    vm.memory.write(words[at], bytes(4))
            status = perform(Call(vm, row, vm.acting_context(row.on_root)), *values)
            if isinstance(status, tuple):
                status, results = status[0], status[1:]
                if results and (status == OK or row.on_error):
                    status = _write_results(vm, words, outputs, results, status)
        except BadMemory:
            status = Status.INVALID_MEMORY_ACCESS
        except BadPairs:
            status = Status.BAD_ARGUMENT
        except OverLimit as e:
            vm.refuse(e.name, row.name)
            status = Status.INTERNAL_FAILURE
        except Answered as e:
            status = Status(e.status)
        return vm.leave_host_call(row, words, None if row.no_result else int(status))

    return function


def restricted_function(guest: Guest, row: HostCall | WasiCall) -> Callable[..., Any]:
    """Return the stub for a call the capability list leaves out."""
    kind, answer = (
        ("proxy-wasm", Status.INTERNAL_FAILURE) if isinstance(row, HostCall) else ("WASI", Errno.NOTCAPABLE)
    )

    def function(*words: int) -> int | None:
        vm: Vm = guest.vm
        vm.enter_host_call(row)
        vm.world.note("error", f"Attempted call to restricted {kind} capability: {row.name}", vm.thread)
        return int(answer) if row.wasm_results else None

    return function


def wasi_function(guest: Guest, row: WasiCall) -> Callable[..., Any]:
    """Return the function for one WASI row: its fixed answer, or its body."""
    perform = WASI_BODIES.get(row.name)
    names = [p.name for p in row.params]
    zeroes = [(names.index(name), size) for name, size in row.zeroes]

    def function(*words: int) -> int | None:
        vm: Vm = guest.vm
        vm.enter_host_call(row)
        args = [w & (M64 if p.kind == "i64" else M32) for p, w in zip(row.params, words, strict=True)]
        if row.log:
            vm.world.note("error", f"{row.name} is not supported", vm.thread)
        try:
            if perform is not None:
                answer = perform(vm, *args)
            elif row.stdio and args[0] not in (1, 2):
                answer = Errno.BADF
            else:
                for index, size in zeroes:
                    vm.memory.write(args[index], bytes(size))
                answer = row.fixed
        except BadMemory:
            answer = Errno.FAULT
        except OverLimit as e:
            vm.refuse(e.name, row.name)
            answer = Errno.INVAL
        return vm.leave_host_call(row, words, None if row.no_result else int(answer))

    return function


def forbid(name: str) -> RestrictedCall:
    """Return the error for a host call that is not allowed now."""
    return RestrictedCall(f"restricted_callback: {name} may not be called while the VM starts or allocates")
