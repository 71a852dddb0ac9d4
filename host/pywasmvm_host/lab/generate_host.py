"""Attacks on host calls with pointers, made from the tables of the ABI: no call can be forgotten.

Every pointer of every call is put outside memory in each way there is, one at a time. The plugin itself
checks what comes back, and that nothing was written.
"""

from __future__ import annotations

from functools import cache

from pywasmvm import wat2wasm

from ..abi.enums import Errno, Status
from ..abi.hostcalls import HOST_CALLS
from ..abi.model import V0_2_1, HostCall, Param
from ..abi.wasi import WASI_CALLS, WasiCall
from .attack import Attack
from .build import attack

__all__ = ["ATTACKS"]

ATTACKS: list[Attack] = []
PAGE = 65536
# (pointer, size): beyond memory, across its end, wrapping around four gigabytes, and the largest there are.
BAD = (
    (PAGE, 1),
    (PAGE - 1, 2),
    (0xFFFFFFFF, 1),
    (0xFFFFFFF0, 0x20),
    (0x80000000, 0x80000000),
    (64, 0xFFFFFFFF),
)
INPUTS = ("bytes", "pairs")
GOOD = 64
WRITTEN_FROM, WRITTEN_TO = 2048, PAGE - 8


def _call_with(row: HostCall | WasiCall, at: int, bad: tuple[int, int]) -> str:
    """Return a call of a row whose parameter `at` is bad and whose others are not."""
    words = []
    for i, p in enumerate(row.params):
        pointer, size = bad if i == at else (GOOD, 0)
        if len(p.words) == 2:
            second = size if p.kind in (*INPUTS, "lazy") else pointer if i == at else GOOD
            words += [f"(i32.const {pointer})", f"(i32.const {second})"]
        elif p.kind.startswith("out_") or p.kind == "ptr":
            words.append(f"(i32.const {pointer})")
        else:
            words.append(
                f"({p.words[0]}.const 1)" if isinstance(row, WasiCall) else f"({p.words[0]}.const 0)"
            )
    return f"(call ${row.name} {' '.join(words)})"


def _is_pointer(p: Param) -> bool:
    return len(p.words) == 2 or p.kind.startswith("out_") or p.kind == "ptr"


def _targets(row: HostCall | WasiCall) -> list[int]:
    return [i for i, p in enumerate(row.params) if _is_pointer(p)]


def _bad_for(p: Param) -> tuple[tuple[int, int], ...]:
    """Return the bad pointers of a parameter; one without a size has no bad sizes."""
    sized = p.kind in (*INPUTS, "lazy")
    return BAD if sized else tuple(bad for bad in BAD if bad[0] >= PAGE - 1)


def _module(rows: list[HostCall] | list[WasiCall], module: str, checks: list[str]) -> bytes:
    imports = [
        f'(import "{module}" "{row.name}" (func ${row.name} (param {" ".join(row.wasm_params)})'
        + (" (result i32)))" if row.wasm_results else "))")
        for row in rows
    ]
    return bytes(
        wat2wasm(f"""(module {" ".join(imports)}
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (local $p i32)
    {" ".join(checks)}
    (local.set $p (i32.const {WRITTEN_FROM}))
    (loop $l
      (if (i64.ne (i64.load (local.get $p)) (i64.const 0)) (then (unreachable)))
      (br_if $l (i32.le_u (local.tee $p (i32.add (local.get $p) (i32.const 8))) (i32.const {WRITTEN_TO}))))
    (i32.const 0)))""")
    )


def _check(row: HostCall, at: int, bad: tuple[int, int]) -> str:
    """Return code that traps unless the call is refused: inputs always with INVALID_MEMORY_ACCESS."""
    status = int(Status.INVALID_MEMORY_ACCESS)
    wrong = "(i32.eqz %s)" if row.params[at].kind not in INPUTS else f"(i32.ne %s (i32.const {status}))"
    return f"(if {wrong % _call_with(row, at, bad)} (then (unreachable)))"


@attack(
    ATTACKS, "Every pointer of every host call, outside memory", "isolation",
    "none: every range is checked", "answered",
)  # fmt: skip
@cache
def pointers_of_host_calls() -> bytes:
    """To make the host read or write outside the guest's memory on the guest's behalf. The host has all the
    rights the guest lacks; a single parameter that is not checked is enough.

    The module is made from the tables of the ABI, so that no call can be forgotten. For each host call and
    each of its pointers it tries addresses past the end, ranges across the end, and ranges whose sum wraps
    around four gigabytes, one at a time, all other parameters being good. Inputs must give
    INVALID_MEMORY_ACCESS, outputs anything but OK; then memory is searched for a byte that should not be
    there.

    Envoy 1.40 refuses bad pointers as well, but this module ends it with SIGABRT: some combination of good
    parameters is one it aborts on; that an empty gRPC service does so is known.

    host/pywasmvm_host/guestmem.py has the only code that touches guest memory for a host call; each access
    adds address and size in integers that do not wrap and asks for the current size anew, because the
    allocator may have grown the memory in between. BadMemory becomes a status in
    host/pywasmvm_host/machine.py and never a trap, as the ABI wants it.

    There is nothing to set. An embedder's own host functions are outside this: let them use GuestMemory,
    too.
    """
    rows = [row for row in HOST_CALLS if V0_2_1 in row.versions and row.wasm_results and _targets(row)]
    checks = [
        _check(row, at, bad) for row in rows for at in _targets(row) for bad in _bad_for(row.params[at])
    ]
    return _module(rows, "env", checks)


@attack(
    ATTACKS, "Every pointer of every WASI call, outside memory", "isolation",
    "none: every range is checked", "answered",
)  # fmt: skip
@cache
def pointers_of_wasi_calls() -> bytes:
    """The same for WASI, whose functions a plugin imports because its compiler's library does. They take
    pointers to pointers: fd_write is given a list of ranges.

    Every pointer of every WASI function in the table, in the same bad ways. clock_time_get, random_get,
    fd_write and environ_sizes_get must say EFAULT, since they use what they are given; the others may
    answer without looking. In no case may the guest trap or a byte be written.

    Envoy 1.40 answers.

    Most of these functions are a fixed answer in host/pywasmvm_host/abi/wasi.py, such as EBADF for a
    descriptor that cannot exist, and never read their pointers. Those with a body
    (host/pywasmvm_host/calls/wasi.py) go through host/pywasmvm_host/guestmem.py, where the list of fd_write
    is checked as a range before it is read and each range in it after that; BadMemory becomes EFAULT in
    host/pywasmvm_host/machine.py.

    Calls that are not supported are noted in the host's log every time, which a plugin can use to write
    there; `host_calls` bounds how often.
    """
    rows = [row for row in WASI_CALLS if row.wasm_results and _targets(row)]
    checks = []
    for row in rows:
        must_fail = row.name in ("clock_time_get", "random_get", "fd_write", "environ_sizes_get")
        for at in _targets(row):
            for bad in _bad_for(row.params[at]):
                if row.name == "random_get" and bad[0] < PAGE:
                    continue  # why: one byte at the last address is memory
                call = _call_with(row, at, bad)
                wrong = f"(i32.ne {call} (i32.const {int(Errno.FAULT)}))"
                checks.append(f"(if {wrong} (then (unreachable)))" if must_fail else f"(drop {call})")
    return _module(rows, "wasi_snapshot_preview1", checks)
