"""What the compiled engine leaves to Python: a plan per instruction, made when a function is translated.

A plan is a callable on raw values with the classes of its operands and results. What asks the system or
the limits of the store is here, and what a segment meets once: growing and dropping. Atomic instructions and
those of proposals run through the table's `py` column.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..errors import Trap, UnsupportedError
from ..isa.model import Fuel, Kind, Op, TrapKind
from ..syntax.types import AbsHeapType, DefType, FuncType, NumType, PackedType
from .fuel import MOST_UNITS
from .python import support

__all__ = ["Planner"]

# Classes of values, as in _fast/emit.pxd.
I32, I64, F32, F64, V128, REF, FUNC = range(1, 8)
_LETTERS = {"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128, "i31ref": REF, "funcref": FUNC}
_NUMBERS = {NumType.I32: I32, NumType.I64: I64, NumType.F32: F32, NumType.F64: F64, NumType.V128: V128}

Run = Callable[..., Any]
Made = tuple[Run, tuple[int, ...], tuple[int, ...]]
MAKERS: dict[str, Callable[[Planner, Any], Made]] = {}


def maker(*names: str) -> Callable[[Callable[[Planner, Any], Made]], Callable[[Planner, Any], Made]]:
    """Register what makes the plan of these instructions."""

    def register(function: Callable[[Planner, Any], Made]) -> Callable[[Planner, Any], Made]:
        for name in names:
            MAKERS[name] = function
        return function

    return register


@cache
def helpers() -> dict[str, Any]:
    """Return the names that the `py` column may use."""
    from .python.link import helper_names  # why: it takes the whole translator, and few modules need it

    return {"__builtins__": helper_names()}


@cache
def expression(text: str, names: str) -> Callable[..., Any]:
    """Return the function of a `py` expression."""
    made: Callable[..., Any] = eval(f"lambda {names}: {text}", dict(helpers()))  # noqa: S307 - the table's own text
    return made


class Planner:
    """Makes the plans of one instance. `free` is set for constant expressions and where metering is off."""

    def __init__(self, instance: Any, plan: Callable[..., Any]) -> None:
        self.instance = instance
        self.plan = plan
        self.free = False
        self.checked = instance.checked
        self.meter = instance.store.meter
        self.tags = instance.tags

    def __call__(self, instr: Any) -> Any:
        """Return the plan of an instruction."""
        op: Op = instr[0]
        make = MAKERS.get(op.name) or _by_kind(op)
        if make is None:
            raise UnsupportedError(f"the compiled engine does not have {op.name}: use engine = 'python'")
        return self.plan(*make(self, instr))

    def charge(self, units: int) -> None:
        """Take fuel for what is moved."""
        if self.free:
            return
        units = min(units, MOST_UNITS)
        meter = self.meter
        meter.fuel -= units
        if meter.fuel < 0:
            meter.empty(units)

    def cls(self, storage: Any) -> int:
        """Return the class of a value or field."""
        if isinstance(storage, PackedType):
            return I32
        closed = self.checked.close_valtype(storage)
        if isinstance(closed, NumType):
            return _NUMBERS[closed]
        return self.ref_class(closed.heaptype)

    def ref_class(self, heaptype: Any) -> int:
        """Return the class of references to a heap type."""
        heaptype = self.checked.close_heaptype(heaptype)
        if isinstance(heaptype, DefType):
            return FUNC if isinstance(heaptype.comptype, FuncType) else REF
        return FUNC if heaptype in (AbsHeapType.FUNC, AbsHeapType.NOFUNC) else REF

    def addr(self, mem_or_table: Any) -> int:
        """Return the class of addresses of a memory or table type."""
        return I64 if mem_or_table.addrtype is NumType.I64 else I32


# -- memories and tables ------------------------------------------------------------------------------


@maker("memory.grow")
def memory_grow(p: Planner, instr: Any) -> Made:
    """Grow a memory."""
    memory = p.instance.mems[instr[1]]
    address = p.addr(memory.memtype)

    def run(delta: int) -> int:
        p.charge(memory.growth_units(delta))
        return int(memory.grow_pages(delta))

    return run, (address,), (address,)


@maker("data.drop")
def data_drop(p: Planner, instr: Any) -> Made:
    """Forget a data segment."""
    return lambda: p.instance.code.drop_data(instr[1]), (), ()


@maker("elem.drop")
def elem_drop(p: Planner, instr: Any) -> Made:
    """Forget an element segment."""
    return lambda: p.instance.code.drop_elem(instr[1]), (), ()


@maker("table.grow")
def table_grow(p: Planner, instr: Any) -> Made:
    """Grow a table."""
    table = p.instance.tables[instr[1]]
    address = p.addr(table.tabletype)

    def run(init: Any, delta: int) -> int:
        p.charge(table.growth_units(delta))
        return int(table.grow_elems(delta, init))

    return run, (p.cls(table.tabletype.reftype), address), (address,)


# -- by the table's `py` column ----------------------------------------------------------------------


def _by_kind(op: Op) -> Callable[[Planner, Any], Made] | None:
    if op.kind in (Kind.RMW, Kind.CMPXCHG):
        return _update
    if op.kind in (Kind.LOAD, Kind.STORE):
        return _access
    if op.py is not None and op.fuel is not Fuel.PER_UNIT and op.params is not None:
        return _compute
    return None


def _compute(p: Planner, instr: Any) -> Made:
    op: Op = instr[0]
    params, results = op.params or (), op.results or ()
    function = expression(op.py or "", "a=0, b=0, c=0, d=0, lane=0, imm=0")
    if len(instr) > 1:
        lane = instr[1]

        def run(*args: Any) -> Any:
            return function(*args, lane=lane, imm=lane)

    return (
        (run if len(instr) > 1 else function),
        tuple(_LETTERS[t] for t in params),
        tuple(_LETTERS[t] for t in results),
    )


def _place(buf: Any, addr: int, op: Op) -> int:
    if addr + op.access > len(buf):
        raise Trap(TrapKind.MEMORY_OUT_OF_BOUNDS)
    if TrapKind.UNALIGNED_ATOMIC in op.traps and addr % op.access:
        raise Trap(TrapKind.UNALIGNED_ATOMIC)
    return addr


def _classes(p: Planner, op: Op, memory: Any) -> tuple[int, ...]:
    return (p.addr(memory.memtype), *(_LETTERS[t] for t in (op.params or ())[1:]))


def _access(p: Planner, instr: Any) -> Made:
    """Load or store through the `py` column."""
    op, memarg = instr[0], instr[1]
    lane = instr[2] if len(instr) > 2 else 0
    memory, width = p.instance.mems[memarg.memidx], op.access
    function = expression(op.py, "x, b, lane")

    def load(addr: int, b: Any = 0) -> Any:
        at = _place(memory.buf, addr + memarg.offset, op)
        return function(int.from_bytes(memory.buf[at : at + width], "little"), b, lane)

    def store(addr: int, b: Any) -> None:
        at = _place(memory.buf, addr + memarg.offset, op)
        memory.buf[at : at + width] = function(0, b, lane).to_bytes(width, "little")

    results = tuple(_LETTERS[t] for t in op.results or ())
    return (load if op.kind is Kind.LOAD else store), _classes(p, op, memory), results


def _update(p: Planner, instr: Any) -> Made:
    """Read, compute, write: atomics on one thread."""
    op, memarg = instr[0], instr[1]
    memory, width = p.instance.mems[memarg.memidx], op.access
    function = expression(op.py, "x, b, c=0")

    def run(addr: int, *values: Any) -> Any:
        at = _place(memory.buf, addr + memarg.offset, op)
        x = int.from_bytes(memory.buf[at : at + width], "little")
        memory.buf[at : at + width] = function(x, *values).to_bytes(width, "little")
        return x

    return run, _classes(p, op, memory), tuple(_LETTERS[t] for t in op.results or ())


@maker("atomic.fence")
def fence(p: Planner, instr: Any) -> Made:
    """Do nothing: there is one thread."""
    return (lambda: None), (), ()


@maker("memory.atomic.notify", "memory.atomic.wait32", "memory.atomic.wait64")
def atomic_wait(p: Planner, instr: Any) -> Made:
    """Wait or wake, on one thread."""
    op, memarg = instr[0], instr[1]
    memory = p.instance.mems[memarg.memidx]
    helper: Run = getattr(support, op.ident)

    def run(addr: int, *values: Any) -> Any:
        at = addr + memarg.offset
        if at % op.access and at + op.access <= len(memory.buf):
            raise Trap(TrapKind.UNALIGNED_ATOMIC)
        return helper(memory, at, *values)

    return run, _classes(p, op, memory), (I32,)
