"""Handlers end in jumps: the native stack does not grow with the guest's work."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

core = pytest.importorskip("pywasmvm._fast.core", reason="the compiled engine is not built")

UNITS = (
    "_generated_flow",
    "_generated_fused_flow",
    "_generated_fused_memory",
    "_generated_fused_value",
    "_generated_move",
    "_generated_integer",
    "_generated_compare",
    "_generated_float",
    "_generated_memory",
    "_generated_objects",
    "_generated_vector",
    "bulk",
    "control",
    "moves",
    "objects",
    "pointers",
    "throwing",
)
# These stop the machine or only help those that do.
STOPPING = re.compile(r"stop_|leave$|to_host$|to_translator$|slow$")


def handler_names(unit: str) -> set[str]:
    """Return the names of a unit's handlers."""
    from importlib import import_module

    return set(import_module(f"pywasmvm._fast.{unit}").handlers()) - {"restoring"}


def disassemble(unit: str) -> dict[str, list[str]]:
    """Return the machine instructions of each C function of a unit by its symbol."""
    objdump = shutil.which("objdump")
    if objdump is None:
        pytest.skip("objdump is not installed")
    library = next(Path(core.__file__).parent.glob(f"{unit}.*so"))
    done = subprocess.run(
        [objdump, "-d", "--no-show-raw-insn", str(library)], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        start = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if start:
            current = found.setdefault(start[1], [])
        elif "\t" in line:
            current.append(line.partition("\t")[2].strip())
    return found


def calls_through_a_pointer(text: list[str]) -> bool:
    """Tell whether a function calls what is no symbol and not, like `ceil`, from another library."""
    from_table = {found[1] for line in text if (found := re.match(r"mov\s+0x\w+\(%rip\),(%\w+)", line))}
    called = [found[1] for line in text if (found := re.match(r"call\s+\*(\S+)", line))]
    return any("rip" not in place and place not in from_table for place in called)


def test_the_check_sees_calls_of_handlers() -> None:
    jump = "jmp    *(%rdi)"
    assert calls_through_a_pointer(["add    $0x20,%rdi", "call   *(%rdi)", jump])
    assert calls_through_a_pointer(["mov    (%rdi),%rbx", "call   *%rbx", jump])
    assert not calls_through_a_pointer(
        ["mov    0x2a5(%rip),%rbx        # 5 <ceil@GLIBC>", "call   *%rbx", jump]
    )
    assert not calls_through_a_pointer(
        ["call   *0x2a5(%rip)        # 5 <ceil@GLIBC>", "call   1030 <memcpy@plt>", jump]
    )


@pytest.mark.parametrize("unit", UNITS)
def test_every_handler_ends_in_a_jump_and_saves_nothing(unit: str) -> None:
    code = disassemble(unit)
    checked, bad = 0, []
    for name in handler_names(unit):
        symbol = next((s for s in code if re.search(rf"\d{unit}_{name}(\.\w+)*$", s)), None)
        if symbol is None or STOPPING.match(name):
            continue
        checked += 1
        text = code[symbol]
        # A jump through a register or memory; a call through one would come back here.
        if not any(re.match(r"jmp\s+\*", line) for line in text):
            bad.append(f"{name}: no indirect jump")
        if calls_through_a_pointer(text):
            bad.append(f"{name}: calls the next handler")
    if not checked:
        pytest.skip("the library has no local symbols")
    assert not bad, bad


WORK = """
(module
  (func $step (param i64 i64) (result i64)
    local.get 0 local.get 1 i64.add i64.const 3 i64.rotl)
  (func (export "run") (param $n i64) (result i64) (local $x i64) (local $y f64)
    loop $again
      local.get $x local.get $n call $step local.set $x
      local.get $y f64.const 1.5 f64.add local.set $y
      local.get $n i64.const 1 i64.sub local.tee $n i64.const 0 i64.ne
      br_if $again
    end
    local.get $x local.get $y i64.trunc_sat_f64_u i64.xor))
"""


def test_a_billion_instructions_fit_a_small_stack() -> None:
    """A stack of 256 KiB is gone after a few thousand frames if one handler calls instead of jumping."""
    from pywasmvm import Config, Engine, Instance, Module, Store

    config = Config()
    config.engine = "cython"
    engine = Engine(config)
    store = Store(engine)
    run = Instance(store, Module(engine, WORK), []).exports(store)["run"]
    seen: list[int] = []

    def work() -> None:
        run(store, 55_000_000)
        seen.append(store.fuel_consumed)

    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(timeout=120)
    assert seen and seen[0] > 1_000_000_000


def test_generated_handlers_are_fresh(project_root: Path) -> None:
    """What stands in the checkout is what the table gives."""
    import sys

    script = project_root / "pywasmvm" / "_fast" / "generate_handlers.py"
    done = subprocess.run(
        [sys.executable, "-I", str(script), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
