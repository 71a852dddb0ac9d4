"""The table as a whole: complete, without clashes, with the right codes and names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pywasmvm.isa import BY_CODE, BY_NAME, OPS, Feature, Imm, Kind, Op
from pywasmvm.isa.model import PROPOSALS

# Keywords that stand where an instruction stands in the suite's scripts but are none.
NOT_INSTRUCTIONS = set(
    """
    a after any anyref array arrayref assert_exception assert_exhaustion assert_invalid assert_malformed
    assert_return assert_trap assert_unlinkable before binary bla catch catch_all catch_all_ref
    catch_ref comment data declare definition either elem eq eqref exn exnref export extern externref
    f32 f32x4 f64 f64x2 field final func funcref get global i16 i16x8 i31 i31ref i32 i32x4 i64 i64x2 i8
    i8x16 import inf instance invoke item local memory module mut nan noexn noextern nofunc none null
    nullexnref nullexternref nullfuncref nullref offset param quote rec ref ref.array ref.extern
    ref.host ref.struct register result start struct structref sub table tag then type v128 x y z
    """.split()
)
# An instruction of each kind of immediates in the text format.
IMMS: dict[Imm, str] = {
    **{
        kind: "0"
        for kind in (Imm.LABELIDX, Imm.LABELIDX_VEC, Imm.LOCALIDX, Imm.FIELDIDX, Imm.LANEIDX, Imm.U32)
    },
    **{kind: "1" for kind in (Imm.I32, Imm.I64, Imm.F32, Imm.F64)},
    **{kind: "" for kind in (Imm.BLOCKTYPE, Imm.MEMARG, Imm.CATCH_VEC, Imm.ORDER)},
    Imm.FUNCIDX: "$f",
    Imm.TYPEIDX: "$s",
    Imm.TABLEIDX: "$t",
    Imm.MEMIDX: "$m",
    Imm.TAGIDX: "$e",
    Imm.GLOBALIDX: "$g",
    Imm.DATAIDX: "$d",
    Imm.ELEMIDX: "$el",
    Imm.LANEIDX_16: "0 " * 16,
    Imm.V128: "i64x2 0 0",
    Imm.VALTYPE_VEC: "(result i32)",
    Imm.HEAPTYPE: "any",
    Imm.CAST: "0 (ref null $s) (ref null $s)",
}
SPELT = {
    "else": "if else end",
    "end": "block end",
    "call_indirect": "call_indirect $t (type $s)",
    "return_call_indirect": "return_call_indirect $t (type $s)",
    "table.init": "table.init $t $el",
    "memory.init": "memory.init $m $d",
    **{f"ref.{name}": f"ref.{name} (ref $s)" for name in ("test", "cast", "cast_desc_eq")},
    **{f"ref.{name}_null": f"ref.{name} (ref null $s)" for name in ("test", "cast", "cast_desc_eq")},
    **{name: f"{name} end" for name in ("block", "loop", "if", "try_table")},
}
FRAME = """(module
(rec (type $s (descriptor $s2) (struct)) (type $s2 (describes $s) (struct)))
(memory $m 1) (table $t 1 funcref) (global $g i32 (i32.const 0)) (tag $e) (elem $el func) (data $d "")
(func $f (param i32) {}))"""


def _leb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _body(binary: bytes) -> bytes:
    """Return the bytes of the only function's body, after its locals."""
    at = 8
    while True:
        section, at = binary[at], at + 1
        size = shift = 0
        while True:
            byte, at = binary[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if section == 10:
            content = binary[at + 1 : at + size]
            return content[2:] if content[0] < 0x80 else content[3:]
        at += size


def test_codes_and_names_are_those_of_another_assembler() -> None:
    wasmtime = pytest.importorskip("wasmtime", reason="the package wasmtime (extra `test`) has the assembler")
    for op in OPS:
        text = SPELT.get(op.name) or f"{op.text} {' '.join(IMMS[imm] for imm in op.imms)}"
        body = _body(bytes(wasmtime.wat2wasm(FRAME.format(text))))
        code = bytes([op.prefix]) + _leb(op.code & 0xFFFF) if op.prefix else bytes([op.code])
        opening = {"else": b"\x04\x40", "end": b"\x02\x40"}.get(op.name, b"")
        assert body.startswith(opening + code), f"{op.name}: {body.hex()}"


def _keywords(script: str) -> set[str]:
    """Return the words of a script that could be instructions: text in quotes and comments aside."""
    script = re.sub(r'"(\\.|[^"\\])*"', '""', script)
    script = re.sub(r"\(;.*?;\)|;;[^\n]*", "", script, flags=re.DOTALL)
    return set(re.findall(r"(?<=[\s(])([a-z][a-z0-9_.]*)(?=[\s)])", script))


def test_the_suite_uses_every_standard_row_and_no_other(spec_suite: Path) -> None:
    scripts = sorted((spec_suite / "core").rglob("*.wast"))
    assert len(scripts) > 200
    used = set().union(*(_keywords(script.read_text(errors="replace")) for script in scripts))
    standard = {op.text for op in OPS if op.feature not in PROPOSALS}
    assert len(standard) >= 496
    assert standard - used == set()
    assert used - standard - NOT_INSTRUCTIONS == set()


@pytest.mark.parametrize(
    ("feature", "folder"),
    [
        (Feature.THREADS, "threads"),
        (Feature.WIDE_ARITHMETIC, "wide-arithmetic"),
        (Feature.CUSTOM_DESCRIPTORS, "custom-descriptors"),
    ],
)
def test_the_scripts_of_a_proposal_use_its_rows(feature: Feature, folder: str, spec_suite: Path) -> None:
    scripts = sorted((spec_suite / "proposals" / folder).glob("*.wast"))
    assert scripts
    used = set().union(*(_keywords(script.read_text(errors="replace")) for script in scripts))
    # The scripts have no fence.
    assert {op.text for op in OPS if op.feature is feature} - used <= {"atomic.fence"}


def test_both_ways_to_find_a_row_find_every_row() -> None:
    assert set(BY_CODE.values()) == set(BY_NAME.values()) == set(OPS)
    assert [op.code for op in OPS] == sorted(BY_CODE)
    assert all(BY_NAME[op.name] is op and BY_CODE[op.code] is op for op in OPS)
    assert len({op.ident for op in OPS}) == len(OPS)


def test_a_clash_stops_the_import() -> None:
    from pywasmvm.isa.table import _index

    with pytest.raises(ValueError, match="same code"):
        _index((Op("one", 1), Op("two", 1)), "code")


def _flaws(op: Op) -> list[str]:
    """Return what does not fit together within a row."""
    memory = op.kind in (Kind.LOAD, Kind.STORE, Kind.RMW, Kind.CMPXCHG)
    rules: list[tuple[bool, Any]] = [
        (bool(op.access) == (Imm.MEMARG in op.imms), "access"),
        (not memory or Imm.MEMARG in op.imms, "memory"),
        (bool(op.lanes) == bool({Imm.LANEIDX, Imm.LANEIDX_16} & set(op.imms)), "lanes"),
        ((op.params is None) == (op.results is None), "signature"),
        (op.kind is Kind.SPECIAL or op.params is not None, "a family needs a signature"),
        (op.kind is Kind.SPECIAL or op.py is not None, "a family needs a meaning"),
        (op.check is None or bool(op.traps), "check"),
        (not op.access or op.access & (op.access - 1) == 0, "width"),
        (op.align == op.access.bit_length() - 1, "align"),
    ]
    return [what for fine, what in rules if not fine]


def test_rows_are_consistent() -> None:
    assert {op.name: _flaws(op) for op in OPS if _flaws(op)} == {}


def test_constant_instructions() -> None:
    # spec: 3.4.13, and the proposal custom-descriptors.
    names = {op.name for op in OPS if op.const}
    assert names == {
        *(f"{t}.const" for t in ("i32", "i64", "f32", "f64", "v128")),
        *(f"{t}.{name}" for t in ("i32", "i64") for name in ("add", "sub", "mul")),
        *("end", "global.get", "ref.null", "ref.func", "ref.i31", "any.convert_extern", "extern.convert_any"),
        *("struct.new", "struct.new_default", "array.new", "array.new_default", "array.new_fixed"),
        *("struct.new_desc", "struct.new_default_desc"),
    }
