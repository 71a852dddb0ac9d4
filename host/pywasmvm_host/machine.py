"""From table rows to functions the engine can call: reading parameters, checks, writing outputs.

The order of checks inside a host call is Envoy's: `first` (an enum out of range), then every input range,
then the
body, then the outputs. Outputs are written only for OK, except where the row says otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
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

__all__ = ["Call", "LazyBytes", "host_function", "restricted_function", "wasi_function"]

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF


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


def _read_params(
    vm: Vm, params: tuple[Param, ...], words: tuple[int, ...]
) -> tuple[list[Any], list[tuple[str, int, int]]]:
    values: list[Any] = []
    outputs: list[tuple[str, int, int]] = []
    at = 0
    for p in params:
        word = words[at] & M32
        kind = p.kind
        if kind in ("bytes", "pairs"):
            data = vm.memory.read(word, words[at + 1])
            values.append(data if kind == "bytes" else _pairs(vm, data))
            at += 2
            continue
        if kind == "lazy":
            values.append(LazyBytes(vm, word, words[at + 1] & M32))
            at += 2
            continue
        if kind == "out_bytes":
            outputs.append((kind, word, words[at + 1] & M32))
            at += 2
            continue
        if kind.startswith("out_"):
            outputs.append((kind, word, 0))
        elif kind == "i32":
            values.append(word - (1 << 32) if word >> 31 else word)
        elif kind == "i64":
            value = words[at] & M64
            values.append(value - (1 << 64) if value >> 63 else value)
        elif kind == "bool":
            values.append(word != 0)
        else:
            values.append(word)
        at += 1
    return values, outputs


def _pairs(vm: Vm, data: bytes) -> list[tuple[bytes, bytes]]:
    problem = pairs_problem(data)
    if problem and vm.profile.strict_pairs:
        raise BadPairs(problem)
    if problem:
        vm.hazard(f"malformed header list: {problem}; Envoy reads it as an empty one")
    return decode_pairs(data)


def _write_outputs(vm: Vm, outputs: list[tuple[str, int, int]], values: tuple[Any, ...]) -> Status:
    for (kind, slot, size_slot), value in zip(outputs, values, strict=True):
        if kind == "out_u32":
            vm.memory.write(slot, struct.pack("<I", value & M32))
        elif kind == "out_u64":
            vm.memory.write(slot, struct.pack("<Q", value & M64))
        else:
            addr = vm.allocate(value) if value else 0
            if addr is None:
                return Status.INVALID_MEMORY_ACCESS
            vm.memory.write(slot, struct.pack("<I", addr))
            vm.memory.write(size_slot, struct.pack("<I", len(value)))
    return Status.OK


def host_function(guest: Guest, row: HostCall) -> Callable[..., Any]:
    """Return the function the engine calls for one row."""
    perform = BODIES[row.name]
    first = None
    if row.first is not None:
        names = [p.name for p in row.params]
        more = 1 if row.group == "buffer" and guest.vm.profile.higress_calls else 0  # the Redis reply
        first = (sum(len(p.words) for p in row.params[: names.index(row.first[0])]), row.first[1] + more)

    def function(*words: int) -> int | None:
        vm: Vm = guest.vm
        try:
            vm.enter_host_call(row.name, row.anytime, row.in_allocator)
            if first is not None and words[first[0]] & M32 > first[1]:
                return vm.leave_host_call(row, words, int(Status.BAD_ARGUMENT))
            values, outputs = _read_params(vm, row.params, words)
            if row.slot_first:
                for _, slot, _ in outputs:
                    vm.memory.write(slot, bytes(4))
            answer = perform(Call(vm, row, vm.acting_context(row.on_root)), *values)
            status, results = (answer[0], answer[1:]) if isinstance(answer, tuple) else (answer, ())
            if results and (status == Status.OK or row.on_error):
                written = _write_outputs(vm, outputs, results)
                status = written if written != Status.OK else status
        except BadMemory:
            status = Status.INVALID_MEMORY_ACCESS
        except BadPairs:
            status = Status.BAD_ARGUMENT
        except OverLimit as e:
            vm.refuse(e.name, row.name)
            status = Status.INTERNAL_FAILURE
        except Answered as e:
            status = Status(e.status)
        if row.no_result:
            return vm.leave_host_call(row, words, None)
        return vm.leave_host_call(row, words, int(status))

    return function


def restricted_function(guest: Guest, row: HostCall | WasiCall) -> Callable[..., Any]:
    """Return the stub for a call the capability list leaves out."""
    kind, answer = (
        ("proxy-wasm", Status.INTERNAL_FAILURE) if isinstance(row, HostCall) else ("WASI", Errno.NOTCAPABLE)
    )

    def function(*words: int) -> int | None:
        vm: Vm = guest.vm
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
        vm.enter_host_call(row.name, row.anytime, row.in_allocator)
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
