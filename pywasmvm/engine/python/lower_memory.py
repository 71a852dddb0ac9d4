"""Loads, stores, atomics and the bulk memory instructions.

Numbers are read and written through windows (views.py): `W0[addr]` is right for every addr >= 0, takes one
operation, and raises IndexError exactly when the access is out of bounds; `W0o8[addr]` has the offset 8 built
in.
Rule 1: an IndexError on a line of these instructions is the trap "out of bounds memory access" (edge.py).
Rule 2: an address is reduced and >= 0 before it is used as an index.
"""

from __future__ import annotations

from ...isa import BY_NAME, OPS
from ...isa.model import Kind, Op, TrapKind
from ...syntax.instructions import Instr, MemArg
from .charges import charge_growth, charge_units
from .lower import Lowering, body
from .lower_numeric import template_of
from .values import ATOM, DIRTY, MAX_OF, MEM, TRAP, Val, constant, name_of, reduced

__all__: list[str] = []

_UNSIGNED = {1: "M", 2: "H", 4: "W", 8: "Q"}
_SIGNED = {1: "C", 2: "J", 4: "V"}
_ACCESS = TRAP | MEM
# why: a name of its own; t and u are set within expressions, and an address may be one that is still to come.
_WRITTEN = "v"


class _Place:
    """Where an access goes: an address, which is never negative, and an offset built into the window."""

    __slots__ = ("addr", "memidx", "offset")

    def __init__(self, memidx: int, addr: Val, offset: int) -> None:
        self.memidx = memidx
        self.addr = addr
        self.offset = offset

    def text(self, letter: str) -> str:
        """Return the number there, as what may stand left or right of `=`."""
        offset = f"o{self.offset}" if self.offset else ""
        return f"{letter}{self.memidx}{offset}[{self.addr.text}]"

    def unsigned(self, width: int) -> str:
        """Return the text that reads `width` bytes as an unsigned number."""
        if width < 16:
            return self.text(_UNSIGNED[width])
        addr = f"{self.addr.pasted} + {self.offset}" if self.offset else self.addr.text
        return f"load128(M{self.memidx}, {addr})"


def _place(f: Lowering, val: Val, memarg: MemArg) -> _Place:
    """Return the place of an access; its address and offset together may pass the address type."""
    val = reduced(val)
    memidx, offset = memarg.memidx, memarg.offset
    if val.offset is not None and val.offset[1] > 0 and f.module.has_window(memidx, offset + val.offset[1]):
        # safe: a sum that is reduced as it stands has not wrapped.
        name, more = val.offset
        return _Place(memidx, name_of(name, val.t), offset + more)
    if not offset or f.module.has_window(memidx, offset) and val.const is None:
        return _Place(memidx, val, offset)
    if val.const is not None:
        return _Place(memidx, constant(val.const + offset, "i64"), 0)
    flags = val.flags & (TRAP | MEM)
    text = f"{val.pasted} + {offset}"
    return _Place(memidx, Val(text, "i64", 0, val.hi + offset, flags, val.reads, val.depth + 1), 0)


def _named_place(f: Lowering, place: _Place, name: str) -> _Place:
    """Return the place with its address in a variable, written at once, unless it is one or a constant."""
    addr = place.addr
    if addr.const is not None or addr.text.isidentifier():
        return place
    f.w.put(f"{name} = {addr.text}")
    return _Place(place.memidx, Val(name, "i64", 0, addr.hi, ATOM, frozenset((name,))), place.offset)


def _loaded(text: str, t: str, lo: int, hi: int, addr: Val) -> Val:
    return Val(text, t, lo, hi, _ACCESS | ATOM, addr.reads, addr.depth + 1)


def load_int(f: Lowering, instr: Instr) -> None:
    """Lower an integer load; a sign-extending one reads through a signed view."""
    op, memarg = instr
    place = _place(f, f.pop(), memarg)
    t, width = op.results[0], op.access
    if template_of(op).text == "{x}":
        f.push(_loaded(place.unsigned(width), t, 0, (1 << 8 * width) - 1, place.addr))
        return
    half = 1 << (8 * width - 1)
    f.push(_loaded(place.text(_SIGNED[width]), t, -half, half - 1, place.addr))


@body(BY_NAME["f64.load"])
def load_f64(f: Lowering, instr: Instr) -> None:
    """Load through a view of doubles, which keeps every bit."""
    place = _place(f, f.pop(), instr[1])
    f.push(_loaded(place.text("N"), "f64", 0, 0, place.addr))


@body(BY_NAME["f32.load"])
def load_f32(f: Lowering, instr: Instr) -> None:
    """Load through a view of floats, and NaNs by their bits: a signalling one must stay so."""
    place = _place(f, f.pop(), instr[1])
    addr = place.addr
    again, first = addr, place.text("P")
    if addr.const is None and not addr.text.isidentifier():
        again = Val("t", "i64", 0, addr.hi, ATOM)
        first = _Place(place.memidx, Val(f"(t := {addr.text})", "i64"), place.offset).text("P")
    bits = _Place(place.memidx, again, place.offset).text("W")
    f.push(_loaded(f"(u if (u := {first}) == u else f32_from_bits({bits}))", "f32", 0, 0, addr))


def load_other(f: Lowering, instr: Instr) -> None:
    """Lower a load whose row computes with the number: the v128 forms."""
    op, memarg = instr[0], instr[1]
    lane = instr[2] if len(instr) > 2 else 0
    if op.lanes:
        f.before_branch()
    b = reduced(f.pop()) if op.lanes else None
    place = _place(f, f.pop(), memarg)
    addr = place.addr
    inserts = {"x": place.unsigned(op.access), "lane": str(lane)}
    depth, reads = addr.depth + 1, addr.reads
    if b is not None:
        inserts["b"] = b.pasted
        depth, reads = max(depth, b.depth + 1), reads | b.reads
    template = template_of(op)
    f.push(Val(template.text.format(**inserts), op.results[0], 0, MAX_OF["v128"], _ACCESS, reads, depth))


def _store_operands(f: Lowering, memarg: MemArg) -> tuple[Val, _Place]:
    """Pop value and place. Python evaluates the value first: where both may trap the address goes first."""
    value, addr = f.pop(), f.pop()
    if value.flags & TRAP and addr.flags & TRAP:
        f.before_effect()
        name = f.fresh()
        f.w.put(f"{name} = {reduced(addr).text}")
        addr = Val(name, addr.t, 0, MAX_OF[addr.t], ATOM, frozenset((name,)))
    f.before_effect()
    return value, _place(f, addr, memarg)


def store_int(f: Lowering, instr: Instr) -> None:
    """Lower an integer store: the low bytes are written."""
    op, memarg = instr
    value, place = _store_operands(f, memarg)
    width = op.access
    most = (1 << 8 * width) - 1
    text = value.text if value.lo >= 0 and value.hi <= most else f"{value.pasted} & {most}"
    f.w.put(f"{place.text(_UNSIGNED[width])} = {text}")


@body(BY_NAME["f64.store"])
def store_f64(f: Lowering, instr: Instr) -> None:
    """Store through a view of doubles; an arithmetic NaN becomes the canonical one first."""
    value, place = _store_operands(f, instr[1])
    text = value.text
    if value.flags & DIRTY:
        if not text.isidentifier():
            f.w.put(f"{_WRITTEN} = {text}")
            text = _WRITTEN
        f.w.put(f"if {text} != {text}: {text} = NAN")
    f.w.put(f"{place.text('N')} = {text}")


@body(BY_NAME["f32.store"])
def store_f32(f: Lowering, instr: Instr) -> None:
    """Store through a view of floats, and NaNs by their bits."""
    value, place = _store_operands(f, instr[1])
    text = value.text
    if not text.isidentifier():
        # fast: the view rounds by itself.
        bare = text[len("fround") :] if text.startswith("fround(") and _closes_at_end(text) else text
        f.w.put(f"{_WRITTEN} = {bare}")
        text = _WRITTEN
    place = _named_place(f, place, "t")
    if value.flags & DIRTY:
        f.w.put(f"if {text} != {text}: {text} = NAN")
        f.w.put(f"{place.text('P')} = {text}")
    else:
        f.w.put(f"if {text} == {text}: {place.text('P')} = {text}")
        f.w.put(f"else: {place.text('W')} = f32_to_bits({text})")


def _closes_at_end(text: str) -> bool:
    """Tell whether the first parenthesis of a call is closed by the last character."""
    level = 0
    for i, char in enumerate(text):
        level += (char == "(") - (char == ")")
        if char == ")" and not level:
            return i == len(text) - 1
    return False


def store_other(f: Lowering, instr: Instr) -> None:
    """Lower a store whose row computes what is written: the v128 forms."""
    op, memarg = instr[0], instr[1]
    lane = instr[2] if len(instr) > 2 else 0
    value, place = _store_operands(f, memarg)
    text = template_of(op).text.format(b=value.pasted, lane=lane)
    if op.access == 16:
        addr = f"{place.addr.pasted} + {place.offset}" if place.offset else place.addr.text
        f.w.put(f"store128(M{memarg.memidx}, {addr}, {text})")
    else:
        f.w.put(f"{place.text(_UNSIGNED[op.access])} = {text}")


# -- atomics, on one thread -------------------------------------------------------------------------


def _atomic_place(f: Lowering, addr: Val, op: Op, memarg: MemArg) -> _Place:
    """Put the address into a variable and check that it is aligned."""
    addr = reduced(addr)
    name = f.fresh()
    f.w.put(f"{name} = {addr.pasted} + {memarg.offset}" if memarg.offset else f"{name} = {addr.text}")
    if op.access > 1:
        f.w.put(f"if {name} & {op.access - 1}: trap_unaligned()")
    return _Place(memarg.memidx, Val(name, "i64", 0, MAX_OF["i64"], ATOM, frozenset((name,))), 0)


def atomic_load(f: Lowering, instr: Instr) -> None:
    """Lower an atomic load."""
    op, memarg = instr
    addr = f.pop()
    f.before_effect()
    place = _atomic_place(f, addr, op, memarg)
    f.w.put(f"{f.push_name(op.results[0])} = {place.unsigned(op.access)}")


def atomic_store(f: Lowering, instr: Instr) -> None:
    """Lower an atomic store."""
    op, memarg = instr
    f.before_effect()
    value, addr = reduced(f.pop()), f.pop()
    place = _atomic_place(f, addr, op, memarg)
    text = template_of(op).text.format(b=value.pasted)
    f.w.put(f"{place.unsigned(op.access)} = {text}")


def atomic_update(f: Lowering, instr: Instr) -> None:
    """Lower an atomic read-modify-write or compare-exchange."""
    op, memarg = instr
    f.before_effect()
    count = len(op.params or ()) - 1
    operands = [reduced(val) for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    place = _atomic_place(f, f.pop(), op, memarg).unsigned(op.access)
    old = f.fresh()
    f.w.put(f"{old} = {place}")
    inserts = {name: val.pasted for name, val in zip("bc", operands, strict=False)}
    f.w.put(f"{place} = {template_of(op).text.format(x=old, **inserts)}")
    f.w.put(f"{f.push_name(op.results[0])} = {old}")


def atomic_wait(f: Lowering, instr: Instr) -> None:
    """Lower memory.atomic.wait and notify through their helper."""
    op, memarg = instr
    f.before_effect()
    count = len(op.params or ()) - 1
    operands = [f.settled(val).text for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    addr = _atomic_place(f, f.pop(), op, memarg).addr
    call = f"{op.ident}(MM{memarg.memidx}, {addr.text}, {', '.join(operands)})"
    f.w.put(f"{f.push_name(op.results[0])} = {call}")


@body(BY_NAME["atomic.fence"])
def atomic_fence(f: Lowering, instr: Instr) -> None:
    """Do nothing: there is one thread."""


# -- size, growth, bulk -----------------------------------------------------------------------------


@body(BY_NAME["memory.size"])
def memory_size(f: Lowering, instr: Instr) -> None:
    """Push the size in pages."""
    memtype = f.module.mem_type(instr[1])
    t = f.module.address_letter(memtype)
    f.push(Val(f"len(M{instr[1]}) // {memtype.page_size}", t, 0, MAX_OF[t], MEM))


@body(BY_NAME["memory.grow"])
def memory_grow(f: Lowering, instr: Instr) -> None:
    """Grow, push the old size or -1."""
    t = f.module.address_letter(f.module.mem_type(instr[1]))
    delta = f.pop_int()
    f.before_effect()
    delta = f.named(delta)
    charge_growth(f, f"MM{instr[1]}", delta)
    f.w.put(f"{f.push_name(t)} = MM{instr[1]}.grow_pages({delta.text}) & {MAX_OF[t]}")


def bulk(f: Lowering, helper: str, count: int) -> None:
    """Call a helper with `count` integer operands, the last of which is a number of units that costs fuel."""
    f.before_effect()
    operands = [f.settled(val) for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    operands[-1] = f.named(operands[-1])
    charge_units(f, operands[-1])
    f.w.put(f"{helper}, {', '.join(val.text for val in operands)})")


@body(BY_NAME["memory.fill"])
def memory_fill(f: Lowering, instr: Instr) -> None:
    """Fill a range."""
    bulk(f, f"memory_fill(S, M{instr[1]}", 3)


@body(BY_NAME["memory.copy"])
def memory_copy(f: Lowering, instr: Instr) -> None:
    """Copy a range, overlapping or not."""
    bulk(f, f"memory_copy(S, M{instr[1]}, M{instr[2]}", 3)


@body(BY_NAME["memory.init"])
def memory_init(f: Lowering, instr: Instr) -> None:
    """Copy from a data segment."""
    bulk(f, f"memory_init(S, M{instr[2]}, DATAS[{instr[1]}]", 3)


@body(BY_NAME["data.drop"])
def data_drop(f: Lowering, instr: Instr) -> None:
    """Drop a data segment."""
    f.effect(f'DATAS[{instr[1]}] = b""')


def _register() -> None:
    plain = ("{x}",)
    for op in OPS:
        atomic = TrapKind.UNALIGNED_ATOMIC in op.traps
        if op.kind is Kind.LOAD and op not in (BY_NAME["f32.load"], BY_NAME["f64.load"]):
            simple = op.results in (("i32",), ("i64",)) or template_of(op).text in plain
            body(op)(atomic_load if atomic else load_int if simple else load_other)
        elif op.kind is Kind.STORE and op not in (BY_NAME["f32.store"], BY_NAME["f64.store"]):
            body(op)(atomic_store if atomic else store_other if "v128" in (op.params or ()) else store_int)
        elif op.kind in (Kind.RMW, Kind.CMPXCHG):
            body(op)(atomic_update)
        elif op.name.startswith("memory.atomic."):
            body(op)(atomic_wait)


_register()
