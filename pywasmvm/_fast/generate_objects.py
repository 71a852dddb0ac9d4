"""The handlers behind generate_handlers.py that read and write fields and elements, by width and place.

Names: `struct_get64_s_a` takes its reference from a slot and leaves the field in the accumulator;
`array_get8_u_i_s` has its index in the word; `array_set32_a` takes the value from the accumulator.
"""

from __future__ import annotations

# width -> C type of an element as it lies in memory
_CELL = {"8_u": "u8", "16_u": "u16", "8_s": "int8_t", "16_s": "int16_t", "32": "u32", "64": "u64"}
_REFERENCE = {"s": "fp[pc.a]", "a": "acc"}
_INDEX = {"s": "<u32>fp[pc.b]", "a": "<u32>acc", "i": "<u32>pc.imm"}
_VALUE = {"s": "fp[pc.d]", "a": "acc"}

Body = tuple[str, list[str]]


def _unless(condition: str, trap: str) -> list[str]:
    return [
        f"if unlikely({condition}):",
        f"    ctx.on_trap(pc, fp, mem, ctx, TRAP_{trap}, fuel, facc, sacc)",
        "    return",
    ]


def _result(width: str, place: str, value: str) -> list[str]:
    value = f"<u32><i32>({value})" if width.endswith("_s") else value
    # fast: what goes to a slot stays in the accumulator, too, for a word that reads that slot next.
    return [f"acc = {value}", *(["fp[pc.d] = acc"] if place == "s" else [])]


def _structs() -> list[Body]:
    made: list[Body] = []
    null = _unless("ref == 0", "NULL_STRUCTURE_REFERENCE")
    for source, reference in _REFERENCE.items():
        start = [f"cdef u64 ref = {reference}", *null]
        for width, cell in _CELL.items():
            if width == "32":  # why: a field takes a whole slot, so what is not packed is read as one.
                continue
            for place in "sa":
                lines = _result(width, place, f"(<{cell}*>(ref + pc.imm))[0]")
                made.append((f"struct_get{width}_{source}_{place}", [*start, *lines]))
        copy = [f"fp[pc.d + {i}] = (<u64*>(ref + pc.imm))[{i}]" for i in range(2)]
        made.append((f"struct_get128_{source}_s", [*start, *copy]))
    start = ["cdef u64 ref = fp[pc.a]", *null]
    for source, value in (("s", "fp[pc.b]"), ("a", "acc")):
        made.append((f"struct_set64_{source}", [*start, f"(<u64*>(ref + pc.imm))[0] = {value}"]))
    copy = [f"(<u64*>(ref + pc.imm))[{i}] = fp[pc.b + {i}]" for i in range(2)]
    return [*made, ("struct_set128_s", [*start, *copy])]


def _element(index: str) -> list[str]:
    return [
        "cdef u64 ref = fp[pc.a]",
        f"cdef u32 index = {index}",
        *_unless("ref == 0", "NULL_ARRAY_REFERENCE"),
        *_unless("index >= (<Obj*>ref).length", "ARRAY_OUT_OF_BOUNDS"),
    ]


def _arrays() -> list[Body]:
    made: list[Body] = []
    for source, index in _INDEX.items():
        start = _element(index)
        for width, cell in _CELL.items():
            for place in "sa":
                lines = _result(width, place, f"(<{cell}*>elements(<Obj*>ref))[index]")
                made.append((f"array_get{width}_{source}_{place}", [*start, *lines]))
        line = "memcpy(fp + pc.d, elements(<Obj*>ref) + 16 * <u64>index, 16)"
        made.append((f"array_get128_{source}_s", [*start, line]))
    start = _element(_INDEX["s"])
    for width in ("8", "16", "32", "64"):
        for source, value in _VALUE.items():
            line = f"(<u{width}*>elements(<Obj*>ref))[index] = <u{width}>{value}"
            made.append((f"array_set{width}_{source}", [*start, line]))
    line = "memcpy(elements(<Obj*>ref) + 16 * <u64>index, fp + pc.d, 16)"
    made.append(("array_set128_s", [*start, line]))
    for source, reference in _REFERENCE.items():
        start = [f"cdef u64 ref = {reference}", *_unless("ref == 0", "NULL_ARRAY_REFERENCE")]
        for place in "sa":
            lines = _result("32", place, "(<Obj*>ref).length")
            made.append((f"array_len_{source}_{place}", [*start, *lines]))
    return made


def bodies() -> list[Body]:
    """Return name and lines of each handler, without the call of the next."""
    return _structs() + _arrays()
