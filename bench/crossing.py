"""What it costs to cross the boundary: calls from the guest to a host function, and the other way.

Values are nanoseconds a call, loop included. A host function takes an i32 and gives one; so does the guest's.
It is written in Python, or is the C library's `abs` where an engine takes a pointer to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .series import Job, Progress, Series, measure_jobs

__all__ = ["PEERS", "measure_crossing"]

CALLS = 1000
TEXT = """
(module
  (import "env" "next" (func $next (param i32) (result i32)))
  (func (export "same") (param i32) (result i32) (local.get 0))
  (func (export "run") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (call $next (local.get $x)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
"""

# abs(~x) is x + 1.
C_TEXT = TEXT.replace("(call $next (local.get $x))", "(call $next (i32.xor (local.get $x) (i32.const -1)))")

# what prepares one engine: (run(n) in the guest calls the host n times, a call of the guest's function)
Contender = Callable[[], tuple[Callable[[int], int], Callable[[int], int]]]


def _next(x: int) -> int:
    return x + 1


def _like_wasmtime(
    api: Any, settings: dict[str, Any], c_function: Any = None
) -> tuple[Callable[[int], int], Callable[[int], int]]:
    config = api.Config()
    for name, value in settings.items():
        setattr(config, name, value)
    engine = api.Engine(config)
    store, linker = api.Store(engine), api.Linker(engine)
    ty = api.FuncType([api.ValType.i32()], [api.ValType.i32()])
    if c_function is None:
        linker.define_func("env", "next", ty, _next)
    else:
        linker.define_pointer("env", "next", ty, c_function)
    text = TEXT if c_function is None else C_TEXT
    exports = linker.instantiate(store, api.Module(engine, text)).exports(store)
    return partial(exports["run"], store), partial(exports["same"], store)


def _ours(backend: str, c_function: Any = None) -> tuple[Callable[[int], int], Callable[[int], int]]:
    import pywasmvm

    return _like_wasmtime(pywasmvm, {"engine": backend}, c_function)


def _ours_in_c(backend: str) -> tuple[Callable[[int], int], Callable[[int], int]]:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef("int abs(int);")
    return _ours(backend, ffi.dlopen(None).abs)


def _wasmtime() -> tuple[Callable[[int], int], Callable[[int], int]]:
    import wasmtime

    return _like_wasmtime(wasmtime, {})


def _pywasm3() -> tuple[Callable[[int], int], Callable[[int], int]]:
    import wasm3

    import pywasmvm

    environment = wasm3.Environment()
    runtime = environment.new_runtime(1 << 16)
    module = environment.parse_module(bytes(pywasmvm.wat2wasm(TEXT)))
    runtime.load(module)
    module.link_function("env", "next", "i(i)", _next)
    run, same = runtime.find_function("run"), runtime.find_function("same")
    # why: the environment must outlive its functions, so the closure holds it.
    return (lambda n, keep=(environment, module): run(n)), same  # type: ignore[misc]


PEERS: dict[str, Contender] = {"pywasm3": _pywasm3, "wasmtime": _wasmtime}


def _host_calls(contender: Contender) -> Callable[[], object]:
    run = contender()[0]
    if run(CALLS) != CALLS:
        raise RuntimeError(f"wrong answer: {CALLS} calls counted to {run(CALLS)}")
    return partial(run, CALLS)


def _guest_calls(contender: Contender) -> Callable[[], object]:
    _, same = contender()
    func, first = (same.func, same.args) if isinstance(same, partial) else (same, ())
    if same(7) != 7:
        raise RuntimeError(f"wrong answer: same(7) gave {same(7)}")

    def without() -> None:
        for x in range(CALLS):
            func(x)

    def with_store(store: object = first[0] if first else None) -> None:
        for x in range(CALLS):
            func(store, x)

    return with_store if first else without


def measure_crossing(
    backends: list[str], peers: list[str], rounds: int, seconds: float, progress: Progress
) -> list[Series]:
    """Measure both directions for our engines and for those of PEERS that are named."""
    contenders: dict[str, Contender] = {
        f"pywasmvm, {backend}": partial(_ours, backend) for backend in backends
    }
    contenders |= {name: PEERS[name] for name in peers}
    jobs = [
        Job(name, x, label, partial(prepare, contender))
        for name, contender in contenders.items()
        for x, (label, prepare) in enumerate(
            (("guest calls host", _host_calls), ("host calls guest", _guest_calls))
        )
    ]
    jobs += [
        Job(f"pywasmvm, {backend}", 2, "guest calls C", partial(_host_calls, partial(_ours_in_c, backend)))
        for backend in backends
    ]
    return measure_jobs("crossing", "call", jobs, rounds, seconds, progress, scale=1e9 / CALLS, unit="ns")
