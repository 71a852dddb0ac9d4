"""Whole programs: commands and reactors, in text and compiled from C, the latter compared with wasmtime."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Engine, ExitTrap, Linker, Module, OutOfFuel, Store, WasiConfig

MakeEngine = Callable[..., Engine]

COMMAND = r"""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  (data (i32.const 0) "\10\00\00\00\06\00\00\00") (data (i32.const 16) "hello\n")
  (func (export "_start")
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
    (if (i32.ne (global.get $runs) (i32.const 1)) (then (call $exit (i32.const 9)))))
  (func (export "exit") (param i32) (call $exit (local.get 0)) unreachable))"""

REACTOR = """(module
  (global $ready (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $ready (i32.add (global.get $ready) (i32.const 1))))
  (func (export "ready") (result i32) (global.get $ready)))"""

C_PROGRAM = r"""
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("arg %d: %s\n", i, argv[i]);
  printf("env: %s %s\n", getenv("NAME"), getenv("MISSING") ? "there" : "missing");
  char line[100];
  while (fgets(line, sizeof line, stdin)) printf("line: %s", line);
  fprintf(stderr, "to stderr %.3f\n", 1.5);

  FILE *f = fopen("/data/new.txt", "w+");
  if (!f) { printf("no file: %d\n", errno == ENOENT || errno == ENOTCAPABLE || errno == EBADF); return 7; }
  fprintf(f, "written %d\nsecond line\n", 42);
  rewind(f);
  while (fgets(line, sizeof line, f)) printf("read: %s", line);
  fseek(f, -5, SEEK_END);
  printf("at %ld: %s", ftell(f), fgets(line, sizeof line, f));
  fclose(f);
  mkdir("/data/dir", 0777);
  rename("/data/new.txt", "/data/dir/moved.txt");
  struct stat info;
  printf("stat %d %lld\n", stat("/data/dir/moved.txt", &info), (long long)info.st_size);
  printf("gone %d\n", access("/data/new.txt", F_OK));
  printf("outside %d\n", fopen("/data/../secret", "r") != NULL);
  char *names[20]; int n = 0;
  DIR *d = opendir("/data");
  for (struct dirent *e; (e = readdir(d)) && n < 20;) names[n++] = strdup(e->d_name);
  closedir(d);
  qsort(names, n, sizeof *names, by_text);
  for (int i = 0; i < n; i++) printf("entry %s\n", names[i]);
  printf("unlink %d rmdir %d\n", unlink("/data/dir/moved.txt"), rmdir("/data/dir"));
  unsigned char r[16] = {0}; int sum = 0;
  getentropy(r, sizeof r);
  for (int i = 0; i < 16; i++) sum += r[i];
  printf("random %d\n", sum > 0);
  return 3;
}
"""


def run_command(package: Any, store: Any, module: Any) -> int:
    """Run a command and return its exit status."""
    linker = package.Linker(store.engine)
    linker.define_wasi()
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except package.ExitTrap as exit_trap:
        return int(exit_trap.code)
    return 0


def test_command_writes_and_exits(make_engine: MakeEngine) -> None:
    engine = make_engine()
    store, module = Store(engine), Module(engine, COMMAND)
    written: list[bytes] = []
    config = WasiConfig()
    config.stdout_custom = written.append  # type: ignore[misc, assignment]
    store.set_wasi(config)
    linker = Linker(engine)
    linker.define_wasi()
    exports = linker.instantiate(store, module).exports(store)
    assert exports["_start"](store) is None and written == [b"hello\n"]
    with pytest.raises(ExitTrap) as caught:
        exports["_start"](store)
    assert caught.value.code == 9
    with pytest.raises(ExitTrap, match="exit status 0"):
        exports["exit"](store, 0)
    store.set_fuel(3)
    with pytest.raises(OutOfFuel):
        exports["_start"](store)


def test_commands_and_reactors_in_a_linker(make_engine: MakeEngine) -> None:
    engine = make_engine()
    store, linker = Store(engine), Linker(engine)
    written: list[bytes] = []
    config = WasiConfig()
    config.stdout_custom = written.append  # type: ignore[misc, assignment]
    store.set_wasi(config)
    linker.define_wasi()
    linker.define_module(store, "command", Module(engine, COMMAND))
    linker.define_module(store, "reactor", Module(engine, REACTOR))
    start = linker.get_default(store, "command")
    start(store)
    start(store)
    assert written == [b"hello\n"] * 2, "a command is new for each call"
    assert linker.get(store, "reactor", "ready")(store) == 1
    assert linker.get_default(store, "reactor")(store) is None


@pytest.fixture(scope="session")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The C program, compiled."""
    pytest.importorskip("ziglang", reason="needs the C compiler of the package ziglang")
    folder = tmp_path_factory.mktemp("c")
    (folder / "program.c").write_text(C_PROGRAM)
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-target",
        "wasm32-wasi",
        "-O1",
        "-s",
        "program.c",
        "-o",
        "program.wasm",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return (folder / "program.wasm").read_bytes()


def run_c(package: Any, engine: Any, program: bytes, folder: Path, granted: bool) -> tuple[int, bytes, bytes]:
    """Run the C program and return its exit status and what it wrote."""
    (folder / "in").write_bytes(b"one\ntwo")
    (folder / "secret").write_bytes(b"")
    (folder / "root").mkdir(exist_ok=True)
    (folder / "root" / "there").write_bytes(b"")
    config = package.WasiConfig()
    config.argv = ["prog", "a b", "\N{SNOWMAN}"]
    config.env = [("NAME", "value"), ("X", "")]
    config.stdin_file = str(folder / "in")
    config.stdout_file, config.stderr_file = str(folder / "out"), str(folder / "err")
    if granted:
        config.preopen_dir(str(folder / "root"), "/data")
    store = package.Store(engine)
    store.set_wasi(config)
    status = run_command(package, store, package.Module(engine, program))
    store.close()
    return status, (folder / "out").read_bytes(), (folder / "err").read_bytes()


@pytest.mark.parametrize("granted", [True, False], ids=["granted", "bare"])
def test_c_program_does_what_it_does_on_wasmtime(
    c_program: bytes, make_engine: MakeEngine, tmp_path: Path, granted: bool
) -> None:
    import pywasmvm

    wasmtime = pytest.importorskip("wasmtime")
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours = run_c(pywasmvm, make_engine(), c_program, tmp_path / "ours", granted)
    theirs = run_c(wasmtime, wasmtime.Engine(), c_program, tmp_path / "theirs", granted)
    assert ours == theirs
    assert ours[0] == (3 if granted else 7) and ours[2] == b"to stderr 1.500\n"
