"""The handlers behind generate_handlers.py that move single slots: copies, constants, select, globals.

Fields: d destination slot, a and b source slots, c select's condition, imm an immediate or a cell's address.
"""

from __future__ import annotations

Handler = tuple[str, list[str]]

NEXT = "pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)"
_CELL = "(<u64*>pc.imm)[0]"


def _selects() -> list[Handler]:
    choices = {
        "ss": "fp[pc.a if {0} else pc.b]",
        "si": "fp[pc.a] if {0} else pc.imm",
        "is": "pc.imm if {0} else fp[pc.b]",
    }
    made = []
    for form, choice in choices.items():
        for place, condition in (("s", "<u32>fp[pc.c]"), ("a", "<u32>acc")):
            value = choice.format(condition)
            made.append((f"select_{form}_{place}", [f"acc = {value}", "fp[pc.d] = acc", NEXT]))
            made.append((f"select_{form}_{place}_a", [f"acc = {value}", NEXT]))
    return made


def moves() -> list[Handler]:
    """Return name and lines of each handler."""
    return [
        ("copy_s", ["acc = fp[pc.a]", "fp[pc.d] = acc", NEXT]),
        # Copies twice: d from a, then c from b.
        ("copy_2", ["fp[pc.d] = fp[pc.a]", "fp[pc.c] = fp[pc.b]", NEXT]),
        ("const_s", ["fp[pc.d] = pc.imm", NEXT]),
        ("const_a", ["acc = pc.imm", NEXT]),
        ("const_f32_a", ["sacc = lds(&pc.imm)", NEXT]),
        ("const_f64_a", ["facc = ldd(&pc.imm)", NEXT]),
        *_selects(),
        ("global_get_s", [f"acc = {_CELL}", "fp[pc.d] = acc", NEXT]),
        ("global_get_a", [f"acc = {_CELL}", NEXT]),
        ("global_set_s", [f"{_CELL} = fp[pc.a]", NEXT]),
        ("global_set_a", [f"{_CELL} = acc", NEXT]),
    ]
