"""Loads, stores, atomics and the bulk memory instructions.

Numbers of n bytes are read and written through lists of n views, one per misalignment: `W0[addr & 3][addr
>> 2]` is right for every addr >= 0, takes no call and no branch, and raises IndexError exactly when the
access is out of bounds.
Rule 1: an IndexError on a line of these instructions is the trap "out of bounds memory access" (edge.py).
Rule 2: an address is reduced and >= 0 before it is used as an index.
"""

from __future__ import annotations

from ...isa import BY_NAME, OPS
from ...isa.model import Kind, Op, TrapKind
from ...syntax.instructions import Instr, MemArg
from .lower import Lowering, body
from .lower_numeric import template_of
from .values import ATOM, DIRTY, MAX_OF, MEM, TRAP, Val, constant, reduced

__all__ = ["VIEWS"]

# letter of a list of views -> (format of memoryview.cast, bytes)
VIEWS = {
    "C": ("b", 1),
    "H": ("H", 2),
    "J": ("h", 2),
    "W": ("I", 4),
    "V": ("i", 4),
    "Q": ("Q", 8),
    "P": ("f", 4),
    "N": ("d", 8),
}
# How far to look for another use of a base.
NEAR = 24
_LOCAL_GET, _LOCAL_SET, _LOCAL_TEE = BY_NAME["local.get"], BY_NAME["local.set"], BY_NAME["local.tee"]
_FORGETTING = frozenset(
    op
    for name, op in BY_NAME.items()
    if "call" in name or name in ("memory.grow", "loop", "end", "else", "br", "return")
)
_UNSIGNED = {1: "M", 2: "H", 4: "W", 8: "Q"}
_SIGNED = {1: "C", 2: "J", 4: "V"}
_ACCESS = TRAP | MEM


def _address(f: Lowering, val: Val, memarg: MemArg) -> Val:
    """Return the effective address, which is never negative and may pass the address type."""
    val = reduced(val)
    if not memarg.offset:
        return val
    if val.const is not None:
        return constant(val.const + memarg.offset, "i64")
    flags = val.flags & (TRAP | MEM)
    made = Val(
        f"{val.pasted} + {memarg.offset}", "i64", 0, val.hi + memarg.offset, flags, val.reads, val.depth + 1
    )
    if val.flags & ATOM and val.text.isidentifier():
        made.offset = (val.text, memarg.offset)
    return made


def _element(letter: str, memidx: int, width: int, addr: Val) -> str:
    """Return the text of the number at an address: a place that may stand left or right of `=`."""
    view = f"{letter}{memidx}"
    if letter == "M":
        return f"{view}[{addr.text}]"
    low, shift = width - 1, width.bit_length() - 1
    if letter == "C":
        return f"{view}[0][{addr.text}]"
    if addr.const is not None:
        return f"{view}[{addr.const & low}][{addr.const >> shift}]"
    if addr.text.isidentifier():
        return f"{view}[{addr.text} & {low}][{addr.text} >> {shift}]"
    return f"{view}[(t := {addr.text}) & {low}][t >> {shift}]"


def _shared_element(f: Lowering, letter: str, memidx: int, width: int, addr: Val) -> str:
    """Return the same, keeping view and index of a local that is used as a base more than once.

    fast: for offsets that are multiples of the width both are the same for all fields, and a field then
    costs half.
    safe: every operand that may trap is evaluated, once and in the order of pushing, so what a text has
    kept is there for later ones; calls, growth, assignment of the local and joins of control forget it.
    """
    name, offset = addr.offset or (addr.text, 0)
    if name[0] != "l" or width == 1 or offset % width or not name.isidentifier():
        return _element(letter, memidx, width, addr)
    key = f"{letter}{memidx}"
    view, index = f"v{key}_{name}", f"i{width}_{name}"
    kept = f.kept_bases.setdefault(name, set())
    more = f" + {offset // width}" if offset else ""
    if key in kept:
        return f"{view}[{index}{more}]"
    if not _is_base_again(f, int(name[1:])):
        return _element(letter, memidx, width, addr)
    kept.add(key)
    return f"({view} := {key}[{name} & {width - 1}])[({index} := {name} >> {width.bit_length() - 1}){more}]"


def _is_base_again(f: Lowering, localidx: int) -> bool:
    """Guess whether a local is soon read again, before it or the views may change."""
    pos = f.w.pos + 1
    for instr in f.instrs[pos : pos + NEAR]:
        op = instr[0]
        if op is _LOCAL_GET and instr[1] == localidx:
            return True
        if op in _FORGETTING or ((op is _LOCAL_SET or op is _LOCAL_TEE) and instr[1] == localidx):
            return False
    return False


def _number(memidx: int, width: int, addr: Val) -> str:
    """Return the text that reads `width` bytes as an unsigned number."""
    if width == 16:
        return f"load128(M{memidx}, {addr.text})"
    return _element(_UNSIGNED[width], memidx, width, addr)


def _shared_number(f: Lowering, memidx: int, width: int, addr: Val) -> str:
    if width == 16:
        return _number(memidx, width, addr)
    return _shared_element(f, _UNSIGNED[width], memidx, width, addr)


def _loaded(text: str, t: str, lo: int, hi: int, addr: Val) -> Val:
    return Val(text, t, lo, hi, _ACCESS | ATOM, addr.reads, addr.depth + 1)


def load_int(f: Lowering, instr: Instr) -> None:
    """Lower an integer load; a sign-extending one reads through a signed view."""
    op, memarg = instr
    addr = _address(f, f.pop(), memarg)
    t, width = op.results[0], op.access
    if template_of(op).text == "{x}":
        most = (1 << 8 * width) - 1
        f.push(_loaded(_shared_number(f, memarg.memidx, width, addr), t, 0, most, addr))
        return
    half = 1 << (8 * width - 1)
    text = _shared_element(f, _SIGNED[width], memarg.memidx, width, addr)
    f.push(_loaded(text, t, -half, half - 1, addr))


@body(BY_NAME["f64.load"])
def load_f64(f: Lowering, instr: Instr) -> None:
    """Load through a view of doubles, which keeps every bit."""
    addr = _address(f, f.pop(), instr[1])
    f.push(_loaded(_shared_element(f, "N", instr[1].memidx, 8, addr), "f64", 0, 0, addr))


@body(BY_NAME["f32.load"])
def load_f32(f: Lowering, instr: Instr) -> None:
    """Load through a view of floats, and NaNs by their bits: a signalling one must stay so."""
    memidx = instr[1].memidx
    addr = _address(f, f.pop(), instr[1])
    fast = _element("P", memidx, 4, addr)
    if addr.const is None and not addr.text.isidentifier():
        addr = Val("t", "i64", 0, addr.hi, ATOM, addr.reads, addr.depth)
    text = f"(u if (u := {fast}) == u else f32_from_bits({_element('W', memidx, 4, addr)}))"
    f.push(_loaded(text, "f32", 0, 0, addr))


def load_other(f: Lowering, instr: Instr) -> None:
    """Lower a load whose row computes with the number: the v128 forms."""
    op, memarg = instr[0], instr[1]
    lane = instr[2] if len(instr) > 2 else 0
    if op.lanes:
        f.before_branch()
    b = reduced(f.pop()) if op.lanes else None
    addr = _address(f, f.pop(), memarg)
    inserts = {"x": _number(memarg.memidx, op.access, addr), "lane": str(lane)}
    depth, reads = addr.depth + 1, addr.reads
    if b is not None:
        inserts["b"] = b.pasted
        depth, reads = max(depth, b.depth + 1), reads | b.reads
    template = template_of(op)
    f.push(Val(template.text.format(**inserts), op.results[0], 0, MAX_OF["v128"], _ACCESS, reads, depth))


def _store_operands(f: Lowering, memarg: MemArg) -> tuple[Val, Val]:
    """Pop value and address. Python evaluates the value first: where both may trap the address goes first."""
    value, addr = f.pop(), f.pop()
    if value.flags & TRAP and addr.flags & TRAP:
        f.before_effect()
        name = f.fresh()
        f.w.put(f"{name} = {reduced(addr).text}")
        addr = Val(name, addr.t, 0, MAX_OF[addr.t], ATOM, frozenset((name,)))
    f.before_effect()
    return value, _address(f, addr, memarg)


def store_int(f: Lowering, instr: Instr) -> None:
    """Lower an integer store: the low bytes are written."""
    op, memarg = instr
    value, addr = _store_operands(f, memarg)
    width = op.access
    most = (1 << 8 * width) - 1
    text = value.text if value.lo >= 0 and value.hi <= most else f"{value.pasted} & {most}"
    f.w.put(f"{_shared_element(f, _UNSIGNED[width], memarg.memidx, width, addr)} = {text}")


@body(BY_NAME["f64.store"])
def store_f64(f: Lowering, instr: Instr) -> None:
    """Store through a view of doubles; an arithmetic NaN becomes the canonical one first."""
    value, addr = _store_operands(f, instr[1])
    text = value.text
    if value.flags & DIRTY:
        if not text.isidentifier():
            f.w.put(f"u = {text}")
            text = "u"
        f.w.put(f"if {text} != {text}: {text} = NAN")
    f.w.put(f"{_shared_element(f, 'N', instr[1].memidx, 8, addr)} = {text}")


@body(BY_NAME["f32.store"])
def store_f32(f: Lowering, instr: Instr) -> None:
    """Store through a view of floats, and NaNs by their bits."""
    memidx = instr[1].memidx
    value, addr = _store_operands(f, instr[1])
    text = value.text
    if not text.isidentifier():
        # fast: the view rounds by itself.
        bare = text[len("fround") :] if text.startswith("fround(") and _closes_at_end(text) else text
        f.w.put(f"u = {bare}")
        text = "u"
    place = _element("P", memidx, 4, addr)
    if addr.const is None and not addr.text.isidentifier():
        f.w.put(f"t = {addr.text}")
        place = _element("P", memidx, 4, Val("t", "i64", 0, addr.hi, ATOM))
        addr = Val("t", "i64", 0, addr.hi, ATOM)
    if value.flags & DIRTY:
        f.w.put(f"if {text} != {text}: {text} = NAN")
        f.w.put(f"{place} = {text}")
    else:
        f.w.put(f"if {text} == {text}: {place} = {text}")
        f.w.put(f"else: {_element('W', memidx, 4, addr)} = f32_to_bits({text})")


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
    value, addr = _store_operands(f, memarg)
    text = template_of(op).text.format(b=value.pasted, lane=lane)
    if op.access == 16:
        f.w.put(f"store128(M{memarg.memidx}, {addr.text}, {text})")
    else:
        f.w.put(f"{_element(_UNSIGNED[op.access], memarg.memidx, op.access, addr)} = {text}")


# -- atomics, on one thread -------------------------------------------------------------------------


def _atomic_address(f: Lowering, addr: Val, op: Op, memarg: MemArg) -> Val:
    """Put the address into a variable and check that it is aligned."""
    addr = _address(f, addr, memarg)
    name = f.fresh()
    f.w.put(f"{name} = {addr.text}")
    if op.access > 1:
        f.w.put(f"if {name} & {op.access - 1}: trap_unaligned()")
    return Val(name, "i64", 0, MAX_OF["i64"], ATOM, frozenset((name,)))


def atomic_load(f: Lowering, instr: Instr) -> None:
    """Lower an atomic load."""
    op, memarg = instr
    addr = f.pop()
    f.before_effect()
    addr = _atomic_address(f, addr, op, memarg)
    f.w.put(f"{f.push_name(op.results[0])} = {_number(memarg.memidx, op.access, addr)}")


def atomic_store(f: Lowering, instr: Instr) -> None:
    """Lower an atomic store."""
    op, memarg = instr
    f.before_effect()
    value, addr = reduced(f.pop()), f.pop()
    addr = _atomic_address(f, addr, op, memarg)
    text = template_of(op).text.format(b=value.pasted)
    f.w.put(f"{_number(memarg.memidx, op.access, addr)} = {text}")


def atomic_update(f: Lowering, instr: Instr) -> None:
    """Lower an atomic read-modify-write or compare-exchange."""
    op, memarg = instr
    f.before_effect()
    count = len(op.params or ()) - 1
    operands = [reduced(val) for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    addr = _atomic_address(f, f.pop(), op, memarg)
    place = _number(memarg.memidx, op.access, addr)
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
    addr = _atomic_address(f, f.pop(), op, memarg)
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
    f.charge_growth(f"MM{instr[1]}", delta)
    f.kept_bases.clear()
    f.w.put(f"{f.push_name(t)} = MM{instr[1]}.grow_pages({delta.text}) & {MAX_OF[t]}")


def bulk(f: Lowering, helper: str, count: int) -> None:
    """Call a helper with `count` integer operands, the last of which is a number of units that costs fuel."""
    f.before_effect()
    operands = [f.settled(val) for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    operands[-1] = f.named(operands[-1])
    f.charge_units(operands[-1])
    f.w.put(f"{helper}, {', '.join(val.text for val in operands)})")


@body(BY_NAME["memory.fill"])
def memory_fill(f: Lowering, instr: Instr) -> None:
    """Fill a range."""
    bulk(f, f"memory_fill(M{instr[1]}", 3)


@body(BY_NAME["memory.copy"])
def memory_copy(f: Lowering, instr: Instr) -> None:
    """Copy a range, overlapping or not."""
    bulk(f, f"memory_copy(M{instr[1]}, M{instr[2]}", 3)


@body(BY_NAME["memory.init"])
def memory_init(f: Lowering, instr: Instr) -> None:
    """Copy from a data segment."""
    bulk(f, f"memory_init(M{instr[2]}, DATAS[{instr[1]}]", 3)


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
