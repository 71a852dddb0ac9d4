"""Build the compiled engine when it can be built; metadata lives in pyproject.toml.

Every pywasmvm/_fast/*.pyx becomes one extension module. Without Cython or a C compiler the install goes on
with the Python engine alone and says so in one line; `pywasmvm --version` repeats the reason at run time.

Switches, all environment variables set to 1:
PYWASMVM_PURE          do not build the compiled engine
PYWASMVM_REQUIRE_FAST  a compiled engine that cannot be built is an error
PYWASMVM_STRICT_BUILD  Cython warnings and performance hints are errors
PYWASMVM_DEBUG_BUILD   checks on, optimiser off
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

PURE, REQUIRE_FAST, STRICT, DEBUG = (
    os.environ.get(f"PYWASMVM_{name}") == "1"
    for name in ("PURE", "REQUIRE_FAST", "STRICT_BUILD", "DEBUG_BUILD")
)

DIRECTIVES: dict[str, object] = {
    "language_level": "3",
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "overflowcheck": False,
    "cdivision": True,
    "embedsignature": True,
}
# fast: these turn a handler's last call into a jump and keep its prologue empty.
TAIL_CALL_FLAGS = ["-foptimize-sibling-calls", "-fomit-frame-pointer", "-fno-stack-protector", "-fno-plt"]
TAIL_CALL_FLAGS += ["-fcf-protection=none", "-falign-functions=64"]
# Same bits everywhere: no fused multiply-add. Slots hold integers and floats, so no aliasing by type.
# Nobody reads errno, which would make a call of every square root.
MEANING_FLAGS = ["-ffp-contract=off", "-fno-strict-aliasing", "-fno-math-errno"]
COMPILE_ARGS = ["-O0", "-g", *MEANING_FLAGS] if DEBUG else ["-O3", *MEANING_FLAGS, *TAIL_CALL_FLAGS]


def say(line: str) -> None:
    """Tell whoever builds, in one line."""
    print(f"pywasmvm: {line}", file=sys.stderr)


def give_up(reason: str) -> None:
    """Go on with the Python engine alone, or stop if the compiled one is required."""
    if REQUIRE_FAST:
        raise SystemExit(f"pywasmvm: the compiled engine is required but was not built: {reason}")
    say(f"installing the Python engine alone: {reason}")


def cythonized(modules: list[Extension]) -> list[Extension]:
    """Translate the .pyx sources to C; no modules, with the reason said, if Cython is missing."""
    if not modules:
        return []
    try:
        from Cython.Build import cythonize
        from Cython.Compiler import Options
    except ImportError:
        give_up("Cython is not installed (pip install Cython)")
        return []
    Options.warning_errors = STRICT
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            built: list[Extension] = cythonize(modules, compiler_directives=DIRECTIVES, force=DEBUG or STRICT)
    finally:
        sys.stderr.write(said.getvalue())
    if STRICT and "performance hint" in said.getvalue():
        raise SystemExit("pywasmvm: Cython gave performance hints, see above (PYWASMVM_STRICT_BUILD=1)")
    return built


class OptionalBuildExt(build_ext):
    """build_ext that falls back to the Python engine when there is no working C compiler."""

    def run(self) -> None:
        # why: here and not at the top, because pip runs this file three times and builds only once.
        built = {module.name: module.sources for module in cythonized(self.extensions)}
        self.extensions = [module for module in self.extensions if module.name in built]
        for module in self.extensions:
            module.sources = built[module.name]
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            compiler = (self.compiler.compiler_so or ["cc"])[0]
            give_up(f"{compiler} failed ({type(error).__name__}), see above or run with pip install -v")
            self.extensions = []


def extensions() -> list[Extension]:
    """Return one Extension per .pyx of the compiled engine."""
    sources = [] if PURE else sorted(Path("pywasmvm", "_fast").glob("*.pyx"))
    return [
        Extension(f"pywasmvm._fast.{path.stem}", [str(path)], extra_compile_args=COMPILE_ARGS)
        for path in sources
    ]


setup(
    packages=find_packages(include=["pywasmvm", "pywasmvm.*"])
    + find_packages("host", include=["pywasmvm_host", "pywasmvm_host.*"])
    + ["pywasmvm_host.lab.attacks"],
    # why: the attacks are data of the command `lab` and stand once, where the tests are
    package_dir={"pywasmvm_host": "host/pywasmvm_host", "pywasmvm_host.lab.attacks": "tests/attacks"},
    package_data={"": ["*.pyi", "*.pxd", "py.typed"], "pywasmvm_host.lab.attacks": ["*.wat"]},
    include_package_data=False,
    ext_modules=extensions(),
    cmdclass={"build_ext": OptionalBuildExt},
)
