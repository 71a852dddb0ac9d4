"""The table of WASI preview1 functions a Proxy-Wasm host offers (reference: cpp-host, registered under two
module names).

Most rows need no code: `fixed` is the errno they always answer; with `stdio` that errno is for file 1 and 2
and any
other file is a bad one; `zeroes` are outputs set to zero first (name, bytes). Rows without `fixed` have a
body of
that name in ../calls/wasi.py. `log` writes an error line, as the reference host does for calls it cannot
honour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .enums import Errno
from .model import Importable, Param

__all__ = ["MODULES", "WASI_CALLS", "WasiCall"]

MODULES = ("wasi_snapshot_preview1", "wasi_unstable")


@dataclass(frozen=True)
class WasiCall(Importable):
    """One WASI function. `anytime`: allowed while the VM initializes. `allocator`: also inside the
    allocator.
    """

    name: str
    text: str
    lets: str
    fixed: int | None = None
    stdio: bool = False
    zeroes: tuple[tuple[str, int], ...] = ()
    log: bool = False
    anytime: bool = True
    in_allocator: bool = False
    no_result: bool = False
    params: tuple[Param, ...] = field(init=False)


_NO = "nothing: there is no file system"
_NET = "nothing: there are no sockets"
_OK, _SYS, _SUP = int(Errno.SUCCESS), int(Errno.NOSYS), int(Errno.NOTSUP)

WASI_CALLS: tuple[WasiCall, ...] = (
    WasiCall(
        "fd_write", "fd:u32 iovs:ptr iovs_len:u32 nwritten:ptr", "write to the proxy's log", in_allocator=True
    ),
    WasiCall("fd_pwrite", "fd:u32 iovs:ptr iovs_len:u32 offset:i64 nwritten:ptr", "write to the proxy's log"),
    WasiCall("environ_sizes_get", "count:ptr size:ptr", "read the environment it is given"),
    WasiCall("environ_get", "environ:ptr buf:ptr", "read the environment it is given"),
    WasiCall(
        "args_sizes_get",
        "argc:ptr size:ptr",
        "nothing: there are no arguments",
        _OK,
        zeroes=(("argc", 4), ("size", 4)),
    ),
    WasiCall("args_get", "argv:ptr buf:ptr", "nothing: there are no arguments", _OK),
    WasiCall("clock_time_get", "id:u32 precision:i64 time:ptr", "read the clock", in_allocator=True),
    WasiCall("clock_res_get", "id:u32 resolution:ptr", "read the clock's resolution"),
    WasiCall("random_get", "buf:ptr len:u32", "draw random bytes"),
    WasiCall("proc_exit", "code:u32", "nothing: the call returns", anytime=False, no_result=True),
    WasiCall("sched_yield", "", "nothing", _OK, anytime=False),
    WasiCall(
        "poll_oneoff",
        "in:ptr out:ptr nsubscriptions:u32 nevents:ptr",
        "nothing: returns at once",
        _OK,
        zeroes=(("nevents", 4),),
        in_allocator=True,
    ),
    WasiCall("fd_fdstat_get", "fd:u32 stat:ptr", "ask about its log files"),
    WasiCall("fd_fdstat_set_flags", "fd:u32 flags:u32", "nothing", _SYS),
    WasiCall("fd_fdstat_set_rights", "fd:u32 base:i64 inheriting:i64", "nothing", _OK, stdio=True),
    WasiCall("fd_advise", "fd:u32 offset:i64 len:i64 advice:u32", "nothing", _OK),
    WasiCall("fd_allocate", "fd:u32 offset:i64 len:i64", "nothing", _OK, stdio=True),
    WasiCall("fd_datasync", "fd:u32", "nothing", _OK, stdio=True),
    WasiCall("fd_sync", "fd:u32", "nothing", _OK, stdio=True),
    WasiCall("fd_filestat_set_size", "fd:u32 size:i64", "nothing", _OK, stdio=True),
    WasiCall("fd_filestat_set_times", "fd:u32 atim:i64 mtim:i64 flags:u32", "nothing", _OK, stdio=True),
    WasiCall("fd_tell", "fd:u32 offset:ptr", "nothing", _OK, stdio=True, zeroes=(("offset", 8),)),
    WasiCall("fd_seek", "fd:u32 offset:i64 whence:u32 newoffset:ptr", _NO, _OK, log=True, anytime=False),
    WasiCall("fd_close", "fd:u32", _NO, _OK, log=True, anytime=False),
    WasiCall("fd_read", "fd:u32 iovs:ptr iovs_len:u32 nread:ptr", _NO, _SYS, anytime=False),
    WasiCall("fd_pread", "fd:u32 iovs:ptr iovs_len:u32 offset:i64 nread:ptr", _NO, _SYS),
    WasiCall(
        "fd_readdir",
        "fd:u32 buf:ptr len:u32 cookie:i64 used:ptr",
        _NO,
        int(Errno.NOTDIR),
        zeroes=(("used", 4),),
    ),
    WasiCall("fd_renumber", "from:u32 to:u32", _NO),
    WasiCall("fd_prestat_get", "fd:u32 prestat:ptr", _NO, int(Errno.BADF)),
    WasiCall("fd_prestat_dir_name", "fd:u32 path:ptr path_len:u32", _NO, _SYS),
    WasiCall("fd_filestat_get", "fd:u32 stat:ptr", _NO, int(Errno.BADF)),
    WasiCall(
        "path_open",
        "fd:u32 dirflags:u32 path:ptr path_len:u32 oflags:u32 rights:i64 inheriting:i64 "
        "fdflags:u32 opened:ptr",
        _NO,
        int(Errno.NOENT),
        anytime=False,
    ),
    WasiCall("path_filestat_get", "fd:u32 flags:u32 path:ptr path_len:u32 stat:ptr", _NO, _SUP),
    WasiCall(
        "path_filestat_set_times",
        "fd:u32 flags:u32 path:ptr path_len:u32 atim:i64 mtim:i64 fst:u32",
        _NO,
        _SUP,
    ),
    WasiCall("path_create_directory", "fd:u32 path:ptr path_len:u32", _NO, _SUP),
    WasiCall("path_remove_directory", "fd:u32 path:ptr path_len:u32", _NO, _SUP),
    WasiCall("path_unlink_file", "fd:u32 path:ptr path_len:u32", _NO, _SUP),
    WasiCall("path_rename", "fd:u32 old:ptr old_len:u32 newfd:u32 new:ptr new_len:u32", _NO, _SUP),
    # why: six and four parameters instead of the standard's seven and five, as the reference host
    # registers them;
    # a profile may offer the standard ones (profile.standard_wasi_links).
    WasiCall("path_link", "fd:u32 flags:u32 old:ptr old_len:u32 newfd:u32 new:ptr", _NO, _SUP),
    WasiCall("path_symlink", "old:ptr old_len:u32 fd:u32 new:ptr", _NO, _SUP),
    WasiCall(
        "path_readlink",
        "fd:u32 path:ptr path_len:u32 buf:ptr buf_len:u32 used:ptr",
        _NO,
        _SUP,
        zeroes=(("used", 4),),
    ),
    WasiCall("sock_accept", "fd:u32 flags:u32 accepted:ptr", _NET, _SUP, zeroes=(("accepted", 8),)),
    WasiCall(
        "sock_recv",
        "fd:u32 iovs:ptr iovs_len:u32 flags:u32 nread:ptr roflags:ptr",
        _NET,
        _SUP,
        zeroes=(("nread", 4), ("roflags", 4)),
    ),
    WasiCall(
        "sock_send",
        "fd:u32 iovs:ptr iovs_len:u32 flags:u32 nwritten:ptr",
        _NET,
        _SUP,
        zeroes=(("nwritten", 4),),
    ),
    WasiCall("sock_shutdown", "fd:u32 how:u32", _NET, _SUP),
)
