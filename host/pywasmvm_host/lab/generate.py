"""Attacks on loading: lengths that lie, things without number, and inputs on which a careless algorithm is
quadratic or worse.

Each function returns a module; its docstring says what it is about.
"""

from __future__ import annotations

from functools import partial

from ..protobuf import varint
from .attack import Attack
from .build import END, I32, LIE, MAGIC, attack, func, plugin, section, vec

__all__ = ["ATTACKS"]

ATTACKS: list[Attack] = []
lying = partial(
    attack, ATTACKS, group="load", limit="none: a count is believed item by item", stops="refused"
)
costly = partial(attack, ATTACKS, group="load", limit="none: the work grows with the bytes", stops="answered")
limited = partial(attack, ATTACKS, group="load", stops="refused")

SECTIONS = {
    "types": 1, "imports": 2, "functions": 3, "tables": 4, "memories": 5, "globals": 6, "exports": 7,
    "elements": 9, "code": 10, "data": 11,
}  # fmt: skip


def _lying_section(name: str, number: int) -> None:
    def make() -> bytes:
        return MAGIC + section(number, LIE + bytes(8))

    make.__name__ = f"lie_count_of_{name}"
    make.__doc__ = f"""The section of {name} says that it holds four billion entries, in a file of a few
    bytes. Memory taken for a count before the entries have been seen would be gigabytes."""
    lying(f"A section of {name} with a lying count")(make)


for _name, _number in SECTIONS.items():
    _lying_section(_name, _number)


@lying("A section longer than the file")
def lie_section_size() -> bytes:
    """A section says that it is four gigabytes long."""
    return MAGIC + b"\x01" + LIE + b"\0"


@lying("A function body longer than the file")
def lie_body_size() -> bytes:
    """An entry of the code section says that it is four gigabytes long."""
    return plugin().replace(func(b"\x41\0" + END), LIE + b"\0\x41\0" + END)


@lying("A function type with four billion parameters")
def lie_parameters() -> bytes:
    """The count of parameters lies."""
    return plugin(types=[b"\x60" + LIE + I32 * 4])


@lying("A structure with four billion fields")
def lie_fields() -> bytes:
    """The count of fields lies."""
    return plugin(types=[b"\x5f" + LIE + b"\x7f\0" * 4])


@lying("A group of four billion recursive types")
def lie_group() -> bytes:
    """The count of a recursive group lies."""
    return plugin(types=[b"\x4e" + LIE + b"\x5f\0"])


@lying("A branch table with four billion targets")
def lie_targets() -> bytes:
    """The count of br_table's targets lies."""
    return plugin(b"\x41\0\x0e" + LIE + b"\0\0" + END)


@lying("A segment of four gigabytes")
def lie_segment() -> bytes:
    """A data segment says that it is four gigabytes long."""
    return plugin(tail=section(11, b"\x01\0\x41\0\x0b" + LIE + b"abc"))


@lying("Locals that sum to more than there are numbers")
def lie_locals() -> bytes:
    """Locals come as groups of (count, type): two groups of four billion each overflow a sum of 32 bits.
    Ten bytes are enough to ask for thirty-two gigabytes of frame."""
    return plugin(local_groups=[(0xFFFFFFFF, I32), (0xFFFFFFFF, I32)])


# -- things without number
@limited("One local more than allowed", limit="locals", says="locals of a function")
def locals_50001() -> bytes:
    """Fifty thousand locals are allowed, as in browsers. A group of locals takes three bytes, whatever its
    count."""
    return plugin(local_groups=[(49_998, I32), (2, b"\x7e")])


@attack(
    ATTACKS, "Fifty thousand locals, and recursion", "stack", "value_stack_bytes", "trapped",
    "Maximum call stack size exceeded", "value_stack_bytes=4MiB, fuel=100M",
)  # fmt: skip
def locals_50000() -> bytes:
    """The most locals that are allowed, in a function that calls itself: each frame is four hundred
    kilobytes, so a handful of calls must be the end."""
    code = b"\x20\0\x20\0\x20\0\x10\x02\x1a\x41\0" + END
    return plugin(code, local_groups=[(49_997, b"\x7e")])


@limited("Blocks nested deeper than allowed", limit="nesting", says="nesting of blocks")
def nested_20001() -> bytes:
    """One block inside the other, twenty thousand and one deep: two bytes for a level, which a recursive
    decoder pays with its stack."""
    return plugin(b"\x02\x40" * 20_001 + END * 20_001 + b"\x41\0" + END)


@limited("Too many functions", limit="functions", says="functions of a module", limits="functions=5k")
def functions_many() -> bytes:
    """Functions of three bytes each, without number."""
    return plugin(extra=[(0, func(END))] * 5_000)


@limited("Too many types", limit="entries", says="entries of a section", limits="entries=5k")
def types_many() -> bytes:
    """Types of three bytes each, which cost hundreds in memory; two hundred megabytes of them are allowed by
    the size of the file."""
    return plugin(types=[b"\x60\0\0"] * 5_000)


@limited(
    "A file that is too large", limit="module_bytes", says="bytes of a module", limits="module_bytes=1MiB"
)
def module_large() -> bytes:
    """A custom section of two megabytes; what is in it does not matter."""
    return plugin(tail=section(0, b"\x01x" + bytes(2 << 20)))


@limited(
    "A function that is too long",
    limit="body_bytes",
    says="bytes of a function body",
    limits="body_bytes=1MiB",
)
def body_long() -> bytes:
    """Two megabytes of nop."""
    return plugin(b"\x01" * (2 << 20) + b"\x41\0" + END)


@limited("A type with too many parameters", limit="arity", says="parameters or results of a type")
def parameters_1001() -> bytes:
    """Every call of such a type moves a thousand and one values, for three bytes of code."""
    return plugin(types=[b"\x60" + vec([I32] * 1001) + b"\0"])


@limited("A structure with too many fields", limit="fields", says="fields of a type")
def fields_10001() -> bytes:
    """Structures are allocated whole."""
    return plugin(types=[b"\x5f" + vec([b"\x7f\0"] * 10_001)])


@limited("A chain of subtypes that is too long", limit="subtyping_depth", says="supertypes above a type")
def subtypes_65() -> bytes:
    """Each type is a subtype of the one before; a cast may have to walk the chain."""
    chain = [b"\x50\0\x5f\0"] + [b"\x50\x01" + varint(2 + i) + b"\x5f\0" for i in range(1, 65)]
    return plugin(types=chain)


# -- costly for a careless algorithm
@costly("Blocks nested as deep as allowed")
def nested_19999() -> bytes:
    """Nearly twenty thousand blocks inside each other, each with a branch to the outermost: a translator that
    walks the blocks at every branch is quadratic."""
    depth = 19_999
    branches = b"".join(b"\x02\x40\x20\0\x45\x0d" + varint(i) for i in range(depth))
    return plugin(branches + END * depth + b"\x41\0" + END)


@costly("Conditions nested five thousand deep")
def nested_ifs() -> bytes:
    """`if` inside `if`: what becomes a nested statement in Python passes CPython's own limits."""
    return plugin(b"\x20\0\x04\x40" * 5_000 + END * 5_000 + b"\x41\0" + END)


@costly("An expression ten thousand operands deep")
def expression_deep() -> bytes:
    """Ten thousand operands are pushed before the first addition: an engine that folds expressions builds
    one of ten thousand nested parentheses."""
    return plugin(b"\x20\0" * 10_000 + b"\x6a" * 9_999 + b"\x1a\x41\0" + END)


@costly("A branch table of thirty thousand targets")
def br_table_long() -> bytes:
    """One instruction with thirty thousand immediates, a third of them different."""
    targets = vec([varint(i % 100) for i in range(30_000)])
    return plugin(b"\x02\x40" * 101 + b"\x20\0\x0e" + targets + b"\0" + END * 101 + b"\x41\0" + END)


@costly("Wide branch tables")
def br_table_wide() -> bytes:
    """Each of two thousand targets takes a hundred operands, which a validator may have to pop and push for
    every target."""
    wide = b"\x60\0" + vec([I32] * 100)
    push = b"\x41\0" * 100
    table = push + b"\x20\0\x0e" + vec([b"\0"] * 2_000) + b"\0" + END
    return plugin(b"\x02\x03" + table + b"\x1a" * 100 + b"\x41\0" + END, types=[wide])


@costly("Calls with wide types")
def calls_wide() -> bytes:
    """Two bytes for a call that takes and gives two hundred values: three hundred of them are sixty thousand
    checks, and as many moves if they run."""
    wide = b"\x60" + vec([I32] * 200) * 2
    callee = func(b"\0" + END)
    code = b"\x41\0" * 200 + b"\x10\x03" * 300 + b"\x1a" * 200 + b"\x41\0" + END
    return plugin(
        b"\x20\0\x45\x04\x40" + code[:-3] + END + b"\x41\0" + END, types=[wide], extra=[(3, callee)]
    )


@costly("Types that double")
def types_doubling() -> bytes:
    """Each structure refers twice to the one before. Written out, the last would have two to the power of
    five hundred fields; compared or hashed by structure, it takes as long."""
    chain = [b"\x5f\0"]
    chain += [b"\x5f\x02" + (b"\x63" + _signed(3 + i) + b"\0") * 2 for i in range(500)]
    return plugin(types=chain)


@costly("A large recursive group")
def types_in_one_group() -> bytes:
    """Two thousand types in one group, each referring to a far one: groups are compared whole."""
    count = 2_000
    members = [b"\x5f\x01\x63" + _signed(3 + (i * 7) % count) + b"\0" for i in range(count)]
    return plugin(types=[b"\x4e" + vec(members)])


@costly("Locals that must be set, under many blocks")
def locals_unset() -> bytes:
    """Two thousand locals of a type without a default, set inside two thousand blocks: at every end the
    validator has to forget what was set, and copying the whole state each time is quadratic."""
    sets = b"".join(b"\x02\x40\xd2\0\x21" + varint(3 + i) for i in range(2_000))
    code = sets + END * 2_000 + b"\x41\0" + END
    return plugin(code, local_groups=[(2_000, b"\x64\0")])


@costly("A long straight function")
def straight_long() -> bytes:
    """Sixty thousand instructions without a branch, all paid for in one segment, and all translated before
    the first runs."""
    return plugin(b"\x20\0\x41\x07\x6a\x21\0" * 15_000 + b"\x41\0" + END)


@attack(ATTACKS, "A name section full of lies", "load", "none: names are a comment", "trapped", "unreachable")
def name_section_lies() -> bytes:
    """Names for functions that do not exist, twice, not in order and not in UTF-8. The guest traps, so that
    the names are wanted for its backtrace; a broken name section must not make anything else of the trap."""
    names = [varint(i % 7) + b"\x03\xff\xfe\xfd" for i in range(1_000)]
    return plugin(b"\0" + END, tail=section(0, b"\x04name" + section(1, vec(names))))


@attack(
    ATTACKS, "A name section of a megabyte", "load", "none: names are a comment", "trapped", "unreachable"
)
def name_section_long() -> bytes:
    """A name of a megabyte for the function that traps, and a thousand names for its locals: none of it may
    be multiplied into messages."""
    name = b"n" * (1 << 20)
    functions = section(1, vec([b"\x02" + varint(len(name)) + name]))
    local_names = section(2, vec([b"\x02" + vec([varint(i) + b"\x01l" for i in range(1_000)])]))
    return plugin(b"\0" + END, tail=section(0, b"\x04name" + functions + local_names))


def _signed(value: int) -> bytes:
    """Return a signed LEB128 number, for heap types."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            return bytes(out) + bytes([byte])
        out.append(byte | 0x80)
