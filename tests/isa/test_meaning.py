"""What the `py` column computes, against wasmtime, bit for bit, on the corners of every type.

wasmtime is told to make NaNs canonical and relaxed SIMD deterministic, which is our rule too. One module
holds a function per row, which walks over many operands in memory in one call. A trap is tried on its own.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pywasmvm.engine.python.numeric_names import expression_names
from pywasmvm.errors import Trap
from pywasmvm.isa import OPS, Imm, Kind, Op

wasmtime = pytest.importorskip("wasmtime", reason="the package wasmtime (extra `test`) is the reference here")

# A record in memory: four places for operands, two for results, one for what memory held.
PLACE, RESULTS, RECORD = 16, 64, 96
SHUFFLES = (bytes(range(16)), bytes([31, 0, 16, 15, 17, 1, 30, 2, 29, 3, 28, 4, 27, 5, 26, 31]))
# spec: the deterministic profile rounds relaxed multiply-add twice; wasmtime's always fuses, so here
# it is told what the profile means.
UNFUSED = {
    f"{shape}.relaxed_{sign}madd": f"(local.get $c) ({shape}.mul (local.get $a) (local.get $b)) {shape}.{op}"
    for shape in ("f32x4", "f64x2")
    for sign, op in (("", "add"), ("n", "sub"))
}
LOADED = {Kind.LOAD, Kind.STORE, Kind.RMW, Kind.CMPXCHG}


class Case(NamedTuple):
    """A row with its immediate fixed."""

    op: Op
    imm: Any = None

    @property
    def types(self) -> tuple[str, ...]:
        """Operand types on the stack, without the address."""
        params = self.op.params or ()
        return params[1:] if self.op.kind in LOADED else params

    @property
    def export(self) -> str:
        imm = self.imm.hex() if isinstance(self.imm, bytes) else self.imm
        return self.op.name if imm is None else f"{self.op.name} {imm}"


def cases() -> list[Case]:
    """Return every row that has a meaning as an expression, constants aside, once per immediate to try."""
    found: list[Case] = []
    for op in OPS:
        if op.py is None or op.kind is Kind.CONST:
            continue
        if Imm.LANEIDX in op.imms:
            found += [Case(op, lane) for lane in sorted({0, 1, op.lanes - 1})]
        elif Imm.LANEIDX_16 in op.imms:
            found += [Case(op, lanes) for lanes in SHUFFLES]
        else:
            found.append(Case(op))
    return found


CASES = cases()


def _instruction(case: Case) -> str:
    """Write one application of the instruction to the record at $p, results put back into it."""
    op, loads = case.op, ""
    for i, t in enumerate(case.types):
        loads += f"({t}.load offset={PLACE * (i + 1)} (local.get $p))"
    imm = " ".join(map(str, case.imm)) if isinstance(case.imm, bytes) else case.imm
    imm = "" if imm is None else f" {imm}"
    if op.name in UNFUSED:
        body = f"{loads} (local.set $c) (local.set $b) (local.set $a) {UNFUSED[op.name]}"
    elif op.kind is Kind.STORE:
        return f"({op.text} offset={RESULTS}{imm} (local.get $p) {loads})"
    elif op.kind in LOADED:
        body = f"({op.text}{imm} (local.get $p) {loads})"
    else:
        body = f"({op.text}{imm} {loads})"
    results = op.results or ()
    sets = "".join(f"(local.set $r{i})" for i in reversed(range(len(results))))
    stores = "".join(
        f"({t}.store offset={RESULTS + PLACE * i} (local.get $p) (local.get $r{i}))"
        for i, t in enumerate(results)
    )
    return body + sets + stores


def _function(case: Case) -> str:
    results = case.op.results or ()
    local = " ".join(f"(local $r{i} {t})" for i, t in enumerate(results))
    unfused = "(local $a v128) (local $b v128) (local $c v128)" if case.op.name in UNFUSED else ""
    return (
        f'(func (export "{case.export}") (param $p i32) (param $n i32) {local} {unfused} '
        f"(loop $next {_instruction(case)}"
        f"(local.set $p (i32.add (local.get $p) (i32.const {RECORD})))"
        "(br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    )


class Reference:
    """The module inside wasmtime."""

    def __init__(self) -> None:
        config = wasmtime.Config()
        config.cranelift_nan_canonicalization = True
        config.wasm_relaxed_simd = True
        config.wasm_relaxed_simd_deterministic = True
        config.wasm_threads = True
        config.wasm_wide_arithmetic = True
        engine = wasmtime.Engine(config)
        text = f'(module (memory (export "memory") 16) {"".join(map(_function, CASES))})'
        self.store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self.store, wasmtime.Module(engine, text), [])
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]

    def run(self, case: Case, records: list[bytes]) -> list[bytes]:
        """Apply the instruction to all records and return them as they are then."""
        self.memory.write(self.store, b"".join(records), 0)
        self.exports[case.export](self.store, 0, len(records))
        data = bytes(self.memory.read(self.store, 0, RECORD * len(records)))
        return [data[at : at + RECORD] for at in range(0, len(data), RECORD)]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference()


def _record(x: int, operands: tuple[int, ...]) -> bytes:
    places = b"".join(value.to_bytes(PLACE, "little") for value in (x, *operands))
    return places.ljust(RECORD, b"\0")


def _meaning(case: Case) -> Callable[..., Any]:
    """Compile `py` to a function of x and the operands as they are named in the row."""
    # spec: the address was pushed first, so a store's value is `b`.
    names = "abcd"[1:] if case.op.kind in LOADED else "abcd"
    source = f"lambda x, {', '.join(names[: len(case.types)]) or '*_'}: ({case.op.py})"
    namespace = dict(expression_names(), lane=case.imm, imm=case.imm)
    return eval(source, namespace)


def _expected(case: Case, record: bytes, value: Any) -> bytes:
    """Return the record as the row's `py`, which gave `value`, says it should be afterwards."""
    op, memory, results = case.op, record[:RESULTS], (value,)
    if op.kind is Kind.STORE:
        return memory + value.to_bytes(op.access, "little").ljust(RECORD - RESULTS, b"\0")
    if op.kind in (Kind.RMW, Kind.CMPXCHG):
        results = (int.from_bytes(record[: op.access], "little"),)
        memory = value.to_bytes(op.access, "little") + record[op.access : RESULTS]
    elif op.kind is Kind.WIDEOP:
        results = value
    return (memory + b"".join(int(r).to_bytes(PLACE, "little") for r in results)).ljust(RECORD, b"\0")


def _try_all(
    case: Case, operands: list[tuple[int, ...]]
) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, Trap]]]:
    """Apply `py` to all operands: (record, record afterwards) where it has a result, else (record, trap)."""
    meaning = _meaning(case)
    fine: list[tuple[bytes, bytes]] = []
    trapped: list[tuple[bytes, Trap]] = []
    in_memory = case.op.kind in LOADED
    for values in operands:
        x, rest = (values[0], values[1:]) if in_memory else (0, values)
        record = _record(x, rest) if in_memory else _record(0, rest)
        if in_memory:
            x &= (1 << 8 * case.op.access) - 1
        try:
            fine.append((record, _expected(case, record, meaning(x, *rest))))
        except Trap as trap:
            trapped.append((record, trap))
    return fine, trapped


def _show(record: bytes) -> str:
    places = [record[at : at + PLACE] for at in range(0, RECORD, PLACE)]
    return " ".join(f"{int.from_bytes(place, 'little'):x}" for place in places)


@pytest.mark.parametrize("case", CASES, ids=[case.export for case in CASES])
def test_py_gives_what_wasmtime_gives(
    case: Case, reference: Reference, operands_for: Callable[[Op, tuple[str, ...]], list[tuple[int, ...]]]
) -> None:
    types = (
        (("v128" if case.op.access == 16 else "i64"), *case.types) if case.op.kind in LOADED else case.types
    )
    operands = operands_for(case.op, types)
    fine, trapped = _try_all(case, operands)
    assert len(fine) >= 15
    outcome = reference.run(case, [record for record, _ in fine])
    wrong = [(want, got) for (_, want), got in zip(fine, outcome, strict=True) if want != got]
    assert not wrong, f"{len(wrong)} of {len(fine)}: want {_show(wrong[0][0])} got {_show(wrong[0][1])}"
    for record, trap in trapped:
        with pytest.raises(wasmtime.Trap, match=re.escape(trap.message)):
            reference.run(case, [record])
    assert {trap.kind for _, trap in trapped} == set(case.op.traps) - _by_memory(case.op)


def _by_memory(op: Op) -> set[Any]:
    """Return the traps that depend on the address, which is always a good one here."""
    return set(op.traps) if op.kind in LOADED else set()


def test_no_corner_is_lost() -> None:
    """Floats pass through the records as bits: what went in comes out."""
    assert struct.unpack("<f", _record(0x3FC00000, ())[:4]) == (1.5,)
    assert {case.op.kind for case in CASES} == set(Kind) - {Kind.SPECIAL, Kind.CONST}
