"""The functions of WASI preview1 as rows: name, parameters, body.

Parameters are letters, `i` for i32 and `I` for i64. Every function returns an errno as i32, except
`proc_exit`, which returns nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Trap, UsageError
from ..runtime.memory import Memory
from ..runtime.publictypes import FuncType, ValType
from . import calls_fd, calls_path, calls_process
from .abi import GuestMemory, WasiError, errno_of
from .world import World

if TYPE_CHECKING:
    from ..runtime.caller import Caller
    from ..runtime.linker import Linker

__all__ = ["FUNCTIONS", "MODULE", "Row", "define_wasi"]

MODULE = "wasi_snapshot_preview1"


class Row(NamedTuple):
    """One function: `body(world, memory, *raw parameters)` returns None or raises WasiError."""

    name: str
    params: str
    body: Callable[..., None]
    returns_errno: bool = True


FUNCTIONS = (
    Row("args_get", "ii", calls_process.args_get),
    Row("args_sizes_get", "ii", calls_process.args_sizes_get),
    Row("environ_get", "ii", calls_process.environ_get),
    Row("environ_sizes_get", "ii", calls_process.environ_sizes_get),
    Row("clock_res_get", "ii", calls_process.clock_res_get),
    Row("clock_time_get", "iIi", calls_process.clock_time_get),
    Row("fd_advise", "iIIi", calls_fd.fd_advise),
    Row("fd_allocate", "iII", calls_fd.fd_allocate),
    Row("fd_close", "i", calls_fd.fd_close),
    Row("fd_datasync", "i", calls_fd.fd_datasync),
    Row("fd_fdstat_get", "ii", calls_fd.fd_fdstat_get),
    Row("fd_fdstat_set_flags", "ii", calls_fd.fd_fdstat_set_flags),
    Row("fd_fdstat_set_rights", "iII", calls_fd.fd_fdstat_set_rights),
    Row("fd_filestat_get", "ii", calls_fd.fd_filestat_get),
    Row("fd_filestat_set_size", "iI", calls_fd.fd_filestat_set_size),
    Row("fd_filestat_set_times", "iIIi", calls_fd.fd_filestat_set_times),
    Row("fd_pread", "iiiIi", calls_fd.fd_pread),
    Row("fd_prestat_get", "ii", calls_fd.fd_prestat_get),
    Row("fd_prestat_dir_name", "iii", calls_fd.fd_prestat_dir_name),
    Row("fd_pwrite", "iiiIi", calls_fd.fd_pwrite),
    Row("fd_read", "iiii", calls_fd.fd_read),
    Row("fd_readdir", "iiiIi", calls_fd.fd_readdir),
    Row("fd_renumber", "ii", calls_fd.fd_renumber),
    Row("fd_seek", "iIii", calls_fd.fd_seek),
    Row("fd_sync", "i", calls_fd.fd_sync),
    Row("fd_tell", "ii", calls_fd.fd_tell),
    Row("fd_write", "iiii", calls_fd.fd_write),
    Row("path_create_directory", "iii", calls_path.path_create_directory),
    Row("path_filestat_get", "iiiii", calls_path.path_filestat_get),
    Row("path_filestat_set_times", "iiiiIIi", calls_path.path_filestat_set_times),
    Row("path_link", "iiiiiii", calls_path.path_link),
    Row("path_open", "iiiiiIIii", calls_path.path_open),
    Row("path_readlink", "iiiiii", calls_path.path_readlink),
    Row("path_remove_directory", "iii", calls_path.path_remove_directory),
    Row("path_rename", "iiiiii", calls_path.path_rename),
    Row("path_symlink", "iiiii", calls_path.path_symlink),
    Row("path_unlink_file", "iii", calls_path.path_unlink_file),
    Row("poll_oneoff", "iiii", calls_process.poll_oneoff),
    Row("proc_exit", "i", calls_process.proc_exit, returns_errno=False),
    Row("proc_raise", "i", calls_process.proc_raise),
    Row("random_get", "ii", calls_process.random_get),
    Row("sched_yield", "", calls_process.sched_yield),
    Row("sock_accept", "iii", calls_process.sock_refuse),
    Row("sock_recv", "iiiiii", calls_process.sock_refuse),
    Row("sock_send", "iiiii", calls_process.sock_refuse),
    Row("sock_shutdown", "ii", calls_process.sock_refuse),
)

_LETTERS = {"i": ValType.i32(), "I": ValType.i64()}


def define_wasi(linker: Linker) -> None:
    """Define all functions in a linker."""
    for row in FUNCTIONS:
        results = [ValType.i32()] if row.returns_errno else []
        functype = FuncType([_LETTERS[letter] for letter in row.params], results)
        linker.define_raw_func(MODULE, row.name, functype, _code(row), access_caller=True)


def _code(row: Row) -> Callable[..., Any]:
    body, name = row.body, row.name
    success = 0 if row.returns_errno else None

    def code(caller: Caller, *raws: int) -> Any:
        world, memory = _surroundings(caller, name)
        try:
            body(world, memory, *raws)
        except WasiError as error:
            return error.number
        except OSError as error:
            return errno_of(error)
        return success

    return code


def _surroundings(caller: Caller, name: str) -> tuple[World, GuestMemory]:
    """Return the world and memory a call works on."""
    world = caller.store.wasi
    if world is None:
        raise UsageError(f"{name}: this store has no WASI world, call set_wasi first")
    memory = caller.get("memory")
    if not isinstance(memory, Memory):
        raise Trap(f"{name}: missing required memory export")
    return world, GuestMemory(memory.buf)
