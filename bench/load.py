"""Load time against module size: what each loader needs from bytes to a checked module.

Loaders do different amounts of work, which their names say: decoding, validation, compiling.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .filters import find_modules
from .series import Job, Progress, Series, measure_jobs

__all__ = ["LOADERS", "Loader", "measure_load"]

SLOW_BYTES = 500_000  # why: the slow ones need minutes for the large modules


@dataclass(frozen=True)
class Loader:
    """One way to load a module. `needs` is a package, or a command when it starts with "$"."""

    name: str
    needs: str
    load: Callable[[Path, bytes], object]
    slow: bool = False

    def missing(self) -> str:
        """Return why the loader cannot run here, "" if it can."""
        if self.needs.startswith("$"):
            return "" if shutil.which(self.needs[1:]) else f"no command {self.needs[1:]}"
        return "" if importlib.util.find_spec(self.needs) else f"package {self.needs} is not installed"


def _ours(backend: str) -> Callable[[Path, bytes], object]:
    def load(_path: Path, code: bytes) -> object:
        from pywasmvm import Config, Engine, Module

        config = Config()
        config.engine = backend
        return Module(Engine(config), code)

    return load


def _wasmtime(_path: Path, code: bytes) -> object:
    import wasmtime

    return wasmtime.Module.validate(wasmtime.Engine(), code)


def _wasm_tools(path: Path, _code: bytes) -> object:
    # why the features: the production filters need none beyond the default, as our default set
    return subprocess.run(["wasm-tools", "validate", str(path)], check=True, capture_output=True)


def _pywasm3(_path: Path, code: bytes) -> object:
    import wasm3

    environment = wasm3.Environment()
    module = environment.parse_module(code)
    return environment, module


def _pywasm(_path: Path, code: bytes) -> object:
    import pywasm

    return pywasm.core.ModuleDesc.from_reader(io.BytesIO(code))


def _pwasm(_path: Path, code: bytes) -> object:
    import pwasm

    return pwasm.decode_module(code)


LOADERS = [
    Loader("pywasmvm fast: decode, validate", "pywasmvm._fast.core", _ours("cython")),
    Loader("pywasmvm python: decode, validate", "pywasmvm", _ours("python")),
    Loader("wasm-tools: process, decode, validate", "$wasm-tools", _wasm_tools),
    Loader("wasmtime: decode, validate", "wasmtime", _wasmtime),
    Loader("pywasm3: decode", "wasm3", _pywasm3),
    Loader("pwasm: decode", "pwasm", _pwasm, slow=True),
    Loader("pywasm: decode", "pywasm", _pywasm, slow=True),
]


def _spread_out(paths: list[Path], most: int) -> list[Path]:
    """Return at most `most` files whose sizes are far apart: of near ones only the first."""
    factor = 1.1
    while True:
        chosen: list[Path] = []
        for path in paths:
            if not chosen or path.stat().st_size > factor * chosen[-1].stat().st_size:
                chosen.append(path)
        if len(chosen) <= most:
            return chosen
        factor *= 1.1


def measure_load(
    loaders: list[Loader], rounds: int, quick: bool, seconds: float, progress: Progress
) -> list[Series]:
    """Measure loaders on real modules of growing size, in milliseconds of CPU time."""
    modules = _spread_out(find_modules(), 4 if quick else 9)
    if quick:
        modules = [path for path in modules if path.stat().st_size < SLOW_BYTES]
    jobs: list[Job] = []
    for loader in loaders:
        for path in modules:
            size = path.stat().st_size
            if loader.slow and size > SLOW_BYTES:
                continue
            jobs.append(_job(loader, path, size))
    return measure_jobs("load", "module size, bytes", jobs, rounds, seconds, progress, scale=1e3, unit="ms")


def _job(loader: Loader, path: Path, size: int) -> Job:
    code = path.read_bytes()
    label = f"{size / 1e6:.2f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
    return Job(loader.name, size, label, lambda: lambda: loader.load(path, code), once=size > SLOW_BYTES)
