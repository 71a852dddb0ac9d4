"""Scripts written for the wasmtime package run unchanged but for the import, and print the same.

The text of each script runs once with `import wasmtime` and once with `import pywasmvm as wasmtime`.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

HELLO = """
from wasmtime import Engine, Store, Module, Instance, Func, FuncType, ValType

store = Store()
module = Module(store.engine, '''
  (module
    (func $hello (import "" "hello"))
    (func (export "run") (call $hello)))''')

def say_hello():
    print("Hello from Python!")

hello = Func(store, FuncType([], []), say_hello)
instance = Instance(store, module, [hello])
run = instance.exports(store)["run"]
print(run(store))
"""

MEMORY = """
from wasmtime import Store, Module, Instance, Memory, MemoryType, Limits

store = Store()
wat = '''
  (module
    (memory (export "memory") 2 3)
    (func (export "size") (result i32) (memory.size))
    (func (export "load") (param i32) (result i32) (i32.load8_s (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (data (i32.const 0x1000) "\\\\01\\\\02\\\\03\\\\04"))'''
module = Module(store.engine, wat)
exports = Instance(store, module, []).exports(store)
memory, size, load, put = exports["memory"], exports["size"], exports["load"], exports["store"]
print(memory.size(store), memory.data_len(store), size(store), load(store, 0), load(store, 0x1003))
memory.data_ptr(store)[0x1003] = 5
put(store, 0x1002, 6)
print(memory.read(store, 0x1000, 0x1004), memory.read(store, -2), load(store, 0x1003))
print(memory.write(store, b"hello", -5), memory.read(store, -5))
print(memory.write(store, bytearray(b"xy"), 7))
print(bytes(memory.get_buffer_ptr(store, 2, 7)))
print(memory.grow(store, 1), memory.size(store))
for start in (3 * 65536, 3 * 65536 - 1):
    try:
        memory.write(store, b"too long", start)
    except IndexError as e:
        print(type(e).__name__, e)
t = memory.type(store)
print(t.limits.min, t.limits.max, t.limits == Limits(2, 3), t.is_64, t.is_shared, t.page_size)
own = Memory(store, MemoryType(Limits(5, 5)))
print(own.size(store), own.type(store).limits.max)
"""

LINKING = """
from wasmtime import Engine, Linker, Store, Module, FuncType, ValType, Global, GlobalType, Val

engine = Engine()
linker = Linker(engine)
store = Store(engine)
second = Module(engine, '''(module
  (memory (export "memory") 1) (data (i32.const 0) "abc")
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))''')
first = Module(engine, '''(module
  (import "second" "double" (func $double (param i32) (result i32)))
  (import "second" "memory" (memory 1))
  (import "host" "add" (func $add (param i32 i64 f32 f64) (result f64)))
  (import "host" "global" (global $g (mut i64)))
  (func (export "run") (result i32) (call $double (i32.load8_u (i32.const 1))))
  (func (export "sum") (result f64) (global.set $g (i64.add (global.get $g) (i64.const 1)))
    (call $add (i32.const -1) (global.get $g) (f32.const 0.5) (f64.const 0.25))))''')
linker.define_instance(store, "second", linker.instantiate(store, second))
linker.define_func("host", "add", FuncType([ValType.i32(), ValType.i64(), ValType.f32(), ValType.f64()],
                   [ValType.f64()]), lambda a, b, c, d: float(a + b + c + d))
g = Global(store, GlobalType(ValType.i64(), True), Val.i64(-2))
linker.define(store, "host", "global", g)
exports = linker.instantiate(store, first).exports(store)
print(exports["run"](store), exports["sum"](store), g.value(store))
g.set_value(store, 41)
print(exports["sum"](store), g.value(store), g.type(store).content, g.type(store).mutable)
print(linker.get(store, "second", "double")(store, -4))
print([(i.module, i.name, type(i.type).__name__) for i in first.imports])
print([(e.name, type(e.type).__name__) for e in first.exports])
print(first.exports[0].type.results, second.exports[1].type.params)
again = Linker(engine)
try:
    again.instantiate(store, first)
except Exception as e:
    print("unknown import" in str(e))
linker.allow_shadowing = True
linker.define_func("host", "add", FuncType([], []), lambda: None)
pre = Linker(engine).instantiate_pre(second)
print(pre.instantiate(store).exports(store)["double"](store, 21))
"""

VALUES = """
from wasmtime import Store, Module, Instance, Func, FuncType, ValType, Table, TableType, Limits, Val

store = Store()
module = Module(store.engine, '''(module
  (table (export "t") 2 10 funcref)
  (elem (i32.const 0) $two)
  (func $two (export "two") (result i32 i64) (i32.const -1) (i64.const 0x8000000000000000))
  (func (export "f32") (param f32) (result f32) (f32.add (local.get 0) (f32.const 1)))
  (func (export "ext") (param externref) (result externref) (local.get 0))
  (func (export "call") (param funcref) (result i32 i64)
    (table.set (i32.const 1) (local.get 0)) (call_indirect (type $sig) (i32.const 1)))
  (type $sig (func (result i32 i64))))''')
exports = Instance(store, module, []).exports(store)
print(exports["two"](store), exports["f32"](store, 0.1))
print(exports["ext"](store, {"a": 1}), exports["ext"](store, None))
print(exports["call"](store, exports["two"]))
host = Func(store, FuncType([], [ValType.i32(), ValType.i64()]), lambda: [7, 8])
print(exports["call"](store, host), type(exports["t"].get(store, 1)).__name__)
table = exports["t"]
print(table.size(store), table.grow(store, 3, None), table.size(store), table.get(store, 99))
table.set(store, 2, host)
print(table.get(store, 2)(store), table.type(store).element, table.type(store).limits.max)
own = Table(store, TableType(ValType.externref(), Limits(2, None)), "init")
print(own.get(store, 0), own.get(store, 1), own.type(store).limits.max)
for bad in ((), (1, 2), ("x",)):
    try:
        exports["f32"](store, *bad)
    except Exception as e:
        print(str(e).split(":")[0])
print(Val.i32(-1).value, Val.f64(1.5).as_f64(), Val.i64(3) == Val.i64(3), host.type(store).results)
"""

FUEL_AND_TRAPS = """
from wasmtime import Config, Engine, Store, Module, Instance, Trap, Func, FuncType

config = Config()
config.consume_fuel = True
config.cranelift_opt_level = "speed"
config.wasm_multi_memory = True
engine = Engine(config)
store = Store(engine)
store.set_fuel(10000)
module = Module(engine, '''(module $named
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $deep unreachable)
  (func (export "trap") (call $deep))
  (func (export "oob") (result i32) (i32.load (i32.const 65536)))
  (memory 1))''')
exports = Instance(store, module, []).exports(store)
print(exports["fib"](store, 10), store.get_fuel())
store.set_fuel(500)
try:
    exports["trap"](store)
except Trap as t:
    print([f.func_index for f in t.frames], t.frames[0].func_name, "unreachable" in t.message)
try:
    exports["oob"](store)
except Trap as t:
    print("out of bounds memory access" in str(t))
class Mine(Exception):
    pass
def fail():
    raise Mine("passed through")
try:
    Func(store, FuncType([], []), fail)(store)
except Mine as e:
    print(e)
with open("module.wat", "w") as file:
    file.write("(module (func (export \\"one\\") (result i32) (i32.const 1)))")
module = Module.from_file(engine, "module.wat")
print(Instance(store, module, []).exports(store)["one"](store))
copy = Module.deserialize(engine, module.serialize())
print([e.name for e in copy.exports])
Module.validate(engine, b"\\0asm\\1\\0\\0\\0")
try:
    Module(engine, b"\\0asm\\2\\0\\0\\0")
except Exception as e:
    print("refused")
"""

CALLER = """
from wasmtime import Store, Module, Instance, Func, FuncType, ValType

store = Store()
module = Module(store.engine, '''(module
  (import "" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "text of the guest")
  (func (export "run") (call $print (i32.const 16) (i32.const 17))))''')

def show(caller, addr, size):
    memory = caller["memory"]
    print(bytes(memory.read(caller, addr, addr + size)), caller.get("missing"))
    try:
        caller["missing"]
    except KeyError as e:
        print("KeyError")

func = Func(store, FuncType([ValType.i32(), ValType.i32()], []), show, access_caller=True)
Instance(store, module, [func]).exports(store)["run"](store)
"""

WASI = """
from wasmtime import Engine, Linker, Module, Store, WasiConfig, ExitTrap

engine = Engine()
linker = Linker(engine)
linker.define_wasi()
module = Module(engine, '''(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\\\10\\\\00\\\\00\\\\00\\\\06\\\\00\\\\00\\\\00") (data (i32.const 16) "hello\\\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)))
    (drop (call $args (i32.const 44) (i32.const 48)))
    (call $exit (i32.add (i32.load (i32.const 44)) (i32.load (i32.const 48))))))''')
store = Store(engine)
wasi = WasiConfig()
wasi.argv = ["prog", "x"]
wasi.env = [("A", "1")]
wasi.stdout_file = "out.txt"
store.set_wasi(wasi)
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except ExitTrap as e:
    print("exit", e.code)
del store
print(open("out.txt").read())
"""

SCRIPTS = {
    "hello": HELLO,
    "memory": MEMORY,
    "linking": LINKING,
    "values": VALUES,
    "fuel_and_traps": FUEL_AND_TRAPS,
    "caller": CALLER,
    "wasi": WASI,
}


def printed(script: str) -> str:
    """Run a script and return what it printed."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    return output.getvalue()


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_script_prints_the_same(
    name: str, wasm_engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wasmtime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYWASMVM_ENGINE", wasm_engine)
    script = SCRIPTS[name]
    ours = re.sub(r"^from wasmtime import", "from pywasmvm import", script, flags=re.MULTILINE)
    assert ours != script
    expected = printed(script)
    assert len(expected.splitlines()) >= 2
    assert printed(ours) == expected
