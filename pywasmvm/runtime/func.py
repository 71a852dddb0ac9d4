"""Functions: guest functions and host functions alike. Spec 4.2.5 and 4.7 (invocation).

`.code` is what engines call: raw values in, None, one raw value or a tuple of them out. `invoke` is the raw
edge and `func(store, *args)` the Python edge; both go through `Store.call`, where every run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..syntax.types import DefType
from .caller import Caller
from .hostfunc import Direct, Made, wrap_python, wrap_raw
from .pointer import Pointer
from .publictypes import FuncType, check_functype, functype_of
from .refs import FuncRef
from .run import Run, drive_async
from .store import Store, Storelike, check_store
from .values import Converter, python_converter, raw_converter

if TYPE_CHECKING:
    from .instance import Instance

__all__ = ["Func"]

Code = Callable[..., Any]


def _unbound(*_raws: Any) -> Any:
    raise UsageError("this function has no code yet: its instance is still being made")


class Func(FuncRef):
    """A function.

    code       the callable on raw values.
    entry      what the Python engine calls instead, past the edge; that engine sets it. None: not called yet.
    direct     of a host function on Python values: the embedder's callable and what makes raw values of its
               result, for an engine that makes Python values of numbers itself.
    pointer    of a host function written in C: where it is, for an engine that can call it there.
    instance   the instance that defines it and `funcidx` its index there; both None for a host function.
    """

    __slots__ = ("__weakref__", "_edge", "_make", "code", "direct", "entry", "funcidx", "instance", "pointer")

    def __init__(
        self, store: Storelike, ty: FuncType, func: Callable[..., Any], access_caller: bool = False
    ) -> None:
        """Make a host function that calls `func` with Python values; the caller first if `access_caller`."""
        owner = check_store(store)
        deftype = check_functype(ty)
        if not callable(func):
            raise UsageError(f"expected a callable, got {type(func).__name__}")
        self._setup(owner, deftype)
        self._host(wrap_python(owner, deftype, func, access_caller), access_caller)

    @classmethod
    def host(cls, store: Store, deftype: DefType, func: Code, *, access_caller: bool = False) -> Func:
        """Make a host function on raw values; the caller comes first if `access_caller`."""
        made = cls.__new__(cls)
        made._setup(store, deftype)
        made._host(wrap_raw(func, access_caller), access_caller)
        return made

    @classmethod
    def from_pointer(cls, store: Storelike, ty: FuncType, pointer: Any, keep: Any = None) -> Func:
        """Make a host function of a C function: a cffi pointer (`lib.fn`, `ffi.callback`) or an address.

        It takes and gives numbers: i32 and i64 stand for C's integers of that size, f32 and f64 for float and
        double; 8 parameters and one result at most. The type of a cffi pointer must agree; an address is
        taken at its word. The function keeps `pointer`, and `keep`, alive. C runs without the GIL and cannot
        trap.
        """
        owner = check_store(store)
        deftype = check_functype(ty)
        found = Pointer(deftype, pointer, keep)
        made = cls.host(owner, deftype, found.code(deftype))
        made.pointer = found
        return made

    @classmethod
    def alloc(cls, instance: Instance, deftype: DefType, funcidx: int) -> Func:
        """Make a function that a module defines; the backend gives it its code."""
        made = object.__new__(cls)
        made.store = instance.store
        made.deftype = deftype
        made.instance = instance
        made.funcidx = funcidx
        made.entry = made.direct = made.pointer = made._make = made._edge = None
        return made

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Have the backend give the code it has put off: most functions are never asked for it."""
            if name != "code" or self.instance is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.store.engine.backend.give_code(self)
            return object.__getattribute__(self, name)

    def _setup(self, store: Store, deftype: DefType) -> None:
        self.store = store
        self.deftype = deftype
        self.instance: Instance | None = None
        self.funcidx: int | None = None
        self.code: Code = _unbound
        self.entry: Code | None = None
        self.direct: Direct | None = None
        self.pointer: Pointer | None = None
        self._make: Callable[[Caller], Made] | None = None
        self._edge: tuple[list[Converter], list[Converter]] | None = None

    def _host(self, make: Callable[[Caller], Made], access_caller: bool) -> None:
        self._make = make if access_caller else None
        self.code, self.direct = make(Caller(self.store, None))

    def bound_to(self, instance: Instance) -> Func:
        """Return this function as `instance` imports it: a host function then learns who calls."""
        if self._make is None:
            return self
        bound = Func.__new__(Func)
        bound._setup(self.store, self.deftype)
        bound._make = self._make
        bound.code, bound.direct = self._make(Caller(self.store, instance))
        return bound

    def type(self, store: Storelike) -> FuncType:
        """Return its type."""
        check_store(store, self.store, self)
        return FuncType.of(self.deftype)

    def invoke(self, args: Sequence[Any] = ()) -> list[Any]:
        """Call it with raw values, return raw values. Only their number is checked, not their types."""
        self._check_count(len(args))
        result = self.store.call(self.code, args)
        if result is None:  # nothing, or one null reference
            return [None] * len(functype_of(self.deftype).results)
        return list(result) if type(result) is tuple else [result]

    def __call__(self, store: Storelike, /, *params: Any) -> Any:
        """Call it with Python values. Return None, the one result, or a list of results."""
        check_store(store, self.store, self)
        self._check_count(len(params))
        return self._convert_and_call(params)

    # why: what a backend puts before `__call__` goes on here with what is not for it.
    call_anyhow = __call__

    def start(self, store: Storelike, *params: Any) -> Run:
        """Return a call that can stop and go on later; nothing runs yet. See `Run`."""
        owner = check_store(store, self.store, self)
        self._check_count(len(params))
        return Run(owner, partial(self._convert_and_call, params))

    async def call_async(self, store: Storelike, *params: Any, slice_seconds: float = 0.01) -> Any:
        """Call it, leaving the event loop to others after each slice; `async def` host functions are awaited.

        A store runs one such call at a time; a host function that the guest has called may start another.
        """
        return await drive_async(self.start(store, *params), slice_seconds)

    def _convert_and_call(self, params: tuple[Any, ...]) -> Any:
        takes, gives = self._edge or self._make_edge()
        result = self.store.call(self.code, [convert(v) for convert, v in zip(takes, params, strict=True)])
        if not gives:
            return None
        if len(gives) == 1:
            return gives[0](result)
        return [convert(raw) for convert, raw in zip(gives, result, strict=True)]

    def _check_count(self, got: int) -> None:
        expected = len(functype_of(self.deftype).params)
        if got != expected:
            many = "many" if got > expected else "few"
            raise UsageError(f"too {many} parameters provided: given {got}, expected {expected}")

    def _make_edge(self) -> tuple[list[Converter], list[Converter]]:
        functype = functype_of(self.deftype)
        takes = [raw_converter(self.store, t) for t in functype.params]
        self._edge = (takes, [python_converter(t) for t in functype.results])
        return self._edge

    def __repr__(self) -> str:
        where = "host" if self.instance is None else f"function {self.funcidx}"
        return f"<Func {where} {functype_of(self.deftype)}>"
