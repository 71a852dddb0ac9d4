"""Host functions that are C functions: both engines call them with the same bits, fuel and errors."""

from __future__ import annotations

import gc
import random
import signal
import struct
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from cffi import FFI

from pywasmvm import (
    Config,
    DeadlineExceeded,
    Engine,
    Func,
    FuncType,
    Instance,
    Linker,
    Module,
    OutOfFuel,
    ResourceLimits,
    Store,
    Trap,
    UsageError,
    ValType,
)

Make = Callable[..., Any]

ffi = FFI()
ffi.cdef("""
int abs(int); long long llabs(long long); unsigned int ntohl(unsigned int); int usleep(unsigned int);
void tzset(void); double pow(double, double); double ldexp(double, int);
float fabsf(float); float copysignf(float, float);
int printf(const char *, ...); size_t strlen(const char *);
""")
try:
    lib = ffi.dlopen(None)
    lib.usleep  # noqa: B018 - cffi looks a symbol up on first use
except (OSError, AttributeError):
    pytest.skip("there is no C library of POSIX here", allow_module_level=True)

TYPES = {"i32": ValType.i32(), "i64": ValType.i64(), "f32": ValType.f32(), "f64": ValType.f64()}
C_NAMES = {
    "i32": ("int32_t", "uint32_t"),
    "i64": ("int64_t", "uint64_t"),
    "f32": ("float",),
    "f64": ("double",),
}


def functype(params: str, result: str = "") -> FuncType:
    return FuncType([TYPES[name] for name in params.split()], [TYPES[name] for name in result.split()])


def passing_on(params: str, result: str = "", call: str = "call $h") -> str:
    """Return a module whose `run` gives its parameters to the host function and returns what that gives."""
    signature = f"(param {params}) (result {result})"
    gets = " ".join(f"(local.get {i})" for i in range(len(params.split())))
    return f"""(module (type $t (func {signature})) (import "" "" (func $h (type $t)))
      (table funcref (elem $h)) (elem declare func $h) (export "host" (func $h))
      (func (export "run") (type $t) {gets} {call}))"""


def instantiate(engine: Engine, text: str, ty: FuncType, pointer: Any, keep: Any = None) -> tuple[Store, Any]:
    store = Store(engine)
    func = Func.from_pointer(store, ty, pointer, keep)
    return store, Instance(store, Module(engine, text), [func]).exports(store)


CALLS = {
    "call $h": "call $h",
    "indirect": "(call_indirect (type $t) (i32.const 0))",
    "by reference": "(call_ref $t (ref.func $h))",
    "tail": "return_call $h",
    "tail, indirect": "(return_call_indirect (type $t) (i32.const 0))",
}
LIBRARY = (
    ("abs", "i32", "i32", (-7,), 7),
    ("llabs", "i64", "i64", (-(2**62),), 2**62),
    ("ntohl", "i32", "i32", (0x80,), -(2**31)),
    ("ntohl", "i32", "i32", (-2,), struct.unpack(">i", struct.pack("=i", -2))[0]),
    ("pow", "f64 f64", "f64", (1.5, 2.0), 2.25),
    ("ldexp", "f64 i32", "f64", (1.5, -1), 0.75),
    ("fabsf", "f32", "f32", (-2.5,), 2.5),
    ("tzset", "", "", (), None),
)


@pytest.mark.parametrize("how", CALLS)
@pytest.mark.parametrize(("name", "params", "result", "args", "gives"), LIBRARY)
def test_the_c_library(
    make_engine: Make, how: str, name: str, params: str, result: str, args: Any, gives: Any
) -> None:
    text = passing_on(params, result, CALLS[how])
    store, exports = instantiate(make_engine(), text, functype(params, result), getattr(lib, name))
    assert exports["run"](store, *args) == gives
    assert exports["host"](store, *args) == gives, "called by the embedder"


@pytest.mark.parametrize("bits", [0x7F800001, 0xFFA00001, 0x7FC12345, 0x80000000, 0x00000001])
def test_the_bits_of_floats_pass(make_engine: Make, bits: int) -> None:
    text = passing_on("f32 f32", "f32")
    store, exports = instantiate(make_engine(), text, functype("f32 f32", "f32"), lib.copysignf)
    assert exports["run"].invoke([bits, 0]) == [bits & 0x7FFFFFFF]
    assert exports["run"].invoke([bits, 0x80000000]) == [bits | 0x80000000]
    assert store.fuel_consumed > 0


def test_arguments_of_every_kind_arrive_in_order(make_engine: Make) -> None:
    """Random signatures of up to eight parameters, those that do not fit the registers among them."""
    draw = random.Random(7)
    engine = make_engine()
    shapes = [
        ["i32"] * 8,
        ["i64"] * 8,
        ["f32"] * 8,
        ["f64"] * 8,
        ["i64", "f32"] * 4,
        [],
        ["i64"] * 7 + ["f64"],
    ]
    shapes += [draw.choices(list(TYPES), k=draw.randrange(9)) for _ in range(60)]
    for n, names in enumerate(shapes):
        result = draw.choice([*TYPES, ""])
        values = [draw.randrange(-(2**31), 2**31) / (8 if name[0] == "f" else 1) for name in names]
        values = [
            int(v) if name[0] == "i" else float(v) // 4096 for v, name in zip(values, names, strict=True)
        ]
        gives = {"i": -n - 1, "f": n / 4}[result[0]] if result else None
        seen: list[Any] = []

        def note(*args: Any, seen: list[Any] = seen, gives: Any = gives) -> Any:
            seen.append(list(args))
            return gives

        c_type = (
            f"{C_NAMES[result][0] if result else 'void'}({', '.join(C_NAMES[t][0] for t in names) or 'void'})"
        )
        params = " ".join(names)
        pointer = ffi.callback(c_type, note)
        store, exports = instantiate(engine, passing_on(params, result), functype(params, result), pointer)
        assert exports["run"](store, *values) == gives, c_type
        assert seen == [values], c_type


def test_unsigned_types_of_c_take_every_value(make_engine: Make) -> None:
    seen: list[int] = []

    def note(a: int, b: int) -> int:
        seen.extend((a, b))
        return 2**64 - 2

    pointer = ffi.callback("uint64_t(uint32_t, uint64_t)", note)
    store, exports = instantiate(
        make_engine(), passing_on("i32 i64", "i64"), functype("i32 i64", "i64"), pointer
    )
    assert exports["run"](store, -1, -1) == -2
    assert seen == [2**32 - 1, 2**64 - 1]


WRONG = (
    ("i32", "i32", lib.pow, "the C function is double(*)(double, double), which is not the type"),
    ("i64", "i32", lib.abs, "the C function is int(*)(int), which is not the type"),
    ("i32", "", lib.abs, "the C function is int(*)(int), which is not the type"),
    ("i64", "i64", lib.strlen, "the C function is size_t(*)(char *), which is not the type"),
    ("i64", "i32", lib.printf, "the C function is int(*)(char *, ...), which is not the type"),
    ("i32 " * 9, "i32", lib.abs, "a C function has at most 8 parameters and one result"),
    ("i32", "i32 i32", lib.abs, "a C function has at most 8 parameters and one result"),
    ("i32", "i32", ffi.new("int *"), "expected a pointer to a C function, got int *"),
    ("i32", "i32", ffi.cast("int(*)(int)", 0), "a C function is needed, got a null pointer"),
    ("i32", "i32", 0, "a C function is needed, got a null pointer"),
    ("i32", "i32", abs, "expected a cffi function pointer or an address, got builtin_function_or_method"),
)


@pytest.mark.parametrize(("params", "result", "pointer", "message"), WRONG)
def test_what_does_not_fit_is_refused_in_one_line(
    make_engine: Make, params: str, result: str, pointer: Any, message: str
) -> None:
    engine = make_engine()
    for define in (
        lambda: Func.from_pointer(Store(engine), functype(params, result), pointer),
        lambda: Linker(engine).define_pointer("", "", functype(params, result), pointer),
    ):
        with pytest.raises(UsageError) as caught:
            define()
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)


def test_only_numbers_pass(make_engine: Make) -> None:
    ty = FuncType([ValType.externref()], [])
    with pytest.raises(UsageError, match="i32, i64, f32 and f64 only, not externref"):
        Func.from_pointer(Store(make_engine()), ty, lib.tzset)


def test_an_address_is_taken_at_its_word(make_engine: Make) -> None:
    """A C function that wants a pointer gets a number: an address in a memory whose base it was told."""
    engine = make_engine()
    store = Store(engine)
    strlen = Func.from_pointer(store, functype("i64", "i64"), int(ffi.cast("uintptr_t", lib.strlen)))
    text = """(module (import "" "" (func $strlen (param i64) (result i64))) (memory (export "memory") 1)
      (data (i32.const 100) "seven b\\00")
      (func (export "run") (param $base i64) (result i64)
        (call $strlen (i64.add (local.get $base) (i64.const 100)))))"""
    exports = Instance(store, Module(engine, text), [strlen]).exports(store)
    base = exports["memory"].view(store).ctypes.data
    assert exports["run"](store, base) == 7


class Kept:
    """Something that a weak reference can watch."""


def test_the_function_keeps_what_it_needs(make_engine: Make) -> None:
    engine, kept = make_engine(), Kept()
    watch = weakref.ref(kept)
    pointer = ffi.callback("int(int)", lambda x, _kept=kept: x + 1)
    other = Kept()
    watch_other = weakref.ref(other)
    store, exports = instantiate(engine, passing_on("i32", "i32"), functype("i32", "i32"), pointer, other)
    del pointer, kept, other
    gc.collect()
    assert watch() is not None and watch_other() is not None
    assert exports["run"](store, 41) == 42
    del store, exports
    gc.collect()
    assert watch() is None and watch_other() is None, "and lets it go with the store"


def test_a_linker_defines_it_for_any_store(make_engine: Make) -> None:
    engine = make_engine()
    linker = Linker(engine)
    linker.define_pointer("", "", functype("i32", "i32"), lib.abs)
    module = Module(engine, passing_on("i32", "i32"))
    for _ in range(2):
        store = Store(engine)
        assert linker.instantiate(store, module).exports(store)["run"](store, -3) == 3


LOOP = """(module (import "" "" (func $h (param i32) (result i32)))
  (func (export "run") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $h (local.get $n))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))"""


def test_fuel_is_that_of_any_host_function(make_engine: Make) -> None:
    engine = make_engine(consume_fuel=True)
    module = Module(engine, LOOP)
    used = []
    for make, function in ((Func.from_pointer, lib.abs), (Func, abs)):
        store = Store(engine)
        store.set_fuel(10**9)
        func = make(store, functype("i32", "i32"), function)
        run = Instance(store, module, [func]).exports(store)["run"]
        assert run(store, 1000) == 500_500
        used.append(store.fuel_consumed)
        store.set_fuel(used[0] // 2)
        with pytest.raises(OutOfFuel):
            run(store, 1000)
        used.append(store.get_fuel())
    assert used[:2] == used[2:]


def test_a_trap_after_it_names_the_same_place(make_engine: Make) -> None:
    text = """(module (import "" "" (func $h (param i32) (result i32)))
      (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (call $h (local.get 0))))
      (func (export "run") (param i32) (result i32) (call $inner (local.get 0))))"""
    store, exports = instantiate(make_engine(), text, functype("i32", "i32"), lib.abs)
    with pytest.raises(Trap, match="integer divide by zero") as caught:
        exports["run"](store, 0)
    assert [frame.func_index for frame in caught.value.frames] == [1, 2]


NESTING = """(module
  (import "" "" (func $h (param i32) (result i32)))
  (type $box (struct (field i32)))
  (memory (export "memory") 1 4)
  (func (export "inner") (param $n i32) (result i32) (local $i i32)
    (drop (memory.grow (i32.const 1)))
    (loop $again
      (drop (struct.new $box (local.get $i)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (i32.add (local.get $n) (i32.const 1)))
  (func (export "run") (param $n i32) (result i32) (local $box (ref null $box)) (local $sum i32)
    (local.set $box (struct.new $box (i32.const 1000)))
    (local.set $sum (call $h (local.get $n)))
    (i32.store (i32.const 65536) (local.get $sum))
    (i32.add (i32.load (i32.const 65536)) (struct.get $box 0 (local.get $box)))))"""


def test_c_may_call_guests_of_the_store(
    make_engine: Make, wasm_engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inner guest grows the memory, makes garbage, uses fuel; the outer one finds everything in place."""
    monkeypatch.setenv("PYWASMVM_GC_STRESS", "1")
    used = []
    for name in (wasm_engine, "python"):
        config = Config()
        config.engine = name
        config.consume_fuel = True
        store = Store(Engine(config))
        store.set_fuel(10**6)
        exports: dict[str, Any] = {}
        pointer = ffi.callback("int(int)", lambda n, store=store, exports=exports: exports["inner"](store, n))
        func = Func.from_pointer(store, functype("i32", "i32"), pointer)
        found = Instance(store, Module(store.engine, NESTING), [func]).exports(store)
        exports["inner"] = found["inner"]
        assert found["run"](store, 41) == 1042
        used.append((store.fuel_consumed, store.get_fuel(), found["memory"].size(store)))
    assert used[0] == used[1]


def test_an_error_in_a_callback_stays_there(make_engine: Make) -> None:
    """C cannot pass an exception on: cffi gives the callback's `error` value, and the guest goes on."""
    seen: list[type] = []

    def trapping(n: int) -> int:
        raise Trap("no way through C")

    pointer = ffi.callback("int(int)", trapping, error=-5, onerror=lambda kind, *_: seen.append(kind))
    store, exports = instantiate(make_engine(), passing_on("i32", "i32"), functype("i32", "i32"), pointer)
    assert exports["run"](store, 1) == -5
    assert seen == [Trap]


SLEEPY = """(module (import "" "" (func $sleep (param i32) (result i32)))
  (func (export "run") (param $us i32) (loop $again (drop (call $sleep (local.get $us))) (br $again)))
  (func (export "once") (param $us i32) (drop (call $sleep (local.get $us)))))"""


def test_a_deadline_counts_the_time_in_c(make_engine: Make) -> None:
    engine = make_engine(limits=ResourceLimits(deadline=0.05))
    store, exports = instantiate(engine, SLEEPY, functype("i32", "i32"), lib.usleep)
    for export, microseconds in (("run", 1000), ("once", 100_000)):
        begin = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            exports[export](store, microseconds)
        assert time.monotonic() - begin < 2


def test_a_signal_stops_a_loop_of_c_calls(make_engine: Make) -> None:
    store, exports = instantiate(make_engine(), SLEEPY, functype("i32", "i32"), lib.usleep)

    def stop(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        begin = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            exports["run"](store, 500)
        assert time.monotonic() - begin < 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_run_meanwhile(make_engine: Make) -> None:
    store, exports = instantiate(make_engine(), SLEEPY, functype("i32", "i32"), lib.usleep)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        begin = time.monotonic()
        exports["once"](store, 200_000)
        end = time.monotonic()
    finally:
        done.set()
        thread.join()
    assert sum(begin + 0.01 < at < end - 0.01 for at in ticks) >= 3


def test_a_run_can_stand_still_between_its_calls(make_engine: Make) -> None:
    store, exports = instantiate(make_engine(), LOOP, functype("i32", "i32"), lib.abs)
    run = exports["run"].start(store, 300_000)
    turns = 1
    while not run.advance(seconds=0.001):
        turns += 1
    assert run.result == (300_000 * 300_001 // 2) % 2**32 - 2**32 * (
        (300_000 * 300_001 // 2) % 2**32 >= 2**31
    )
    assert turns > 1
