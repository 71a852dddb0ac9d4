"""Bodies of the constants and the parametric and variable instructions: locals, globals, drop, select."""

from __future__ import annotations

from ...isa import BY_NAME
from ...isa.model import Nan
from ...syntax.instructions import Instr
from . import numeric
from .lower import Lowering, body
from .pace import in_steps
from .values import ATOM, COND, DIRTY, MAX_OF, MEM, TRAP, Val, condition, constant, name_of, number, reduced

__all__ = ["find_dirty_locals"]

_LOCAL_SET, _LOCAL_TEE, _LOCAL_GET = BY_NAME["local.set"], BY_NAME["local.tee"], BY_NAME["local.get"]
# float constant -> bits of a magnitude, of infinity, of the canonical NaN
_FLOAT_CONSTS = {
    BY_NAME["f32.const"]: (0x7FFFFFFF, 0x7F800000, 0x7FC00000),
    BY_NAME["f64.const"]: (0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000),
}


def _is_plain_constant(instr: Instr) -> bool:
    """Tell whether it is a float constant, and no NaN but the canonical one."""
    found = _FLOAT_CONSTS.get(instr[0])
    if found is None:
        return False
    magnitude, infinity, nan = found
    bits: int = instr[1]
    return bits & magnitude <= infinity or bits == nan


def find_dirty_locals(f: Lowering) -> set[int]:
    """Return the float locals that only ever hold what arithmetic has just made, so that any NaN in them
    may be any NaN.

    fast: such a local needs no test for NaN at each assignment, only where its bits are looked at.
    """
    first = len(f.params)
    found = {i for i, t in enumerate(f.local_letters) if i >= first and t in ("f32", "f64")}
    if not found:
        return found
    before = None
    for instr in f.instrs:
        op = instr[0]
        if (op is _LOCAL_SET or op is _LOCAL_TEE) and instr[1] in found:
            if before is None or not (before[0].nan is Nan.ARITH or _is_plain_constant(before)):
                found.discard(instr[1])
        before = instr
    return found


@body(_LOCAL_GET)
def local_get(f: Lowering, instr: Instr) -> None:
    """Push a local by name."""
    f.stack.append(f.local_vals[instr[1]])


def _assign_local(f: Lowering, localidx: int) -> None:
    val = f.stack.pop()
    name = f"l{localidx}"
    if val.text == name:
        return
    if val.flags & TRAP:
        f.before_branch()
    if val.flags & DIRTY:
        if localidx in f.dirty_locals:
            f.before_assign(name)
            f.w.put(f"{name} = {val.text}")
        else:
            f.assign_float(name, val)
        return
    val = reduced(val)
    lo, hi = f.bounds.get(localidx, (val.lo, val.hi))
    f.bounds[localidx] = min(lo, val.lo), max(hi, val.hi)
    known = f.local_vals[localidx]
    if val.const is not None and val.const == known.lo == known.hi and val.t in ("i32", "i64"):
        return
    f.before_assign(name)
    f.w.put(f"{name} = {val.text}")
    full = f.base_vals[localidx]
    if val.lo > full.lo or val.hi < full.hi:
        f.local_vals[localidx] = Val(name, val.t, val.lo, val.hi, ATOM, full.reads)
        f.narrowed.add(localidx)
    elif localidx in f.narrowed:
        f.local_vals[localidx] = full


@body(_LOCAL_SET)
def local_set(f: Lowering, instr: Instr) -> None:
    """Assign a local."""
    _assign_local(f, instr[1])


@body(_LOCAL_TEE)
def local_tee(f: Lowering, instr: Instr) -> None:
    """Assign a local and push it."""
    _assign_local(f, instr[1])
    f.stack.append(f.local_vals[instr[1]])


@body(BY_NAME["global.get"])
def global_get(f: Lowering, instr: Instr) -> None:
    """Push a global's value; globals hold raw ones."""
    t, mutable = f.module.global_type(instr[1])
    text = f"G{instr[1]}.raw"
    if t in ("f32", "f64"):
        text = f"{t}_from_bits({text})"
    f.stack.append(Val(text, t, 0, MAX_OF.get(t, 0), ATOM | (MEM if mutable else 0)))


@body(BY_NAME["global.set"])
def global_set(f: Lowering, instr: Instr) -> None:
    """Assign a global."""
    text = f.pop_raw()
    f.effect(f"G{instr[1]}.raw = {text}")


@body(BY_NAME["drop"])
def drop(f: Lowering, instr: Instr) -> None:
    """Forget a value; what could trap is evaluated."""
    val = f.pop()
    if val.flags & TRAP:
        f.before_branch()
        f.w.put(val.text)


@body(BY_NAME["select"], BY_NAME["select_t"])
def select(f: Lowering, instr: Instr) -> None:
    """Choose one of two values, both of which have been evaluated."""
    top = len(f.stack) - 1
    if (f.stack[top - 1].flags | f.stack[top - 2].flags) & TRAP:
        f.before_branch()
    cond = f.pop()
    b, a = f.pop(), f.pop()
    if (a.flags ^ b.flags) & DIRTY:
        a, b = f.settled(a), f.settled(b)
    a, b = number(a), number(b)
    flags = (a.flags | b.flags | cond.flags) & (TRAP | MEM | DIRTY)
    text = f"{a.pasted} if ({condition(cond)}) else {b.pasted}"
    depth = max(a.depth, b.depth, cond.depth) + 1
    f.push(
        Val(text, a.t, min(a.lo, b.lo), max(a.hi, b.hi), flags & ~COND, a.reads | b.reads | cond.reads, depth)
    )


def local_values(f: Lowering) -> None:
    """Make the values that `local.get` pushes."""
    f.dirty_locals = find_dirty_locals(f)
    letters = in_steps(f.local_letters, f.tick)
    f.base_vals = [name_of(f"l{i}", t, DIRTY if i in f.dirty_locals else 0) for i, t in enumerate(letters)]
    first = len(f.params)
    for i, (lo, hi) in f.known_bounds.items():
        if i >= first:
            # safe: found without assuming anything; a local that is no parameter starts as 0.
            known = f.base_vals[i]
            f.base_vals[i] = Val(known.text, known.t, min(lo, 0), hi, known.flags, known.reads)
    f.local_vals = list(f.base_vals)


@body(BY_NAME["i32.const"], BY_NAME["i64.const"], BY_NAME["v128.const"])
def const(f: Lowering, instr: Instr) -> None:
    """Push an integer constant."""
    f.stack.append(constant(instr[1], instr[0].results[0]))


@body(BY_NAME["f32.const"], BY_NAME["f64.const"])
def const_float(f: Lowering, instr: Instr) -> None:
    """Push a float constant as a literal; a NaN through its bits."""
    op, bits = instr
    t = op.results[0]
    x = numeric.f32_from_bits(bits) if t == "f32" else numeric.f64_from_bits(bits)
    if x != x:
        text = f"{t}_from_bits({bits})"
    elif x in (numeric.INF, -numeric.INF):
        text = "INF" if x > 0 else "(-INF)"
    else:
        text = repr(x) if x > 0 or repr(x) == "0.0" else f"({x!r})"
    f.stack.append(Val(text, t, 0, 0, ATOM, const=x))
