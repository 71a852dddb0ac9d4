"""Make a module that differs smaller: leave things out as long as it still differs.

A try is a changed module, encoded and compared in this process; most tries break a typing rule, both sides
refuse the module, and that is no difference. `wasm-tools shrink` would do, but starts a process per try and
so takes minutes instead of seconds.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..binary import decode_module, encode_module
from ..config import Features
from ..errors import ModuleError
from ..isa import BY_NAME
from ..isa.model import PROPOSALS
from ..syntax.instructions import Instr, InstrList
from ..syntax.module import Module
from .nodiff import Difference
from .nodiff_run import compare_bytes

__all__ = ["replay_command", "shrink"]

_SECONDS = 60.0
_TRAP: list[Instr] = [(BY_NAME["unreachable"],), (BY_NAME["end"],)]
# Parts of a module that can be cut without renumbering anything, from the end backwards.
_LISTS = ("exports", "customs", "datas", "elems", "globals", "tags", "mems", "tables")


def replay_command(difference: Difference, path: Path) -> str:
    """Return the line that shows a difference again."""
    engine = "both" if "+" in difference.engine else difference.engine
    settings = ["--config", difference.recipe, "--number", str(difference.number), "--engine", engine]
    return shlex.join(["pywasmvm", "nodiff", str(path), *settings])


def shrink(difference: Difference) -> bytes:
    """Return the smallest module found in about a minute whose difference is of the same kind."""
    kind = difference.what.partition(":")[0]

    def differs(wasm: bytes) -> bool:
        found = compare_bytes(wasm, difference.recipe, difference.number, difference.engine.split("+"))
        return any(d.what.partition(":")[0] == kind for d in found.differences)

    try:
        module = decode_module(difference.wasm, Features().with_(*PROPOSALS))
        bodies = [list(func.body.instrs()) for func in module.funcs]
    except ModuleError:
        return difference.wasm
    for func, code in zip(module.funcs, bodies, strict=True):
        func.body = InstrList(code)
    return _Shrinker(module, difference.wasm, differs).run()


class _Shrinker:
    def __init__(self, module: Module, wasm: bytes, differs: Callable[[bytes], bool]) -> None:
        self.module = module
        self.smallest = wasm
        self.differs = differs
        self.deadline = time.monotonic() + _SECONDS

    def run(self) -> bytes:
        """Cut whole bodies, then parts of bodies, then other parts, until nothing more goes."""
        before = len(self.smallest) + 1
        while len(self.smallest) < before and not self.late:
            before = len(self.smallest)
            for func in self.module.funcs:
                if len(func.body.instrs()) > len(_TRAP):
                    self._try(func, "body", InstrList(_TRAP))
            for func in self.module.funcs:
                self._cut_body(func)
            for name in _LISTS:
                self._cut_list(name)
        return self.smallest

    @property
    def late(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() > self.deadline

    def _try(self, owner: Any, name: str, value: Any) -> bool:
        """Set an attribute. Keep it and return True if the module still differs."""
        old = getattr(owner, name)
        setattr(owner, name, value)
        wasm = encode_module(self.module)
        if len(wasm) < len(self.smallest) and self.differs(wasm):
            self.smallest = wasm
            return True
        setattr(owner, name, old)
        return False

    def _cut_body(self, func: Any) -> None:
        """Leave out runs of instructions, long ones first."""
        length = len(func.body.instrs()) // 2
        while length and not self.late:
            place = 0
            while place + length < len(func.body.instrs()) and not self.late:
                code = func.body.instrs()
                if not self._try(func, "body", InstrList(code[:place] + code[place + length :])):
                    place += max(1, length // 4)
            length //= 2

    def _cut_list(self, name: str) -> None:
        for place in range(len(getattr(self.module, name)) - 1, -1, -1):
            if self.late:
                return
            items = getattr(self.module, name)
            self._try(self.module, name, items[:place] + items[place + 1 :])
