"""The lane loops behind generate_handlers.py: what each vector instruction computes, by shape and operation.

An entry is (result lane type, number of result lanes, expression). `i` counts result lanes; operands are
arrays named by lane type, so `a_u8[i]` is lane i of operand a seen as 16 bytes; `b` is a scalar operand and
`pc.imm` the lane immediate, or where the sixteen of a shuffle are; `x` is what memory holds.
"""

from __future__ import annotations

Lane = tuple[str, int, str]

_SHAPES = {"i8x16": (8, 16), "i16x8": (16, 8), "i32x4": (32, 4), "i64x2": (64, 2)}
_FLOATS = {"f32x4": (32, 4), "f64x2": (64, 2)}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}


_SHUFFLE = "(<u8*>pc.imm)[i]"


def _mask(n: int, condition: str) -> str:
    return f"<u{n}>-1 if {condition} else <u{n}>0"


def _integers(shape: str, n: int, count: int) -> dict[str, Lane]:
    u, s = f"u{n}", f"s{n}"
    a, b, sa, sb = f"a_{u}[i]", f"b_{u}[i]", f"a_{s}[i]", f"b_{s}[i]"
    made: dict[str, str] = {
        "add": f"{a} + {b}",
        "sub": f"{a} - {b}",
        "neg": f"0 - {a}",
        "abs": f"0 - {a} if {sa} < 0 else {a}",
        "shl": f"<u64>{a} << (b & {n - 1})",
        "shr_u": f"{a} >> (b & {n - 1})",
        "shr_s": f"{sa} >> (b & {n - 1})",
        "min_s": f"{a} if {sa} < {sb} else {b}",
        "max_s": f"{a} if {sa} > {sb} else {b}",
        "min_u": f"{a} if {a} < {b} else {b}",
        "max_u": f"{a} if {a} > {b} else {b}",
        "avgr_u": f"(<u32>{a} + {b} + 1) >> 1",
        "splat": "a",
        "replace_lane": f"<{u}>b if i == <int>pc.imm else {a}",
    }
    if n > 8:
        made["mul"] = f"<u64>{a} * {b}"
    if n < 32:
        top, low = (1 << n) - 1, -(1 << (n - 1))
        made["add_sat_u"] = f"{top} if <u32>{a} + {b} > {top} else <u32>{a} + {b}"
        made["sub_sat_u"] = f"0 if {a} < {b} else {a} - {b}"
        made["add_sat_s"] = f"clamp(<i32>{sa} + {sb}, {low}, {-low - 1})"
        made["sub_sat_s"] = f"clamp(<i32>{sa} - {sb}, {low}, {-low - 1})"
    if n == 8:
        made["popcnt"] = f"popcnt32({a})"
    for name, sign in _COMPARISONS.items():
        if name in ("eq", "ne"):
            made[name] = _mask(n, f"{a} {sign} {b}")
        else:
            made[f"{name}_s"] = _mask(n, f"{sa} {sign} {sb}")
            made[f"{name}_u"] = _mask(n, f"{a} {sign} {b}")
    return {f"{shape}.{name}": (u, count, expression) for name, expression in made.items()}


def _floats(shape: str, n: int, count: int) -> dict[str, Lane]:
    f, u = f"f{n}", f"u{n}"
    a, b = f"a_{f}[i]", f"b_{f}[i]"
    made: dict[str, str] = {
        name: f"canon{n}({name}{n}({a}))" for name in ("ceil", "floor", "trunc", "nearest", "sqrt")
    }
    made |= {
        name: f"canon{n}({a} {sign} {b})"
        for name, sign in zip(("add", "sub", "mul", "div"), "+-*/", strict=True)
    }
    made |= {"min": f"min{n}({a}, {b})", "max": f"max{n}({a}, {b})"}
    made |= {"pmin": f"{b} if {b} < {a} else {a}", "pmax": f"{b} if {a} < {b} else {a}"}
    lanes: dict[str, Lane] = {f"{shape}.{name}": (f, count, text) for name, text in made.items()}
    top = "<u32>0x80000000" if n == 32 else "<u64>0x8000000000000000"
    lanes[f"{shape}.neg"] = (u, count, f"a_{u}[i] ^ {top}")
    lanes[f"{shape}.abs"] = (u, count, f"a_{u}[i] & ~{top}")
    lanes[f"{shape}.splat"] = (f, count, "a")
    lanes[f"{shape}.replace_lane"] = (f, count, f"b if i == <int>pc.imm else {a}")
    for name, sign in _COMPARISONS.items():
        lanes[f"{shape}.{name}"] = (u, count, _mask(n, f"{a} {sign} {b}"))
    return lanes


def _widening(shape: str, n: int, count: int) -> dict[str, Lane]:
    """Return the instructions that take lanes of half the width."""
    half = n // 2
    source = f"i{half}x{2 * count}"
    made: dict[str, Lane] = {}
    for sign in "su":
        lane = f"{sign}{half}"
        wide = f"<{'i64' if sign == 's' else 'u64'}>"
        for part, offset in (("low", 0), ("high", count)):
            at = f"[i + {offset}]"
            made[f"{shape}.extend_{part}_{source}_{sign}"] = (f"u{n}", count, f"{wide}a_{lane}{at}")
            made[f"{shape}.extmul_{part}_{source}_{sign}"] = (
                f"u{n}",
                count,
                f"{wide}a_{lane}{at} * {wide}b_{lane}{at}",
            )
        if n < 64:
            text = f"{wide}a_{lane}[2 * i] + a_{lane}[2 * i + 1]"
            made[f"{shape}.extadd_pairwise_{source}_{sign}"] = (f"u{n}", count, text)
    return made


def _narrowing(shape: str, n: int, count: int) -> dict[str, Lane]:
    source, half = f"s{2 * n}", count // 2
    lane = f"(a_{source}[i] if i < {half} else b_{source}[i - {half}])"
    name = f"{shape}.narrow_i{2 * n}x{half}"
    low = 1 << (n - 1)
    return {
        f"{name}_s": (f"u{n}", count, f"clamp({lane}, -{low}, {low - 1})"),
        f"{name}_u": (f"u{n}", count, f"clamp({lane}, 0, {2 * low - 1})"),
    }


def _conversions() -> dict[str, Lane]:
    """Return the instructions between floats and integers, and between floats."""
    made: dict[str, Lane] = {
        "f32x4.demote_f64x2_zero": ("f32", 4, "demote64(a_f64[i]) if i < 2 else <float>0"),
        "f64x2.promote_low_f32x4": ("f64", 2, "promote32(a_f32[i])"),
    }
    for sign in "su":
        made[f"f32x4.convert_i32x4_{sign}"] = ("f32", 4, f"convert32_{sign}_f32(a_u32[i])")
        made[f"f64x2.convert_low_i32x4_{sign}"] = ("f64", 2, f"convert32_{sign}_f64(a_u32[i])")
        made[f"i32x4.trunc_sat_f32x4_{sign}"] = ("u32", 4, f"trunc_sat32_{sign}32(a_f32[i])")
        zero = ("u32", 4, f"trunc_sat64_{sign}32(a_f64[i]) if i < 2 else 0")
        made[f"i32x4.trunc_sat_f64x2_{sign}_zero"] = zero
    return made


def _dot(t: str, wide: str, index: str) -> str:
    return f"<{wide}>a_{t}[{index}] * b_{t}[{index}]"


def _products() -> dict[str, Lane]:
    """Return the instructions that multiply and add or round."""
    # why: the spec's deterministic profile takes the second operand of the relaxed ones as signed, and wraps.
    quads = " + ".join(f"<int16_t>({_pair('s8', f'4 * i + {k}')})" for k in (0, 2))
    return {
        "i16x8.q15mulr_sat_s": ("u16", 8, "clamp((<i32>a_s16[i] * b_s16[i] + 0x4000) >> 15, -32768, 32767)"),
        "i32x4.dot_i16x8_s": ("u32", 4, f"{_dot('s16', 'i64', '2 * i')} + {_dot('s16', 'i64', '2 * i + 1')}"),
        "i16x8.relaxed_dot_i8x16_i7x16_s": ("u16", 8, _pair("s8", "2 * i")),
        "i32x4.relaxed_dot_i8x16_i7x16_add_s": ("u32", 4, f"<u32>({quads}) + c_u32[i]"),
    }


def _pair(t: str, index: str) -> str:
    return f"{_dot(t, 'i32', index)} + {_dot(t, 'i32', f'{index} + 1')}"


def _relaxed(strict: dict[str, Lane]) -> dict[str, Lane]:
    """Return the relaxed instructions: the deterministic profile makes each a strict one."""
    made = {"i8x16.relaxed_swizzle": strict["i8x16.swizzle"]}
    made["i16x8.relaxed_q15mulr_s"] = strict["i16x8.q15mulr_sat_s"]
    for shape in _SHAPES:
        made[f"{shape}.relaxed_laneselect"] = strict["v128.bitselect"]
    for shape, (n, count) in _FLOATS.items():
        product = f"canon{n}(a_f{n}[i] * b_f{n}[i])"
        made[f"{shape}.relaxed_madd"] = (f"f{n}", count, f"canon{n}({product} + c_f{n}[i])")
        made[f"{shape}.relaxed_nmadd"] = (f"f{n}", count, f"canon{n}(c_f{n}[i] - {product})")
        for name in ("min", "max"):
            made[f"{shape}.relaxed_{name}"] = strict[f"{shape}.{name}"]
    for sign in "su":
        made[f"i32x4.relaxed_trunc_f32x4_{sign}"] = strict[f"i32x4.trunc_sat_f32x4_{sign}"]
        made[f"i32x4.relaxed_trunc_f64x2_{sign}_zero"] = strict[f"i32x4.trunc_sat_f64x2_{sign}_zero"]
    return made


def loads() -> dict[str, Lane]:
    """Return the loads that fill a vector from fewer bytes; the lanes there are of the type after `:`."""
    made: dict[str, Lane] = {}
    for n in (8, 16, 32):
        for sign in "su":
            made[f"v128.load{n}x{64 // n}_{sign}:{sign}{n}"] = (f"u{2 * n}", 64 // n, "x[i]")
    for n in (8, 16, 32, 64):
        made[f"v128.load{n}_splat:u{n}"] = (f"u{n}", 128 // n, "x[0]")
    for n in (32, 64):
        made[f"v128.load{n}_zero:u{n}"] = (f"u{n}", 128 // n, "x[0] if i == 0 else 0")
    return made


def lanes() -> dict[str, Lane]:
    """Return the instructions whose result is a vector."""
    made: dict[str, Lane] = {
        "v128.and": ("u64", 2, "a_u64[i] & b_u64[i]"),
        "v128.or": ("u64", 2, "a_u64[i] | b_u64[i]"),
        "v128.xor": ("u64", 2, "a_u64[i] ^ b_u64[i]"),
        "v128.andnot": ("u64", 2, "a_u64[i] & ~b_u64[i]"),
        "v128.not": ("u64", 2, "~a_u64[i]"),
        "v128.bitselect": ("u64", 2, "(a_u64[i] & c_u64[i]) | (b_u64[i] & ~c_u64[i])"),
        "i8x16.swizzle": ("u8", 16, "a_u8[b_u8[i] & 15] if b_u8[i] < 16 else 0"),
        "i8x16.shuffle": ("u8", 16, f"a_u8[{_SHUFFLE}] if {_SHUFFLE} < 16 else b_u8[{_SHUFFLE} - 16]"),
    }
    made |= _conversions() | _products()
    for shape, (n, count) in _SHAPES.items():
        made |= _integers(shape, n, count)
        if n > 8:
            made |= _widening(shape, n, count)
        if n < 32:
            made |= _narrowing(shape, n, count)
    for shape, (n, count) in _FLOATS.items():
        made |= _floats(shape, n, count)
    return made | _relaxed(made)


def scalars() -> dict[str, tuple[str, str]]:
    """Return the instructions whose result is a number: (its type, how to fold or pick lanes)."""
    made = {"v128.any_true": ("i32", "(a_u64[0] | a_u64[1]) != 0")}
    for shape, (n, count) in _SHAPES.items():
        u, s = f"u{n}", f"s{n}"
        made[f"{shape}.all_true"] = ("i32", " and ".join(f"a_{u}[{i}] != 0" for i in range(count)))
        made[f"{shape}.bitmask"] = (
            "i32",
            " | ".join(f"(<u32>(a_{s}[{i}] < 0) << {i})" for i in range(count)),
        )
        t = "i64" if n == 64 else "i32"
        if n < 32:
            made[f"{shape}.extract_lane_s"] = (t, f"<u32><i32>a_{s}[pc.imm]")
            made[f"{shape}.extract_lane_u"] = (t, f"a_{u}[pc.imm]")
        else:
            made[f"{shape}.extract_lane"] = (t, f"a_{u}[pc.imm]")
    made["f32x4.extract_lane"] = ("f32", "a_f32[pc.imm]")
    made["f64x2.extract_lane"] = ("f64", "a_f64[pc.imm]")
    return made
