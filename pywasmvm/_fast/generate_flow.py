"""The handlers behind generate_handlers.py that decide where control goes.

Each is written twice: as `name`, which pays for the segment it enters, and as `name_free`, which knows
nothing of fuel and runs where metering is off.
"""

from __future__ import annotations

Handler = tuple[str, list[str]]

NEXT = "pc[1].h(pc + 1, fp, mem, ctx, acc, fuel, facc, sacc)"
GO = "to.h(to, fp, mem, ctx, acc, fuel, facc, sacc)"
_ACC, _SLOT = "<u32>acc", "<u32>fp[pc.a]"


def pay(cost: str, to: str, metered: bool) -> list[str]:
    """Return the lines that take the cost of the segment at `to`, or stop before it."""
    if not metered:
        return []
    return [
        f"fuel -= {cost}",
        "if unlikely(fuel < 0):",
        f"    ctx.on_empty({to}, fp, mem, ctx, {cost}, fuel, facc, sacc)",
        "    return",
    ]


def branch(condition: str | None, stay: str, metered: bool) -> list[str]:
    """Return the lines of a two-way exit, each side paying for the segment it enters."""
    taken = ["to = at(pc, pc.d)", *pay("pc.c", "to", metered), GO, "return"]
    stayed = [*pay(stay, "pc + 1", metered), NEXT]
    return ["cdef Ins* to", f"if {condition}:", *(f"    {line}" for line in taken), *stayed]


def _conditions(metered: bool) -> list[Handler]:
    """Branches on a plain condition: a where it is, b fuel when it does not branch."""
    made = []
    for name, test in (("branch_if", "!="), ("branch_unless", "==")):
        for place, value in (("s", _SLOT), ("a", _ACC)):
            made.append((f"{name}_{place}", branch(f"{value} {test} 0", "pc.b", metered)))
    return made


def _jumps(metered: bool) -> list[Handler]:
    made = [("jump", ["cdef Ins* to = at(pc, pc.d)", *pay("pc.c", "to", metered), GO])]
    for place, value in (("s", _SLOT), ("a", _ACC)):
        # Branch by a table: imm is the default's position, the words that follow are the targets.
        lines = [
            f"cdef u32 index = {value}",
            "cdef Ins* entry = pc + 1 + (index if index < <u32>pc.imm else <u32>pc.imm)",
            "cdef Ins* to = at(entry, entry.d)",
        ]
        made.append((f"switch_{place}", [*lines, *pay("entry.c", "to", metered), GO]))
    return made


def _entries(metered: bool) -> list[Handler]:
    """Entrances: d link slot, a first local to clear, b how many, c fuel, imm frame size in slots."""
    clear = ["cdef u64* p = fp + pc.a", "cdef u64* end = p + pc.b"]
    # fast: by fours, since for a plain loop compilers call memset and save all registers for it.
    # safe: what lies behind the locals is not in use yet, and every frame has more room than this.
    clear_loop = ["while True:", *(f"    p[{i}] = 0" for i in range(4)), "    p += 4"]
    clear_loop += ["    if p >= end:", "        break"]
    made = []
    for name, first, then in (("enter_0", [], []), ("enter_n", clear, clear_loop)):
        lines = [
            "cdef i64 depth = ctx.depth + 1",
            *first,
            "if unlikely(depth > ctx.max_depth or fp + pc.imm > ctx.stack_end):",
            "    ctx.on_exhausted(pc, fp, mem, ctx, acc, fuel, facc, sacc)",
            "    return",
            *then,
            "fp[pc.d] = acc",
            "ctx.depth = depth",
        ]
        made.append((name, [*lines, *pay("pc.c", "pc + 1", metered), NEXT]))
    return made


def _returns(metered: bool) -> list[Handler]:
    """Returns: b link slot, a where the result is, d how many slots, imm an immediate result."""
    several = [
        # safe: sources lie above their destinations, so copying upwards loses nothing.
        "for i in range(pc.d):",
        "    fp[i] = fp[pc.a + i]",
    ]
    moves = {
        "0": [],
        "s": ["fp[0] = fp[pc.a]"],
        "i": ["fp[0] = pc.imm"],
        "a": ["fp[0] = acc"],
        "n": several,
    }
    made = []
    for name, move in moves.items():
        lines = ["cdef Ins* to = <Ins*>fp[pc.b]", "cdef Ins* call = to - 1"]
        lines += ["cdef u32 i"] if move is several else []
        lines += [*move, "ctx.depth -= 1", "fp -= call.a", *pay("call.c", "to", metered), GO]
        made.append((f"return_{name}", lines))
    return made


def flow() -> list[Handler]:
    """Return name and lines of each handler."""
    made = [("charge", [*pay("pc.c", "pc + 1", True), NEXT])]
    for metered, suffix in ((True, ""), (False, "_free")):
        for part in (_jumps, _conditions, _entries, _returns):
            made += [(name + suffix, lines) for name, lines in part(metered)]
    return made
