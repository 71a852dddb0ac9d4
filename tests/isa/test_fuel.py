"""The `fuel` column against what wasmtime charges."""

from __future__ import annotations

from typing import Any

import pytest

from pywasmvm.isa import BY_NAME, OPS, Fuel, Imm, Op
from pywasmvm.isa.model import FUEL_FUNCTION_ENTRY, FUEL_UNITS

wasmtime = pytest.importorskip("wasmtime", reason="the package wasmtime (extra `test`) is the reference here")

CONSTS = {"v128": "(v128.const i64x2 1 1)", "addr": "(i32.const 8)"}
CONSTS |= {t: f"({t}.const 1)" for t in ("i32", "i64", "f32", "f64")}
IMMS: dict[Imm, str] = {
    Imm.MEMARG: "",
    Imm.LANEIDX: "0",
    Imm.LANEIDX_16: "0 " * 16,
    Imm.MEMIDX: "",
    Imm.ORDER: "",
}
IMMS |= {Imm.I32: "1", Imm.I64: "1", Imm.F32: "1", Imm.F64: "1", Imm.V128: "i64x2 1 1"}
SETTING = """
(memory 2) (table $t 99 funcref) (global $g (mut i32) (i32.const 0)) (func $z) (tag $e)
(data $d "0123456789abcdef")
(elem $el func $z $z $z $z $z $z $z $z $z $z) (type $f (func)) (type $s (struct (field (mut i32))))
(type $a (array (mut i8))) (type $r (array (mut funcref)))
"""
AT, SIZE = "(i32.const 0)", "(i32.const 10)"
ARRAY, FUNCS = f"(array.new_default $a {SIZE})", f"(array.new_default $r {SIZE})"
# row, body, what the body costs besides the row itself, how many units it is asked for
SPECIAL = [
    ("nop", "nop", 0, 0),
    ("block", "(block)", 0, 0),
    ("loop", "(loop)", 0, 0),
    ("if", "(if (i32.const 1) (then))", 1, 0),
    ("else", "(if (i32.const 1) (then) (else))", 2, 0),
    ("end", "(block)", 0, 0),
    ("return", "return", 0, 0),
    ("br", "(block (br 0))", 0, 0),
    ("br_if", "(block (br_if 0 (i32.const 1)))", 1, 0),
    ("br_table", "(block (br_table 0 0 (i32.const 1)))", 1, 0),
    ("br_on_null", "(block (drop (br_on_null 0 (ref.func $z))))", 1, 0),
    ("call", "(call $z)", FUEL_FUNCTION_ENTRY, 0),
    ("return_call", "(return_call $z)", FUEL_FUNCTION_ENTRY, 0),
    ("call_ref", "(call_ref $f (ref.func $z))", 1 + FUEL_FUNCTION_ENTRY, 0),
    ("try_table", "(try_table)", 0, 0),
    ("throw", "(block $b (try_table (catch $e $b) (throw $e)))", 1, 0),
    ("drop", "(drop (i32.const 1))", 1, 0),
    ("select", "(drop (select (i32.const 1) (i32.const 1) (i32.const 1)))", 3, 0),
    ("select_t", "(drop (select (result i32) (i32.const 1) (i32.const 1) (i32.const 1)))", 3, 0),
    ("local.get", "(drop (local.get 0))", 0, 0),
    ("local.set", "(local.set 0 (i32.const 1))", 1, 0),
    ("local.tee", "(drop (local.tee 0 (i32.const 1)))", 1, 0),
    ("global.get", "(drop (global.get $g))", 0, 0),
    ("global.set", "(global.set $g (i32.const 1))", 1, 0),
    ("ref.null", "(drop (ref.null func))", 0, 0),
    ("ref.func", "(drop (ref.func $z))", 0, 0),
    ("ref.is_null", "(drop (ref.is_null (ref.func $z)))", 1, 0),
    ("ref.i31", "(drop (ref.i31 (i32.const 1)))", 1, 0),
    ("struct.new", "(drop (struct.new $s (i32.const 1)))", 1, 0),
    ("struct.get", "(drop (struct.get $s 0 (struct.new_default $s)))", 1, 0),
    ("table.get", f"(drop (table.get $t {AT}))", 1, 0),
    ("table.set", f"(table.set $t {AT} (ref.func $z))", 2, 0),
    ("data.drop", "(data.drop $d)", 0, 0),
    ("elem.drop", "(elem.drop $el)", 0, 0),
    ("memory.fill", f"(memory.fill {AT} {AT} {SIZE})", 3, 10),
    ("memory.copy", f"(memory.copy {AT} {AT} {SIZE})", 3, 10),
    ("memory.init", f"(memory.init $d {AT} {AT} {SIZE})", 3, 10),
    ("memory.grow", f"(drop (memory.grow {SIZE}))", 1, 10),
    ("table.fill", f"(table.fill $t {AT} (ref.func $z) {SIZE})", 3, 10),
    ("table.copy", f"(table.copy $t $t {AT} {AT} {SIZE})", 3, 10),
    ("table.init", f"(table.init $t $el {AT} {AT} {SIZE})", 3, 10),
    ("table.grow", f"(drop (table.grow $t (ref.func $z) {SIZE}))", 2, 10),
    ("array.new", f"(drop (array.new $a {AT} {SIZE}))", 2, 10),
    ("array.new_default", f"(drop {ARRAY})", 1, 10),
    ("array.new_fixed", f"(drop (array.new_fixed $a 2 {AT} {AT}))", 2, 0),
    ("array.new_data", f"(drop (array.new_data $a $d {AT} {SIZE}))", 2, 10),
    ("array.new_elem", f"(drop (array.new_elem $r $el {AT} {SIZE}))", 2, 10),
    ("array.len", f"(drop (array.len {ARRAY}))", 12, 0),
    ("array.get_u", f"(drop (array.get_u $a {ARRAY} {AT}))", 13, 0),
    ("array.fill", f"(array.fill $a {ARRAY} {AT} {AT} {SIZE})", 15, 10),
    ("array.copy", f"(array.copy $a $a {ARRAY} {AT} {ARRAY} {AT} {SIZE})", 27, 10),
    ("array.init_data", f"(array.init_data $a $d {ARRAY} {AT} {AT} {SIZE})", 15, 10),
    ("array.init_elem", f"(array.init_elem $r $el {FUNCS} {AT} {AT} {SIZE})", 15, 10),
]


def _simple() -> list[tuple[Op, str]]:
    """Return a body for every row with a fixed signature over numbers and vectors."""
    listed = {name for name, *_ in SPECIAL}
    found = []
    for op in OPS:
        if op.params is None or op.name in listed or not set(op.params) <= set(CONSTS):
            continue
        if op.imms and not set(op.imms) <= set(IMMS) or op.name.startswith("memory.atomic.wait"):
            continue
        imms = " ".join(IMMS[imm] for imm in op.imms)
        found.append(
            (
                op,
                " ".join(CONSTS[t] for t in op.params)
                + f" {op.text} {imms}"
                + " drop" * len(op.results or ()),
            )
        )
    return found


def _measure(bodies: list[str]) -> list[int]:
    """Return what each body costs, the entry of its function aside."""
    config = wasmtime.Config()
    config.consume_fuel = True
    for switch in (
        "gc",
        "function_references",
        "exceptions",
        "tail_call",
        "threads",
        "relaxed_simd",
        "wide_arithmetic",
    ):
        setattr(config, f"wasm_{switch}", True)
    engine = wasmtime.Engine(config)
    functions = "".join(f'(func (export "{i}") (local i32) {body})' for i, body in enumerate(bodies))
    store = wasmtime.Store(engine)
    store.set_fuel(1 << 40)
    module = wasmtime.Module(engine, f"(module {SETTING} (elem declare func $z) {functions})")
    costs: list[int] = []
    for i in range(len(bodies)):
        exports: Any = wasmtime.Instance(store, module, []).exports(store)
        store.set_fuel(1000)
        exports[str(i)](store)
        costs.append(1000 - store.get_fuel() - FUEL_FUNCTION_ENTRY)
        store.set_fuel(1 << 40)
    return costs


def test_fuel_of_rows_with_a_fixed_signature() -> None:
    rows = _simple()
    assert len(rows) > 450
    costs = _measure([body for _, body in rows])
    for (op, _), cost in zip(rows, costs, strict=True):
        assert cost == len(op.params or ()) + FUEL_UNITS[op.fuel], op.name


def test_fuel_of_special_rows() -> None:
    costs = _measure([body for _, body, _, _ in SPECIAL])
    for (name, _, others, units), cost in zip(SPECIAL, costs, strict=True):
        assert cost == others + units + FUEL_UNITS[BY_NAME[name].fuel], name


def test_every_row_that_pays_per_unit_is_measured() -> None:
    assert {op.name for op in OPS if op.fuel is Fuel.PER_UNIT} == {
        name for name, _, _, units in SPECIAL if units
    }
