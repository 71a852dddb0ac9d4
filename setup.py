"""Build the compiled engine when it can be built; metadata lives in pyproject.toml.

Every pywasmvm/_fast/*.pyx becomes one extension module. Without Cython or a C compiler the install goes on
with the Python engine alone and says so in one line; `pywasmvm --version` repeats the reason at run time.

Switches, all environment variables set to 1:
PYWASMVM_PURE          do not build the compiled engine
PYWASMVM_REQUIRE_FAST  a compiled engine that cannot be built is an error
PYWASMVM_STRICT_BUILD  Cython warnings and performance hints are errors
PYWASMVM_DEBUG_BUILD   checks on, optimiser off
PYWASMVM_RETURNING     handlers return to a loop instead of jumping to each other; chosen by itself where the
                       compiler does not turn last calls into jumps
PYWASMVM_SANITIZE      address and undefined-behaviour sanitizers
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

PURE, REQUIRE_FAST, STRICT, DEBUG, RETURNING, SANITIZE = (
    os.environ.get(f"PYWASMVM_{name}") == "1"
    for name in ("PURE", "REQUIRE_FAST", "STRICT_BUILD", "DEBUG_BUILD", "RETURNING", "SANITIZE")
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
SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
if SANITIZE:
    COMPILE_ARGS = ["-O1", "-g", *MEANING_FLAGS, *SANITIZERS]

# Exits with GREW if ten thousand last calls leave ten thousand frames on the stack.
GREW = 42
PROBE = """
typedef struct word word;
typedef void (*handler)(word *, long, char *, long, long, long, double, float);
struct word { handler h; };
static volatile long growth;
static void count(word *w, long n, char *first, long a, long b, long c, double d, float s) {
    char *here = __builtin_frame_address(0);
    if (n == 0) { growth = first > here ? first - here : here - first; return; }
    w[n & 1].h(w, n - 1, first, a, b, c, d, s);
}
int main(void) {
    word words[2] = {{count}, {count}};
    words[0].h(words, 10000, __builtin_frame_address(0), 0, 0, 0, 0, 0);
    return growth > 10000 ? 42 : 0;
}
"""


def say(line: str) -> None:
    """Tell whoever builds, in one line."""
    print(f"pywasmvm: {line}", file=sys.stderr)


def give_up(reason: str) -> None:
    """Go on with the Python engine alone, or stop if the compiled one is required."""
    if REQUIRE_FAST:
        raise SystemExit(f"pywasmvm: the compiled engine is required but was not built: {reason}")
    say(f"installing the Python engine alone: {reason}")


def cythonized(modules: list[Extension], folder: str) -> list[Extension]:
    """Translate the .pyx sources to C (in `folder` if with checks); no modules, and why, without Cython."""
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
            built: list[Extension] = cythonize(
                # why: C with checks must not lie where the next normal build would take it for its own.
                modules,
                compiler_directives=DIRECTIVES,
                force=DEBUG or STRICT,
                build_dir=folder if DEBUG else None,
            )
    finally:
        sys.stderr.write(said.getvalue())
    if STRICT and "performance hint" in said.getvalue():
        raise SystemExit("pywasmvm: Cython gave performance hints, see above (PYWASMVM_STRICT_BUILD=1)")
    return built


class OptionalBuildExt(build_ext):
    """build_ext that falls back to the Python engine when there is no working C compiler."""

    def run(self) -> None:
        # why: here and not at the top, because pip runs this file three times and builds only once.
        built = {module.name: module.sources for module in cythonized(self.extensions, self.build_temp)}
        self.extensions = [module for module in self.extensions if module.name in built]
        for module in self.extensions:
            module.sources = built[module.name]
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            compiler = (self.compiler.compiler_so or ["cc"])[0]
            give_up(f"{compiler} failed ({type(error).__name__}), see above or run with pip install -v")
            self.extensions = []

    def build_extensions(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            flags = self.known_flags(folder)
            returning = RETURNING or not self.makes_jumps(folder, flags)
        if returning:
            flags = [*flags, "-Wno-unused-value"]  # of the macro that makes calls notes
        if returning and not (RETURNING or DEBUG or SANITIZE):
            say(f"{self.compiler.compiler_so[0]} does not turn last calls into jumps: building a slower loop")
        for module in self.extensions:
            module.extra_compile_args = flags
            module.extra_link_args = SANITIZERS[:1] if SANITIZE else []
            module.define_macros = [("PYWASMVM_RETURNING", str(int(returning)))]
        super().build_extensions()

    def compiles(self, folder: str, flags: list[str]) -> list[str]:
        """Return the object files of the probe under these flags, none if the compiler refuses."""
        source = Path(folder, "probe.c")
        source.write_text(PROBE)
        try:
            objects: list[str] = self.compiler.compile([str(source)], folder, extra_postargs=flags)
        except CCompilerError:
            return []
        return objects

    def known_flags(self, folder: str) -> list[str]:
        """Return those of our flags that the compiler knows."""
        if self.compiles(folder, [*COMPILE_ARGS, "-Werror"]):
            return COMPILE_ARGS
        return [flag for flag in COMPILE_ARGS if self.compiles(folder, [flag, "-Werror"])]

    def makes_jumps(self, folder: str, flags: list[str]) -> bool:
        """Tell whether the compiler turns last calls into jumps; where its programs cannot run, hope so."""
        objects = self.compiles(folder, flags)
        try:
            self.compiler.link_executable(objects, "probe", folder, extra_postargs=SANITIZERS[:1] * SANITIZE)
            status = subprocess.run([Path(folder, "probe")], timeout=60, check=False).returncode
            # why: an emulator without the libraries of its machine ends with a status of its own.
            return status >= 0 and status != GREW
        except OSError:
            return True
        except CCompilerError:
            return False


def extensions() -> list[Extension]:
    """Return one Extension per .pyx of the compiled engine."""
    sources = [] if PURE else sorted(Path("pywasmvm", "_fast").glob("*.pyx"))
    return [Extension(f"pywasmvm._fast.{path.stem}", [str(path)]) for path in sources]


setup(
    packages=find_packages(include=["pywasmvm", "pywasmvm.*"])
    + find_packages("host", include=["pywasmvm_host", "pywasmvm_host.*"])
    + ["pywasmvm_host.lab.attacks"],
    # why: the attacks are data of the command `lab` and stand once, where the tests are
    package_dir={"pywasmvm_host": "host/pywasmvm_host", "pywasmvm_host.lab.attacks": "tests/attacks"},
    package_data={"": ["*.pyi", "*.pxd", "py.typed"], "pywasmvm_host.lab.attacks": ["*.wat", "*.md"]},
    include_package_data=False,
    ext_modules=extensions(),
    cmdclass={"build_ext": OptionalBuildExt},
)
