"""What is known of a guest call that failed: reason, stack, callback, context, last host calls, memory.

Made when it happens, while the guest's memory still is as the trap left it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .errors import BadMemory

if TYPE_CHECKING:
    from .abi.model import HostCall
    from .abi.wasi import WasiCall
    from .records import CallRecord
    from .vm import Vm

__all__ = [
    "LAST_CALLS",
    "MemoryExcerpt",
    "TrapFrame",
    "TrapReport",
    "backtrace",
    "logged_backtrace",
    "trap_report",
]

LAST_CALLS = 8
EXCERPTS = 4
EXCERPT_BYTES = 64
MAX_FRAMES = 20
POINTERS = ("bytes", "pairs", "lazy")

Seen = tuple["HostCall | WasiCall", tuple[int, ...], "int | None"]


@dataclass(frozen=True)
class TrapFrame:
    """One function of the guest's stack; `offset` is the byte offset of the instruction in the module."""

    function: str
    offset: int

    def __str__(self) -> str:
        return f"{self.offset:#x} - {self.function}"


@dataclass(frozen=True)
class MemoryExcerpt:
    """Bytes of linear memory, and what pointed there."""

    what: str
    addr: int
    data: bytes

    def lines(self) -> list[str]:
        out = [f"{self.what} at {self.addr:#x}:"]
        for at in range(0, len(self.data), 16):
            row = self.data[at : at + 16]
            text = "".join(chr(c) if 32 <= c < 127 else "." for c in row)
            out.append(f"  {self.addr + at:08x}  {row.hex(' '):47}  {text}")
        return out


@dataclass(frozen=True)
class TrapReport:
    """A failed guest call. `str()` of it is for people, `as_json()` for programs."""

    reason: str
    callback: str
    args: tuple[int, ...]
    context_id: int
    plugin: str
    thread: str
    phase: str
    stack: tuple[TrapFrame, ...]
    host_calls: tuple[str, ...]
    memory_bytes: int
    memory: tuple[MemoryExcerpt, ...]

    def __str__(self) -> str:
        call = f"{self.callback}({', '.join(map(str, self.args))})"
        lines = [f"trap in {call}: {self.reason}", f"plugin {self.plugin or '-'}, context {self.context_id}"]
        lines += ["stack, innermost first:", *(f"  {frame}" for frame in self.stack)] if self.stack else []
        if self.host_calls:
            lines += ["last host calls, oldest first:", *(f"  {text}" for text in self.host_calls)]
        lines.append(f"memory, {self.memory_bytes} bytes" + (":" if self.memory else ""))
        for excerpt in self.memory:
            lines += [f"  {line}" for line in excerpt.lines()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return plain data; bytes are written in hexadecimal."""
        shown = asdict(self)
        shown["memory"] = [{"what": e.what, "addr": e.addr, "hex": e.data.hex()} for e in self.memory]
        return shown


def backtrace(error: BaseException) -> tuple[TrapFrame, ...]:
    """Return the guest's stack as the engine kept it, with a name for every function."""
    frames: Iterable[Any] = getattr(error, "frames", None) or ()
    return tuple(
        TrapFrame(f.func_name or f"unknown(function index:{f.func_index})", f.offset or 0) for f in frames
    )


def logged_backtrace(error: BaseException, names: Mapping[int, str]) -> list[str]:
    """Return the stack as Envoy logs it: if the name section names any function, by its names alone."""
    frames: Sequence[Any] = getattr(error, "frames", None) or ()
    if not frames or not names:
        return []
    lines = []
    for i, frame in enumerate(frames[:MAX_FRAMES]):
        name = names.get(frame.func_index)
        shown = f"unknown(function index:{frame.func_index})" if name is None else demangled(name)
        lines.append(f"{i:3}:  {frame.offset or 0:#x} - {shown}")
    return ["Proxy-Wasm plugin in-VM backtrace:", *lines]


# The Itanium C++ ABI's names of types: Envoy takes every name for a mangled one, if it can be one.
TYPES = {
    "v": "void", "w": "wchar_t", "b": "bool", "c": "char", "a": "signed char", "h": "unsigned char",
    "s": "short", "t": "unsigned short", "i": "int", "j": "unsigned int", "l": "long", "m": "unsigned long",
    "x": "long long", "y": "unsigned long long", "n": "__int128", "o": "unsigned __int128", "f": "float",
    "d": "double", "e": "long double", "g": "__float128", "z": "...",
}  # fmt: skip
QUALIFIERS = {"P": "*", "R": "&", "O": "&&", "K": " const", "V": " volatile", "r": " __restrict"}
MANGLED_TYPE = re.compile(rf"[{''.join(QUALIFIERS)}]*[{''.join(TYPES)}]$")


def demangled(name: str) -> str:
    """Return a function's name as Envoy shows it, which reads `f` as the type float."""
    if not MANGLED_TYPE.match(name):
        return name
    return TYPES[name[-1]] + "".join(QUALIFIERS[q] for q in reversed(name[:-1]))


def trap_report(
    vm: Vm, record: CallRecord, reason: str, error: BaseException, recent: Sequence[Seen]
) -> TrapReport:
    """Describe the failure of the guest call in `record`."""
    return TrapReport(
        reason,
        record.callback,
        record.args,
        record.context_id,
        record.plugin,
        record.thread,
        record.phase,
        backtrace(error)[:MAX_FRAMES],
        tuple(_shown(*seen) for seen in recent),
        vm.memory.nbytes,
        tuple(_excerpts(vm, recent)),
    )


def _shown(row: HostCall | WasiCall, words: tuple[int, ...], status: int | None) -> str:
    given = ", ".join(str(w & 0xFFFFFFFF) for w in words)
    return f"{row.name}({given})" + (f" -> {status}" if status is not None else "")


def _excerpts(vm: Vm, recent: Sequence[Seen]) -> list[MemoryExcerpt]:
    """Return what the last host calls' pointers point to, the latest first."""
    found: dict[int, MemoryExcerpt] = {}
    for row, words, _ in reversed(recent):
        at = 0
        for p in row.params:
            if p.kind in POINTERS and words[at + 1]:
                addr, size = words[at] & 0xFFFFFFFF, words[at + 1] & 0xFFFFFFFF
                try:
                    data = vm.memory.peek(addr, min(size, EXCERPT_BYTES))
                except BadMemory:
                    data = b""
                if data and addr not in found:
                    found[addr] = MemoryExcerpt(f"{p.name} of {row.name}", addr, bytes(data))
            at += len(p.words)
        if len(found) >= EXCERPTS:
            break
    return list(found.values())[:EXCERPTS]
