"""Where raw values meet the engine's own convention, and where Python errors of guest code become traps.

Generated code pays nothing for traps: it lets IndexError and AttributeError happen. Here the traceback
tells which instruction it was and how much fuel the innermost frame had left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from types import CodeType, TracebackType
from typing import Any, NoReturn

from ...binary.names import named_frame
from ...errors import Frame, Trap
from ...isa import BY_NAME
from ...isa.model import INDEXED_TRAPS, Op, TrapKind
from . import numeric
from .modulecode import ModuleCode, find_module
from .support import Tail, empty, more

__all__ = [
    "Left",
    "frames_of",
    "level",
    "make_adapter",
    "make_edge",
    "make_frame_guard",
    "make_trampoline",
    "translate",
]

# What code made here says its file is.
_EDGE = "<wasm edge>"
_INDEX_TRAPS: dict[str, TrapKind] = {
    "table.get": TrapKind.TABLE_OUT_OF_BOUNDS,
    "table.set": TrapKind.TABLE_OUT_OF_BOUNDS,
    "call_indirect": TrapKind.UNDEFINED_ELEMENT,
    "return_call_indirect": TrapKind.UNDEFINED_ELEMENT,
}
_INDEX_TRAPS |= {name: TrapKind.ARRAY_OUT_OF_BOUNDS for name in BY_NAME if name.startswith("array.")}
_NULL_TRAPS: dict[str, TrapKind] = {
    "call_indirect": TrapKind.UNINITIALIZED_ELEMENT,
    "return_call_indirect": TrapKind.UNINITIALIZED_ELEMENT,
    "ref.get_desc": TrapKind.NULL_REFERENCE,
    "i31.get_s": TrapKind.NULL_I31_REFERENCE,
    "i31.get_u": TrapKind.NULL_I31_REFERENCE,
}
_NULL_TRAPS |= {name: TrapKind.NULL_STRUCTURE_REFERENCE for name in BY_NAME if name.startswith("struct.")}
_NULL_TRAPS |= {name: TrapKind.NULL_ARRAY_REFERENCE for name in BY_NAME if name.startswith("array.")}

# A trap's frames are for reading: of a runaway recursion the innermost ones say it all.
MOST_FRAMES = 200


class Level:
    """How many more frames may be nested: `n` has one fewer, and the end of the chain raises.

    fast: to take the next one costs less than to subtract and to test.
    """

    __slots__ = ("n",)

    def __init__(self, n: Level | None) -> None:
        self.n = n


class _NoMoreFrames(Exception):
    """A call that nests too deeply.

    why: the end of the chain belongs to no store; `translate` knows which it was and makes the error of it.
    """


class _Bottom:
    """The end of the chain, which all stores share."""

    @property
    def n(self) -> NoReturn:
        raise _NoMoreFrames


_levels: list[Any] = [_Bottom()]


def level(left: int) -> Any:
    """Return the level from which so many frames may be nested."""
    while len(_levels) <= left:
        _levels.append(Level(_levels[-1]))
    return _levels[left]


class Left:
    """What is left of something, per store: the level that the way in passes on as D, or bytes."""

    __slots__ = ("left",)

    def __init__(self, left: Any) -> None:
        self.left = left


class _Place:
    """The instruction a generated frame was at, and the fuel that was owed there."""

    __slots__ = ("debt", "funcidx", "module", "pos", "resumed", "special")

    def __init__(self, module: ModuleCode, code: CodeType, line: int) -> None:
        self.module = module
        self.funcidx = int(code.co_name[1:])
        self.resumed = code.co_name[0] == "x"
        found = (module.resuming if self.resumed else module.funcs)[self.funcidx]
        entry = found.lines[line - 1]
        self.debt = found.debts[line - 1]
        self.special = entry < 0
        self.pos = ~entry if entry < 0 else entry

    @property
    def op(self) -> Op:
        op: Op = self.module.definition(self.funcidx).body.instrs()[self.pos][0]
        return op

    def frame(self) -> Frame:
        offset = self.module.definition(self.funcidx).body.offset_of(self.pos)
        return named_frame(self.module.module, self.funcidx, offset)


def _is_guest(tb: TracebackType) -> bool:
    return tb.tb_frame.f_code.co_filename.startswith("<wasm module")


def _place(tb: TracebackType) -> _Place | None:
    """Return where a traceback entry was in guest code, None if it is no translated function."""
    code = tb.tb_frame.f_code
    if not _is_guest(tb):
        return None
    module = find_module(code.co_filename)
    if module is None or code.co_name == "e0":
        return None
    return _Place(module, code, tb.tb_lineno)


def frames_of(exc: BaseException) -> tuple[Frame, ...]:
    """Return the guest frames an exception passed, innermost first."""
    last: deque[TracebackType] = deque(maxlen=MOST_FRAMES)
    tb = exc.__traceback__
    while tb is not None:
        if _is_guest(tb):
            last.append(tb)
        tb = tb.tb_next
    places: list[_Place] = []
    for place in map(_place, last):
        if place is not None:
            if place.resumed and places:
                places.pop()
            places.append(place)
    return tuple(place.frame() for place in reversed(places))


def _is_callee(code: CodeType) -> bool:
    """Tell whether a frame that generated code entered is a called function, no helper of that line."""
    return code.co_filename == _EDGE or code.co_name == "stub"


def _passed_empty(tb: TracebackType | None) -> bool:
    """Tell whether the tank itself raised: it has put back what could not be paid, the frame has not."""
    while tb is not None:
        if tb.tb_frame.f_code in (empty.__code__, more.__code__):
            return True
        tb = tb.tb_next
    return False


def translate(exc: BaseException, store: Any) -> BaseException:
    """Return what to raise for an exception that left guest code: a Trap for the errors that mean one.

    Also writes back the fuel that the innermost frame had left, unless it was in a call: then the callee has.
    """
    last: TracebackType | None = None
    tb = exc.__traceback__
    while tb is not None:
        if _is_guest(tb):
            last = tb
        tb = tb.tb_next
    place = _place(last) if last is not None else None
    if exc.__class__ is _NoMoreFrames:
        error: BaseException = store.exhausted()
        return error.with_traceback(exc.__traceback__)
    if place is None or last is None:
        return exc
    inner = last.tb_next
    if inner is None or not (_is_callee(inner.tb_frame.f_code) or _passed_empty(inner)):
        fuel = last.tb_frame.f_locals.get("F")
        if fuel is not None:
            store.meter.fuel = fuel - place.debt
    if inner is not None:
        return exc
    kind = _kind_of(exc, place)
    if kind is None:
        return exc
    # Calls through a table keep the index in a Python local, to be named.
    detail = str(last.tb_frame.f_locals.get("i", "")) if kind in INDEXED_TRAPS else ""
    return Trap(kind, detail).with_traceback(exc.__traceback__)


def _kind_of(exc: BaseException, place: _Place) -> TrapKind | None:
    """Return which trap a Python error in guest code means."""
    if isinstance(exc, IndexError):
        default = TrapKind.MEMORY_OUT_OF_BOUNDS
        return _INDEX_TRAPS.get(place.op.name, default) if place.special else default
    if isinstance(exc, AttributeError) and place.special:
        return _NULL_TRAPS.get(place.op.name)
    return None


# -- small functions made from text, by signature ----------------------------------------------------

Letters = tuple[str, ...]


def _made(source: str, **names: Any) -> Any:
    """Run source of ours that defines `make` and return that."""
    scope: dict[str, Any] = {**vars(numeric), **names}
    exec(compile(source, _EDGE, "exec"), scope)  # noqa: S102 - text from below, built of numbers only
    return scope["make"]


def _results(results: Letters, convert: str) -> str:
    """Return the text that turns the results `r` from one form into the other."""
    if not any(t in ("f32", "f64") for t in results):
        return "r"
    each = [f"{t}_{convert}_bits({{}})" if t in ("f32", "f64") else "{}" for t in results]
    if len(results) == 1:
        return each[0].format("r")
    return "(" + ", ".join(text.format(f"r[{i}]") for i, text in enumerate(each)) + ")"


def _arguments(params: Letters, convert: str) -> str:
    return "".join(
        f", {t}_{convert}_bits(p{i})" if t in ("f32", "f64") else f", p{i}" for i, t in enumerate(params)
    )


def _names(params: Letters) -> str:
    return "".join(f", p{i}" for i in range(len(params)))


@cache
def make_edge(params: Letters, results: Letters) -> Callable[..., Callable[..., Any]]:
    """Return make(func, depth) -> `Func.code` for functions of this signature."""
    return _made(  # type: ignore[no-any-return]
        f"""def make(func, depth):
 def code({_names(params)[2:]}):
  d = depth.left
  try:
   r = func.entry(d{_arguments(params, "from")})
  except BaseException as exc:
   depth.left = d
   found = translate(exc, func.store)
   if found is exc: raise
   raise found from None
  depth.left = d
  return {_results(results, "to")}
 return code
""",
        translate=translate,
    )


@cache
def make_adapter(params: Letters, results: Letters) -> Callable[..., Callable[..., Any]]:
    """Return make(code, depth, meter) -> a function in our convention that calls a host function's `code`."""
    arguments = _arguments(params, "to")[2:]
    return _made(  # type: ignore[no-any-return]
        f"""def make(code, depth, meter):
 def entry(D{_names(params)}):
  depth.left = D
  r = code({arguments})
  if meter.stop_at is not None: meter.check()
  return {_results(results, "from")}
 return entry
"""
    )


@cache
def make_trampoline(nparams: int) -> Callable[..., Callable[..., Any]]:
    """Return make(body) -> the function that runs a chain of tail calls that starts with `body`."""
    names = _names(("",) * nparams)
    return _made(  # type: ignore[no-any-return]
        f"""def make(body):
 def run(D{names}):
  r = body(D{names})
  while r.__class__ is Tail: r = r.callee(D, *r.args)
  return r
 run.tail = body
 return run
""",
        Tail=Tail,
    )


@cache
def make_frame_guard(nparams: int) -> Callable[..., Callable[..., Any]]:
    """Return make(body, stack, nbytes, exhausted, meter) -> `body`, counted against the store's value stack.

    Clearing the locals of such a frame takes its time without using fuel, hence the look at the deadline.
    """
    names = _names(("",) * nparams)
    return _made(  # type: ignore[no-any-return]
        f"""def make(body, stack, nbytes, exhausted, meter):
 def run(D{names}):
  stack.left -= nbytes
  try:
   if stack.left < 0: exhausted()
   meter.check()
   return body(D{names})
  finally: stack.left += nbytes
 return run
"""
    )
