"""The kernels: built WebAssembly files with one export, `run(n) -> i64`, whose work grows with n.

Kernels are found, not listed: every `kernels/*.wasm` takes part. Their sources stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "kernels"
# why: fib's work grows with phi^n, all others' linearly; the step says how n grows during calibration.
EXPONENTIAL = {"fib"}


@dataclass(frozen=True)
class Kernel:
    """One kernel. `name` is the file's stem."""

    name: str
    path: Path

    @cached_property
    def code(self) -> bytes:
        """Return the module's bytes."""
        return self.path.read_bytes()

    @property
    def smallest(self) -> int:
        """Return the n calibration starts from."""
        return 8 if self.name in EXPONENTIAL else 1

    def grow(self, n: int, factor: float) -> int:
        """Return an n whose work is about `factor` times that of n, and at least one larger."""
        if self.name in EXPONENTIAL:
            steps = 0
            while factor > 1.618:
                factor /= 1.618
                steps += 1
            return n + max(steps, 1)
        return max(int(n * factor), n + 1)


def find_kernels(names: tuple[str, ...] = ()) -> list[Kernel]:
    """Return the kernels called `names`, all of ours when empty.

    A name that ends in .wasm is a file of the user's, with the same export. Raise ValueError naming one that
    there is not.
    """
    found = {path.stem: Kernel(path.stem, path) for path in sorted(FOLDER.glob("*.wasm"))}
    for name in names:
        if name.endswith(".wasm") and Path(name).is_file():
            found[name] = Kernel(Path(name).stem, Path(name))
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ValueError(f"no kernel called {', '.join(unknown)}; there are {', '.join(found)}")
    return [kernel for name, kernel in found.items() if not names or name in names]
