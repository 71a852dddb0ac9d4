"""Constructors of rows, one per family, so that a row is one line.

A constructor fills in what all rows of its family share: signature, immediates, kind and traps.
"""

from __future__ import annotations

from typing import Any

from .model import ADDR, F32, F64, I32, V128, Feature, Imm, Kind, Nan, Op, TrapKind

FB, FC, FD, FE = 0xFB0000, 0xFC0000, 0xFD0000, 0xFE0000

OUT_OF_BOUNDS = (TrapKind.MEMORY_OUT_OF_BOUNDS,)
UNALIGNED = (TrapKind.MEMORY_OUT_OF_BOUNDS, TrapKind.UNALIGNED_ATOMIC)


def special(name: str, code: int, *imms: Imm, **columns: Any) -> Op:
    """Make a row whose typing or meaning does not fit a family."""
    return Op(name, code, imms, **columns)


def const(t: str, code: int, imm: Imm, **columns: Any) -> Op:
    """Make the row of `t.const`."""
    return Op(f"{t}.const", code, (imm,), (), (t,), const=True, kind=Kind.CONST, **columns)


def _arith(t: str) -> Nan:
    return Nan.ARITH if t in (F32, F64) else Nan.NONE


def _blind(*ts: str) -> Nan:
    return Nan.BLIND if F32 in ts or F64 in ts else Nan.NONE


def unop(name: str, code: int, t: str, **columns: Any) -> Op:
    """Make a row t -> t."""
    columns.setdefault("nan", _arith(t))
    return Op(name, code, (), (t,), (t,), kind=Kind.UNOP, **columns)


def binop(name: str, code: int, t: str, **columns: Any) -> Op:
    """Make a row t t -> t."""
    columns.setdefault("nan", _arith(t))
    return Op(name, code, (), (t, t), (t,), kind=Kind.BINOP, **columns)


def testop(name: str, code: int, t: str, **columns: Any) -> Op:
    """Make a row t -> truth value."""
    return Op(name, code, (), (t,), (I32,), kind=Kind.TESTOP, **columns)


def relop(name: str, code: int, t: str, **columns: Any) -> Op:
    """Make a row t t -> truth value."""
    return Op(name, code, (), (t, t), (I32,), kind=Kind.RELOP, nan=_blind(t), **columns)


def cvtop(name: str, code: int, source: str, target: str, **columns: Any) -> Op:
    """Make a row source -> target."""
    columns.setdefault("nan", Nan.ARITH if target in (F32, F64) else _blind(source))
    return Op(name, code, (), (source,), (target,), kind=Kind.CVTOP, **columns)


def load(name: str, code: int, t: str, access: int, **columns: Any) -> Op:
    """Make a row that reads `access` bytes and pushes a t."""
    columns.setdefault("py", "x")
    return Op(
        name,
        code,
        (Imm.MEMARG,),
        (ADDR,),
        (t,),
        access=access,
        traps=OUT_OF_BOUNDS,
        kind=Kind.LOAD,
        **columns,
    )


def store(name: str, code: int, t: str, access: int, **columns: Any) -> Op:
    """Make a row that writes `access` bytes of a t."""
    columns.setdefault("py", "b")
    return Op(
        name,
        code,
        (Imm.MEMARG,),
        (ADDR, t),
        (),
        access=access,
        traps=OUT_OF_BOUNDS,
        kind=Kind.STORE,
        **columns,
    )


def vector(name: str, code: int, params: tuple[str, ...], results: tuple[str, ...], **columns: Any) -> Op:
    """Make a pure SIMD row; the subopcode is given without its prefix."""
    columns.setdefault("feature", Feature.SIMD)
    operands = ", ".join("abc"[: len(params)])
    columns.setdefault("py", f"{name.replace('.', '_')}({operands})")
    return Op(name, FD | code, columns.pop("imms", ()), params, results, kind=Kind.VECTOR, **columns)


def vunop(name: str, code: int, **columns: Any) -> Op:
    """Make a row v128 -> v128."""
    return vector(name, code, (V128,), (V128,), **columns)


def vbinop(name: str, code: int, **columns: Any) -> Op:
    """Make a row v128 v128 -> v128."""
    return vector(name, code, (V128, V128), (V128,), **columns)


def vternop(name: str, code: int, **columns: Any) -> Op:
    """Make a row v128 v128 v128 -> v128."""
    return vector(name, code, (V128, V128, V128), (V128,), **columns)


def vtestop(name: str, code: int, **columns: Any) -> Op:
    """Make a row v128 -> i32."""
    return vector(name, code, (V128,), (I32,), **columns)


def vshiftop(name: str, code: int, **columns: Any) -> Op:
    """Make a row v128 i32 -> v128."""
    return vector(name, code, (V128, I32), (V128,), **columns)


def vload(name: str, code: int, access: int, **columns: Any) -> Op:
    """Make a row that reads `access` bytes and pushes a v128."""
    return load(name, FD | code, V128, access, feature=Feature.SIMD, **columns)


def lane_load(name: str, code: int, access: int, **columns: Any) -> Op:
    """Make a row that reads one lane into the v128 operand `b`."""
    return Op(
        name,
        FD | code,
        (Imm.MEMARG, Imm.LANEIDX),
        (ADDR, V128),
        (V128,),
        Feature.SIMD,
        access=access,
        lanes=16 // access,
        traps=OUT_OF_BOUNDS,
        kind=Kind.LOAD,
        **columns,
    )


def lane_store(name: str, code: int, access: int, **columns: Any) -> Op:
    """Make a row that writes one lane of the v128 operand `b`."""
    return Op(
        name,
        FD | code,
        (Imm.MEMARG, Imm.LANEIDX),
        (ADDR, V128),
        (),
        Feature.SIMD,
        access=access,
        lanes=16 // access,
        traps=OUT_OF_BOUNDS,
        kind=Kind.STORE,
        **columns,
    )


def atomic(
    name: str, code: int, params: tuple[str, ...], results: tuple[str, ...], access: int, **columns: Any
) -> Op:
    """Make an atomic row: it must be aligned exactly and traps otherwise."""
    columns.setdefault("traps", UNALIGNED)
    return Op(
        name, FE | code, (Imm.MEMARG,), (ADDR, *params), results, Feature.THREADS, access=access, **columns
    )
