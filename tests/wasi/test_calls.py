"""Each call without files: what it answers, and what it says to wrong arguments."""

from __future__ import annotations

import inspect
import io
import struct
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import (
    ExitTrap,
    Func,
    FuncType,
    Linker,
    LinkError,
    Module,
    Store,
    Trap,
    UsageError,
    ValType,
    WasiConfig,
)
from pywasmvm.wasi.abi import EVENT, Errno
from pywasmvm.wasi.functions import FUNCTIONS

BADF, FAULT, INVAL, NOTSUP, SPIPE = 8, 21, 28, 58, 70
END = 4 * 65536


def test_rows_are_unique_and_fit_their_bodies() -> None:
    assert len({row.name for row in FUNCTIONS}) == len(FUNCTIONS) == 46
    for row in FUNCTIONS:
        signature = inspect.signature(row.body)
        signature.bind("world", "memory", *row.params)


def test_rows_agree_with_wasmtime(guest_module: str) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    linker.instantiate(store, wasmtime.Module(engine, guest_module))


def test_arguments_and_environment(make_guest: Any) -> None:
    guest = make_guest(argv=["prog", "", "ü x"], env=[("A", "1"), ("EMPTY", "")])
    for kind, strings in (("args", [b"prog", b"", "ü x".encode()]), ("environ", [b"A=1", b"EMPTY="])):
        count, size = guest.room(4), guest.room(4)
        assert getattr(guest, f"{kind}_sizes_get")(count, size) == 0
        assert guest.u32(count) == len(strings) and guest.u32(size) == sum(len(s) + 1 for s in strings)
        pointers, text = guest.room(4 * len(strings)), guest.room(guest.u32(size))
        assert getattr(guest, f"{kind}_get")(pointers, text) == 0
        assert guest.get(text, guest.u32(size)) == b"".join(s + b"\0" for s in strings)
        starts = [guest.u32(pointers + 4 * i) - text for i in range(len(strings))]
        assert starts == [sum(len(s) + 1 for s in strings[:i]) for i in range(len(strings))]


def test_nothing_is_granted_by_default(make_guest: Any, capfd: pytest.CaptureFixture[str]) -> None:
    guest = make_guest()
    count, size = guest.room(4), guest.room(4)
    assert guest.environ_sizes_get(count, size) == 0 and guest.u32(count) == guest.u32(size) == 0
    assert guest.read(0, 10) == b""
    assert guest.write(1, b"dropped") == 7
    assert guest.fd_prestat_get(3, guest.room(8)) == BADF
    assert guest.open(3, "x") == -BADF
    assert capfd.readouterr().out == ""


def test_clocks_come_from_the_embedder(make_guest: Any) -> None:
    guest = make_guest(realtime_ns=lambda: 1_600_000_000_000_000_007, monotonic_ns=lambda: 99)
    result = guest.room(8)
    assert guest.clock_time_get(0, 1000, result) == 0 and guest.u64(result) == 1_600_000_000_000_000_007
    assert guest.clock_time_get(1, 0, result) == 0 and guest.u64(result) == 99
    assert guest.clock_res_get(0, result) == 0 and guest.u64(result) == 1
    assert guest.clock_time_get(9, 0, result) == INVAL == guest.clock_res_get(9, result)
    assert guest.clock_time_get(0, 0, END - 4) == FAULT


def test_randomness_comes_from_the_embedder(make_guest: Any) -> None:
    guest = make_guest(random_bytes=lambda n: bytes(range(n)))
    addr = guest.room(6)
    assert guest.random_get(addr, 5) == 0 and guest.get(addr, 6) == b"\0\1\2\3\4\xee"
    assert guest.random_get(addr, 0) == 0
    assert guest.random_get(END - 1, 2) == FAULT
    real = make_guest()
    addr = real.room(64)
    assert real.random_get(addr, 64) == 0 and real.get(addr, 64) != b"\xee" * 64


def test_streams(make_guest: Any) -> None:
    out: list[bytes] = []
    err: list[bytes] = []
    guest = make_guest(stdin_bytes=b"line one\n2", stdout_custom=out.append, stderr_custom=err.append)
    result = guest.room(4)
    vectors = guest.iovs(guest.put(b"he"), guest.put(b""), guest.put(b"llo\n"))
    assert guest.fd_write(1, *vectors, result) == 0 and guest.u32(result) == 6
    assert guest.write(2, b"oops") == 4
    assert out == [b"hello\n"] and err == [b"oops"]
    assert guest.read(0, 4) == b"line" and guest.read(0, 100) == b" one\n2" and guest.read(0, 5) == b""
    assert guest.write(0, b"x") == -BADF and guest.write(7, b"x") == -BADF
    addr = guest.room(4)
    assert guest.fd_read(1, *guest.iovs((addr, 4)), result) == BADF
    assert guest.fd_seek(1, 0, 0, guest.room(8)) == SPIPE == guest.fd_tell(0, guest.room(8))
    assert guest.fd_seek(1, 0, 3, guest.room(8)) == INVAL


def test_reads_are_spread_over_the_buffers(make_guest: Any) -> None:
    guest = make_guest(stdin_bytes=b"abcdef")
    first, second, result = guest.room(2), guest.room(9), guest.room(4)
    assert guest.fd_read(0, *guest.iovs((first, 2), (second, 9)), result) == 0
    assert (
        guest.u32(result) == 6
        and guest.get(first, 2) == b"ab"
        and guest.get(second, 9) == b"cdef" + b"\xee" * 5
    )


def test_custom_output_may_take_less(make_guest: Any) -> None:
    guest = make_guest(stdout_custom=lambda data: 2, stderr_custom=lambda data: -5)
    assert guest.write(1, b"abc") == 2
    assert guest.write(2, b"abc") == -Errno.IO


def test_exception_of_a_custom_output_passes_through(make_guest: Any) -> None:
    def fail(data: bytes) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        make_guest(stdout_custom=fail).write(1, b"x")


def test_bad_addresses_are_faults(make_guest: Any) -> None:
    seen: list[bytes] = []
    guest = make_guest(stdout_custom=seen.append, argv=["a"])
    result = guest.room(4)
    assert guest.fd_write(1, *guest.iovs((END - 1, 2)), result) == FAULT
    assert guest.fd_write(1, END - 4, 1, result) == FAULT
    assert guest.fd_write(1, 0, 0xFFFFFFFF, result) == FAULT
    assert seen == []
    assert guest.args_sizes_get(END - 2, result) == FAULT == guest.args_get(result, END)
    assert guest.environ_sizes_get(0xFFFFFFFF, 0) == FAULT


def test_kinds_of_the_standard_streams(make_guest: Any) -> None:
    guest = make_guest()
    for fd, rights in ((0, 2), (1, 64), (2, 64)):
        stat = guest.room(24)
        assert guest.fd_fdstat_get(fd, stat) == 0
        assert struct.unpack("<BxHxxxxQQ", guest.get(stat, 24)) == (2, 0, rights, 0)
        info = guest.room(64)
        assert guest.fd_filestat_get(fd, info) == 0 and guest.get(info + 16, 1) == b"\2"
    assert guest.fd_fdstat_get(3, guest.room(24)) == BADF
    assert guest.fd_fdstat_set_flags(1, 4) == NOTSUP
    assert guest.fd_fdstat_set_rights(1, 64 | 2, 0) == 76 and guest.fd_fdstat_set_rights(1, 0, 0) == 0


def test_close_and_renumber(make_guest: Any) -> None:
    out: list[bytes] = []
    guest = make_guest(stdout_custom=out.append)
    assert guest.fd_renumber(1, 2) == 0 and guest.write(1, b"x") == -BADF and guest.write(2, b"y") == 1
    assert guest.fd_close(2) == 0 and guest.fd_close(2) == BADF and guest.fd_renumber(5, 0) == BADF
    assert out == [b"y"]


def test_exit_reaches_the_embedder(make_guest: Any) -> None:
    guest = make_guest()
    for code in (0, 3, 255):
        with pytest.raises(ExitTrap) as caught:
            guest.proc_exit(code)
        assert caught.value.code == code and str(code) in str(caught.value)


def test_calls_that_are_refused(make_guest: Any) -> None:
    guest = make_guest()
    assert guest.sched_yield() == 0
    assert guest.proc_raise(9) == NOTSUP
    assert guest.sock_shutdown(0, 0) == 57 and guest.sock_accept(9, 0, 0) == BADF


def subscription(userdata: int, tag: int, which: int, timeout: int = 0, flags: int = 0) -> bytes:
    return struct.pack("<QBxxxxxxxIxxxxQQHxxxxxx", userdata, tag, which, timeout, 0, flags)


def poll(guest: Any, *subscriptions: bytes) -> list[tuple[int, int, int]]:
    """Return (userdata, errno, tag) of what happened."""
    target, result = guest.room(32 * len(subscriptions)), guest.room(4)
    source, _ = guest.put(b"".join(subscriptions))
    assert guest.poll_oneoff(source, target, len(subscriptions), result) == 0
    events = EVENT.iter_unpack(guest.get(target, 32 * guest.u32(result)))
    return [event[:3] for event in events]


def test_poll_sleeps_until_the_first_clock(make_guest: Any) -> None:
    slept: list[int] = []
    guest = make_guest(sleep_ns=slept.append, monotonic_ns=lambda: 1000, realtime_ns=lambda: 5000)
    assert poll(guest, subscription(1, 0, 1, 500), subscription(2, 0, 1, 200)) == [(2, 0, 0)]
    assert poll(guest, subscription(1, 0, 1, 1300, 1), subscription(2, 0, 0, 5300, 1)) == [
        (1, 0, 0),
        (2, 0, 0),
    ]
    assert poll(guest, subscription(1, 0, 1, 900, 1)) == [(1, 0, 0)]
    assert slept == [200, 300]
    assert poll(guest, subscription(1, 0, 7, 1)) == [(1, INVAL, 0)]


def test_poll_of_streams_does_not_wait(make_guest: Any) -> None:
    slept: list[int] = []
    guest = make_guest(sleep_ns=slept.append)
    assert poll(guest, subscription(1, 0, 1, 10**9), subscription(2, 1, 0), subscription(3, 2, 9)) == [
        (2, 0, 1),
        (3, BADF, 2),
    ]
    assert slept == []
    assert guest.poll_oneoff(0, 0, 0, guest.room(4)) == INVAL


def test_files_for_the_streams(make_guest: Any, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from a file")
    guest = make_guest(stdin_file=tmp_path / "in", stdout_file=str(tmp_path / "out"))
    assert guest.read(0, 100) == b"from a file"
    assert guest.write(1, b"to a file") == 9
    assert (tmp_path / "out").read_bytes() == b"to a file"
    with pytest.raises(UsageError, match="failed to set stdin_file"):
        WasiConfig().stdin_file = tmp_path / "missing"  # type: ignore[misc]


def test_inherited_streams(make_guest: Any, capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    config = WasiConfig()
    config.inherit_stdout()
    config.inherit_stderr()
    config.inherit_stdin()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"typed")))
    guest = type(make_guest())(config)
    guest.write(1, "ü out\n".encode())
    guest.write(2, b"err\n")
    assert guest.read(0, 9) == b"typed"
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("ü out\n", "err\n")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("argv", ["a\0b"], "NUL"),
        ("argv", [1], "expected str, got int"),
        ("env", [("A=B", "1")], "no name of a variable"),
    ],
)
def test_wrong_settings_are_usage_errors(name: str, value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        setattr(WasiConfig(), name, value)


def test_guest_without_memory_or_world_is_told_so() -> None:
    store = Store()
    linker = Linker(store.engine)
    linker.define_wasi()
    yielding = '(func (export "f") (import "wasi_snapshot_preview1" "sched_yield") (result i32))'
    func = linker.instantiate(store, Module(store.engine, f"(module {yielding})")).exports(store)["f"]
    with pytest.raises(UsageError, match="sched_yield: this store has no WASI world"):
        func(store)
    store.set_wasi(WasiConfig())
    with pytest.raises(Trap, match="missing required memory export"):
        func(store)


def test_one_config_may_serve_several_stores() -> None:
    config = WasiConfig()
    config.stdin_bytes = b"abc"  # type: ignore[misc]
    for _ in range(2):
        store = Store()
        store.set_wasi(config)
        assert store.wasi.fd(0).read(2) == b"ab"


def test_module_with_a_wrong_signature_does_not_link() -> None:
    store = Store()
    linker = Linker(store.engine)
    linker.define_wasi()
    text = '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))))'
    with pytest.raises(LinkError, match="wasi_snapshot_preview1.proc_exit is func"):
        linker.instantiate(store, Module(store.engine, text))
    with pytest.raises(UsageError, match="defined twice"):
        linker.define_wasi()
    linker.allow_shadowing = True
    linker.define_func("wasi_snapshot_preview1", "proc_exit", FuncType([ValType.i64()], []), lambda x: None)
    linker.instantiate(store, Module(store.engine, text))
    assert isinstance(linker.get(store, "wasi_snapshot_preview1", "fd_read"), Func)
