"""The code of one module: what the translator asks about it, and the code objects it has made so far.

Shared by all instances of the module; nothing here belongs to a store.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Callable
from itertools import count
from types import CodeType
from typing import Any

from ...errors import InternalError
from ...syntax.instructions import Expr
from ...syntax.module import ExternKind
from ...syntax.types import ArrayType, DefType, FieldType, FuncType, MemType, StructType
from .cache import CodeCache
from .lower import Lowering, Source, letter
from .lower_calls import __name__ as _calls  # noqa: F401 - registers bodies
from .lower_compare import __name__ as _compare  # noqa: F401
from .lower_desc import __name__ as _desc  # noqa: F401
from .lower_exceptions import __name__ as _exceptions  # noqa: F401
from .lower_gc import __name__ as _gc  # noqa: F401
from .lower_numeric import __name__ as _numeric  # noqa: F401
from .lower_switch import __name__ as _switch  # noqa: F401
from .lower_variables import __name__ as _variables  # noqa: F401
from .pace import Clock, no_hurry

__all__ = ["FuncCode", "ModuleCode", "find_module"]

Letters = tuple[str, ...]
# Each is made again when the memory grows.
MOST_WINDOWS = 256
# Instructions of a function that is translated twice.
MOST_TWICE = 4000

_serial = count(1)
_modules: weakref.WeakValueDictionary[str, ModuleCode] = weakref.WeakValueDictionary()


class FuncCode:
    """One translated function. `lines` and `debts` are per source line, see writer.py."""

    __slots__ = ("code", "debts", "has_tail_calls", "lines")

    def __init__(self, code: CodeType, lines: array[int], debts: array[int], has_tail_calls: bool) -> None:
        self.code = code
        self.lines = lines
        self.debts = debts
        self.has_tail_calls = has_tail_calls


def find_module(filename: str) -> ModuleCode | None:
    """Return the module whose functions carry this file name."""
    return _modules.get(filename)


def _letters(functype: FuncType) -> tuple[Letters, Letters]:
    return tuple(map(letter, functype.params)), tuple(map(letter, functype.results))


class ModuleCode:
    """Translations of a checked module's functions, made on demand."""

    letter = staticmethod(letter)

    def __init__(self, checked: Any, metered: bool, cache: CodeCache | None = None) -> None:
        self.cache = cache
        self.checked = checked
        self.module = checked.module
        self.metered = metered
        self.imported = self.module.import_count(ExternKind.FUNC)
        self.filename = f"<wasm module {next(_serial)}>"
        self.funcs: dict[int, FuncCode] = {}
        self.resuming: dict[int, FuncCode] = {}
        self._lowered: dict[tuple[int, bool], Source] = {}
        self._windows: set[tuple[int, int]] = set()
        self._blocktypes: dict[Any, tuple[Letters, Letters]] = {}
        self._functypes: dict[int, tuple[Letters, Letters]] = {}
        _modules[self.filename] = self

    # -- types, as the translator wants them ---------------------------------------------------------

    def blocktype(self, blocktype: Any) -> tuple[Letters, Letters]:
        """Return the letters of a block's parameters and results."""
        found = self._blocktypes.get(blocktype)
        if found is None:
            found = self._blocktypes[blocktype] = _letters(self.checked.blocktype(blocktype))
        return found

    def func_letters(self, funcidx: int) -> tuple[Letters, Letters]:
        """Return the letters of a function's parameters and results."""
        found = self._functypes.get(funcidx)
        if found is None:
            found = self._functypes[funcidx] = _letters(self.checked.functype(self.checked.funcs[funcidx]))
        return found

    def type_letters(self, typeidx: int) -> tuple[Letters, Letters]:
        """Return the letters of a function type."""
        return self.blocktype(typeidx)

    def tag_letters(self, tagidx: int) -> Letters:
        """Return the letters of what an exception of a tag carries."""
        return _letters(self.checked.functype(self.checked.tags[tagidx]))[0]

    def global_type(self, globalidx: int) -> tuple[str, bool]:
        """Return the letter of a global and whether it is mutable."""
        globaltype = self.checked.globals[globalidx]
        return letter(globaltype.valtype), globaltype.mutable

    def mem_type(self, memidx: int) -> MemType:
        """Return the type of a memory."""
        memtype: MemType = self.checked.mems[memidx]
        return memtype

    def has_window(self, memidx: int, offset: int) -> bool:
        """Tell whether windows of a memory may have this offset built in, which uses up one of few."""
        if len(self._windows) < MOST_WINDOWS:
            self._windows.add((memidx, offset))
        return (memidx, offset) in self._windows

    def address_letter(self, memtype: MemType) -> str:
        """Return the letter of a memory's addresses."""
        return letter(memtype.addrtype)

    def table_letter(self, tableidx: int) -> str:
        """Return the letter of a table's indices."""
        return letter(self.checked.tables[tableidx].addrtype)

    def fields(self, typeidx: int) -> tuple[FieldType, ...]:
        """Return the fields of a structure type."""
        comptype = self._deftype(typeidx).comptype
        if not isinstance(comptype, StructType):
            raise InternalError(f"type {typeidx} is no structure")
        return comptype.fields

    def element(self, typeidx: int) -> Any:
        """Return the storage type of an array type."""
        comptype = self._deftype(typeidx).comptype
        if not isinstance(comptype, ArrayType):
            raise InternalError(f"type {typeidx} is no array")
        return comptype.field.storage

    def _deftype(self, typeidx: int) -> DefType:
        deftype: DefType = self.checked.types[typeidx]
        return deftype

    # -- translation --------------------------------------------------------------------------------

    def definition(self, funcidx: int) -> Any:
        """Return the syntax of a defined function."""
        return self.module.funcs[funcidx - self.imported]

    def lower(self, funcidx: int, resumes: bool = False, tick: Callable[[], None] = no_hurry) -> Source:
        """Translate a defined function to source. `resumes`: its second form (charges.py)."""
        func = self.definition(funcidx)
        params, results = self.func_letters(funcidx)
        instrs, locals_ = func.body.instrs(tick), self.checked.local_types(func)
        lowering = Lowering(self, params, results, locals_, funcidx, tick=tick)
        source = lowering.lower(instrs, resumes)
        if resumes or not lowering.plan.has_loop or len(instrs) > MOST_TWICE:
            return source
        # fast: loops are worth a second look, with what the first one has found out.
        return Lowering(self, params, results, locals_, funcidx, lowering.bounds, tick).lower(instrs)

    def func_code(self, funcidx: int, clock: Clock) -> FuncCode:
        """Return the compiled translation of a defined function, or raise DeadlineExceeded."""
        found = self.funcs.get(funcidx)
        if found is None:
            cached = self.cache.get(funcidx, self.filename) if self.cache is not None else None
            found = self._translate(funcidx, False, clock) if cached is None else FuncCode(*cached)
            if cached is None and self.cache is not None:
                self.cache.put(funcidx, found.code, found.lines, found.debts, found.has_tail_calls)
            self.funcs[funcidx] = found
        return found

    def _translate(self, funcidx: int, resumes: bool, clock: Clock) -> FuncCode:
        """Lower and compile a function. What was lowered is kept if there is no time to compile it."""
        key = funcidx, resumes
        source = self._lowered.get(key)
        if source is None:
            source = self._lowered[key] = self.lower(funcidx, resumes, clock.tick)
        code = clock.compile(compiled, source.text, self.filename)
        self._lowered.pop(key, None)
        return FuncCode(code, source.lines, source.debts, source.has_tail_calls)

    def resuming_code(self, funcidx: int, clock: Clock) -> FuncCode:
        """Return the compiled second form of a defined function, or raise DeadlineExceeded."""
        found = self.resuming.get(funcidx)
        if found is None:
            found = self.resuming[funcidx] = self._translate(funcidx, True, clock)
        return found

    def expression_code(self, expr: Expr, result: str) -> CodeType:
        """Return the compiled translation of a constant expression, as a function of D."""
        quiet = _Unmetered(self)
        lowering = Lowering(quiet, (), (result,), [])
        return compiled(lowering.lower(expr.instrs()).text.replace("def f0", "def e0", 1), self.filename)


class _Unmetered:
    """A module as constant expressions see it: they cost no fuel."""

    metered = False

    def __init__(self, module: ModuleCode) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def compiled(text: str, filename: str) -> CodeType:
    """Compile source that defines one function and return that function's code."""
    module = compile(text, filename, "exec", dont_inherit=True)
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            return constant
    raise InternalError("the translator wrote no function")
