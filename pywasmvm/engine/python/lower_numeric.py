"""Rows with a meaning in the table's `py` or `pyf` column: pasted into expressions, with as few masks as
the ranges allow.

What this adds to the table is knowledge about ranges: which results may stay unreduced, and when a signed
reading is free.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from ...errors import InternalError, Trap
from ...isa import BY_NAME, OPS
from ...isa.model import Imm, Kind, Nan, Op
from ...syntax.instructions import Instr
from . import numeric
from .facts import learn
from .lower import Lowering, body
from .values import ATOM, COND, DIRTY, MAX_OF, MEM, TRAP, Range, Val, constant, reduced

__all__ = ["FLAGS_KEPT", "OPPOSITE", "Template", "joined", "signed", "template_of", "value"]

_WORD = re.compile(r"\b([abcdx]|lane|imm)\b")
_CONSTANT = re.compile(r"\b([MRS]\d+)\b")
_MASKED = re.compile(r"\((?P<inner>.*)\) & (?P<mask>M32|M64)")
_COMPARE = re.compile(r"a (==|!=|<|>|<=|>=) b")
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_PASTED = (Kind.UNOP, Kind.BINOP, Kind.TESTOP, Kind.RELOP, Kind.CVTOP, Kind.VECTOR)
FLAGS_KEPT = TRAP | MEM
# Beyond this, an unreduced number costs more than the mask.
WIDE = 1 << 89
# fast: a product of two numbers of 64 bits is added as it is, and the sum masked once.
WIDE_SUM = 1 << 129


class Template:
    """A `py` or `pyf` expression ready for `str.format`: `text` and the names it uses, with repetition.

    in_order   whether operands pasted into it are evaluated in the order they were pushed; those that occur
               twice are named, and so evaluated, before the rest.
    """

    __slots__ = ("in_order", "names", "text")

    def __init__(self, expression: str) -> None:
        expression = expression.replace("{", "{{").replace("}", "}}")
        expression = _CONSTANT.sub(lambda m: str(getattr(numeric, m[1])), expression)
        self.names = _WORD.findall(expression)
        self.text = _WORD.sub(r"{\1}", expression)
        twice = [name for name in self.names if self.names.count(name) > 1]
        order = twice + [name for name in self.names if name not in twice]
        self.in_order = order == sorted(order)


@cache
def template_of(op: Op) -> Template:
    """Return the template of a row: `pyf` where it deals in floats, else `py`."""
    expression = op.pyf or op.py
    if expression is None:
        raise ValueError(f"{op.name} has no expression")
    return Template(expression)


@cache
def _folder(op: Op) -> Callable[..., Any]:
    """Return the row's integer meaning as a function, for folding constants."""
    names = ", ".join("abcd"[: len(op.params or ())])
    made: Callable[..., Any] = eval(f"lambda {names}: {op.py}", dict(vars(numeric)))  # noqa: S307 - the table's own text
    return made


# -- ranges of unreduced results ---------------------------------------------------------------------


def _add(a: Val, b: Val) -> Range:
    return a.lo + b.lo, a.hi + b.hi


def _sub(a: Val, b: Val) -> Range:
    return a.lo - b.hi, a.hi - b.lo


def _mul(a: Val, b: Val) -> Range:
    ends = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)
    return min(ends), max(ends)


def _bits_and(a: Val, b: Val) -> Range:
    tops = [v.hi for v in (a, b) if v.lo >= 0]
    return (0, min(tops)) if tops else _bits_or(a, b)


def _bits_or(a: Val, b: Val) -> Range:
    n = max(v.bit_length() for v in (a.lo, a.hi, b.lo, b.hi))
    return (0 if min(a.lo, b.lo) >= 0 else -(1 << n)), (1 << n) - 1


_BITWISE = {"and": ("&", _bits_and), "or": ("|", _bits_or), "xor": ("^", _bits_or)}


def small(val: Val, limit: int = WIDE) -> Val:
    """Return the value, reduced if its range is too wide to carry on."""
    if val.flags & COND or (val.lo > -limit and val.hi < limit):
        return val
    return reduced(val)


def joined(*vals: Val) -> tuple[int, frozenset[str], int]:
    """Return flags, reads and depth of an expression over these values."""
    first = vals[0]
    flags, reads, depth = first.flags, first.reads, first.depth
    for val in vals[1:]:
        flags |= val.flags
        if val.reads is not reads:
            reads = reads | val.reads
        depth = max(depth, val.depth)
    return flags & FLAGS_KEPT, reads, depth + 1


def signed(val: Val) -> Val:
    """Return an integer as a number in the signed range of its type."""
    half = (MAX_OF[val.t] + 1) // 2
    if val.flags & COND or (val.lo >= -half and val.hi < half):
        return val
    val = reduced(val)
    if val.const is not None:
        number = (val.const ^ half) - half
        return Val(f"({number})", val.t, number, number, ATOM, const=number)
    return Val(
        f"({val.pasted} ^ {half}) - {half}",
        val.t,
        -half,
        half - 1,
        val.flags & FLAGS_KEPT,
        val.reads,
        val.depth + 1,
    )


def fold(op: Op, operands: list[Val]) -> Val | None:
    """Return the result if it is known: no floats, all operands constant, no trap."""
    if op.pyf or not op.results or len(op.results) != 1 or op.kind is Kind.VECTOR:
        return None
    numbers = []
    for val in operands:
        if val.const is None:
            return None
        numbers.append(val.const & MAX_OF[val.t])
    try:
        return constant(int(_folder(op)(*numbers)), op.results[0])
    except Trap:
        return None


# fast: a divisor that is known and not zero needs no test.
_DIVISION = Template("a / b if b else fdiv0(a, b)").text
_PLAIN_DIVISION = Template("a / b")


# -- bodies ----------------------------------------------------------------------------------------


def value(*ops: Any) -> Callable[[Callable[..., Val]], Callable[..., Val]]:
    """Register the decorated function as what gives the one result of these rows, unless it is known.

    It gets the operands after `f` and `instr`; they have left the stack.
    """

    def register(function: Callable[..., Val]) -> Callable[..., Val]:
        def lower(f: Lowering, instr: Instr) -> None:
            op: Op = instr[0]
            height = len(f.stack) - len(op.params or ())
            operands = f.stack[height:]
            del f.stack[height:]
            known = fold(op, operands)
            f.push(function(f, instr, *operands) if known is None else known)

        body(*ops)(lower)
        return function

    return register


def paste(f: Lowering, instr: Instr, *operands: Val) -> Val:
    """Lower a row by its expression."""
    return pasted(f, instr[0], list(operands), instr[1:])


def pasted(f: Lowering, op: Op, operands: list[Val], imms: tuple[Any, ...] = ()) -> Val:
    """Return the value of a row's expression over these operands."""
    template = template_of(op)
    if template.text == _DIVISION and operands[1].const:
        template = _PLAIN_DIVISION
    if not template.in_order and sum(val.flags & TRAP for val in operands) > 1:
        operands = [f.named(val) if val.flags & TRAP else val for val in operands]
    inserts: dict[str, str] = {}
    used: list[Val] = []
    for letter, val in zip("abcd", operands, strict=False):
        settled = _operand(op, letter, val)
        if template.names.count(letter) > 1:
            settled = f.named(settled)
        inserts[letter] = settled.pasted
        used.append(settled)
    if imms:
        inserts["lane" if op.imms[-1] is Imm.LANEIDX else "imm"] = repr(imms[-1])
    flags, reads, depth = joined(*used) if used else (0, frozenset(), 0)
    t = op.results[0] if op.results else "i32"
    if op.traps:
        flags |= TRAP
    if op.kind in (Kind.TESTOP, Kind.RELOP):
        flags |= COND
    elif op.nan is Nan.ARITH and t in ("f32", "f64"):
        flags |= DIRTY
    hi = 1 if flags & COND else MAX_OF.get(t, 0)
    val = Val(template.text.format(**inserts), t, 0, hi, flags, reads, depth)
    found = _COMPARE.fullmatch(op.pyf or op.py or "")
    if op.kind is Kind.RELOP and not op.pyf:
        val.facts = learn(op.name, *used)
    if found and (found[1] in ("==", "!=") or not op.pyf):
        val.inverse = f"{inserts['a']} {OPPOSITE[found[1]]} {inserts['b']}"
    return val


def _operand(op: Op, letter: str, val: Val) -> Val:
    """Return an operand as the row's expression wants it."""
    if val.t in ("f32", "f64"):
        if val.flags & DIRTY and op.nan is Nan.BITS:
            return Val(
                f"canon({val.text})", val.t, 0, 0, val.flags & FLAGS_KEPT | ATOM, val.reads, val.depth + 1
            )
        return val
    if letter in op.lazy:
        return small(val)
    return reduced(val)


def arithmetic(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower add, sub and mul: the result stays unreduced until something needs it."""
    op: Op = instr[0]
    most = MAX_OF[a.t]
    sign = template_of(op).text.split()[1]
    if sign == "*":
        return _combined("*", small(a, most + 2), small(b, most + 2))
    a, b = small(a, WIDE_SUM), small(b, WIDE_SUM)
    # fast: numbers that are added one after the other are added up here.
    (left, more), (right, extra) = _parts(a), _parts(b)
    more = more + extra if sign == "+" else more - extra
    if left is None:
        left, right = (right, None) if sign == "+" else (constant(0, a.t), right)
    if left is None:
        raise InternalError("two constants have not been folded")
    if right is not None:
        left = _combined(sign, left, right)
    return _plus(left, (more + most // 2 + 1 & most) - most // 2 - 1)


def _parts(val: Val) -> tuple[Val | None, int]:
    """Return a value as a variable part and a number."""
    if val.const is not None:
        return None, val.const
    return val.plus or (val, 0)


def _combined(sign: str, a: Val, b: Val) -> Val:
    lo, hi = {"+": _add, "-": _sub, "*": _mul}[sign](a, b)
    flags, reads, depth = joined(a, b)
    return Val(f"{a.pasted} {sign} {b.pasted}", a.t, lo, hi, flags, reads, depth)


def _plus(a: Val, number: int) -> Val:
    """Return a value plus a number, of which the one near zero is taken: the others are slow to add."""
    if not number:
        return a
    val = _combined("+" if number > 0 else "-", a, constant(abs(number), a.t))
    val.plus = (a, number)
    if a.flags & ATOM and a.lo >= 0 and a.hi <= MAX_OF[a.t] and a.text.isidentifier():
        val.offset = (a.text, number)
    return val


def bitwise(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower and, or, xor: right for unreduced operands too; truth values stay truth values."""
    op: Op = instr[0]
    sign, bounds = _BITWISE[op.name.split(".")[1]]
    flags, reads, depth = joined(a, b)
    if a.flags & b.flags & COND:
        return Val(f"{a.pasted} {sign} {b.pasted}", a.t, 0, 1, flags | COND, reads, depth)
    a, b = small(a), small(b)
    lo, hi = bounds(a, b)
    return Val(f"{a.pasted} {sign} {b.pasted}", a.t, lo, hi, flags, reads, depth)


def shift_left(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower shl, unreduced where the distance is known."""
    if b.const is None:
        return paste(f, instr, a, b)
    n = b.const & (MAX_OF[a.t].bit_length() - 1)
    if a.hi << n > WIDE or a.lo < -WIDE:
        return paste(f, instr, a, b)
    flags, reads, depth = joined(a)
    val = Val(f"{a.pasted} << {n}" if n else a.text, a.t, a.lo << n, a.hi << n, flags, reads, depth)
    val.shifted = (a, n) if n else None
    return val


def shift_right_signed(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower shr_s on the signed reading of its operand."""
    bits = MAX_OF[a.t].bit_length()
    if b.const is not None and a.shifted is not None and a.shifted[1] == b.const & (bits - 1):
        return _extended(a.shifted[0], a.t, bits - a.shifted[1])
    a = signed(a)
    if b.const is not None:
        n = b.const & (bits - 1)
        flags, reads, depth = joined(a)
        return Val(f"{a.pasted} >> {n}", a.t, a.lo >> n, a.hi >> n, flags, reads, depth)
    b = small(b)
    flags, reads, depth = joined(a, b)
    return Val(
        f"{a.pasted} >> ({b.pasted} & {bits - 1})", a.t, min(a.lo, 0), max(a.hi, 0), flags, reads, depth
    )


def shift_right(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower shr_u; a known distance narrows the range."""
    if b.const is None:
        return paste(f, instr, a, b)
    n = b.const & (MAX_OF[a.t].bit_length() - 1)
    a = reduced(a)
    flags, reads, depth = joined(a)
    return Val(f"{a.pasted} >> {n}", a.t, 0, a.hi >> n, flags, reads, depth)


def rotate(f: Lowering, instr: Instr, a: Val, b: Val) -> Val:
    """Lower rotl and rotr; by a known distance without a number that is wider than the type."""
    if b.const is None:
        return paste(f, instr, a, b)
    bits = MAX_OF[a.t].bit_length()
    n = (b.const if instr[0].name.endswith("l") else -b.const) & (bits - 1)
    a = f.named(reduced(a))
    if n:
        flags, reads, depth = joined(a)
        low = (1 << bits - n) - 1
        text = f"({a.text} & {low}) << {n} | {a.text} >> {bits - n}"
        a = Val(text, a.t, 0, MAX_OF[a.t], flags, reads, depth)
    return a


def sign_extend(f: Lowering, instr: Instr, val: Val) -> Val:
    """Lower extend*_s: the result is kept as a signed number."""
    op: Op = instr[0]
    width = int(op.name[:-2].rpartition("extend")[2].lstrip("_i"))
    return _extended(val, (op.results or ("i32",))[0], width)


def _extended(val: Val, t: str, width: int) -> Val:
    """Return the low bits of a value, read as a signed number."""
    half = 1 << (width - 1)
    if val.flags & COND or (val.lo >= -half and val.hi < half):
        return Val(val.text, t, val.lo, val.hi, val.flags, val.reads, val.depth, val.const)
    mask = 2 * half - 1
    flags, reads, depth = joined(val)
    inner = val.pasted if val.lo >= 0 and val.hi <= mask else f"({val.pasted} & {mask})"
    return Val(f"({inner} ^ {half}) - {half}", t, -half, half - 1, flags, reads, depth)


def retype(f: Lowering, instr: Instr, val: Val) -> Val:
    """Lower i32.wrap_i64 and i64.extend_i32_u: the same number modulo the width."""
    op: Op = instr[0]
    t = (op.results or ("i32",))[0]
    if val.flags & COND:
        val.t = t
        return val
    val = reduced(val) if t == "i64" else val
    return Val(val.text, t, val.lo, val.hi, val.flags, val.reads, val.depth)


@body(*(op for op in OPS if op.kind is Kind.WIDEOP))
def wide(f: Lowering, instr: Instr) -> None:
    """Lower a row with two results."""
    op: Op = instr[0]
    count = len(op.params or ())
    f.before_branch()
    operands = [reduced(val) for val in f.stack[len(f.stack) - count :]]
    del f.stack[len(f.stack) - count :]
    text = template_of(op).text.format(**{n: v.pasted for n, v in zip("abcd", operands, strict=False)})
    names = [f.push_name("i64"), f.push_name("i64")]
    f.w.put(f"{names[0]}, {names[1]} = {text}")


def _register() -> None:
    """Register `paste` for every row it can do, then the better bodies over it."""
    for op in OPS:
        if op.kind in _PASTED and (op.py or op.pyf):
            value(op)(paste)
    for t in ("i32", "i64"):
        for names, lowering in (
            ("add sub mul", arithmetic),
            ("and or xor", bitwise),
            ("shl", shift_left),
            ("shr_s", shift_right_signed),
            ("shr_u", shift_right),
            ("rotl rotr", rotate),
            ("extend8_s extend16_s", sign_extend),
        ):
            value(*(BY_NAME[f"{t}.{name}"] for name in names.split()))(lowering)
    value(BY_NAME["i64.extend32_s"], BY_NAME["i64.extend_i32_s"])(sign_extend)
    value(BY_NAME["i32.wrap_i64"], BY_NAME["i64.extend_i32_u"])(retype)


_register()
