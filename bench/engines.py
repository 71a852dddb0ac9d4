"""The engines that take part: a table of adapters, one small class each.

An adapter turns a module's bytes into a Python callable `run(n) -> int` (an unsigned 64-bit number).
An engine whose package is not installed is reported by `Engine.missing`, never fatal.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Run = Callable[[int], int]
M64 = (1 << 64) - 1


@dataclass(frozen=True)
class Engine:
    """One engine: `package` is what must be importable, `distribution` what it is called on PyPI.

    slow      the engine takes part with a smaller time budget per measurement.
    parallel  it may run guests in several threads at once.
    process   every run is a process of its own.
    backend   which of our engines it is, by the name that Config.engine knows.
    """

    name: str
    package: str
    distribution: str
    load: Callable[[bytes], Run]
    slow: bool = False
    parallel: bool = False
    process: bool = False
    backend: str = ""

    def version(self) -> str:
        """Return the installed version, "" where it cannot be told."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def missing(self) -> str:
        """Return why the engine cannot run here, "" if it can."""
        if self.package and importlib.util.find_spec(self.package) is None:
            return f"not installed: pip install {self.distribution}"
        return ""


def _load_ours(backend: str, metered: bool) -> Callable[[bytes], Run]:
    def load(code: bytes) -> Run:
        from pywasmvm import Config, Engine, Instance, Module, Store

        config = Config()
        config.engine = backend
        config.consume_fuel = config.metering = metered
        engine = Engine(config)
        store = Store(engine)
        if metered:
            store.set_fuel(1 << 60)
        run = Instance(store, Module(engine, code), []).exports(store)["run"]
        return lambda n: run(store, n) & M64

    return load


def _load_wasmtime(**settings: Any) -> Callable[[bytes], Run]:
    def load(code: bytes) -> Run:
        import wasmtime

        config = wasmtime.Config()
        for name, value in settings.items():
            setattr(config, name, value)
        engine = wasmtime.Engine(config)
        store = wasmtime.Store(engine)
        if settings.get("consume_fuel"):
            store.set_fuel(M64 >> 1)
        run: Any = wasmtime.Instance(store, wasmtime.Module(engine, code), []).exports(store)["run"]
        return lambda n: run(store, n) & M64

    return load


def _load_pywasm3(code: bytes) -> Run:
    import wasm3

    environment = wasm3.Environment()
    runtime = environment.new_runtime(1 << 20)
    module = environment.parse_module(code)
    runtime.load(module)
    run = runtime.find_function("run")
    # why: the environment must outlive the function, so the closure holds it.
    return lambda n, keep=(environment, module): run(n) & M64  # type: ignore[misc]


def _load_pwasm(code: bytes) -> Run:
    import pwasm
    from pwasm.runtime import Limits

    instance = pwasm.instantiate(pwasm.decode_module(code), limits=Limits(fuel=M64 >> 1), mode="compile")
    return lambda n: instance.exports.run(n) & M64


def _load_pywasm(code: bytes) -> Run:
    import pywasm

    runtime = pywasm.core.Runtime()
    instance = runtime.instance(pywasm.core.ModuleDesc.from_reader(io.BytesIO(code)))
    return lambda n: runtime.invocate(instance, "run", [n])[0] & M64


def _command_line(template: str) -> Callable[[bytes], Run]:
    """Return a loader for a command: `{wasm}` and `{n}` are filled in, the last number printed counts."""

    def load(code: bytes) -> Run:
        folder = tempfile.TemporaryDirectory(prefix="pywasmvm-bench-")
        path = Path(folder.name) / "kernel.wasm"
        path.write_bytes(code)

        def run(n: int, keep: object = folder) -> int:
            words = [word.format(wasm=path, n=n) for word in shlex.split(template)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=True)
            numbers = re.findall(r"-?\d+", done.stdout)
            if not numbers:
                raise RuntimeError(f"{words[0]} printed no number: {done.stdout[:200]!r}")
            return int(numbers[-1]) & M64

        return run

    return load


def _ours(name: str, backend: str, metered: bool) -> Engine:
    package = "pywasmvm._fast.core" if backend == "cython" else "pywasmvm"
    load = _load_ours(backend, metered)
    return Engine(name, package, "pywasmvm", load, slow=backend == "python", parallel=True, backend=backend)


def _wasmtime(name: str, **settings: Any) -> Engine:
    return Engine(name, "wasmtime", "wasmtime", _load_wasmtime(**settings), parallel=True)


ENGINES = [
    _ours("pywasmvm fast", "cython", metered=True),
    _ours("pywasmvm fast, no fuel", "cython", metered=False),
    _ours("pywasmvm python", "python", metered=True),
    _ours("pywasmvm python, no fuel", "python", metered=False),
    Engine("pywasm3", "wasm3", "pywasm3", _load_pywasm3, parallel=True),
    _wasmtime("wasmtime"),
    _wasmtime("wasmtime, fuel", consume_fuel=True),
    _wasmtime("wasmtime, Pulley", target="pulley64"),
    Engine("pwasm, compiled, fuel", "pwasm", "pwasm", _load_pwasm, slow=True),
    Engine("pywasm", "pywasm", "pywasm", _load_pywasm, slow=True),
]


def read_command_engines(path: Path) -> list[Engine]:
    """Return the engines a file names, one a line: `name = command with {wasm} and {n}`; `#` comments."""
    engines = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        name, separator, command = text.partition("=")
        if not separator or "{wasm}" not in command or "{n}" not in command:
            raise ValueError(f"{path}, line {number}: want `name = command with {{wasm}} and {{n}}`")
        engines.append(Engine(name.strip(), "", name.strip(), _command_line(command.strip()), process=True))
    return engines
