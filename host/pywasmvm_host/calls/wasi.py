"""Bodies of the WASI functions whose answer is not fixed by the table."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..abi.enums import Errno, LogLevel
from ..errors import BadMemory
from . import wasi_body

LEVEL_OF_FD = {1: LogLevel.INFO, 2: LogLevel.ERROR}
MAX_RANDOM = 65536
RIGHT_FD_WRITE = 64


@wasi_body
def fd_write(vm: Any, fd: int, iovs: int, count: int, nwritten: int) -> int:
    """Log one line: file 1 as info, 2 as error, one trailing newline taken off."""
    if fd not in LEVEL_OF_FD:
        return Errno.BADF
    data = b"".join(vm.memory.read(addr, size) for addr, size in vm.memory.iovecs(iovs, count))
    if data:  # measured: a newline alone is an empty line
        vm.acting_context().log(LEVEL_OF_FD[fd], data.removesuffix(b"\n"))
    vm.memory.write_u32(nwritten, len(data))
    return Errno.SUCCESS


@wasi_body
def fd_pwrite(vm: Any, fd: int, iovs: int, count: int, offset: int, nwritten: int) -> int:
    return int(fd_write(vm, fd, iovs, count, nwritten))


def _environment(vm: Any) -> list[bytes]:
    return [f"{k}={v}".encode() + b"\0" for k, v in vm.environment.items()]


@wasi_body
def environ_sizes_get(vm: Any, count: int, size: int) -> int:
    entries = _environment(vm)
    vm.memory.write_u32(count, len(entries))
    vm.memory.write_u32(size, sum(map(len, entries)))
    return Errno.SUCCESS


@wasi_body
def environ_get(vm: Any, environ: int, buf: int) -> int:
    for i, entry in enumerate(_environment(vm)):
        vm.memory.write_u32(environ + 4 * i, buf)
        vm.memory.write(buf, entry)
        buf += len(entry)
    return Errno.SUCCESS


@wasi_body
def clock_time_get(vm: Any, clock: int, precision: int, out: int) -> int:
    if clock > 1:
        return Errno.NOTSUP
    now = vm.world.now_ns if clock == 0 else vm.world.now_ns - vm.world.start_ns + 1_000_000_000
    vm.memory.write_u64(out, now)
    return Errno.SUCCESS


@wasi_body
def clock_res_get(vm: Any, clock: int, out: int) -> int:
    if clock > 1:
        return Errno.NOTSUP
    vm.memory.write_u64(out, 1)
    return Errno.SUCCESS


@wasi_body
def random_get(vm: Any, buf: int, size: int) -> int:
    if size > MAX_RANDOM:
        return Errno.INVAL
    if size:
        vm.memory.write(buf, vm.world.random_bytes(size))
    return Errno.SUCCESS


@wasi_body
def proc_exit(vm: Any, code: int) -> int:
    """Envoy logs it and returns to the guest."""
    vm.world.note(
        "error", f"wasi_snapshot_preview1.proc_exit({code}) was called: the plugin goes on", vm.thread
    )
    return Errno.SUCCESS


@wasi_body
def fd_fdstat_get(vm: Any, fd: int, out: int) -> int:
    if fd not in LEVEL_OF_FD:
        return Errno.BADF
    with suppress(BadMemory):  # measured: the answer is the same
        vm.memory.write(out, bytes(8) + RIGHT_FD_WRITE.to_bytes(8, "little") + bytes(8))
    return Errno.SUCCESS


@wasi_body
def fd_renumber(vm: Any, source: int, target: int) -> int:
    return Errno.NOTSUP if {source, target} <= LEVEL_OF_FD.keys() else Errno.BADF
