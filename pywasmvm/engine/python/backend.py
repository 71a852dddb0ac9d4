"""The Python engine as the runtime sees it."""

from __future__ import annotations

from typing import Any

from ...errors import Frame
from ...syntax.instructions import Expr
from ...syntax.types import ValType
from .cache import open_cache
from .edge import frames_of, translate
from .link import InstanceCode, helper_names
from .lower import letter
from .modulecode import ModuleCode

__all__ = ["PythonBackend", "make_backend", "source_of"]


class PythonBackend:
    """Runs guests by translating each function to Python source on its first call.

    metered    whether fuel is counted, as the Config says.
    """

    name = "python"

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.metered: bool = engine.config.metering
        self._builtins = helper_names()

    def module_code(self, checked: Any) -> ModuleCode:
        """Return the translations of a module, shared by its instances."""
        found: ModuleCode | None = checked.codes.get(self)
        if found is None:
            cache = open_cache(self.engine.cache, checked.module.binary, self.metered)
            found = checked.codes[self] = ModuleCode(checked, self.metered, cache)
        return found

    def bind(self, instance: Any) -> None:
        """Give every defined function of the instance its code."""
        instance.code = InstanceCode(instance, self.module_code(instance.checked), self._builtins)
        instance.code.bind()

    def give_code(self, func: Any) -> None:
        """Do nothing: `bind` has given every function its code."""

    def evaluate(self, instance: Any, expr: Expr, valtype: ValType) -> Any:
        """Return the raw value of a constant expression."""
        linked: InstanceCode = instance.code
        result = letter(valtype)
        try:
            return linked.evaluate(linked.module.expression_code(expr, result), result)
        except BaseException as exc:
            found = translate(exc, instance.store)
            if found is exc:
                raise
            raise found from None

    def frames(self, exc: BaseException) -> tuple[Frame, ...]:
        """Return the guest frames an exception passed, innermost first."""
        return frames_of(exc)


def make_backend(engine: Any) -> PythonBackend:
    """Return the Python engine for an Engine."""
    return PythonBackend(engine)


def source_of(what: Any, funcidx: int, *, metered: bool = True) -> str:
    """Return a function of an instance or of a validated module as readable Python.

    Each line ends with a comment: the byte offset in the binary, where known, and the instruction it came
    from.
    """
    checked = getattr(what, "checked", what)
    module = ModuleCode(checked, metered)
    source = module.lower(funcidx)
    body = module.definition(funcidx).body
    instrs = body.instrs()
    lines = source.text.splitlines()
    width = min(max(map(len, lines)), 88)
    texts = [f"{lines[0]}  # {module.module.describe_func(funcidx)!a}"]
    before = -1
    for line, entry in zip(lines[1:], source.lines[1:], strict=True):
        pos = ~entry if entry < 0 else entry
        if pos == before:
            texts.append(line)
            continue
        before = pos
        offset = body.offset_of(pos)
        place = f"{offset:#x} " if offset is not None else ""
        texts.append(f"{line:<{width}}  # {place}{instrs[pos][0].text}")
    return "\n".join(texts) + "\n"
