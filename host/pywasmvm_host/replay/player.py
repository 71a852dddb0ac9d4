"""Recorded cases one after another: on one engine, with what was compiled kept, their modules found by name.

A recording names a module by a path: in the folder of the recordings, in the folder of other ones it borrows
from, or in the package gpustack-higress-plugins, which PYWASMVM_HIGRESS may replace by its parent folder.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

from ..host import make_engine
from ..limits import Limits
from .case import Finder
from .run import run_case

__all__ = ["PACKAGE", "Player", "find_module", "player_on"]

PACKAGE = "gpustack_higress_plugins"


class Player:
    """Runs cases on one engine. What a case compiled serves the next ones."""

    def __init__(self, engine: str = "auto") -> None:
        self.engine = make_engine(Limits(), engine)
        self.modules: dict[Any, Any] = {}

    def play(self, case: dict[str, Any], find: Finder) -> dict[str, Any]:
        """Run a case; `find` gives the file of a plugin's path, or its bytes."""
        return run_case(case, find, self.engine, modules=self.modules)


@cache
def player_on(engine: str) -> Player:
    """Return the player that all cases on an engine share."""
    return Player(engine)


def find_module(name: str, *folders: Path) -> Path | bytes | None:
    """Return the file a recording means by a path, or what its text gives; None if neither is there."""
    parents = [*folders, *_package_parents()] if name.startswith(f"{PACKAGE}/") else folders
    for folder in parents:
        path = folder / name
        if path.exists():
            return path
        if path.with_suffix(".wat").exists():
            return _from_text(path.with_suffix(".wat"))
    return None


@cache
def _from_text(path: Path) -> bytes:
    import pywasmvm  # noqa: PLC0415 - why: few cases need its text parser

    return bytes(pywasmvm.wat2wasm(path.read_text("utf-8")))


def _package_parents() -> list[Path]:
    given = os.environ.get("PYWASMVM_HIGRESS")
    if given:
        return [Path(given)]
    spec = importlib.util.find_spec(PACKAGE)
    return [Path(place).parent for place in (spec.submodule_search_locations or ())] if spec else []
