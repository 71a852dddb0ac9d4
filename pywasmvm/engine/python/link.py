"""One instance's side of the translated code: the globals of its functions, filled with what each function
names.

Rule 1: a name is resolved when the first function that uses it is installed; after that it costs a
dictionary look-up.
Rule 2: everything here is reached from the instance only; a memory that outlives the instance does not hold
it.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from ...errors import InternalError, WasmException
from ...runtime.refs import I31, ExceptionRef
from . import numeric, support
from .edge import Left, level, make_adapter, make_edge, make_frame_guard, make_trampoline
from .lower import letter
from .modulecode import FuncCode, ModuleCode
from .numeric_names import expression_names
from .pace import Clock
from .views import FORMATS, window

__all__ = ["InstanceCode", "StoreState", "helper_names"]

_NAME = re.compile(r"(TT|MM|FN|[A-Zfgx])(\d+)(?:o(\d+))?")
# Frames up to this size are covered by the limit on call depth; larger ones count against value_stack_bytes.
PLAIN_FRAME_BYTES = 4096
# About a tenth of a second's worth.
FUEL_PORTION = 1 << 22


def helper_names() -> dict[str, Any]:
    """Return what generated code sees as builtins: the helpers, and of Python's own only what it uses."""
    names: dict[str, Any] = {"__name__": "builtins", "len": len, "abs": abs, "float": float}
    names |= {"locals": locals, "map": map}
    names |= {"INF": numeric.INF, "NAN": numeric.NAN}
    names |= expression_names()
    names |= {name: value for name, value in vars(support).items() if not name.startswith("_")}
    names |= {"WasmException": WasmException, "I31": I31, "ExceptionRef": ExceptionRef}
    names |= {"entry_of": entry_of, "tail_of": tail_of}
    return names


class StoreState:
    """What the Python engine keeps per store: the frames and the value-stack bytes that are left."""

    _states: weakref.WeakKeyDictionary[Any, StoreState] = weakref.WeakKeyDictionary()

    def __init__(self, store: Any) -> None:
        store.meter.set_portion(FUEL_PORTION)
        self.depth = Left(level(store.limits.call_depth))
        self.stack = Left(store.limits.value_stack_bytes)

    @classmethod
    def of(cls, store: Any) -> StoreState:
        """Return the state of a store."""
        state = cls._states.get(store)
        if state is None:
            state = cls._states[store] = cls(store)
        return state


def entry_of(func: Any) -> Callable[..., Any]:
    """Return a function in our convention for any Func, making one for a host function."""
    entry: Callable[..., Any] | None = func.entry
    if entry is None:
        functype = func.deftype.comptype
        params, results = tuple(map(letter, functype.params)), tuple(map(letter, functype.results))
        entry = func.entry = make_adapter(params, results)(
            func.code, StoreState.of(func.store).depth, func.store.meter
        )
    return entry


def tail_of(func: Any) -> Callable[..., Any]:
    """Return what a tail call of a Func should run: the form that may return a Tail, if there is one."""
    entry = entry_of(func)
    found: Callable[..., Any] = getattr(entry, "tail", entry)
    return found


class InstanceCode:
    """The functions of one instance."""

    def __init__(self, instance: Any, module: ModuleCode, builtins: dict[str, Any]) -> None:
        self.instance = instance
        self.module = module
        self.state = StoreState.of(instance.store)
        self.clock = Clock(instance.store.meter)
        self.globals: dict[str, Any] = {"__builtins__": builtins, "S": instance.store.meter}
        self.windows: dict[int, list[tuple[str, str, int]]] = {}

    # -- functions ----------------------------------------------------------------------------------

    def bind(self) -> None:
        """Give every defined function its code, translated on its first call."""
        depth, func_letters = self.state.depth, self.module.func_letters
        funcs = self.instance.funcs
        for funcidx in range(self.module.imported, len(funcs)):
            func = funcs[funcidx]
            func.entry = self._stub(funcidx)
            func.code = make_edge(*func_letters(funcidx))(func, depth)

    def _stub(self, funcidx: int) -> Callable[..., Any]:
        def stub(depth: Any, *args: Any) -> Any:
            found = self.install(funcidx)
            self.clock.tick()
            return found(depth, *args)

        return stub

    def install(self, funcidx: int) -> Callable[..., Any]:
        """Translate a function if need be and put it where its callers look for it. Return it."""
        found = self.globals.get(f"f{funcidx}")
        func = self.instance.funcs[funcidx]
        if found is not None and found is func.entry and not self._is_stub(found):
            return found  # type: ignore[no-any-return]
        code = self.module.func_code(funcidx, self.clock)
        made: Any = self.function(code.code)
        made = self._guarded(funcidx, code, made)
        body = made
        if code.has_tail_calls:
            made = make_trampoline(len(self.module.func_letters(funcidx)[0]))(body)
        self.globals[f"f{funcidx}"] = made
        self.globals[f"g{funcidx}"] = body
        func.entry = made
        return made  # type: ignore[no-any-return]

    @staticmethod
    def _is_stub(function: Any) -> bool:
        return getattr(function, "__name__", "") == "stub"

    def _guarded(self, funcidx: int, code: FuncCode, made: Any) -> Any:
        """Count the frame against the value stack if it is large."""
        func = self.module.definition(funcidx)
        count = sum(n for n, _ in func.locals) + code.code.co_argcount
        nbytes = 16 * count if any(letter(t) == "v128" for _, t in func.locals) else 8 * count
        if nbytes <= PLAIN_FRAME_BYTES:
            return made
        params = len(self.module.func_letters(funcidx)[0])
        exhausted = partial(support.exhausted, self.instance.store)
        meter = self.instance.store.meter
        return make_frame_guard(params)(made, self.state.stack, nbytes, exhausted, meter)

    def function(self, code: CodeType) -> FunctionType:
        """Return a code object as a function of this instance, with the names it uses resolved."""
        known = self.globals
        builtins = known["__builtins__"]
        for name in code.co_names:
            if name not in known and name not in builtins:
                self._resolve(name)
        return FunctionType(code, known)

    def evaluate(self, code: CodeType, result: str) -> Any:
        """Run the code of a constant expression and return the raw value."""
        value = self.function(code)(level(1))
        return getattr(numeric, f"{result}_to_bits")(value) if result in ("f32", "f64") else value

    # -- names --------------------------------------------------------------------------------------

    def _resolve(self, name: str) -> None:
        instance = self.instance
        if name == "HEAP":
            self.globals[name] = instance.store.heap
        elif name == "DATAS":
            self.globals[name] = instance.datas
        elif name == "ELEMS":
            self.globals[name] = instance.elems
        else:
            found = _NAME.fullmatch(name)
            if found is not None:
                kind, index = found[1], int(found[2])
                if kind in FORMATS:
                    self._open_window(name, kind, index, int(found[3] or 0))
                else:
                    self.globals[name] = self._item(kind, index)

    def _item(self, kind: str, index: int) -> Any:
        """Return what a name of this kind stands for."""
        instance = self.instance
        if kind in "fg":
            return self._callee(kind, index)
        if kind == "x":
            return self._second_form(index)
        if kind == "Z":
            return support.make_type_test(instance.checked.types[index])
        if kind == "T":
            return instance.tables[index].elems
        spaces = {"G": instance.globals, "TT": instance.tables, "X": instance.tags, "FN": instance.funcs}
        spaces |= {"Y": instance.checked.types, "MM": instance.mems}
        if kind not in spaces:
            raise InternalError(f"the translator used an unknown name: {kind}{index}")
        return spaces[kind][index]

    def _callee(self, kind: str, funcidx: int) -> Callable[..., Any]:
        func = self.instance.funcs[funcidx]
        home = func.instance
        if home is not None and home is not self.instance and isinstance(home.code, InstanceCode):
            # fast: a function of another instance is bound once, so it must not be a stub.
            home.code.install(func.funcidx)
        return tail_of(func) if kind == "g" else entry_of(func)

    def _second_form(self, funcidx: int) -> Callable[..., Any]:
        """Return what translates a function's second form (charges.py) and puts that in its own place."""

        def stub(pos: int, depth: Any, variables: dict[str, Any]) -> Any:
            code = self.module.resuming_code(funcidx, self.clock).code
            made = self.globals[f"x{funcidx}"] = self.function(code)
            return made(pos, depth, variables)

        return stub

    # -- memories -----------------------------------------------------------------------------------

    def _open_window(self, name: str, kind: str, memidx: int, offset: int) -> None:
        """Make a window of a memory, and make it again after each growth."""
        memory = self.instance.mems[memidx]
        windows = self.windows.get(memidx)
        if windows is None:
            windows = self.windows[memidx] = [("M", f"M{memidx}", 0)]
            self.globals[f"M{memidx}"] = memory.buf
            memory.on_grow.append(_renewal(weakref.ref(self), memidx, memory))
        if name not in self.globals:
            windows.append((kind, name, offset))
            self.globals[name] = window(memory.buf, memory.vmem.base, *FORMATS[kind], offset)


def _renewal(this: weakref.ref[InstanceCode], memidx: int, memory: Any) -> Callable[[], None]:
    """Return what makes an instance's windows of a memory again."""

    def renew() -> None:
        code = this()
        if code is not None:
            for kind, name, offset in code.windows[memidx]:
                code.globals[name] = window(memory.buf, memory.vmem.base, *FORMATS[kind], offset)

    return renew
