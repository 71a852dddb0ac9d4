"""Attacks on loading with modules that are honest and small: inputs on which a careless algorithm is
quadratic or worse, and names that are worth more than they seem.

Each function returns a module; its docstring is the attack's page, by paragraphs (tests/attacks/README.md).
"""

from __future__ import annotations

from functools import partial

from ..protobuf import varint
from .attack import Attack
from .build import END, I32, attack, func, plugin, section, vec

__all__ = ["ATTACKS"]

ATTACKS: list[Attack] = []
costly = partial(attack, ATTACKS, group="load", limit="none: the work grows with the bytes", stops="answered")


@costly("Blocks nested as deep as allowed")
def nested_19999() -> bytes:
    """Blocks nested almost as deep as is allowed, with a branch from every block to the outermost. A
    translator that walks the blocks it leaves at every branch takes two hundred million steps.

    19,999 times: `block`, then `br_if` to the outermost label on a condition that is false.

    Envoy 1.40 answers; V8 takes 129 MiB for it, some fifty more than usual.

    There is nothing to refuse: the file has 150 kilobytes and is honest. The validator finds a label by
    indexing its list of frames (pywasmvm/valid/stack.py), and the Python engine decides in
    pywasmvm/engine/python/plan.py what becomes of each block before it writes anything, making flat what
    Python could not nest. The request must be answered within the test's patience on both engines, which is
    the whole check.

    `nesting` is the knob for who does not want to see such modules at all.
    """
    depth = 19_999
    branches = b"".join(b"\x02\x40\x20\0\x45\x0d" + varint(i) for i in range(depth))
    return plugin(branches + END * depth + b"\x41\0" + END)


@costly("Conditions nested five thousand deep")
def nested_ifs() -> bytes:
    """Conditions within conditions, five thousand deep. What becomes a nested statement in Python passes
    CPython's own limits: twenty loops, a hundred levels of indentation, a parser with a stack.

    `local.get 0`, `if`, again and again. The local is not zero, so all five thousand are entered.

    Envoy 1.40 answers at once.

    The victim is the Python engine. pywasmvm/engine/python/plan.py counts the indentation before it writes
    a line: past its bound an `if` becomes a test and a jump in a dispatcher of flat parts (Region in
    pywasmvm/engine/python/writer.py). So the source is long, not deep, and neither Python's compiler nor
    its stack is asked too much.

    A module in which everything is flat runs more slowly than a structured one; that is the attacker's own
    loss, since fuel is counted the same. `nesting` bounds the depth.
    """
    return plugin(b"\x20\0\x04\x40" * 5_000 + END * 5_000 + b"\x41\0" + END)


@costly("An expression ten thousand operands deep")
def expression_deep() -> bytes:
    """An expression of ten thousand operands. An engine that folds instructions into expressions builds ten
    thousand nested parentheses, and the compiler behind it overflows its stack.

    `local.get 0` ten thousand times, then `i32.add` one less.

    Envoy 1.40 answers.

    The Python engine does fold, because one line of source is faster than three. Every value knows how deep
    its parentheses are nested and how long its text is, and is put into a variable when it passes
    MOST_DEPTH or MOST_TEXT (pywasmvm/engine/python/lower.py). The bound is where values are pushed, so it
    holds for every instruction there is or will be.

    Ten thousand operands also need as many slots of the frame: the validator refuses a function whose
    operands could not fit into `value_stack_bytes`. The additions are paid for like any others.
    """
    return plugin(b"\x20\0" * 10_000 + b"\x6a" * 9_999 + b"\x1a\x41\0" + END)


@costly("A branch table of thirty thousand targets")
def br_table_long() -> bytes:
    """One instruction with thirty thousand immediates, which lead to a hundred different labels. Written as
    a chain of comparisons it would be thirty thousand of them; as a table in Python source it is a long
    line.

    A hundred and one blocks and one `br_table`, whose target i is label i mod 100.

    Envoy 1.40 answers; it takes 127 MiB to load it.

    pywasmvm/engine/python/lower_switch.py makes a table of the targets and jumps by looking up, and the
    validator checks a label once however often it occurs (`rule_br_table` in
    pywasmvm/valid/rules_control.py). Loading is therefore linear in the bytes of the instruction.

    It costs the guest a unit to execute, and the host a look-up, so there is nothing to be won at run time.
    `body_bytes` bounds how long a table can be.
    """
    targets = vec([varint(i % 100) for i in range(30_000)])
    return plugin(b"\x02\x40" * 101 + b"\x20\0\x0e" + targets + b"\0" + END * 101 + b"\x41\0" + END)


@costly("Wide branch tables")
def br_table_wide() -> bytes:
    """A branch table each of whose targets takes a hundred operands. By the letter of the rule a validator
    pops and pushes them for every target: two thousand targets, two hundred thousand checks, for less than
    three kilobytes.

    A block with a hundred results, in it a hundred constants and a br_table of two thousand times label 0.

    Envoy 1.40 answers.

    `rule_br_table` in pywasmvm/valid/rules_control.py looks at distinct labels only. Here there is one.
    With two thousand *different* labels of that width the attacker would have to open as many blocks; the
    work is then still bytes times `arity`, a thousand at most.

    The check must be in the validator, because it is the validator's algorithm that is attacked; at run
    time only one target is taken and its operands are moved once. `--limit arity=` narrows it.
    """
    wide = b"\x60\0" + vec([I32] * 100)
    push = b"\x41\0" * 100
    table = push + b"\x20\0\x0e" + vec([b"\0"] * 2_000) + b"\0" + END
    return plugin(b"\x02\x03" + table + b"\x1a" * 100 + b"\x41\0" + END, types=[wide])


@costly("Calls with wide types")
def calls_wide() -> bytes:
    """Calls of a type with two hundred parameters and two hundred results: two bytes for four hundred
    checks, and as many moves if they run.

    Three hundred such calls after each other, each taking what the one before gave, under an `if` that is
    not entered.

    Envoy 1.40 answers.

    The validator does 120,000 steps for six hundred bytes of calls, which is nothing to refuse, and it
    cannot be had worse: `arity` in pywasmvm/valid/definitions.py bounds the factor at a thousand. The
    translators keep operands where they are, in slots or in variables, and move what is not in its place.

    The code is not entered in order to show that loading and translating are what is measured here. If it
    were, each call would cost its two or three units and two hundred moves; an operator who minds lowers
    `--limit arity=`.
    """
    wide = b"\x60" + vec([I32] * 200) * 2
    callee = func(b"\0" + END)
    code = b"\x41\0" * 200 + b"\x10\x03" * 300 + b"\x1a" * 200 + b"\x41\0" + END
    return plugin(
        b"\x20\0\x45\x04\x40" + code[:-3] + END + b"\x41\0" + END, types=[wide], extra=[(3, callee)]
    )


@costly("Types that double")
def types_doubling() -> bytes:
    """Types that double: each structure refers twice to the one before. Written out in full the last one
    would have two to the power of five hundred fields.

    Five hundred structures with two fields of type (ref null *the one before*).

    Envoy 1.40 answers.

    Whoever compares or hashes types by structure takes as long as the number says.
    pywasmvm/valid/interning.py writes references out of a group as the closed types they are, which are
    unique objects: equal groups are one object, so two types are compared by identity, and hashing one
    looks at the next level only. Closing each type costs what it says in the file.

    Printing is the other place where such a type could unfold; messages name a type by its index. No limit
    is involved besides `entries` and `fields`.
    """
    chain = [b"\x5f\0"]
    chain += [b"\x5f\x02" + (b"\x63" + _signed(3 + i) + b"\0") * 2 for i in range(500)]
    return plugin(types=chain)


@costly("A large recursive group")
def types_in_one_group() -> bytes:
    """Two thousand types in one recursive group, each of which refers to a far one. Types of a group have
    no identity until the group is closed; two groups are equal only as a whole.

    One entry of the type section, in it 2,000 structures with a reference to number 7i mod 2,000.

    Envoy 1.40 answers.

    pywasmvm/valid/interning.py writes references within the group as positions and looks the whole up in
    one table of the process, so there is one hash over the group and no search for a matching of its
    members. A second group of the same form is found by that hash. Subtyping between members is then a
    question about objects.

    The table holds groups weakly, so types go with the last module that uses them and do not pile up over
    reloads. `entries` counts the group as one; its length is bounded by the file.
    """
    count = 2_000
    members = [b"\x5f\x01\x63" + _signed(3 + (i * 7) % count) + b"\0" for i in range(count)]
    return plugin(types=[b"\x4e" + vec(members)])


@costly("Locals that must be set, under many blocks")
def locals_unset() -> bytes:
    """Two thousand locals that must be set before they are read, set inside two thousand blocks. At every
    end the validator has to forget what was set inside; copying the state for each block is four million
    entries.

    Locals of a reference type that has no null, thus no default; then 2,000 times `block`, `ref.func`,
    `local.set`.

    Envoy 1.40 answers; V8 needs 172 MiB for it, more than twice the usual.

    pywasmvm/valid/stack.py keeps one set of what is not set yet and a list of what has been set since; a
    block notes how long that list was, and its end takes back what came later. So each setting is undone at
    most once, and the work is linear. The compiled validator has the same two things in C.

    The number of locals is bounded by `locals`, the blocks by `nesting`. Nothing is charged, since nothing
    runs while a module is validated.
    """
    sets = b"".join(b"\x02\x40\xd2\0\x21" + varint(3 + i) for i in range(2_000))
    code = sets + END * 2_000 + b"\x41\0" + END
    return plugin(code, local_groups=[(2_000, b"\x64\0")])


@costly("A long straight function")
def straight_long() -> bytes:
    """A long function without a branch. All of it is one segment, paid at once; all of it is translated
    before its first instruction runs.

    Fifteen thousand times `local.get`, `i32.const`, `i32.add`, `local.set`.

    Envoy 1.40 answers.

    The victims would be an engine whose register allocation or whose search for common expressions is
    quadratic in the length of a block, and a fuel rule that gives credit: here the segment of 60,002 units
    is paid before it starts (pywasmvm/engine/fuel.py, rule 2), so a tank with less runs nothing of it. The
    Python engine writes it as statements that its compiler takes in one by one.

    Segments of that length are also how far apart two looks at the deadline can be: 60,000 simple
    instructions, by `body_bytes` a few million at most. `--limit body_bytes=` bounds both.
    """
    return plugin(b"\x20\0\x41\x07\x6a\x21\0" * 15_000 + b"\x41\0" + END)


@attack(ATTACKS, "A name section full of lies", "load", "none: names are a comment", "trapped", "unreachable")
def name_section_lies() -> bytes:
    """A name section full of lies, and a trap, so that somebody wants the names. An error report is the
    last thing that should fail.

    A thousand names for functions 0 to 6 over and over, out of order and not in UTF-8.
    proxy_on_request_body is `unreachable`.

    Envoy 1.40: 503, `unreachable`.

    Custom sections cannot make a module invalid. pywasmvm/binary/names.py reads the section only when a
    trap asks for a name, and a subsection that cannot be read is left out as a whole; the others count, and
    functions without a name are shown by their export or number. So nothing of this is even looked at in a
    plugin that does not trap.

    The test is that the trap stays what it was: ended as trapped, with `unreachable` in the text. There is
    nothing to set.
    """
    names = [varint(i % 7) + b"\x03\xff\xfe\xfd" for i in range(1_000)]
    return plugin(b"\0" + END, tail=section(0, b"\x04name" + section(1, vec(names))))


@attack(
    ATTACKS, "A name section of a megabyte", "load", "none: names are a comment", "trapped", "unreachable"
)
def name_section_long() -> bytes:
    """A name of a megabyte for the function that traps. If every message, frame and log line repeats it,
    one trap writes many megabytes.

    The name section has that one name and a thousand names for locals; the function is `unreachable`.

    Envoy 1.40: 503, `unreachable`. It loads the section: 90 MiB instead of 79.

    Names are read when a trap needs them (`named_frame` in pywasmvm/binary/names.py) and are one string
    however often they are shown. A backtrace has twenty lines at most (MAX_FRAMES in
    host/pywasmvm_host/trapreport.py), so a recursion with such a name is bounded as well. The names of
    locals are never put into a message.

    The name itself is shown as it is, not shortened: who loads a plugin with such a name gets to see it.
    `module_bytes` bounds its length.
    """
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
