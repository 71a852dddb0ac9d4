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

from ...errors import Trap
from ...isa import BY_NAME, OPS
from ...isa.model import Imm, Kind, Nan, Op
from ...syntax.instructions import Instr
from . import numeric
from .facts import learn, told
from .lower import Lowering, body
from .values import ATOM, COND, DIRTY, MAX_OF, MEM, TRAP, Fact, Range, Val, condition, constant, reduced

__all__ = ["Template", "template_of"]

_WORD = re.compile(r"\b([abcdx]|lane|imm)\b")
_CONSTANT = re.compile(r"\b([MRS]\d+)\b")
_MASKED = re.compile(r"\((?P<inner>.*)\) & (?P<mask>M32|M64)")
_SIGNED = re.compile(r"\(a \^ S(32|64)\) (<|>|<=|>=) \(b \^ S(32|64)\)")
_COMPARE = re.compile(r"a (==|!=|<|>|<=|>=) b")
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_PASTED = (Kind.UNOP, Kind.BINOP, Kind.TESTOP, Kind.RELOP, Kind.CVTOP, Kind.VECTOR)
FLAGS_KEPT = TRAP | MEM
# Beyond this, an unreduced number costs more than the mask.
WIDE = 1 << 66


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


def _joined(*vals: Val) -> tuple[int, frozenset[str], int]:
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


def _fold(op: Op, operands: list[Val]) -> Val | None:
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


def compare(sign: str, a: Val, b: Val, invertible: bool = True) -> Val:
    """Return a comparison as a condition."""
    flags, reads, depth = _joined(a, b)
    val = Val(f"{a.pasted} {sign} {b.pasted}", "i32", 0, 1, flags | COND, reads, depth)
    if invertible:
        val.inverse = f"{a.pasted} {_OPPOSITE[sign]} {b.pasted}"
    return val


# fast: a divisor that is known and not zero needs no test.
_DIVISION = Template("a / b if b else fdiv0(a, b)").text
_PLAIN_DIVISION = Template("a / b")


# -- bodies ----------------------------------------------------------------------------------------


def paste(f: Lowering, instr: Instr) -> None:
    """Lower a row by its expression."""
    op: Op = instr[0]
    params = op.params or ()
    operands = f.stack[len(f.stack) - len(params) :] if params else []
    if operands:
        del f.stack[len(f.stack) - len(params) :]
        folded = _fold(op, operands)
        if folded is not None:
            f.stack.append(folded)
            return
    f.push(pasted(f, op, operands, instr[1:]))


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
    flags, reads, depth = _joined(*used) if used else (0, frozenset(), 0)
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
        val.facts = _told(op, *used)
    if found and (found[1] in ("==", "!=") or not op.pyf):
        val.inverse = f"{inserts['a']} {_OPPOSITE[found[1]]} {inserts['b']}"
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


def arithmetic(f: Lowering, instr: Instr) -> None:
    """Lower add, sub and mul: the result stays unreduced until something needs it."""
    op: Op = instr[0]
    b, a = f.pop(), f.pop()
    folded = _fold(op, [a, b])
    if folded is not None:
        f.push(folded)
        return
    most = MAX_OF[a.t]
    sign = template_of(op).text.split()[1]
    a, b = small(a), small(b)
    if sign == "*":
        a, b = small(a, most + 2), small(b, most + 2)
    elif b.const is not None and b.const > most // 2:
        # fast: adding a number near 2**N is slower than subtracting its small complement.
        b = constant(most + 1 - b.const, b.t)
        sign = "-" if sign == "+" else "+"
    lo, hi = {"+": _add, "-": _sub, "*": _mul}[sign](a, b)
    flags, reads, depth = _joined(a, b)
    val = Val(f"{a.pasted} {sign} {b.pasted}", a.t, lo, hi, flags, reads, depth)
    if (
        b.const is not None
        and sign != "*"
        and a.flags & ATOM
        and a.lo >= 0
        and a.hi <= most
        and a.text.isidentifier()
    ):
        val.offset = (a.text, b.const if sign == "+" else -b.const)
    f.push(val)


def bitwise(f: Lowering, instr: Instr) -> None:
    """Lower and, or, xor: right for unreduced operands too; truth values stay truth values."""
    op: Op = instr[0]
    b, a = f.pop(), f.pop()
    folded = _fold(op, [a, b])
    if folded is not None:
        f.push(folded)
        return
    sign, bounds = _BITWISE[op.name.split(".")[1]]
    flags, reads, depth = _joined(a, b)
    if a.flags & b.flags & COND:
        f.push(Val(f"{a.pasted} {sign} {b.pasted}", a.t, 0, 1, flags | COND, reads, depth))
        return
    a, b = small(a), small(b)
    lo, hi = bounds(a, b)
    f.push(Val(f"{a.pasted} {sign} {b.pasted}", a.t, lo, hi, flags, reads, depth))


def shift_left(f: Lowering, instr: Instr) -> None:
    """Lower shl, unreduced where the distance is known."""
    b = f.stack[-1]
    if b.const is None:
        paste(f, instr)
        return
    a = f.stack[-2]
    bits = MAX_OF[a.t].bit_length()
    n = b.const & (bits - 1)
    if a.const is not None or a.hi << n > WIDE << 32 or a.lo < -WIDE:
        paste(f, instr)
        return
    del f.stack[-2:]
    flags, reads, depth = _joined(a)
    f.push(Val(f"{a.pasted} << {n}" if n else a.text, a.t, a.lo << n, a.hi << n, flags, reads, depth))


def shift_right_signed(f: Lowering, instr: Instr) -> None:
    """Lower shr_s on the signed reading of its operand."""
    op: Op = instr[0]
    b, a = f.pop(), f.pop()
    folded = _fold(op, [a, b])
    if folded is not None:
        f.push(folded)
        return
    bits = MAX_OF[a.t].bit_length()
    a = signed(a)
    if b.const is not None:
        n = b.const & (bits - 1)
        flags, reads, depth = _joined(a)
        f.push(Val(f"{a.pasted} >> {n}", a.t, a.lo >> n, a.hi >> n, flags, reads, depth))
        return
    b = small(b)
    flags, reads, depth = _joined(a, b)
    f.push(
        Val(f"{a.pasted} >> ({b.pasted} & {bits - 1})", a.t, min(a.lo, 0), max(a.hi, 0), flags, reads, depth)
    )


def shift_right(f: Lowering, instr: Instr) -> None:
    """Lower shr_u; a known distance narrows the range."""
    op: Op = instr[0]
    b, a = f.pop(), f.pop()
    folded = _fold(op, [a, b])
    if folded is not None or b.const is None:
        f.push(folded if folded is not None else pasted(f, op, [a, b]))
        return
    n = b.const & (MAX_OF[a.t].bit_length() - 1)
    a = reduced(a)
    flags, reads, depth = _joined(a)
    f.push(Val(f"{a.pasted} >> {n}", a.t, 0, a.hi >> n, flags, reads, depth))


def compare_signed(f: Lowering, instr: Instr) -> None:
    """Lower a signed comparison: directly where both numbers read the same signed and unsigned."""
    op: Op = instr[0]
    b, a = f.pop(), f.pop()
    folded = _fold(op, [a, b])
    if folded is not None:
        f.push(folded)
        return
    found = _SIGNED.fullmatch(op.py or "")
    sign = found[2] if found else "<"
    half = (MAX_OF[a.t] + 1) // 2
    if all(v.flags & COND or (v.lo >= -half and v.hi < half) or v.const is not None for v in (a, b)):
        val = compare(sign, signed(a), signed(b))
        val.facts = _told(op, a, b)
        f.push(val)
        return
    if b.const is not None:
        val = _in_range(sign, reduced(a), b.const & MAX_OF[a.t], half)
        val.facts = _told(op, a, b)
        f.push(val)
        return
    val = compare(sign, _biased(a, half), _biased(b, half))
    if a.flags & b.flags & ATOM and a.text.isidentifier() and b.text.isidentifier():
        # fast: both are below 2**(N-1) nearly always, and then no number needs to be made.
        small_ones = f"if {a.text} < {half} > {b.text} else"
        val.inverse = f"{a.text} {_OPPOSITE[sign]} {b.text} {small_ones} {val.inverse}"
        val.text = f"{a.text} {sign} {b.text} {small_ones} {val.text}"
    f.push(val)


def _told(op: Op, a: Val, b: Val) -> tuple[Fact, ...]:
    """Return what a comparison tells about locals, for operands in the unsigned range."""
    if any(val.flags & COND or val.lo < 0 or val.hi > MAX_OF[val.t] for val in (a, b)):
        return ()
    return learn(op.name.split(".")[1], a, b)


def _in_range(sign: str, a: Val, number: int, half: int) -> Val:
    """Return a signed comparison with a known number as a test for a range of unsigned numbers."""
    limit = (number ^ half) - half + (sign in ("<=", ">"))  # the least signed number that is not below
    at_least = sign in (">", ">=")
    if limit == half:  # nothing is larger
        inside, outside = f"{a.pasted} < 0", f"{a.pasted} >= 0"
    elif limit == 0:
        inside, outside = f"{a.pasted} < {half}", f"{a.pasted} >= {half}"
    elif limit > 0:
        inside = f"{limit} <= {a.pasted} < {half}"
        outside = f"not {inside}"
    else:
        outside = f"{half} <= {a.pasted} < {limit + 2 * half}"
        inside = f"not {outside}"
    flags, reads, depth = _joined(a)
    val = Val(inside if at_least else outside, "i32", 0, 1, flags | COND, reads, depth + 1)
    val.inverse = outside if at_least else inside
    return val


def _biased(val: Val, half: int) -> Val:
    """Return a value whose unsigned order is the signed order of `val`."""
    val = reduced(val)
    if val.const is not None:
        return constant(val.const ^ half, val.t)
    return Val(
        f"({val.pasted} ^ {half})",
        val.t,
        0,
        2 * half - 1,
        val.flags & FLAGS_KEPT | ATOM,
        val.reads,
        val.depth + 1,
    )


def test_zero(f: Lowering, instr: Instr) -> None:
    """Lower eqz."""
    val = f.pop()
    folded = _fold(instr[0], [val])
    if folded is not None:
        f.push(folded)
        return
    flags, reads, depth = _joined(val)
    if val.flags & COND:
        text, inverse = val.inverse or f"not {val.pasted}", val.text
    else:
        inverse = condition(val)
        text = f"not {reduced(val).pasted}"
    result = Val(text, "i32", 0, 1, flags | COND, reads, depth)
    result.inverse = inverse
    result.facts = tuple((localidx, fails, holds) for localidx, holds, fails in told(val))
    f.push(result)


def sign_extend(f: Lowering, instr: Instr) -> None:
    """Lower extend*_s: the result is kept as a signed number."""
    op: Op = instr[0]
    val = f.pop()
    folded = _fold(op, [val])
    if folded is not None:
        f.push(folded)
        return
    width = int(op.name[:-2].rpartition("extend")[2].lstrip("_i"))
    t = (op.results or ("i32",))[0]
    half = 1 << (width - 1)
    if val.flags & COND or (val.lo >= -half and val.hi < half):
        val = Val(val.text, t, val.lo, val.hi, val.flags, val.reads, val.depth, val.const)
        f.push(val)
        return
    mask = 2 * half - 1
    flags, reads, depth = _joined(val)
    inner = val.pasted if val.lo >= 0 and val.hi <= mask else f"({val.pasted} & {mask})"
    f.push(Val(f"({inner} ^ {half}) - {half}", t, -half, half - 1, flags, reads, depth))


def retype(f: Lowering, instr: Instr) -> None:
    """Lower i32.wrap_i64 and i64.extend_i32_u: the same number modulo the width."""
    op: Op = instr[0]
    val = f.pop()
    t = (op.results or ("i32",))[0]
    if val.const is not None:
        f.push(constant(val.const & MAX_OF[val.t] & MAX_OF[t], t))
    elif val.flags & COND:
        val.t = t
        f.push(val)
    else:
        val = reduced(val) if t == "i64" else val
        f.push(Val(val.text, t, val.lo, val.hi, val.flags, val.reads, val.depth))


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
            body(op)(paste)
    for t in ("i32", "i64"):
        for names, lowering in (
            ("add sub mul", arithmetic),
            ("and or xor", bitwise),
            ("shl", shift_left),
            ("shr_s", shift_right_signed),
            ("shr_u", shift_right),
            ("lt_s gt_s le_s ge_s", compare_signed),
            ("eqz", test_zero),
            ("extend8_s extend16_s", sign_extend),
        ):
            body(*(BY_NAME[f"{t}.{name}"] for name in names.split()))(lowering)
    body(BY_NAME["i64.extend32_s"], BY_NAME["i64.extend_i32_s"])(sign_extend)
    body(BY_NAME["i32.wrap_i64"], BY_NAME["i64.extend_i32_u"])(retype)


_register()
