"""What can be fuzzed: how an input is made from its number, and what has to hold for it.

load   modules of all recipes of a no-diff run, and given ones, whole and damaged: the compiled and the Python
       path of reading and validating give one answer.
run    the same recipes, whole and damaged: both engines and wasmtime end every step alike.

Rule 1: an input depends on seed, number and the given modules alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from ..errors import UsageError
from ..runtime.engine import Engine
from ..runtime.settings import Config
from .agreement import compare, damaged
from .nodiff_generate import Smith
from .nodiff_recipes import RECIPES
from .nodiff_run import compare_bytes

__all__ = ["TARGETS", "Target"]

# So many inputs are made of one random module: itself and damaged ones, since making one takes time.
_EACH = {"load": 32, "run": 4}
_NAMES = tuple(RECIPES)


class Target(Protocol):
    """Something to fuzz."""

    def input(self, number: int) -> bytes:
        """Return the input of that number."""

    def check(self, number: int, data: bytes) -> tuple[str, str]:
        """Return how it ended, in few different words, and what is wrong with that, "" if nothing."""


class _Modules:
    """Random modules, and damaged ones in between."""

    def __init__(self, seed: int, given: Sequence[bytes], each: int) -> None:
        self.seed, self.given, self.each = seed, given, each
        self._smiths = {name: Smith(name, seed) for name in RECIPES}
        self._last = (-1, b"")

    def recipe(self, number: int) -> str:
        return _NAMES[number // self.each % len(_NAMES)]

    def whole(self, number: int) -> bool:
        return number % self.each == 0

    def make(self, number: int) -> bytes:
        rng = random.Random(f"{self.seed}/{number}")
        if self.given and rng.random() < 0.5:
            return damaged(rng.choice(self.given), rng)
        family = number // self.each
        if family != self._last[0]:
            self._last = family, self._smiths[self.recipe(number)].module(family)
        return self._last[1] if self.whole(number) else damaged(self._last[1], rng)


class _Load:
    def __init__(self, seed: int, given: Sequence[bytes]) -> None:
        self._modules = _Modules(seed, given, _EACH["load"])
        config = Config()
        for proposal in sorted({switch for recipe in RECIPES.values() for switch in recipe.proposals}):
            setattr(config, proposal, True)
        engine = Engine(config)
        if engine.bulk is None:
            raise UsageError("without the compiled engine there are no two paths to compare")
        self._bulk, self._features, self._limits = engine.bulk, engine.features, engine.limits

    def input(self, number: int) -> bytes:
        return self._modules.make(number)

    def check(self, number: int, data: bytes) -> tuple[str, str]:
        compiled, python = compare(data, self._bulk, self._features, self._limits)
        ended = compiled.partition(":")[0]
        return ended, "" if compiled == python else f"compiled path: {compiled}\npython path: {python}"


class _Run:
    def __init__(self, seed: int, given: Sequence[bytes]) -> None:
        self._modules = _Modules(seed, given, _EACH["run"])
        try:
            import wasmtime  # noqa: F401
        except ImportError:
            self._reference = False
        else:
            self._reference = True

    def input(self, number: int) -> bytes:
        return self._modules.make(number)

    def check(self, number: int, data: bytes) -> tuple[str, str]:
        recipe = self._modules.recipe(number)
        # why: damaged modules go over limits and use proposals that wasmtime and we do not share.
        if self._reference and self._modules.whole(number) and not self._modules.given:
            report = compare_bytes(data, recipe, number, ("python", "cython"))
        else:
            report = compare_bytes(data, recipe, number, ("cython",), reference="python")
        ended = "refused" if report.counts["refused"] else "ran" if report.counts["calls"] else "not called"
        return ended, "\n".join(map(str, report.differences))


TARGETS: dict[str, Callable[[int, Sequence[bytes]], Target]] = {"load": _Load, "run": _Run}
